//! A small application as people write them: sign in, keep notes, see where one is signed in, sign out.
//!
//! `NOTES_PASSWORD='…' cargo run -p session-axum --example notes [ADDRESS]`, then http://127.0.0.1:8080, as `ann`. What has
//! nothing to do with axum or with sessions is in examples/notes-common.

use std::sync::Arc;
use std::time::Instant;

use axum::Router;
use axum::extract::{DefaultBodyLimit, Form, FromRequest, FromRequestParts, Request, State};
use axum::http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, USER_AGENT};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{Html, IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use notes_common::{
    self, Checked, Device, DevicesPage, Fields, Notes, NotesPage, SECURITY, STYLE, SignInPage, Template, Users, words,
};
use session_axum::{
    Authenticated, Error, MemoryStore, Policy, Session, SessionLayer, SessionRejection, Sessions, keys,
};

/// A form takes no more bytes than this.
const LARGEST: usize = 16 << 10;

/// What all handlers share.
struct App {
    users: Users,
    notes: Notes,
}

type Shared = State<Arc<App>>;

// ---- signing in and out ------------------------------------------------------------------------------------------

async fn sign_in_page(session: Session) -> Result<Response, SessionRejection> {
    let (csrf, message) = notes_common::token_and_message(&session).await?;
    Ok(html(&SignInPage { csrf, message }))
}

async fn sign_in(State(app): Shared, headers: HeaderMap, sent: Sent) -> Result<Redirect, SessionRejection> {
    let Sent { session, fields } = sent;
    // before the password is checked: if it is changed meanwhile, this login is refused
    let attempt = match session.begin_login(&fields.name).await {
        Err(Error::BadText) => return tell(&session, words::WRONG, "/sign-in"),
        attempt => attempt?,
    };
    match check(app.clone(), fields.name.clone(), fields.password).await {
        Checked::Right => {
            let attempt = if fields.remember.is_some() { attempt.remembered() } else { attempt };
            session.login(attempt.without_data()).await?;
            let browser = headers.get(USER_AGENT).and_then(|agent| agent.to_str().ok());
            session.set_label(&notes_common::device_name(browser.unwrap_or_default()))?;
            Ok(Redirect::to("/"))
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

async fn sign_out(user: Authenticated, _sent: Sent) -> Result<Redirect, SessionRejection> {
    user.session.logout().await?;
    Ok(Redirect::to("/sign-in"))
}

// ---- notes -------------------------------------------------------------------------------------------------------

async fn notes_page(user: Authenticated, State(app): Shared) -> Result<Response, SessionRejection> {
    let Authenticated { subject: user, session } = user;
    let (csrf, message) = notes_common::token_and_message(&session).await?;
    Ok(html(&NotesPage { notes: app.notes.of(&user), user, csrf, message }))
}

async fn add_note(user: Authenticated, State(app): Shared, sent: Sent) -> Result<Redirect, SessionRejection> {
    let added = app.notes.add(&user.subject, &sent.fields.text);
    tell(&sent.session, if added { words::ADDED } else { words::NO_NOTE }, "/")
}

async fn remove_note(user: Authenticated, State(app): Shared, sent: Sent) -> Result<Redirect, SessionRejection> {
    app.notes.remove(&user.subject, sent.fields.id);
    tell(&sent.session, words::REMOVED, "/")
}

// ---- devices -----------------------------------------------------------------------------------------------------

async fn devices_page(user: Authenticated) -> Result<Response, SessionRejection> {
    let Authenticated { subject: user, session } = user;
    let devices = session.list().await?.iter().map(Device::of).collect();
    let (csrf, message) = notes_common::token_and_message(&session).await?;
    Ok(html(&DevicesPage { user, devices, csrf, message }))
}

async fn end_device(user: Authenticated, sent: Sent) -> Result<Redirect, SessionRejection> {
    let ended = user.session.revoke(&sent.fields.handle).await?;
    tell(&user.session, if ended { words::ENDED } else { words::ENDED_ALREADY }, "/devices")
}

async fn end_other_devices(user: Authenticated, _sent: Sent) -> Result<Redirect, SessionRejection> {
    let ended = user.session.revoke_others().await?;
    tell(&user.session, &words::ended_others(ended), "/devices")
}

async fn change_password(user: Authenticated, State(app): Shared, sent: Sent) -> Result<Redirect, SessionRejection> {
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

impl<S: Send + Sync> FromRequest<S> for Sent {
    type Rejection = Response;

    async fn from_request(request: Request, state: &S) -> Result<Self, Response> {
        let (mut parts, body) = request.into_parts();
        let session = Session::from_request_parts(&mut parts, state).await.map_err(SessionRejection::into_response)?;
        let form = Form::<Fields>::from_request(Request::from_parts(parts, body), state).await;
        let Form(fields) = form.map_err(IntoResponse::into_response)?;
        match notes_common::token_ok(&session, &fields.csrf) {
            Ok(true) => Ok(Self { session, fields }),
            Ok(false) => Err((StatusCode::FORBIDDEN, words::OLD_FORM).into_response()),
            Err(error) => Err(SessionRejection(error).into_response()),
        }
    }
}

/// A page for this user only, without scripts and frames.
fn html(page: &impl Template) -> Response {
    match page.render() {
        Ok(text) => ([(CACHE_CONTROL, "no-store"), (CONTENT_SECURITY_POLICY, SECURITY)], Html(text)).into_response(),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

/// Leaves a message for the page that is shown next.
fn tell(session: &Session, message: &str, page: &str) -> Result<Redirect, SessionRejection> {
    session.flash_message(message)?;
    Ok(Redirect::to(page))
}

async fn style() -> impl IntoResponse {
    ([(CONTENT_TYPE, "text/css; charset=utf-8")], STYLE)
}

/// The application.
pub fn app(users: Users, sessions: Sessions) -> Router {
    Router::new()
        .route("/", get(notes_page))
        .route("/sign-in", get(sign_in_page).post(sign_in))
        .route("/sign-out", post(sign_out))
        .route("/notes", post(add_note))
        .route("/notes/remove", post(remove_note))
        .route("/devices", get(devices_page))
        .route("/devices/end", post(end_device))
        .route("/devices/end-others", post(end_other_devices))
        .route("/password", post(change_password))
        .route("/style.css", get(style))
        .with_state(Arc::new(App { users, notes: Notes::default() }))
        .layer(DefaultBodyLimit::max(LARGEST))
        .layer(SessionLayer::new(sessions).sign_in_at("/sign-in").refuse_cross_site(&[]))
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    // a message to a visitor makes a session: a limit
    let sessions = Sessions::new(MemoryStore::with_max_sessions(100_000), keys::from_env("SESSION_KEY")?);
    // behind https, leave the policy as it is
    let app = app(notes_common::users_of_env()?, sessions.policy(Policy::PLAIN_HTTP));
    let listener = tokio::net::TcpListener::bind(notes_common::address()).await?;
    println!("listening on http://{}", listener.local_addr()?);
    Ok(axum::serve(listener, app).await?)
}
