//! The reference app over edge-http, on the host. `--help` lists the flags.
//!
//! One thread serves all connections, as on a microcontroller. The handler asks for its `Session` (or a `Peek` at it),
//! uses it, and answers; `?` turns an error of the session into its status and one line.

use std::net::{SocketAddr, TcpListener};
use std::time::Duration;

use async_io::{Async, Timer};
use edge_http::Method;
use edge_http::io::server::Server;
use edge_nal::TcpAccept;
use edge_nal_std::TcpSocket;
use reference_app::routes::{Args, big, mistake_of_the_client, text};
use reference_app::{AnyClock, Config, OsRng, Stop, StoreUrl, flash_store};
use session_core::Keys;
use session_core::mode::DynamicMode;
use session_core::policy::Policy;
use session_core::store::Store;
use session_edge_http::{
    Error, Guarded, Handler, Pool, Request, Requests, SessionInfo, SessionLayer, SessionRejection, Sessions, Socket,
};
use session_store_memory::{FixedStore, MemoryStore};

/// Requests served at once, each with room for a head of `HEAD` bytes and two records of `RECORD` bytes.
const TASKS: usize = 128;
const HEAD: usize = 20 * 1024;
const HEADERS: usize = 64;
const RECORD: usize = 4096;
/// Room for a session that travels in its cookie.
const COOKIE: usize = RECORD / 3 * 4 + 256;

type AppPool<S> = Pool<S, AnyClock, OsRng, (), TASKS, RECORD, COOKIE, DynamicMode>;
type Session<'r, S> = session_edge_http::Session<'r, AppPool<S>>;

// ---- the routes --------------------------------------------------------------------------------------------------

struct App<'p, S>(&'p AppPool<S>);

impl<S: Store> Handler<AppPool<S>> for App<'_, S> {
    async fn handle<T: Socket, const N: usize>(
        &self,
        request: &mut Request<'_, '_, AppPool<S>, T, N>,
    ) -> Result<(), SessionRejection<T::Error>> {
        self.route(request).await.map_err(|failed| match failed {
            SessionRejection::Session(error) => {
                mistake_of_the_client(error).map_or(failed, |text| SessionRejection::Answer(400, text))
            }
            failed => failed,
        })
    }
}

impl<S: Store> App<'_, S> {
    async fn route<T: Socket, const N: usize>(
        &self,
        request: &mut Request<'_, '_, AppPool<S>, T, N>,
    ) -> Result<(), SessionRejection<T::Error>> {
        let headers = request.headers()?;
        let method = headers.method;
        let (path, query) = headers.path.split_once('?').unwrap_or((headers.path, ""));
        let csrf = headers.headers.get("x-csrf-token").unwrap_or_default().to_owned();
        let Ok(args) = Args::of_query(query) else {
            return Err(SessionRejection::Answer(400, "the query cannot be read\n"));
        };
        let reply = match (method, path) {
            (Method::Get, "/plain") => Reply::ok("plain"),
            (Method::Get, "/peek") => {
                let (peek, key) = (request.peek().await?, args.key()?);
                Reply::value(text(peek.get(key), || peek.get(key))?)
            }
            (Method::Get, "/health") => {
                self.0.sessions().check().await?;
                Reply::ok("ok")
            }
            (Method::Get, "/sessions") => {
                let mut lines = String::new();
                request.session().await?.list(|listed| lines.push_str(&json(listed))).await?;
                Reply::ok(lines)
            }
            (Method::Get, "/read" | "/keys" | "/whoami" | "/fresh" | "/flash" | "/csrf") => {
                look(path, request.session().await?, &args)?
            }
            (Method::Post, _) if CHANGES.contains(&path) => {
                change(path, request.session().await?, &args, &csrf).await?
            }
            _ => Reply(404, "no such route".into()),
        };
        request.send(reply.0, &[("Content-Type", "text/plain")], reply.1.as_bytes()).await
    }
}

fn look<S: Store>(path: &str, session: &mut Session<'_, S>, args: &Args) -> Result<Reply, Error> {
    Ok(match path {
        "/read" => Reply::value(text(session.get(args.key()?), || session.get(args.key()?))?),
        "/keys" => Reply::ok(session.keys().map(|key| format!("{key}\n")).collect::<String>()),
        "/whoami" => Reply::value(session.subject().map(String::from)),
        "/fresh" => {
            Reply::ok(if session.authenticated_within(Duration::from_secs(args.within)) { "yes" } else { "no" })
        }
        "/flash" => Reply::value(session.take_flash_message(|message| message.to_owned())?),
        _ => Reply::ok(session.csrf_token()?.as_str()),
    })
}

