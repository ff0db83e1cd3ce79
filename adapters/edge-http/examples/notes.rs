//! A small application as people write them: sign in, keep notes, see where one is signed in, sign out.
//!
//! `NOTES_PASSWORD='…' cargo run -p session-edge-http --example notes [ADDRESS]`, then http://127.0.0.1:8080, as `ann`. What has
//! nothing to do with edge-http or with sessions is in examples/notes-common.

mod listening;

use std::net::TcpListener;
use std::sync::Arc;
use std::time::Instant;

use edge_http::Method;
use edge_http::io::server::Server;
use edge_nal::WithTimeout;
use embedded_io_async::Read;
use listening::Acceptor;
use notes_common::{
    self, Checked, Device, DevicesPage, Fields, Notes, NotesPage, SECURITY, STYLE, SignInPage, Template, Users, words,
};
use session_core::environment::Clock;
use session_edge_http::policy::Policy;
use session_edge_http::{
    Error, Guarded, Handler, Keys, Pool, Request, SessionLayer, SessionRejection, Sessions, Socket,
};
use session_std::{SystemClock, ThreadRng};
use session_store_memory::MemoryStore;

/// Requests served at once; each has room for a head of so many bytes and header lines, and for its session.
const TASKS: usize = 32;
const HEAD: usize = 4 << 10;
const HEADERS: usize = 32;
const RECORD: usize = 512;
/// A form takes no more bytes than this.
const LARGEST: usize = 16 << 10;
/// A client that says nothing for so long is left.
const PATIENCE_MS: u32 = 30_000;

type AppPool = Pool<MemoryStore, SystemClock, ThreadRng, (), TASKS, RECORD>;
type Session<'r> = session_edge_http::Session<'r, AppPool>;

/// What all handlers share.
struct App {
    users: Arc<Users>,
    notes: Notes,
}

