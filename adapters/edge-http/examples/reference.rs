//! The reference app over edge-http, on the host. `--help` lists the flags; the routes' logic is in examples/support.
//!
//! One thread serves all connections, as on a microcontroller. The handler asks for its `Session` (or a `Peek` at it),
//! uses it, and answers; `?` turns an error of the session into its status and one line.

mod listening;

use std::net::TcpListener;

use edge_http::Method;
use edge_http::io::server::Server;
use listening::Acceptor;
use session_core::store::Store;
use session_edge_http::{Guarded, Handler, Pool, Request, SessionLayer, SessionRejection, Socket};
use support::reference::routes::{Args, ROUTES, Reply, devices};
use support::reference::{
    AnyClock, Config, DevicePool, DeviceServer, DeviceSessions, REQUESTS, Stop, SysRng, serve_device,
};

/// Bytes and lines of a request's head.
const HEAD: usize = 20 * 1024;
const HEADERS: usize = 64;

// ---- the routes --------------------------------------------------------------------------------------------------

struct App<'p, S>(&'p DevicePool<S>);

impl<S: Store> Handler<DevicePool<S>> for App<'_, S> {
    async fn handle<T: Socket, const N: usize>(
        &self,
        request: &mut Request<'_, '_, DevicePool<S>, T, N>,
    ) -> Result<(), SessionRejection<T::Error>> {
        let headers = request.headers()?;
        let method = match headers.method {
            // without a body, which `send` sees to
            Method::Get | Method::Head => "GET",
            Method::Post => "POST",
            _ => return request.send(405, &[], b"").await,
        };
        let (path, query) = headers.path.split_once('?').unwrap_or((headers.path, ""));
        let csrf = headers.headers.get("x-csrf-token").map(str::to_owned);
        let Ok(args) = Args::of_query(query) else {
            return Err(SessionRejection::Answer(400, "the query cannot be read\n"));
        };
        let Reply { status, text } = match (method, path) {
            ("GET", "/plain") => Reply::ok("plain"),
            ("GET", "/peek") => devices::peek(request.peek().await?, &args)?,
            at if ROUTES.contains(&at) => {
                devices::answer(self.0, method, path, request.session().await?, &args, csrf.as_deref()).await?
            }
            _ => Reply::nowhere(),
        };
        request.send(status, &[("Content-Type", "text/plain")], text.as_bytes()).await
    }
}

// ---- the program -----------------------------------------------------------------------------------------------------

/// Serves as the flags say.
pub fn main() {
    support::reference::run(serve);
}

/// Serves until `stop` is ready.
pub fn serve(listener: TcpListener, config: Config, clock: AnyClock, stop: Stop) -> Result<(), String> {
    serve_device(config, clock, EdgeHttp { listener, stop })
}

struct EdgeHttp {
    listener: TcpListener,
    stop: Stop,
}

impl DeviceServer for EdgeHttp {
    fn serve<S: Store + 'static>(self, sessions: DeviceSessions<S>) -> Result<(), String> {
        let pool: Box<DevicePool<S>> = Box::new(Pool::new(sessions, SysRng));
        let acceptor = Guarded::new(Acceptor::new(self.listener).map_err(|why| why.to_string())?);
        let mut server: Box<Server<REQUESTS, HEAD, HEADERS>> = Box::default();
        let layer = SessionLayer::new(&*pool, App(&pool)).refuse_cross_site(&[]);
        let serving = Box::pin(server.run(None, acceptor, layer));
        let stopped = async {
            self.stop.await;
            Ok(())
        };
        async_io::block_on(futures_lite::future::or(stopped, serving)).map_err(|why| why.to_string())
    }
}
