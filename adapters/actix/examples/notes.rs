//! A small application as people write them: sign in, keep notes, see where one is signed in, sign out.
//!
//! `NOTES_PASSWORD='…' cargo run -p session-actix --example notes [ADDRESS]`, then http://127.0.0.1:8080, as `ann`. What has
//! nothing to do with actix-web or with sessions is in examples/notes-common.

use std::future::Future;
use std::net::TcpListener;
use std::pin::Pin;
use std::time::Instant;

use actix_web::dev::{Payload, Server};
use actix_web::error::ErrorForbidden;
use actix_web::http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, ContentType, USER_AGENT};
use actix_web::web::{self, Data, Form, FormConfig, Redirect};
use actix_web::{App, FromRequest, HttpRequest, HttpResponse, HttpServer};
use notes_common::{
    self, Checked, Device, DevicesPage, Fields, Notes, NotesPage, SECURITY, STYLE, SignInPage, Template, Users, words,
};
use session_actix::{
    Authenticated, Error, MemoryStore, Policy, Session, SessionLayer, SessionRejection, Sessions, keys,
};

/// A form takes no more bytes than this.
const LARGEST: usize = 16 << 10;

/// What all handlers share.
struct Kept {
    users: Users,
    notes: Notes,
}

type Shared = Data<Kept>;

// ---- signing in and out ------------------------------------------------------------------------------------------

async fn sign_in_page(session: Session) -> Result<HttpResponse, SessionRejection> {
    let (csrf, message) = notes_common::token_and_message(&session).await?;
    Ok(html(&SignInPage { csrf, message }))
}

async fn sign_in(app: Shared, request: HttpRequest, sent: Sent) -> Result<Redirect, SessionRejection> {
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
            let browser = request.headers().get(USER_AGENT).and_then(|agent| agent.to_str().ok());
            session.set_label(&notes_common::device_name(browser.unwrap_or_default()))?;
            Ok(Redirect::to("/").see_other())
        }
        Checked::Wrong => {
            session.login_failed(app.users.account(&fields.name), "wrong password")?;
            tell(&session, words::WRONG, "/sign-in")
        }
        Checked::Wait(left) => tell(&session, &words::wait(left), "/sign-in"),
    }
}

/// Hashing takes its time: not where other requests wait for it. A check that panicked proves nothing.
async fn check(app: Shared, name: String, password: String) -> Checked {
    let checked = web::block(move || app.users.check(&name, &password, Instant::now()));
    checked.await.unwrap_or(Checked::Wrong)
}

async fn sign_out(user: Authenticated, _sent: Sent) -> Result<Redirect, SessionRejection> {
    user.session.logout().await?;
    Ok(Redirect::to("/sign-in").see_other())
}

// ---- notes -------------------------------------------------------------------------------------------------------

async fn notes_page(user: Authenticated, app: Shared) -> Result<HttpResponse, SessionRejection> {
    let Authenticated { subject: user, session } = user;
    let (csrf, message) = notes_common::token_and_message(&session).await?;
    Ok(html(&NotesPage { notes: app.notes.of(&user), user, csrf, message }))
}

async fn add_note(user: Authenticated, app: Shared, sent: Sent) -> Result<Redirect, SessionRejection> {
    let added = app.notes.add(&user.subject, &sent.fields.text);
    tell(&sent.session, if added { words::ADDED } else { words::NO_NOTE }, "/")
}

async fn remove_note(user: Authenticated, app: Shared, sent: Sent) -> Result<Redirect, SessionRejection> {
    app.notes.remove(&user.subject, sent.fields.id);
    tell(&sent.session, words::REMOVED, "/")
}

// ---- devices -----------------------------------------------------------------------------------------------------

async fn devices_page(user: Authenticated) -> Result<HttpResponse, SessionRejection> {
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

async fn change_password(user: Authenticated, app: Shared, sent: Sent) -> Result<Redirect, SessionRejection> {
    let (name, fields) = (user.subject, sent.fields);
    let change = move || app.users.change(&name, &fields.password, &fields.new, Instant::now());
    match web::block(change).await.unwrap_or_else(|_| Err(words::NOT_YOURS.into())) {
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

impl FromRequest for Sent {
    type Error = actix_web::Error;
    type Future = Pin<Box<dyn Future<Output = actix_web::Result<Self>>>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let session = Session::from_request(request, payload);
        let form = Form::<Fields>::from_request(request, payload);
        Box::pin(async move {
            let session = session.await?;
            let Form(fields) = form.await?;
            if notes_common::token_ok(&session, &fields.csrf).map_err(SessionRejection)? {
                Ok(Self { session, fields })
            } else {
                Err(ErrorForbidden(words::OLD_FORM))
            }
        })
    }
}

/// A page for this user only, without scripts and frames.
fn html(page: &impl Template) -> HttpResponse {
    match page.render() {
        Ok(text) => HttpResponse::Ok()
            .content_type(ContentType::html())
            .insert_header((CACHE_CONTROL, "no-store"))
            .insert_header((CONTENT_SECURITY_POLICY, SECURITY))
            .body(text),
        Err(_) => HttpResponse::InternalServerError().finish(),
    }
}

/// Leaves a message for the page that is shown next.
fn tell(session: &Session, message: &str, page: &'static str) -> Result<Redirect, SessionRejection> {
    session.flash_message(message)?;
    Ok(Redirect::to(page).see_other())
}

async fn style() -> HttpResponse {
    HttpResponse::Ok().content_type("text/css; charset=utf-8").body(STYLE)
}

fn routes(config: &mut web::ServiceConfig) {
    config
        .route("/", web::get().to(notes_page))
        .route("/sign-in", web::get().to(sign_in_page))
        .route("/sign-in", web::post().to(sign_in))
        .route("/sign-out", web::post().to(sign_out))
        .route("/notes", web::post().to(add_note))
        .route("/notes/remove", web::post().to(remove_note))
        .route("/devices", web::get().to(devices_page))
        .route("/devices/end", web::post().to(end_device))
        .route("/devices/end-others", web::post().to(end_other_devices))
        .route("/password", web::post().to(change_password))
        .route("/style.css", web::get().to(style));
}

/// The application, serving.
pub fn serve(listener: TcpListener, users: Users, sessions: Sessions) -> std::io::Result<Server> {
    // what all workers share is made here, and not in the factory, which runs in each of them
    let shared = Data::new(Kept { users, notes: Notes::default() });
    let app = move || {
        App::new()
            .app_data(shared.clone())
            .app_data(FormConfig::default().limit(LARGEST))
            .configure(routes)
            .wrap(SessionLayer::new(sessions.clone()).sign_in_at("/sign-in").refuse_cross_site(&[]))
    };
    Ok(HttpServer::new(app).listen(listener)?.run())
}

#[actix_web::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    // a message to a visitor makes a session: a limit
    let sessions = Sessions::new(MemoryStore::with_max_sessions(100_000), keys::from_env("SESSION_KEY")?);
    let listener = TcpListener::bind(notes_common::address())?;
    println!("listening on http://{}", listener.local_addr()?);
    // behind https, leave the policy as it is
    Ok(serve(listener, notes_common::users_of_env()?, sessions.policy(Policy::PLAIN_HTTP))?.await?)
}
