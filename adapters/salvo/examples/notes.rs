//! A small application as people write them: sign in, keep notes, see where one is signed in, sign out.
//!
//! `NOTES_PASSWORD='…' cargo run -p session-salvo --example notes [ADDRESS]`, then http://127.0.0.1:8080, as `ann`. What has
//! nothing to do with Salvo or with sessions is in examples/notes-common.

use std::sync::Arc;
use std::time::Instant;

use notes_common::{
    self, Checked, Device, DevicesPage, Fields, Next, Notes, NotesPage, SECURITY, STYLE, SignInPage, Template, Users,
    words,
};
use salvo::conn::tcp::TcpAcceptor;
use salvo::extract::Metadata;
use salvo::http::ParseError;
use salvo::http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, HeaderValue, USER_AGENT};
use salvo::http::request::SecureMaxSize;
use salvo::prelude::*;
use salvo::writing::Text;
use salvo::{Extractible, affix_state};
use session_salvo::{
    Authenticated, Error, MemoryStore, Policy, Session, SessionLayer, SessionRejection, Sessions, keys,
};

/// A form takes no more bytes than this.
const LARGEST: usize = 16 << 10;

/// What all handlers share.
#[derive(Clone)]
struct App(Arc<(Users, Notes)>);

impl App {
    fn users(&self) -> &Users {
        &self.0.0
    }

    fn notes(&self) -> &Notes {
        &self.0.1
    }
}

// ---- signing in and out ------------------------------------------------------------------------------------------

#[handler]
async fn sign_in_page(session: Session, request: &mut Request) -> Result<Page, SessionRejection> {
    let wanted: Next = request.parse_queries().unwrap_or_default();
    let (csrf, message) = notes_common::token_and_message(&session).await?;
    Ok(html(&SignInPage { csrf, message, next: notes_common::next_page(&wanted.next).to_owned() }))
}

#[handler]
async fn sign_in(sent: Sent, app: App, request: &mut Request) -> Result<Redirect, SessionRejection> {
    let Sent { session, fields } = sent;
    // before the password is checked: if it is changed meanwhile, this login is refused
    let attempt = match session.begin_login(&fields.name).await {
        Err(Error::BadText) => return tell(&session, words::WRONG, &notes_common::sign_in_again(&fields.next)),
        attempt => attempt?,
    };
    match check(app.clone(), fields.name.clone(), fields.password).await {
        Checked::Right => {
            let attempt = if fields.remember.is_some() { attempt.remembered() } else { attempt };
            session.login(attempt.without_data()).await?;
            let browser: &str = request.header(USER_AGENT).unwrap_or_default();
            session.set_label(&notes_common::device_name(browser))?;
            Ok(Redirect::other(notes_common::next_page(&fields.next)))
        }
        Checked::Wrong => {
            session.login_failed(app.users().account(&fields.name), "wrong password")?;
            tell(&session, words::WRONG, &notes_common::sign_in_again(&fields.next))
        }
        Checked::Wait(left) => tell(&session, &words::wait(left), &notes_common::sign_in_again(&fields.next)),
    }
}

/// Hashing takes its time: not where other requests wait for it. A check that panicked proves nothing.
async fn check(app: App, name: String, password: String) -> Checked {
    let checked = tokio::task::spawn_blocking(move || app.users().check(&name, &password, Instant::now()));
    checked.await.unwrap_or(Checked::Wrong)
}

#[handler]
async fn sign_out(user: Authenticated, _sent: Sent) -> Result<Redirect, SessionRejection> {
    user.session.logout().await?;
    Ok(Redirect::other("/sign-in"))
}

// ---- notes -------------------------------------------------------------------------------------------------------

#[handler]
async fn notes_page(user: Authenticated, app: App) -> Result<Page, SessionRejection> {
    let Authenticated { subject: user, session } = user;
    let (csrf, message) = notes_common::token_and_message(&session).await?;
    Ok(html(&NotesPage { notes: app.notes().of(&user), user, csrf, message }))
}

#[handler]
fn add_note(user: Authenticated, sent: Sent, app: App) -> Result<Redirect, SessionRejection> {
    let added = app.notes().add(&user.subject, &sent.fields.text);
    tell(&sent.session, if added { words::ADDED } else { words::NO_NOTE }, "/")
}

#[handler]
fn remove_note(user: Authenticated, sent: Sent, app: App) -> Result<Redirect, SessionRejection> {
    app.notes().remove(&user.subject, sent.fields.id);
    tell(&sent.session, words::REMOVED, "/")
}

// ---- devices -----------------------------------------------------------------------------------------------------

#[handler]
async fn devices_page(user: Authenticated) -> Result<Page, SessionRejection> {
    let Authenticated { subject: user, session } = user;
    let devices = session.list().await?.iter().map(Device::of).collect();
    let (csrf, message) = notes_common::token_and_message(&session).await?;
    Ok(html(&DevicesPage { user, devices, csrf, message }))
}

#[handler]
async fn end_device(user: Authenticated, sent: Sent) -> Result<Redirect, SessionRejection> {
    let ended = user.session.revoke(&sent.fields.handle).await?;
    tell(&user.session, if ended { words::ENDED } else { words::ENDED_ALREADY }, "/devices")
}

