//! A small application as people write them: sign in, keep notes, see where one is signed in, sign out.
//!
//! `NOTES_PASSWORD='…' cargo run -p session-poem --example notes [ADDRESS]`, then http://127.0.0.1:8080, as `ann`. What has
//! nothing to do with Poem or with sessions is in examples/notes-common.

use std::sync::Arc;
use std::time::Instant;

use notes_common::{
    self, Checked, Device, DevicesPage, Fields, Notes, NotesPage, SECURITY, STYLE, SignInPage, Template, Users, words,
};
use poem::http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, USER_AGENT};
use poem::http::{HeaderMap, StatusCode};
use poem::listener::TcpAcceptor;
use poem::web::{Data, Form, Html, Redirect};
use poem::{
    Endpoint, EndpointExt, FromRequest, IntoResponse, Request, RequestBody, Response, Route, Server, get, handler, post,
};
use session_poem::{
    Authenticated, Error, MemoryStore, Policy, Session, SessionLayer, SessionRejection, Sessions, keys,
};

/// A form takes no more bytes than this.
const LARGEST: usize = 16 << 10;

/// What all handlers share.
struct App {
    users: Users,
    notes: Notes,
}

type Shared<'a> = Data<&'a Arc<App>>;

// ---- signing in and out ------------------------------------------------------------------------------------------

#[handler]
async fn sign_in_page(session: Session) -> Result<Response, SessionRejection> {
    let (csrf, message) = notes_common::token_and_message(&session).await?;
    Ok(html(&SignInPage { csrf, message }))
}

#[handler]
async fn sign_in(sent: Sent, headers: &HeaderMap, app: Shared<'_>) -> Result<Redirect, SessionRejection> {
    let Sent { session, fields } = sent;
    // before the password is checked: if it is changed meanwhile, this login is refused
    let attempt = match session.begin_login(&fields.name).await {
        Err(Error::BadText) => return tell(&session, words::WRONG, "/sign-in"),
        attempt => attempt?,
    };
    match check(app.0.clone(), fields.name.clone(), fields.password).await {
        Checked::Right => {
            let attempt = if fields.remember.is_some() { attempt.remembered() } else { attempt };
            session.login(attempt.without_data()).await?;
            let browser = headers.get(USER_AGENT).and_then(|agent| agent.to_str().ok());
            session.set_label(&notes_common::device_name(browser.unwrap_or_default()))?;
            Ok(Redirect::see_other("/"))
        }
        Checked::Wrong => {
            session.login_failed(app.users.account(&fields.name), "wrong password")?;
            tell(&session, words::WRONG, "/sign-in")
        }
        Checked::Wait(left) => tell(&session, &words::wait(left), "/sign-in"),
    }
}

/// Hashing takes its time: not where other requests wait for it. A check that panicked proves nothing.
async fn check(app: Arc<App>, name: String, password: String) -> Checked {
    let checked = tokio::task::spawn_blocking(move || app.users.check(&name, &password, Instant::now()));
    checked.await.unwrap_or(Checked::Wrong)
}

#[handler]
async fn sign_out(user: Authenticated, _sent: Sent) -> Result<Redirect, SessionRejection> {
    user.session.logout().await?;
    Ok(Redirect::see_other("/sign-in"))
}

// ---- notes -------------------------------------------------------------------------------------------------------

#[handler]
async fn notes_page(user: Authenticated, app: Shared<'_>) -> Result<Response, SessionRejection> {
    let Authenticated { subject: user, session } = user;
    let (csrf, message) = notes_common::token_and_message(&session).await?;
    Ok(html(&NotesPage { notes: app.notes.of(&user), user, csrf, message }))
}

#[handler]
fn add_note(user: Authenticated, sent: Sent, app: Shared<'_>) -> Result<Redirect, SessionRejection> {
    let added = app.notes.add(&user.subject, &sent.fields.text);
    tell(&sent.session, if added { words::ADDED } else { words::NO_NOTE }, "/")
}

#[handler]
fn remove_note(user: Authenticated, sent: Sent, app: Shared<'_>) -> Result<Redirect, SessionRejection> {
    app.notes.remove(&user.subject, sent.fields.id);
    tell(&sent.session, words::REMOVED, "/")
}

// ---- devices -----------------------------------------------------------------------------------------------------

#[handler]
async fn devices_page(user: Authenticated) -> Result<Response, SessionRejection> {
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
async fn change_password(user: Authenticated, sent: Sent, app: Shared<'_>) -> Result<Redirect, SessionRejection> {
    let app = app.0.clone();
    let (name, fields) = (user.subject, sent.fields);
    let change = move || app.users.change(&name, &fields.password, &fields.new, Instant::now());
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

impl<'a> FromRequest<'a> for Sent {
    async fn from_request(request: &'a Request, body: &mut RequestBody) -> poem::Result<Self> {
        let session = Session::from_request(request, body).await?;
        let bytes = body.take()?.into_bytes_limit(LARGEST).await?;
        let Form(fields) = Form::<Fields>::from_request(request, &mut RequestBody::new(bytes.into())).await?;
        if notes_common::token_ok(&session, &fields.csrf).map_err(SessionRejection)? {
            Ok(Self { session, fields })
        } else {
            Err(poem::Error::from_string(words::OLD_FORM, StatusCode::FORBIDDEN))
        }
    }
}

/// A page for this user only, without scripts and frames.
fn html(page: &impl Template) -> Response {
    match page.render() {
        Ok(text) => Html(text)
            .with_header(CACHE_CONTROL, "no-store")
            .with_header(CONTENT_SECURITY_POLICY, SECURITY)
            .into_response(),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into(),
    }
}

/// Leaves a message for the page that is shown next.
fn tell(session: &Session, message: &str, page: &str) -> Result<Redirect, SessionRejection> {
    session.flash_message(message)?;
    Ok(Redirect::see_other(page))
}

#[handler]
fn style() -> impl IntoResponse {
    STYLE.with_content_type("text/css; charset=utf-8")
}

/// The application.
pub fn app(users: Users, sessions: Sessions) -> impl Endpoint {
    Route::new()
        .at("/", get(notes_page))
        .at("/sign-in", get(sign_in_page).post(sign_in))
        .at("/sign-out", post(sign_out))
        .at("/notes", post(add_note))
        .at("/notes/remove", post(remove_note))
        .at("/devices", get(devices_page))
        .at("/devices/end", post(end_device))
        .at("/devices/end-others", post(end_other_devices))
        .at("/password", post(change_password))
        .at("/style.css", get(style))
        .data(Arc::new(App { users, notes: Notes::default() }))
        .with(SessionLayer::new(sessions).sign_in_at("/sign-in").refuse_cross_site(&[]))
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    // a message to a visitor makes a session: a limit
    let sessions = Sessions::new(MemoryStore::with_max_sessions(100_000), keys::from_env("SESSION_KEY")?);
    // behind https, leave the policy as it is
    let app = app(notes_common::users_of_env()?, sessions.policy(Policy::PLAIN_HTTP));
    let listener = tokio::net::TcpListener::bind(notes_common::address()).await?;
    println!("listening on http://{}", listener.local_addr()?);
    Ok(Server::new_with_acceptor(TcpAcceptor::from_tokio(listener)?).run(app).await?)
}
