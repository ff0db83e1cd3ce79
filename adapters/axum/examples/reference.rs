//! The reference app over axum. `--help` lists the flags; the routes' logic is in examples/support.

use std::net::TcpListener;

use axum::Router;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodFilter, get, on};
use session_axum::{Peek, Session, SessionLayer, SessionRejection, Sessions};
use support::reference::routes::servers::{self, answer};
use support::reference::routes::{Args, ROUTES, Reply, StructVersion};
use support::reference::{AnyClock, Config, Stop};

async fn peek(session: Peek, Query(args): Query<Args>) -> Result<Response, SessionRejection> {
    Ok(respond(servers::peek(&session, &args)?))
}

async fn route(
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    session: Session,
    State(version): State<StructVersion>,
    Query(args): Query<Args>,
) -> Result<Response, SessionRejection> {
    let csrf = headers.get("x-csrf-token").and_then(|token| token.to_str().ok());
    Ok(respond(answer(method.as_str(), uri.path(), &session, &args, csrf, version).await?))
}

fn respond(reply: Reply) -> Response {
    let status = StatusCode::from_u16(reply.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    if reply.status == 204 { status.into_response() } else { (status, reply.text).into_response() }
}

fn filter(method: &str) -> MethodFilter {
    if method == "GET" { MethodFilter::GET } else { MethodFilter::POST }
}

/// The routes.
pub fn router(sessions: Sessions, version: StructVersion) -> Router {
    let router = Router::new().route("/plain", get("plain")).route("/peek", get(peek));
    let router = ROUTES.iter().fold(router, |router, (method, path)| router.route(path, on(filter(method), route)));
    router.layer(SessionLayer::new(sessions).refuse_cross_site(&[])).with_state(version)
}

/// Serves until `stop` is ready.
pub fn serve(listener: TcpListener, config: Config, clock: AnyClock, stop: Stop) -> Result<(), String> {
    let version = config.struct_version;
    run(listener, router(support::reference::sessions(config, clock)?, version), stop)
}

/// Serves a router until `stop` is ready.
pub fn run(listener: TcpListener, router: Router, stop: Stop) -> Result<(), String> {
    let runtime = tokio::runtime::Runtime::new().map_err(|why| why.to_string())?;
    let server = runtime.spawn(async move {
        listener.set_nonblocking(true)?;
        axum::serve(tokio::net::TcpListener::from_std(listener)?, router).await
    });
    runtime.block_on(async move {
        tokio::select! {
            () = stop => Ok(()),
            ended = server => Err(format!("the server ended: {ended:?}")),
        }
    })
}

/// Serves as the flags say.
pub fn main() {
    support::reference::run(serve);
}
