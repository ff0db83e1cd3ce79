//! The reference app over picoserve, on the host. `--help` lists the flags; the routes' logic is in examples/support.
//!
//! One thread serves all connections, as on a microcontroller. Each handler asks for its `Session` (or a `Peek` at it),
//! uses it, and answers; `?` turns an error of the session into its status and one line.
#![cfg_attr(not(test), recursion_limit = "256")] // the type of all routes, inside the futures that serve them

use std::net::TcpListener;

use picoserve::extract::FromRequestParts;
use picoserve::io::Read;
use picoserve::request::RequestParts;
use picoserve::response::{Connection, IntoResponse, Response, ResponseWriter, StatusCode};
use picoserve::routing::{get, post};
use picoserve::{ResponseSent, Router};
use session_core::store::Store;
use session_picoserve::{App, Guard, Pool, SessionLayer, SessionRejection};
use support::reference::routes::{Args, Reply, devices};
use support::reference::{AnyClock, Config, DevicePool, DeviceServer, DeviceSessions, Stop, SysRng, serve_device};

type Session<S> = session_picoserve::Session<'static, DevicePool<S>>;
type Peek<S> = session_picoserve::Peek<'static, DevicePool<S>>;
type AppPool<S> = App<&'static DevicePool<S>>;

// ---- the routes --------------------------------------------------------------------------------------------------

async fn plain() -> &'static str {
    "plain"
}

async fn peek<S: Store>(mut session: Peek<S>, Query(args): Query) -> Result<Text, SessionRejection> {
    Ok(Text(devices::peek(&mut session, &args)?))
}

/// All routes that look at the session.
async fn answer<S: Store>(
    App(pool): AppPool<S>,
    call: Call,
    mut session: Session<S>,
    Query(args): Query,
) -> Result<Text, SessionRejection> {
    let Call { method, path, csrf } = call;
    Ok(Text(devices::answer(pool, &method, &path, &mut session, &args, csrf.as_deref()).await?))
}

// ---- what the routes need ------------------------------------------------------------------------------------------

/// What the query says. Not picoserve's own reader: that one stops the program at `%ff` where overflow is checked.
struct Query(Args);

impl<'r, S> FromRequestParts<'r, S> for Query {
    type Rejection = Text;

    async fn from_request_parts(_: &'r S, parts: &RequestParts<'r>) -> Result<Self, Text> {
        let query = parts.query().map_or("", |query| query.0);
        Args::of_query(query).map(Self).map_err(|why| Text(Reply { status: 400, text: why }))
    }
}

/// What the shared routes want to know of a request.
struct Call {
    method: String,
    path: String,
    csrf: Option<String>,
}

impl<'r, S> FromRequestParts<'r, S> for Call {
    type Rejection = core::convert::Infallible;

    async fn from_request_parts(_: &'r S, parts: &RequestParts<'r>) -> Result<Self, Self::Rejection> {
        let csrf = parts.headers().get("x-csrf-token").and_then(|token| token.as_str().ok());
        let (method, path) = (parts.method().to_owned(), parts.path().encoded().to_owned());
        Ok(Self { method, path, csrf: csrf.map(str::to_owned) })
    }
}

/// A reply as picoserve answers it.
struct Text(Reply);

impl IntoResponse for Text {
    async fn write_to<R: Read, W: ResponseWriter<Error = R::Error>>(
        self,
        connection: Connection<'_, R>,
        writer: W,
    ) -> Result<ResponseSent, W::Error> {
        let status = StatusCode::new(self.0.status);
        if self.0.status == 204 {
            return writer.write_response(connection, Response::empty(status)).await;
        }
        writer.write_response(connection, Response::new(status, self.0.text.as_str())).await
    }
}

// ---- the program -----------------------------------------------------------------------------------------------------

/// Serves as the flags say.
pub fn main() {
    support::reference::run(serve);
}

/// Serves until `stop` is ready.
pub fn serve(listener: TcpListener, config: Config, clock: AnyClock, stop: Stop) -> Result<(), String> {
    serve_device(config, clock, Picoserve { listener, stop })
}

struct Picoserve {
    listener: TcpListener,
    stop: Stop,
}

impl DeviceServer for Picoserve {
    fn serve<S: Store + 'static>(mut self, sessions: DeviceSessions<S>) -> Result<(), String> {
        let pool: &'static DevicePool<S> = Box::leak(Box::new(Pool::new(sessions, SysRng)));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        tokio::task::LocalSet::new().block_on(&runtime.map_err(|why| why.to_string())?, async move {
            self.listener.set_nonblocking(true).map_err(|why| why.to_string())?;
            let listener = tokio::net::TcpListener::from_std(self.listener).map_err(|why| why.to_string())?;
            let router = Router::new()
                .route("/plain", get(plain))
                .route("/peek", get(peek::<S>))
                .route("/read", get(answer::<S>))
                .route("/keys", get(answer::<S>))
                .route("/set", post(answer::<S>))
                .route("/incr", post(answer::<S>))
                .route("/add", post(answer::<S>))
                .route("/remove", post(answer::<S>))
                .route("/clear", post(answer::<S>))
                .route("/login", post(answer::<S>))
                .route("/whoami", get(answer::<S>))
                .route("/logout", post(answer::<S>))
                .route("/rotate", post(answer::<S>))
                .route("/sessions", get(answer::<S>))
                .route("/revoke", post(answer::<S>))
                .route("/revoke-others", post(answer::<S>))
                .route("/take", post(answer::<S>))
                .route("/fresh", get(answer::<S>))
                .route("/flash", get(answer::<S>).post(answer::<S>))
                .route("/csrf", get(answer::<S>))
                .route("/protected", post(answer::<S>))
                .route("/set-then-fail", post(answer::<S>))
                .route("/type-clash", post(answer::<S>))
                .route("/big", post(answer::<S>))
                .route("/health", get(answer::<S>))
                .layer(SessionLayer::new(pool).refuse_cross_site(&[]))
                .with_state(pool);
            let router: &'static _ = Box::leak(Box::new(router));
            let config: &'static _ = Box::leak(Box::new(picoserve::Config::const_default().keep_connection_alive()));
            loop {
                let accepted = tokio::select! {
                    () = &mut self.stop => return Ok(()),
                    accepted = listener.accept() => accepted,
                };
                let Ok((stream, _)) = accepted else { continue };
                tokio::task::spawn_local(async move {
                    let mut guard = Guard::new();
                    let mut buffer = vec![0; 16 * 1024];
                    // an error here is the client's: it went away
                    drop(picoserve::Server::new_tokio(router, config, &mut buffer).serve(guard.around(stream)).await);
                });
            }
        })
    }
}