const CHANGES: [&str; 15] = [
    "/set",
    "/incr",
    "/add",
    "/remove",
    "/clear",
    "/login",
    "/logout",
    "/rotate",
    "/flash",
    "/protected",
    "/set-then-fail",
    "/type-clash",
    "/big",
    "/revoke",
    "/revoke-others",
];

async fn change<S: Store>(path: &str, session: &mut Session<'_, S>, args: &Args, csrf: &str) -> Result<Reply, Error> {
    match path {
        "/set" => {
            wait(args).await;
            session.set(args.key()?, args.value.as_str())?;
        }
        "/incr" => {
            let number = session.get::<u64>(args.key()?)?.unwrap_or(0) + 1;
            wait(args).await;
            session.set(args.key()?, &number)?;
            return Ok(Reply::ok(number.to_string()));
        }
        "/add" => {
            wait(args).await;
            let number = session.update_with(args.key()?, |number: Option<u64>| number.unwrap_or(0) + 1).await?;
            return Ok(Reply::ok(number.to_string()));
        }
        "/remove" => session.remove(args.key()?)?,
        "/clear" => session.clear()?,
        "/login" => {
            let attempt = session.begin_login(&args.user).await?;
            // here an application checks the password
            session.login(if args.remember == 1 { attempt.remembered() } else { attempt }).await?;
        }
        "/logout" => session.logout().await?,
        "/rotate" => session.rotate().await?,
        "/flash" => session.flash_message(&args.message)?,
        "/protected" if !session.csrf_ok(csrf) => {
            return Ok(Reply(403, "the CSRF token is not this session's".into()));
        }
        "/set-then-fail" => {
            session.set(args.key()?, args.value.as_str())?;
            return Ok(Reply(500, "failed on purpose".into()));
        }
        "/type-clash" => {
            session.set("n", &7_u32)?;
            return Ok(match session.get::<String>("n") {
                Ok(value) => Reply::ok(format!("a value: {value:?}")),
                Err(error) => Reply::ok(format!("error: {error}")),
            });
        }
        "/big" => session.set(args.key()?, big(args.bytes)?.as_str())?,
        "/revoke" if !session.revoke(&args.handle).await? => {
            return Ok(Reply(404, "no session of yours has this handle".into()));
        }
        "/revoke-others" => return Ok(Reply::ok(session.revoke_others().await?.to_string())),
        _ => {}
    }
    Ok(Reply::ok("ok"))
}

/// A session in a list as a line of JSON. Nothing in it needs escaping: an id has letters and digits.
fn json(listed: &SessionInfo<&str>) -> String {
    let SessionInfo { id, started_at, last_seen, current, .. } = listed;
    let (created, last_seen) = (started_at.millis(), last_seen.millis());
    format!("{{\"handle\":\"{id}\",\"created\":{created},\"last_seen\":{last_seen},\"current\":{current}}}\n")
}

// ---- what the routes need ------------------------------------------------------------------------------------------

async fn wait(args: &Args) {
    if args.delay_ms > 0 {
        Timer::after(Duration::from_millis(args.delay_ms)).await;
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

fn run<S: Store>(
    listener: TcpListener,
    store: S,
    clock: AnyClock,
    keys: &Keys,
    policy: Policy,
    mode: DynamicMode,
    stop: Stop,
) -> Result<(), String> {
    let pool: Box<AppPool<S>> = Box::new(Pool::new(Sessions::dynamic(store, clock, keys, policy, mode), OsRng));
    let acceptor = Guarded::new(Acceptor(Async::new(listener).map_err(|why| why.to_string())?));
    let mut server: Box<Server<TASKS, HEAD, HEADERS>> = Box::default();
    let serving = Box::pin(server.run(None, acceptor, SessionLayer::new(&*pool, App(&pool))));
    let stopped = async {
        stop.await;
        Ok(())
    };
    async_io::block_on(futures_lite::future::or(stopped, serving)).map_err(|why| why.to_string())
}

/// `edge_nal_std::Stack::bind` for a socket that is bound already.
struct Acceptor(Async<TcpListener>);

impl TcpAccept for Acceptor {
    type Error = std::io::Error;
    type Socket<'a> = TcpSocket;

    async fn accept(&self) -> Result<(SocketAddr, TcpSocket), std::io::Error> {
        let (socket, peer) = self.0.accept().await?;
        Ok((peer, TcpSocket::new(socket)))
    }
}