/// What a handler answers.
enum Answer {
    Page(String),
    Go(&'static str),
    Refused(u16, &'static str),
    Style,
}

impl Handler<AppPool> for App {
    async fn handle<T: Socket, const N: usize>(
        &self,
        request: &mut Request<'_, '_, AppPool, T, N>,
    ) -> Result<(), SessionRejection<T::Error>> {
        let headers = request.headers()?;
        let (method, path) = (headers.method, headers.path.split('?').next().unwrap_or_default());
        let answer = match (method, path) {
            (Method::Get | Method::Head, "/style.css") => Answer::Style,
            (Method::Get | Method::Head, _) => self.page(path, request.session().await?).await?,
            (Method::Post, _) => {
                let device = notes_common::device_name(headers.headers.get("User-Agent").unwrap_or_default());
                let form = form(request).await?;
                self.form(path, request.session().await?, form, &device).await?
            }
            _ => Answer::Refused(405, "this application has pages and forms only\n"),
        };
        match answer {
            Answer::Page(text) => {
                let headers = [
                    ("Content-Type", "text/html; charset=utf-8"),
                    ("Cache-Control", "no-store"),
                    ("Content-Security-Policy", SECURITY),
                ];
                request.send(200, &headers, text.as_bytes()).await
            }
            Answer::Go(to) => request.send(303, &[("Location", to)], b"").await,
            Answer::Refused(status, why) => request.send(status, &[], why.as_bytes()).await,
            Answer::Style => request.send(200, &[("Content-Type", "text/css; charset=utf-8")], STYLE.as_bytes()).await,
        }
    }
}

impl App {
    async fn page(&self, path: &str, session: &mut Session<'_>) -> Result<Answer, Error> {
        let Some(user) = session.subject().map(str::to_owned) else {
            return match path {
                "/sign-in" => sign_in_page(session).await,
                "/" | "/devices" => Ok(Answer::Go("/sign-in")),
                _ => Ok(Answer::Refused(404, "no such page\n")),
            };
        };
        match path {
            "/" => self.notes_page(user, session).await,
            "/sign-in" => sign_in_page(session).await,
            "/devices" => devices_page(user, session).await,
            _ => Ok(Answer::Refused(404, "no such page\n")),
        }
    }

    /// A form of one of our pages; one that another site made is refused.
    async fn form(&self, path: &str, session: &mut Session<'_>, form: Fields, device: &str) -> Result<Answer, Error> {
        let user = session.subject().map(str::to_owned);
        if user.is_none() && path != "/sign-in" {
            return Ok(Answer::Go("/sign-in"));
        }
        if user.is_some() && !session.csrf_ok(&form.csrf) {
            return Ok(Answer::Refused(403, words::OLD_FORM));
        }
        let Some(user) = user.filter(|_| path != "/sign-in") else {
            return self.sign_in(session, form, device).await;
        };
        match path {
            "/notes" => {
                let added = self.notes.add(&user, &form.text);
                tell(session, if added { words::ADDED } else { words::NO_NOTE }, "/")
            }
            "/notes/remove" => {
                self.notes.remove(&user, form.id);
                tell(session, words::REMOVED, "/")
            }
            "/devices/end" => {
                let ended = session.revoke(&form.handle).await?;
                tell(session, if ended { words::ENDED } else { words::ENDED_ALREADY }, "/devices")
            }
            "/devices/end-others" => {
                let ended = session.revoke_others().await?;
                tell(session, &words::ended_others(ended), "/devices")
            }
            "/password" => {
                let users = self.users.clone();
                let change = move || users.change(&user, &form.password, &form.new, Instant::now());
                match blocking::unblock(change).await {
                    Ok(()) => {
                        let ended = session.revoke_others().await?;
                        tell(session, &words::changed(ended), "/devices")
                    }
                    Err(why) => tell(session, &why, "/devices"),
                }
            }
            "/sign-out" => {
                session.logout().await?;
                Ok(Answer::Go("/sign-in"))
            }
            _ => Ok(Answer::Refused(404, "no such form\n")),
        }
    }

    // ---- signing in ----------------------------------------------------------------------------------------------

    async fn sign_in(&self, session: &mut Session<'_>, form: Fields, device: &str) -> Result<Answer, Error> {
        // before the password is checked: if it is changed meanwhile, this login is refused
        let attempt = match session.begin_login(&form.name).await {
            Err(Error::BadText) => return tell(session, words::WRONG, "/sign-in"),
            attempt => attempt?,
        };
        match self.check(form.name.clone(), form.password).await {
            Checked::Right => {
                let attempt = if form.remember.is_some() { attempt.remembered() } else { attempt };
                session.login(attempt.without_data()).await?;
                session.set_label(device)?;
                Ok(Answer::Go("/"))
            }
            Checked::Wrong => tell(session, words::WRONG, "/sign-in"),
            Checked::Wait(left) => tell(session, &words::wait(left), "/sign-in"),
        }
    }

    /// Hashing takes its time: not on the thread that serves everybody.
    async fn check(&self, name: String, password: String) -> Checked {
        let users = self.users.clone();
        blocking::unblock(move || users.check(&name, &password, Instant::now())).await
    }

    async fn notes_page(&self, user: String, session: &mut Session<'_>) -> Result<Answer, Error> {
        let (csrf, message) = token_and_message(session).await?;
        Ok(html(&NotesPage { notes: self.notes.of(&user), user, csrf, message }))
    }
}

// ---- pages -------------------------------------------------------------------------------------------------------

async fn sign_in_page(session: &mut Session<'_>) -> Result<Answer, Error> {
    let (csrf, message) = token_and_message(session).await?;
    Ok(html(&SignInPage { csrf, message }))
}

async fn devices_page(user: String, session: &mut Session<'_>) -> Result<Answer, Error> {
    let mut devices = Vec::new();
    session.list(|info| devices.push(Device::of(info))).await?;
    let (csrf, message) = token_and_message(session).await?;
    Ok(html(&DevicesPage { user, devices, csrf, message }))
}

/// What every page has: the token of its forms, and what was left for it to tell.
async fn token_and_message(session: &mut Session<'_>) -> Result<(String, Option<String>), Error> {
    // a visitor gets no token, which would take a session
    let csrf = if session.subject().is_some() { session.csrf_token()?.as_str().to_owned() } else { String::new() };
    Ok((csrf, session.take_flash_message(str::to_owned).await?))
}

fn html(page: &impl Template) -> Answer {
    page.render().map_or(Answer::Refused(500, "the page cannot be shown\n"), Answer::Page)
}

/// Leaves a message for the page that is shown next.
fn tell(session: &mut Session<'_>, message: &str, page: &'static str) -> Result<Answer, Error> {
    session.flash_message(message)?;
    Ok(Answer::Go(page))
}

// ---- forms -------------------------------------------------------------------------------------------------------

async fn form<T: Socket, const N: usize>(
    request: &mut Request<'_, '_, AppPool, T, N>,
) -> Result<Fields, SessionRejection<T::Error>> {
    let mut body = vec![0; LARGEST];
    let mut len = 0;
    loop {
        match request.read(body.get_mut(len..).unwrap_or_default()).await? {
            0 if len == LARGEST => return Err(SessionRejection::Answer(413, "the form is too large\n")),
            0 => break,
            read => len += read,
        }
    }
    serde_urlencoded::from_bytes(&body[..len]).map_err(|_| SessionRejection::Answer(400, "the form cannot be read\n"))
}

// ---- the program -------------------------------------------------------------------------------------------------

/// Serves the application until the network fails.
pub fn serve(listener: TcpListener, users: Users, keys: &Keys) -> Result<(), Box<dyn std::error::Error>> {
    // a message to a visitor makes a session: a limit; behind https Policy::SECURE
    let sessions = Sessions::new(MemoryStore::with_max_sessions(100_000), SystemClock, keys, Policy::PLAIN_HTTP);
    let pool: Box<AppPool> = Box::new(Pool::new(sessions, ThreadRng));
    let app = App { users: Arc::new(users), notes: Notes::default() };
    let acceptor = Guarded::new(WithTimeout::new(PATIENCE_MS, Acceptor::new(listener)?));
    let mut server: Box<Server<TASKS, HEAD, HEADERS>> = Box::default();
    let served = async_io::block_on(server.run(None, acceptor, SessionLayer::new(&*pool, app).refuse_cross_site(&[])));
    served.map_err(|why| why.to_string().into())
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let keys = session_std::keys::from_env("SESSION_KEY")?;
    let listener = TcpListener::bind(notes_common::address())?;
    println!("listening on http://{}", listener.local_addr()?);
    serve(listener, notes_common::users_of_env()?, keys.at(SystemClock.now()))
}
