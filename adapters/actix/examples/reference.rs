//! The reference app over actix-web. `--help` lists the flags; the routes' logic is in examples/support.

use std::net::TcpListener;

use actix_web::http::{Method, StatusCode};
use actix_web::{App, HttpRequest, HttpResponse, HttpServer, rt, web};
use session_actix::{Peek, Session, SessionLayer, SessionRejection};
use support::reference::routes::servers::{self, answer};
use support::reference::routes::{Args, ROUTES, Reply, StructVersion};
use support::reference::{AnyClock, Config, Stop};

async fn plain() -> &'static str {
    "plain"
}

async fn peek(session: Peek, args: web::Query<Args>) -> Result<HttpResponse, SessionRejection> {
    Ok(respond(servers::peek(&session, &args)?))
}

async fn route(
    request: HttpRequest,
    session: Session,
    version: web::Data<StructVersion>,
    args: web::Query<Args>,
) -> Result<HttpResponse, SessionRejection> {
    let csrf = request.headers().get("x-csrf-token").and_then(|token| token.to_str().ok());
    Ok(respond(answer(request.method().as_str(), request.path(), &session, &args, csrf, **version).await?))
}

fn respond(reply: Reply) -> HttpResponse {
    let status = StatusCode::from_u16(reply.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut answer = HttpResponse::build(status);
    if reply.status == 204 {
        answer.finish()
    } else {
        answer.content_type("text/plain; charset=utf-8").body(reply.text)
    }
}

fn method(name: &str) -> Method {
    if name == "GET" { Method::GET } else { Method::POST }
}

/// Serves until `stop` is ready.
pub fn serve(listener: TcpListener, config: Config, clock: AnyClock, stop: Stop) -> Result<(), String> {
    let version = web::Data::new(config.struct_version);
    // before the factory below, which runs in each worker: they share one store
    let sessions = support::reference::sessions(config, clock)?;
    let app = move || {
        let app = App::new().route("/plain", web::get().to(plain)).route("/peek", web::get().to(peek));
        let add = |app: App<_>, (name, path): &(&str, &str)| app.route(path, web::method(method(name)).to(route));
        let app = ROUTES.iter().fold(app, add).app_data(version.clone());
        app.wrap(SessionLayer::new(sessions.clone()).refuse_cross_site(&[]))
    };
    rt::System::new().block_on(async move {
        let server = HttpServer::new(app).workers(2).disable_signals().listen(listener);
        let server = server.map_err(|why| why.to_string())?.run();
        let handle = server.handle();
        tokio::select! {
            ended = server => Err(format!("the server ended: {ended:?}")),
            () = stop => {
                handle.stop(false).await;
                Ok(())
            }
        }
    })
}

/// Serves as the flags say.
pub fn main() {
    support::reference::run(serve);
}
