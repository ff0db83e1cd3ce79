//! The reference app over picoserve, on the host. `--help` lists the flags.
//!
//! One thread serves all connections, as on a microcontroller. Each handler asks for its `Session` (or a `Peek` at it),
//! uses it, and answers; `?` turns an error of the session into its status and one line.
#![cfg_attr(not(test), recursion_limit = "256")] // the type of all routes, inside the futures that serve them

use std::net::TcpListener;
use std::time::Duration;

use picoserve::extract::FromRequestParts;
use picoserve::io::Read;
use picoserve::request::RequestParts;
use picoserve::response::{Connection, IntoResponse, Response, ResponseWriter, StatusCode};
use picoserve::routing::{get, post};
use picoserve::{ResponseSent, Router};
use reference_app::routes::{Args, big as big_text, mistake_of_the_client, text};
use reference_app::{AnyClock, Config, OsRng, Stop, StoreUrl, flash_store};
use session_core::Keys;
use session_core::mode::DynamicMode;
use session_core::policy::Policy;
use session_core::store::Store;
use session_picoserve::{App, Error, Pool, SessionInfo, SessionLayer, SessionRejection, Sessions};
use session_store_memory::{FixedStore, MemoryStore};

/// Connections served at once, each with room for two records of `RECORD` bytes.
const CONNECTIONS: usize = 128;
const RECORD: usize = 4096;
/// Room for a session that travels in its cookie.
const COOKIE: usize = RECORD / 3 * 4 + 256;

type AppPool<S> = Pool<S, AnyClock, OsRng, (), CONNECTIONS, RECORD, COOKIE, DynamicMode>;
type Session<S> = session_picoserve::Session<'static, AppPool<S>>;
type Peek<S> = session_picoserve::Peek<'static, AppPool<S>>;

// ---- the routes --------------------------------------------------------------------------------------------------

async fn plain() -> &'static str {
    "plain"
}

async fn read<S: Store>(mut session: Session<S>, Query(args): Query) -> Result<Reply, Refused> {
    let key = args.key()?;
    Ok(Reply::value(text(session.get(key), || session.get(key))?))
}

async fn peek<S: Store>(mut session: Peek<S>, Query(args): Query) -> Result<Reply, Refused> {
    let key = args.key()?;
    Ok(Reply::value(text(session.get(key), || session.get(key))?))
}

async fn list_keys<S: Store>(session: Session<S>) -> Result<Reply, Refused> {
    Ok(Reply::ok(session.keys().map(|key| format!("{key}\n")).collect::<String>()))
}

async fn set<S: Store>(mut session: Session<S>, Query(args): Query) -> Result<Reply, Refused> {
    args.wait().await;
    session.set(args.key()?, args.value.as_str())?;
    Ok(Reply::ok("ok"))
}

async fn incr<S: Store>(mut session: Session<S>, Query(args): Query) -> Result<Reply, Refused> {
    let number = session.get::<u64>(args.key()?)?.unwrap_or(0) + 1;
    args.wait().await;
    session.set(args.key()?, &number)?;
    Ok(Reply::ok(number.to_string()))
}

async fn add<S: Store>(mut session: Session<S>, Query(args): Query) -> Result<Reply, Refused> {
    args.wait().await;
    let number = session.update_with(args.key()?, |number: Option<u64>| number.unwrap_or(0) + 1).await?;
    Ok(Reply::ok(number.to_string()))
}

async fn remove<S: Store>(mut session: Session<S>, Query(args): Query) -> Result<Reply, Refused> {
    session.remove(args.key()?)?;
    Ok(Reply::ok("ok"))
}

async fn clear<S: Store>(mut session: Session<S>) -> Result<Reply, Refused> {
    session.clear()?;
    Ok(Reply::ok("ok"))
}

async fn login<S: Store>(mut session: Session<S>, Query(args): Query) -> Result<Reply, Refused> {
    let attempt = session.begin_login(&args.user).await?;
    // here an application checks the password
    session.login(if args.remember == 1 { attempt.remembered() } else { attempt }).await?;
    Ok(Reply::ok("ok"))
}

async fn whoami<S: Store>(session: Session<S>) -> Result<Reply, Refused> {
    Ok(Reply::value(session.subject().map(String::from)))
}

async fn logout<S: Store>(mut session: Session<S>) -> Result<Reply, Refused> {
    session.logout().await?;
    Ok(Reply::ok("ok"))
}

async fn rotate<S: Store>(mut session: Session<S>) -> Result<Reply, Refused> {
    session.rotate().await?;
    Ok(Reply::ok("ok"))
}

