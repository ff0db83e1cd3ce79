//! A small application as people write them: sign in, keep notes, see where one is signed in, sign out.
//!
//! `NOTES_PASSWORD='…' cargo run -p session-rocket --example notes`, then http://127.0.0.1:8000, as `ann`. What has nothing
//! to do with Rocket or with sessions is in examples/notes-common.

use std::sync::Arc;
use std::time::Instant;

use notes_common::{self, Checked, Device, DevicesPage, Notes, NotesPage, SECURITY, STYLE, SignInPage, Users, words};
use rocket::data::{self, FromData};
use rocket::fairing::AdHoc;
use rocket::figment::Figment;
use rocket::form::{Form, FromForm};
use rocket::http::{ContentType, Header, Status};
use rocket::outcome::Outcome;
use rocket::request::{self, FromRequest};
use rocket::response::content::RawCss;
use rocket::response::{Redirect, Responder};
use rocket::tokio::task::spawn_blocking;
use rocket::{Build, Config, Data, Request, Rocket, State, catch, catchers, get, post, routes};
use rocket_dyn_templates::Template;
use serde::Serialize;
use session_rocket::{Authenticated, Error, MemoryStore, Session, SessionLayer, SessionRejection};

// ---- signing in and out ------------------------------------------------------------------------------------------

#[get("/sign-in")]
async fn sign_in_page(session: Session) -> Result<Page, SessionRejection> {
    let (csrf, message) = notes_common::token_and_message(&session).await?;
    Ok(Page::of("sign-in", &SignInPage { csrf, message }))
}

#[post("/sign-in", data = "<sent>")]
async fn sign_in(sent: Sent, browser: Browser<'_>, users: &State<Arc<Users>>) -> Result<Redirect, SessionRejection> {
    let Sent { session, fields } = sent;
    // before the password is checked: if it is changed meanwhile, this login is refused
    let attempt = match session.begin_login(&fields.name).await {
        Err(Error::BadText) => return tell(&session, words::WRONG, "/sign-in"),
        attempt => attempt?,
    };
    match check(users.inner().clone(), fields.name.clone(), fields.password).await {
        Checked::Right => {
            let attempt = if fields.remember { attempt.remembered() } else { attempt };
            session.login(attempt.without_data()).await?;
            session.set_label(&notes_common::device_name(browser.0))?;
            Ok(Redirect::to("/"))
        }
        Checked::Wrong => {
            session.login_failed(users.account(&fields.name), "wrong password")?;
            tell(&session, words::WRONG, "/sign-in")
        }
        Checked::Wait(left) => tell(&session, &words::wait(left), "/sign-in"),
    }
}

/// Hashing takes its time: not where other requests wait for it. A check that panicked proves nothing.
async fn check(users: Arc<Users>, name: String, password: String) -> Checked {
    spawn_blocking(move || users.check(&name, &password, Instant::now())).await.unwrap_or(Checked::Wrong)
}

#[post("/sign-out", data = "<_sent>")]
async fn sign_out(user: Authenticated, _sent: Sent) -> Result<Redirect, SessionRejection> {
    user.session.logout().await?;
    Ok(Redirect::to("/sign-in"))
}

// ---- notes -------------------------------------------------------------------------------------------------------

#[get("/")]
async fn notes_page(user: Authenticated, notes: &State<Notes>) -> Result<Page, SessionRejection> {
    let Authenticated { subject: user, session } = user;
    let (csrf, message) = notes_common::token_and_message(&session).await?;
    Ok(Page::of("notes", &NotesPage { notes: notes.of(&user), user, csrf, message }))
}

#[post("/notes", data = "<sent>")]
fn add_note(user: Authenticated, sent: Sent, notes: &State<Notes>) -> Result<Redirect, SessionRejection> {
    let added = notes.add(&user.subject, &sent.fields.text);
    tell(&user.session, if added { words::ADDED } else { words::NO_NOTE }, "/")
}

#[post("/notes/remove", data = "<sent>")]
fn remove_note(user: Authenticated, sent: Sent, notes: &State<Notes>) -> Result<Redirect, SessionRejection> {
    notes.remove(&user.subject, sent.fields.id);
    tell(&user.session, words::REMOVED, "/")
}

// ---- devices -----------------------------------------------------------------------------------------------------

#[get("/devices")]
async fn devices_page(user: Authenticated) -> Result<Page, SessionRejection> {
    let Authenticated { subject: user, session } = user;
    let devices = session.list().await?.iter().map(Device::of).collect();
    let (csrf, message) = notes_common::token_and_message(&session).await?;
    Ok(Page::of("devices", &DevicesPage { user, devices, csrf, message }))
}

#[post("/devices/end", data = "<sent>")]
async fn end_device(user: Authenticated, sent: Sent) -> Result<Redirect, SessionRejection> {
    let ended = user.session.revoke(&sent.fields.handle).await?;
    tell(&user.session, if ended { words::ENDED } else { words::ENDED_ALREADY }, "/devices")
}

