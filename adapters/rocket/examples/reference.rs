//! The reference app over Rocket. `--help` lists the flags; the routes' logic is in examples/support.

use std::net::SocketAddr;
use std::sync::Mutex;

use rocket::fairing::AdHoc;
use rocket::http::Status;
use rocket::outcome::Outcome;
use rocket::request::{self, FromRequest, Request};
use rocket::{State, get, post, routes};
use session_rocket::{Peek, Session, SessionLayer, SessionRejection};
use support::reference::routes::servers::{self, answer};
use support::reference::routes::{Args, ROUTES, Reply, StructVersion};
use support::reference::{AnyClock, Config, Ready, Stop};

type Answer = Result<(Status, String), SessionRejection>;

#[get("/plain")]
fn plain() -> &'static str {
    "plain"
}

#[get("/peek")]
fn peek(session: Peek, args: Query) -> Answer {
    Ok(respond(servers::peek(&session, &args.0)?))
}

// mounted at the path of each route
#[get("/")]
async fn reads(call: Call<'_>, session: Session, version: &State<StructVersion>, args: Query) -> Answer {
    Ok(respond(answer("GET", call.path, &session, &args.0, call.csrf, **version).await?))
}

#[post("/")]
async fn writes(call: Call<'_>, session: Session, version: &State<StructVersion>, args: Query) -> Answer {
    Ok(respond(answer("POST", call.path, &session, &args.0, call.csrf, **version).await?))
}

fn respond(reply: Reply) -> (Status, String) {
    (Status::new(reply.status), reply.text)
}

/// What the shared routes want to know of a request.
struct Call<'r> {
    path: &'r str,
    csrf: Option<&'r str>,
}

#[rocket::async_trait]
impl<'r> FromRequest<'r> for Call<'r> {
    type Error = std::convert::Infallible;

    async fn from_request(request: &'r Request<'_>) -> request::Outcome<Self, Self::Error> {
        let path = request.uri().path().as_str();
        Outcome::Success(Self { path, csrf: request.headers().get_one("x-csrf-token") })
    }
}

/// The arguments in the URL.
struct Query(Args);

#[rocket::async_trait]
impl<'r> FromRequest<'r> for Query {
    type Error = String;

    async fn from_request(request: &'r Request<'_>) -> request::Outcome<Self, String> {
        match Args::of_query(request.uri().query().map_or("", |query| query.as_str())) {
            Ok(args) => Outcome::Success(Self(args)),
            Err(why) => Outcome::Error((Status::BadRequest, why)),
        }
    }
}

/// Serves until `stop` is ready.
pub fn serve(config: Config, clock: AnyClock, ready: Ready, stop: Stop) -> Result<(), String> {
    let settings = rocket::Config {
        address: config.listen.ip(),
        port: config.listen.port(),
        log_level: rocket::config::LogLevel::Off,
        ..rocket::Config::debug_default()
    };
    let mut rocket = rocket::custom(settings).manage(config.struct_version).mount("/", routes![plain, peek]);
    for (method, path) in ROUTES {
        rocket = rocket.mount(*path, if *method == "GET" { routes![reads] } else { routes![writes] });
    }
    let ready = Mutex::new(Some(ready));
    let rocket = rocket
        .attach(SessionLayer::new(support::reference::sessions(config, clock)?).refuse_cross_site(&[]))
        .attach(AdHoc::on_liftoff("ready", |rocket| {
            Box::pin(async move {
                let config = rocket.config();
                if let Some(ready) = ready.lock().ok().and_then(|mut ready| ready.take()) {
                    ready(SocketAddr::new(config.address, config.port));
                }
            })
        }));

    let runtime = rocket::tokio::runtime::Runtime::new().map_err(|why| why.to_string())?;
    runtime.block_on(async move {
        rocket::tokio::select! {
            () = stop => Ok(()),
            ended = rocket.launch() => ended.map(drop).map_err(|why| format!("the server ended: {why}")),
        }
    })
}

/// Serves as the flags say.
pub fn main() {
    support::reference::run_binding(serve);
}