#[handler]
async fn end_other_devices(user: Authenticated, _sent: Sent) -> Result<Redirect, SessionRejection> {
    let ended = user.session.revoke_others().await?;
    tell(&user.session, &words::ended_others(ended), "/devices")
}

#[handler]
async fn change_password(user: Authenticated, sent: Sent, app: App) -> Result<Redirect, SessionRejection> {
    let (name, fields) = (user.subject, sent.fields);
    let change = move || app.users().change(&name, &fields.password, &fields.new, Instant::now());
    match tokio::task::spawn_blocking(change).await.unwrap_or_else(|_| Err(words::NOT_YOURS.into())) {
        Ok(()) => tell(&user.session, &words::changed(user.session.revoke_others().await?), "/devices"),
        Err(why) => tell(&user.session, &why, "/devices"),
    }
}

// ---- forms and pages ---------------------------------------------------------------------------------------------

/// A form of one of our pages: a handler that asks for it is not called for a form that another site made.
struct Sent {
    session: Session,
    fields: Fields,
}

/// Why a form is not taken.
#[derive(Debug)]
enum Refused {
    Session(SessionRejection),
    Unreadable(ParseError),
    Old,
}

#[async_trait]
impl Writer for Refused {
    async fn write(self, request: &mut Request, depot: &mut Depot, response: &mut Response) {
        match self {
            Self::Session(why) => response.render(why),
            Self::Unreadable(why) => why.write(request, depot, response).await,
            Self::Old => response.render_with_status(StatusCode::FORBIDDEN, words::OLD_FORM),
        }
    }
}

static METADATA: Metadata = Metadata::new("notes");

impl<'ex> Extractible<'ex> for Sent {
    fn metadata() -> &'static Metadata {
        &METADATA
    }

    #[allow(refining_impl_trait)]
    async fn extract(request: &'ex mut Request, depot: &'ex mut Depot) -> Result<Self, Refused> {
        let session = Session::extract(request, depot).await.map_err(Refused::Session)?;
        let fields: Fields = request.parse_form().await.map_err(Refused::Unreadable)?;
        match notes_common::token_ok(&session, &fields.csrf) {
            Ok(true) => Ok(Self { session, fields }),
            Ok(false) => Err(Refused::Old),
            Err(error) => Err(Refused::Session(SessionRejection(error))),
        }
    }
}

impl<'ex> Extractible<'ex> for App {
    fn metadata() -> &'static Metadata {
        &METADATA
    }

    #[allow(refining_impl_trait)]
    async fn extract(_: &'ex mut Request, depot: &'ex mut Depot) -> Result<Self, StatusError> {
        depot.get_typed().cloned().map_err(|_| StatusError::internal_server_error())
    }
}

/// A page for this user only, without scripts and frames; `None` if it cannot be rendered.
struct Page(Option<String>);

impl Scribe for Page {
    fn render(self, response: &mut Response) {
        let Some(text) = self.0 else { return response.render(StatusError::internal_server_error()) };
        response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        response.headers_mut().insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(SECURITY));
        response.render(Text::Html(text));
    }
}

fn html(page: &impl Template) -> Page {
    Page(page.render().ok())
}

/// Leaves a message for the page that is shown next.
fn tell(session: &Session, message: &str, page: &str) -> Result<Redirect, SessionRejection> {
    session.flash_message(message)?;
    Ok(Redirect::other(page))
}

#[handler]
fn style() -> Text<&'static str> {
    Text::Css(STYLE)
}

/// The application.
pub fn app(users: Users, sessions: Sessions) -> Service {
    let router = Router::new()
        .get(notes_page)
        .push(Router::with_path("sign-in").get(sign_in_page).post(sign_in))
        .push(Router::with_path("sign-out").post(sign_out))
        .push(Router::with_path("notes").post(add_note))
        .push(Router::with_path("notes/remove").post(remove_note))
        .push(Router::with_path("devices").get(devices_page))
        .push(Router::with_path("devices/end").post(end_device))
        .push(Router::with_path("devices/end-others").post(end_other_devices))
        .push(Router::with_path("password").post(change_password))
        .push(Router::with_path("style.css").get(style));
    Service::new(router)
        .hoop(SessionLayer::new(sessions).sign_in_at("/sign-in").refuse_cross_site(&[]))
        .hoop(SecureMaxSize(LARGEST))
        .hoop(affix_state::inject(App(Arc::new((users, Notes::default())))))
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    // a message to a visitor makes a session: a limit
    let sessions = Sessions::new(MemoryStore::with_max_sessions(100_000), keys::from_env("SESSION_KEY")?);
    // behind https, leave the policy as it is
    let app = app(notes_common::users_of_env()?, sessions.policy(Policy::PLAIN_HTTP));
    let listener = tokio::net::TcpListener::bind(notes_common::address()).await?;
    println!("listening on http://{}", listener.local_addr()?);
    Ok(Server::new(TcpAcceptor::try_from(listener)?).try_serve(app).await?)
}
