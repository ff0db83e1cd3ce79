//! The reference app over Salvo. `--help` lists the flags; the routes' logic is in examples/support.

use std::net::TcpListener;

use salvo::conn::tcp::TcpAcceptor;
use salvo::http::StatusCode;
use salvo::prelude::*;
use session_salvo::{Peek, Session, SessionLayer, SessionRejection, Sessions};
use support::reference::routes::servers::{self, answer};
use support::reference::routes::{Args, ROUTES, Reply, StructVersion};
use support::reference::{AnyClock, Config, Stop};

#[handler]
fn plain() -> &'static str {
    "plain"
}

#[handler]
fn peek(session: Peek, request: &mut Request) -> Result<Answer, SessionRejection> {
    let Ok(args) = request.parse_queries::<Args>() else { return Ok(bad_query()) };
    Ok(Answer(servers::peek(&session, &args)?))
}

struct Route(StructVersion);

#[handler]
impl Route {
    async fn handle(&self, session: Session, request: &mut Request) -> Result<Answer, SessionRejection> {
        let Ok(args) = request.parse_queries::<Args>() else { return Ok(bad_query()) };
        let csrf = request.headers().get("x-csrf-token").and_then(|token| token.to_str().ok());
        let (method, path) = (request.method().as_str(), request.uri().path());
        Ok(Answer(answer(method, path, &session, &args, csrf, self.0).await?))
    }
}

/// What the logic of a route says.
struct Answer(Reply);

impl Scribe for Answer {
    fn render(self, response: &mut Response) {
        let Self(Reply { status, text }) = self;
        response.status_code(StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR));
        if status != 204 {
            response.render(text);
        }
    }
}

fn bad_query() -> Answer {
    Answer(Reply { status: 400, text: "the query cannot be read".into() })
}

/// The routes.
pub fn service(sessions: Sessions, version: StructVersion) -> Service {
    let router = Router::new().push(Router::with_path("plain").get(plain)).push(Router::with_path("peek").get(peek));
    let router = ROUTES.iter().fold(router, |router, (method, path)| {
        let at = Router::with_path(*path);
        router.push(if *method == "GET" { at.get(Route(version)) } else { at.post(Route(version)) })
    });
    Service::new(router).hoop(SessionLayer::new(sessions).refuse_cross_site(&[]))
}

/// Serves until `stop` is ready.
pub fn serve(listener: TcpListener, config: Config, clock: AnyClock, stop: Stop) -> Result<(), String> {
    let version = config.struct_version;
    let service = service(support::reference::sessions(config, clock)?, version);
    let runtime = tokio::runtime::Runtime::new().map_err(|why| why.to_string())?;
    let server = runtime.spawn(async move {
        listener.set_nonblocking(true)?;
        let acceptor = TcpAcceptor::try_from(tokio::net::TcpListener::from_std(listener)?)?;
        Server::new(acceptor).try_serve(service).await
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