async fn fresh<S: Store>(session: Session<S>, Query(args): Query) -> Result<Reply, Refused> {
    Ok(Reply::ok(if session.authenticated_within(Duration::from_secs(args.within)) { "yes" } else { "no" }))
}

async fn leave_flash<S: Store>(mut session: Session<S>, Query(args): Query) -> Result<Reply, Refused> {
    session.flash_message(&args.message)?;
    Ok(Reply::ok("ok"))
}

async fn take_flash<S: Store>(mut session: Session<S>) -> Result<Reply, Refused> {
    Ok(Reply::value(session.take_flash_message(|message| message.to_owned())?))
}

async fn csrf<S: Store>(mut session: Session<S>) -> Result<Reply, Refused> {
    Ok(Reply::ok(session.csrf_token()?.as_str()))
}

async fn protected<S: Store>(session: Session<S>, CsrfHeader(token): CsrfHeader) -> Result<Reply, Refused> {
    let ok = session.csrf_ok(&token);
    Ok(if ok { Reply::ok("ok") } else { Reply(403, "the CSRF token is not this session's".into()) })
}

async fn set_then_fail<S: Store>(mut session: Session<S>, Query(args): Query) -> Result<Reply, Refused> {
    session.set(args.key()?, args.value.as_str())?;
    Ok(Reply(500, "failed on purpose".into()))
}

async fn type_clash<S: Store>(mut session: Session<S>) -> Result<Reply, Refused> {
    session.set("n", &7_u32)?;
    Ok(match session.get::<String>("n") {
        Ok(value) => Reply::ok(format!("a value: {value:?}")),
        Err(error) => Reply::ok(format!("error: {error}")),
    })
}

async fn big<S: Store>(mut session: Session<S>, Query(args): Query) -> Result<Reply, Refused> {
    session.set(args.key()?, big_text(args.bytes)?.as_str())?;
    Ok(Reply::ok("ok"))
}

async fn health<S: Store>(App(pool): App<&'static AppPool<S>>) -> Result<Reply, Refused> {
    use session_picoserve::Requests;
    pool.sessions().check().await?;
    Ok(Reply::ok("ok"))
}

async fn sessions<S: Store>(mut session: Session<S>) -> Result<Reply, Refused> {
    let mut lines = String::new();
    session.list(|listed| lines.push_str(&json(listed))).await?;
    Ok(Reply::ok(lines))
}

async fn revoke<S: Store>(mut session: Session<S>, Query(args): Query) -> Result<Reply, Refused> {
    Ok(match session.revoke(&args.handle).await? {
        true => Reply::ok("ok"),
        false => Reply(404, "no session of yours has this handle".into()),
    })
}

async fn revoke_others<S: Store>(mut session: Session<S>) -> Result<Reply, Refused> {
    Ok(Reply::ok(session.revoke_others().await?.to_string()))
}

/// A session in a list as a line of JSON. Nothing in it needs escaping: an id has letters and digits.
fn json(listed: &SessionInfo<&str>) -> String {
    let SessionInfo { id, started_at, last_seen, current, .. } = listed;
    let (created, last_seen) = (started_at.millis(), last_seen.millis());
    format!("{{\"handle\":\"{id}\",\"created\":{created},\"last_seen\":{last_seen},\"current\":{current}}}\n")
}

// ---- what the routes need ------------------------------------------------------------------------------------------

/// What the query says. Not picoserve's own reader: that one stops the program at `%ff` where overflow is checked.
struct Query(Args);

impl<'r, S> FromRequestParts<'r, S> for Query {
    type Rejection = Reply;

    async fn from_request_parts(_: &'r S, parts: &RequestParts<'r>) -> Result<Self, Reply> {
        let query = parts.query().map_or("", |query| query.0);
        Args::of_query(query).map(Self).map_err(|why| Reply(400, why))
    }
}

/// The header `x-csrf-token`.
struct CsrfHeader(String);

impl<'r, S> FromRequestParts<'r, S> for CsrfHeader {
    type Rejection = core::convert::Infallible;

    async fn from_request_parts(_: &'r S, parts: &RequestParts<'r>) -> Result<Self, Self::Rejection> {
        let header = parts.headers().get("x-csrf-token");
        Ok(Self(header.and_then(|value| value.as_str().ok().map(String::from)).unwrap_or_default()))
    }
}

/// Status and text.
struct Reply(u16, String);

impl Reply {
    fn ok(text: impl Into<String>) -> Self {
        Self(200, text.into())
    }

    fn value(value: Option<String>) -> Self {
        value.map_or(Self(204, String::new()), Self::ok)
    }
}