#[post("/devices/end-others", data = "<_sent>")]
async fn end_other_devices(user: Authenticated, _sent: Sent) -> Result<Redirect, SessionRejection> {
    let ended = user.session.revoke_others().await?;
    tell(&user.session, &words::ended_others(ended), "/devices")
}

#[post("/password", data = "<sent>")]
async fn change_password(
    user: Authenticated,
    sent: Sent,
    users: &State<Arc<Users>>,
) -> Result<Redirect, SessionRejection> {
    let (users, name, fields) = (users.inner().clone(), user.subject, sent.fields);
    let change = move || users.change(&name, &fields.password, &fields.new, Instant::now());
    match spawn_blocking(change).await.unwrap_or_else(|_| Err(words::NOT_YOURS.into())) {
        Ok(()) => tell(&user.session, &words::changed(user.session.revoke_others().await?), "/devices"),
        Err(why) => tell(&user.session, &why, "/devices"),
    }
}

// ---- forms and pages ---------------------------------------------------------------------------------------------

/// The fields of all our forms.
#[derive(FromForm)]
struct Fields {
    #[field(default = String::new())]
    csrf: String,
    #[field(default = String::new())]
    name: String,
    #[field(default = String::new())]
    password: String,
    #[field(default = String::new())]
    new: String,
    remember: bool,
    #[field(default = String::new())]
    text: String,
    #[field(default = 0)]
    id: u64,
    #[field(default = String::new())]
    handle: String,
}

/// A form of one of our pages: a handler that asks for it is not called for a form that another site made.
struct Sent {
    session: Session,
    fields: Fields,
}

#[rocket::async_trait]
impl<'r> FromData<'r> for Sent {
    type Error = ();

    async fn from_data(request: &'r Request<'_>, data: Data<'r>) -> data::Outcome<'r, Self> {
        let session = match request.guard::<Session>().await {
            Outcome::Success(session) => session,
            Outcome::Error((status, _)) | Outcome::Forward(status) => return Outcome::Error((status, ())),
        };
        let fields = match Form::<Fields>::from_data(request, data).await {
            Outcome::Success(form) => form.into_inner(),
            Outcome::Error((status, _)) => return Outcome::Error((status, ())),
            Outcome::Forward((_, status)) => return Outcome::Error((status, ())),
        };
        match notes_common::token_ok(&session, &fields.csrf) {
            Ok(true) => Outcome::Success(Self { session, fields }),
            Ok(false) => Outcome::Error((Status::Forbidden, ())),
            Err(_) => Outcome::Error((Status::ServiceUnavailable, ())),
        }
    }
}

#[catch(403)]
fn old_form() -> (ContentType, &'static str) {
    (ContentType::Plain, words::OLD_FORM)
}

/// What the client says that it is.
struct Browser<'r>(&'r str);

#[rocket::async_trait]
impl<'r> FromRequest<'r> for Browser<'r> {
    type Error = std::convert::Infallible;

    async fn from_request(request: &'r Request<'_>) -> request::Outcome<Self, Self::Error> {
        Outcome::Success(Self(request.headers().get_one("User-Agent").unwrap_or_default()))
    }
}

/// A page for this user only.
#[derive(Responder)]
struct Page(Template, Header<'static>);

impl Page {
    fn of(template: &'static str, page: &impl Serialize) -> Self {
        Self(Template::render(template, page), Header::new("Cache-Control", "no-store"))
    }
}

/// Leaves a message for the page that is shown next.
fn tell(session: &Session, message: &str, page: &'static str) -> Result<Redirect, SessionRejection> {
    session.flash_message(message)?;
    Ok(Redirect::to(page))
}

#[get("/style.css")]
fn style() -> RawCss<&'static str> {
    RawCss(STYLE)
}

/// The application.
pub fn app(figment: Figment, users: Users) -> Rocket<Build> {
    let templates = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/templates");
    let no_scripts = AdHoc::on_response("no scripts", |_, answer| {
        Box::pin(async move {
            answer.set_raw_header("Content-Security-Policy", SECURITY);
        })
    });
    let pages = routes![sign_in_page, sign_in, sign_out, notes_page, add_note, remove_note, style];
    let devices = routes![devices_page, end_device, end_other_devices, change_password];
    // a message to a visitor makes a session: a limit
    let sessions =
        SessionLayer::configured(MemoryStore::with_max_sessions(100_000)).sign_in_at("/sign-in").refuse_cross_site(&[]);
    rocket::custom(figment.join(("template_dir", templates)))
        .attach(Template::fairing())
        .attach(no_scripts)
        .attach(sessions)
        .manage(Arc::new(users))
        .manage(Notes::default())
        .mount("/", pages)
        .mount("/", devices)
        .register("/", catchers![old_form])
}

#[rocket::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    // behind https, take the second half out
    let figment = Config::figment().join(("session.plain_http", true));
    app(figment, notes_common::users_of_env()?).launch().await?;
    Ok(())
}
