//! The reference app over Poem. `--help` lists the flags; the routes' logic is in examples/support.

use std::collections::BTreeMap;
use std::net::TcpListener;

use poem::http::{HeaderMap, Method, StatusCode, Uri};
use poem::listener::TcpAcceptor;
use poem::web::{Data, Query};
use poem::{Endpoint, EndpointExt, IntoResponse, Response, Route, RouteMethod, Server, get, handler};
use session_poem::{Peek, Session, SessionLayer, SessionRejection};
use support::reference::routes::servers::{self, answer};
use support::reference::routes::{Args, ROUTES, Reply, StructVersion};
use support::reference::{AnyClock, Config, Stop};

#[handler]
fn plain() -> &'static str {
    "plain"
}

#[handler]
fn peek(session: Peek, Query(args): Query<Args>) -> Result<Response, SessionRejection> {
    Ok(respond(servers::peek(&session, &args)?))
}

#[handler]
async fn route(
    method: Method,
    uri: &Uri,
    headers: &HeaderMap,
    session: Session,
    Data(version): Data<&StructVersion>,
    Query(args): Query<Args>,
) -> Result<Response, SessionRejection> {
    let csrf = headers.get("x-csrf-token").and_then(|token| token.to_str().ok());
    Ok(respond(answer(method.as_str(), uri.path(), &session, &args, csrf, *version).await?))
}

fn respond(reply: Reply) -> Response {
    let status = StatusCode::from_u16(reply.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    if reply.status == 204 { status.into_response() } else { (status, reply.text).into_response() }
}

type Paths = BTreeMap<&'static str, RouteMethod>;

/// Poem takes a path once, with all its methods.
fn add(paths: &mut Paths, (method, path): &(&str, &'static str), endpoint: impl Endpoint + 'static) {
    let methods = paths.remove(path).unwrap_or_default();
    let methods = if *method == "GET" { methods.get(endpoint) } else { methods.post(endpoint) };
    paths.insert(*path, methods);
}

/// Serves until `stop` is ready.
pub fn serve(listener: TcpListener, config: Config, clock: AnyClock, stop: Stop) -> Result<(), String> {
    let version = config.struct_version;
    let sessions = support::reference::sessions(config, clock)?;
    let mut paths = Paths::new();
    ROUTES.iter().for_each(|at| add(&mut paths, at, route));
    let app = Route::new().at("/plain", get(plain)).at("/peek", get(peek));
    let app = paths.into_iter().fold(app, |app, (path, methods)| app.at(path, methods));
    let app = app.with(SessionLayer::new(sessions).refuse_cross_site(&[])).data(version);

    let runtime = tokio::runtime::Runtime::new().map_err(|why| why.to_string())?;
    let server = runtime.spawn(async move {
        listener.set_nonblocking(true)?;
        Server::new_with_acceptor(TcpAcceptor::from_std(listener)?).run(app).await
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