impl IntoResponse for Reply {
    async fn write_to<R: Read, W: ResponseWriter<Error = R::Error>>(
        self,
        connection: Connection<'_, R>,
        writer: W,
    ) -> Result<ResponseSent, W::Error> {
        let status = StatusCode::new(self.0);
        if self.0 == 204 {
            return writer.write_response(connection, Response::empty(status)).await;
        }
        writer.write_response(connection, Response::new(status, self.1.as_str())).await
    }
}

/// An error of the session; if the client made the mistake, it is told so.
struct Refused(Error);

impl From<Error> for Refused {
    fn from(error: Error) -> Self {
        Self(error)
    }
}

impl IntoResponse for Refused {
    async fn write_to<R: Read, W: ResponseWriter<Error = R::Error>>(
        self,
        connection: Connection<'_, R>,
        writer: W,
    ) -> Result<ResponseSent, W::Error> {
        match mistake_of_the_client(self.0) {
            Some(text) => Reply(400, text.into()).write_to(connection, writer).await,
            None => SessionRejection(self.0).write_to(connection, writer).await,
        }
    }
}

// ---- the program -----------------------------------------------------------------------------------------------------

fn main() {
    reference_app::run(serve);
}

/// Serves until `stop` is ready.
pub fn serve(listener: TcpListener, config: Config, clock: AnyClock, stop: Stop) -> Result<(), String> {
    let Config { store, keys, policy, .. } = config;
    let (mode, store) = store.parts();
    match store {
        StoreUrl::Memory { capacity: None } => run(listener, MemoryStore::new(), clock, &keys, policy, mode, stop),
        StoreUrl::Memory { capacity: Some(limit) } => {
            run(listener, MemoryStore::with_max_sessions(limit), clock, &keys, policy, mode, stop)
        }
        StoreUrl::Fixed => run(listener, FixedStore::<256, RECORD>::new(), clock, &keys, policy, mode, stop),
        StoreUrl::Flash(path) => run(listener, flash_store(&path)?, clock, &keys, policy, mode, stop),
        _ => Err("--store: this program is for devices, which have memory:, fixed:, flash: and cookie: only".into()),
    }
}

fn run<S: Store + 'static>(
    listener: TcpListener,
    store: S,
    clock: AnyClock,
    keys: &Keys,
    policy: Policy,
    mode: DynamicMode,
    mut stop: Stop,
) -> Result<(), String> {
    let pool: &'static AppPool<S> =
        Box::leak(Box::new(Pool::new(Sessions::dynamic(store, clock, keys, policy, mode), OsRng)));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(|why| why.to_string())?;
    tokio::task::LocalSet::new().block_on(&runtime, async move {
        listener.set_nonblocking(true).map_err(|why| why.to_string())?;
        let listener = tokio::net::TcpListener::from_std(listener).map_err(|why| why.to_string())?;
        let router = Router::new()
            .route("/plain", get(plain))
            .route("/read", get(read::<S>))
            .route("/peek", get(peek::<S>))
            .route("/keys", get(list_keys::<S>))
            .route("/set", post(set::<S>))
            .route("/incr", post(incr::<S>))
            .route("/add", post(add::<S>))
            .route("/remove", post(remove::<S>))
            .route("/clear", post(clear::<S>))
            .route("/login", post(login::<S>))
            .route("/whoami", get(whoami::<S>))
            .route("/logout", post(logout::<S>))
            .route("/rotate", post(rotate::<S>))
            .route("/sessions", get(sessions::<S>))
            .route("/revoke", post(revoke::<S>))
            .route("/revoke-others", post(revoke_others::<S>))
            .route("/fresh", get(fresh::<S>))
            .route("/flash", get(take_flash::<S>).post(leave_flash::<S>))
            .route("/csrf", get(csrf::<S>))
            .route("/protected", post(protected::<S>))
            .route("/set-then-fail", post(set_then_fail::<S>))
            .route("/type-clash", post(type_clash::<S>))
            .route("/big", post(big::<S>))
            .route("/health", get(health::<S>))
            .layer(SessionLayer::new(pool))
            .with_state(pool);
        let router: &'static _ = Box::leak(Box::new(router));
        let config: &'static _ = Box::leak(Box::new(picoserve::Config::const_default().keep_connection_alive()));
        loop {
            let accepted = tokio::select! {
                () = &mut stop => return Ok(()),
                accepted = listener.accept() => accepted,
            };
            let Ok((stream, _)) = accepted else { continue };
            tokio::task::spawn_local(async move {
                let mut buffer = vec![0; 16 * 1024];
                // an error here is the client's: it went away
                drop(picoserve::Server::new_tokio(router, config, &mut buffer).serve(stream).await);
            });
        }
    })
}
