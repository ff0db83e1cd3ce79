//! Which request gets which page.

use core::time::Duration;

use heapless::String;
use picoserve::extract::FromRequestParts;
use picoserve::io::Read;
use picoserve::request::RequestParts;
use picoserve::response::{Connection, File, IntoResponse, Redirect, Response, ResponseWriter, StatusCode};
use picoserve::routing::{PathRouter, get, get_service, post};
use picoserve::{ResponseSent, Router};
use session_core::environment::{Clock, Time};
use session_picoserve::{App, Error, Failed, Requests, SessionLayer};

use crate::data::{Keeper, Settings};
use crate::device::{Device, Tried};
use crate::form::{BadForm, Form};
use crate::page::{Line, Page, SCRIPT, STYLE, Sorry, Span, View, line};

/// There is one account.
const OWNER: &str = "owner";
/// Characters of a password at least.
const SHORTEST: usize = 8;
/// A password of at most 128 bytes: the 64 characters that the page's fields hold, in most scripts.
type Password = String<128>;
/// Characters of a device's name at most.
const LONGEST_NAME: usize = 32;

type Session<P> = session_picoserve::Session<'static, P>;
type Peek<P> = session_picoserve::Peek<'static, P>;

/// What the handlers share.
pub(crate) struct Site<P: 'static, K: 'static> {
    pool: &'static P,
    device: &'static Device<K>,
}

impl<P, K> Clone for Site<P, K> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<P, K> Copy for Site<P, K> {}

/// The device's pages over a pool of sessions. The pool's policy has the device's idle timeout.
pub fn router<P: Requests, K: Keeper>(pool: &'static P, device: &'static Device<K>) -> Router<impl PathRouter> {
    Router::new()
        .route("/", get(home::<P, K>))
        .route("/first-boot", post(first_boot::<P, K>))
        .route("/sign-in", post(sign_in::<P, K>))
        .route("/sign-out", post(sign_out::<P>))
        .route("/readings", get(readings::<P, K>))
        .route("/settings", get(settings::<P, K>).post(save::<P, K>))
        .route("/step-up", post(step_up::<P, K>))
        .route("/style.css", get_service(File::css(STYLE)))
        .route("/app.js", get_service(File::javascript(SCRIPT)))
        .layer(SessionLayer::new(pool))
        .with_state(Site { pool, device })
}

// ---- pages -------------------------------------------------------------------------------------------------------

async fn home<P: Requests, K: Keeper>(session: Session<P>, App(site): App<Site<P, K>>, why: Why) -> Answered {
    if !site.device.has_password() {
        return Ok(site.page(View::FirstBoot).into());
    }
    if !signed_in(&session)? {
        let notice = match why {
            Why::SignedOut => line("You are signed out."),
            Why::Ended => line(format_args!(
                "Your session has expired: nobody used the page for {}, or you signed out in another window.",
                Span(site.device.limits.idle)
            )),
            Why::Nothing => Line::new(),
        };
        return Ok(site.page(View::SignIn).noting(notice).into());
    }
    let notice = session.take_flash(|text| line(text))?.unwrap_or_default();
    let now = site.now();
    let view = View::Dashboard {
        temperature: site.device.temperature(now),
        uptime: site.device.uptime(now),
        idle: site.device.limits.idle,
        wear: site.device.wear().await,
        csrf: session.csrf_token()?,
    };
    Ok(site.page(view).noting(notice).into())
}

/// What the dashboard polls: a peek, so that an open page does not keep its session alive.
async fn readings<P: Requests, K: Keeper>(session: Peek<P>, App(site): App<Site<P, K>>) -> Result<Readings, Failed> {
    let signed_in = session.subject(|subject| subject.is_some())?;
    let now = site.now();
    Ok(match session.expires_in()?.filter(|_| signed_in) {
        None => Readings::SignedOut,
        Some(idle) => Readings::Now {
            temperature: site.device.temperature(now),
            uptime: site.device.uptime(now).as_secs(),
            idle: idle.as_secs(),
        },
    })
}

async fn settings<P: Requests, K: Keeper>(session: Session<P>, App(site): App<Site<P, K>>) -> Answered {
    if !signed_in(&session)? {
        return Ok(Answer::See("/"));
    }
    let csrf = session.csrf_token()?;
    if !session.fresh(site.device.limits.step_up)? {
        return Ok(site.page(View::StepUp { csrf }).into());
    }
    let notice = session.take_flash(|text| line(text))?.unwrap_or_default();
    Ok(site.page(View::Settings { shown: site.device.settings(), csrf }).noting(notice).into())
}

// ---- forms -------------------------------------------------------------------------------------------------------

async fn first_boot<P: Requests, K: Keeper>(
    session: Session<P>,
    App(site): App<Site<P, K>>,
    _: OwnSite,
    form: Form,
) -> Answered {
    if site.device.has_password() {
        return Ok(Answer::See("/"));
    }
    let (password, repeat): (Password, Password) = (form.field("password")?, form.field("repeat")?);
    let problem = if password != repeat {
        "The two passwords are not the same."
    } else if password.chars().count() < SHORTEST {
        "The password is too short: at least 8 characters."
    } else if site.device.set_password(&password).await.is_err() {
        return Ok(site.not_kept(View::FirstBoot).into());
    } else {
        enter(&session).await?;
        return Ok(Answer::See("/"));
    };
    Ok(site.page(View::FirstBoot).wrong(StatusCode::BAD_REQUEST, problem).into())
}

async fn sign_in<P: Requests, K: Keeper>(
    session: Session<P>,
    App(site): App<Site<P, K>>,
    _: OwnSite,
    form: Form,
) -> Answered {
    if !site.device.has_password() {
        return Ok(Answer::See("/"));
    }
    let password: Password = form.field("password")?;
    match site.device.try_password(&password, site.now()) {
        Tried::Right => {
            enter(&session).await?;
            Ok(Answer::See("/"))
        }
        tried => Ok(refused(site.page(View::SignIn), tried).into()),
    }
}

async fn step_up<P: Requests, K: Keeper>(session: Session<P>, App(site): App<Site<P, K>>, form: Form) -> Answered {
    if !signed_in(&session)? {
        return Ok(Answer::See("/?ended"));
    }
    if !session.csrf_ok(&form.field::<64>("csrf")?)? {
        return Ok(Answer::Forged);
    }
    let password: Password = form.field("password")?;
    match site.device.try_password(&password, site.now()) {
        // the same subject signs in again: a new cookie, and the time of authentication is now
        Tried::Right => {
            enter(&session).await?;
            Ok(Answer::See("/settings"))
        }
        tried => Ok(refused(site.page(View::StepUp { csrf: session.csrf_token()? }), tried).into()),
    }
}

async fn save<P: Requests, K: Keeper>(session: Session<P>, App(site): App<Site<P, K>>, form: Form) -> Answered {
    if !signed_in(&session)? {
        return Ok(Answer::See("/?ended"));
    }
    if !session.csrf_ok(&form.field::<64>("csrf")?)? {
        return Ok(Answer::Forged);
    }
    let csrf = session.csrf_token()?;
    if !session.fresh(site.device.limits.step_up)? {
        let problem = "Nothing was saved yet: enter your password, then change the settings again.";
        return Ok(site.page(View::StepUp { csrf }).wrong(StatusCode::FORBIDDEN, problem).into());
    }
    let shown = site.device.settings();
    let wrong = |problem| site.page(View::Settings { shown, csrf }).wrong(StatusCode::BAD_REQUEST, problem);
    let name: String<192> = form.field("name")?;
    let fits =
        |name: &String<_>| (1..=LONGEST_NAME).contains(&name.chars().count()) && !name.contains(char::is_control);
    let Some(name) = String::try_from(name.trim()).ok().filter(fits) else {
        return Ok(wrong("Not saved: the name has 1 to 32 characters.").into());
    };
    let Some(interval) = form.field::<8>("interval")?.parse().ok().filter(|seconds| (1..=60).contains(seconds)) else {
        return Ok(wrong("Not saved: the interval is 1 to 60 seconds.").into());
    };
    let settings = Settings { name, interval };
    if site.device.set_settings(settings).await.is_err() {
        return Ok(site.not_kept(View::Settings { shown: site.device.settings(), csrf: session.csrf_token()? }).into());
    }
    session.flash("The settings are saved.")?;
    Ok(Answer::See("/settings"))
}

async fn sign_out<P: Requests>(session: Session<P>, form: Form) -> Answered {
    if signed_in(&session)? && !session.csrf_ok(&form.field::<64>("csrf")?)? {
        return Ok(Answer::Forged);
    }
    session.logout().await?;
    Ok(Answer::See("/?signed-out"))
}

// ---- what they share ---------------------------------------------------------------------------------------------

impl<P: Requests, K: Keeper> Site<P, K> {
    fn now(&self) -> Time {
        self.pool.sessions().clock().now()
    }

    fn page(&self, view: View) -> Page {
        Page::new(self.device.settings(), view)
    }

    fn not_kept(&self, view: View) -> Page {
        let problem = "Not saved: the device could not write its memory. Try again; if it stays so, it is worn out.";
        self.page(view).wrong(StatusCode::SERVICE_UNAVAILABLE, problem)
    }
}

fn signed_in<P: Requests>(session: &Session<P>) -> Result<bool, Error> {
    session.subject(|subject| subject.is_some())
}

/// The owner has proven who it is.
async fn enter<P: Requests>(session: &Session<P>) -> Result<(), Error> {
    let ticket = session.begin_login(OWNER).await?;
    session.login(ticket.without_data()).await
}

fn refused(page: Page, tried: Tried) -> Page {
    match tried {
        Tried::Right | Tried::Wrong => page.wrong(StatusCode::UNAUTHORIZED, "The password is wrong."),
        Tried::Wait(seconds) => {
            let problem =
                format_args!("Too many wrong passwords. Wait {}, then try again.", Span(Duration::from_secs(seconds)));
            Page { wait: seconds, ..page.wrong(StatusCode::TOO_MANY_REQUESTS, problem) }
        }
    }
}

type Answered = Result<Answer, Refused>;

/// An error of the session or of the form.
enum Refused {
    Session(Error),
    Form(BadForm),
}

impl From<Error> for Refused {
    fn from(error: Error) -> Self {
        Self::Session(error)
    }
}

impl From<BadForm> for Refused {
    fn from(error: BadForm) -> Self {
        Self::Form(error)
    }
}

impl IntoResponse for Refused {
    async fn write_to<R: Read, W: ResponseWriter<Error = R::Error>>(
        self,
        connection: Connection<'_, R>,
        writer: W,
    ) -> Result<ResponseSent, W::Error> {
        match self {
            Self::Session(error) => Sorry(StatusCode::new(error.status()), error).write_to(connection, writer).await,
            Self::Form(bad) => bad.write_to(connection, writer).await,
        }
    }
}

/// What a handler answers with.
#[allow(clippy::large_enum_variant)] // there is no heap to put the page on
enum Answer {
    Page(Page),
    /// 303: the next page, by GET.
    See(&'static str),
    /// A form that is not of this session, or of before its last sign-in.
    Forged,
}

impl From<Page> for Answer {
    fn from(page: Page) -> Self {
        Self::Page(page)
    }
}

impl IntoResponse for Answer {
    async fn write_to<R: Read, W: ResponseWriter<Error = R::Error>>(
        self,
        connection: Connection<'_, R>,
        writer: W,
    ) -> Result<ResponseSent, W::Error> {
        match self {
            Self::Page(page) => page.write_to(connection, writer).await,
            Self::See(place) => Redirect::to(place).write_to(connection, writer).await,
            Self::Forged => {
                let why = "This form is out of date or not from this device's pages. Open the page again, then repeat.";
                Sorry(StatusCode::FORBIDDEN, why).write_to(connection, writer).await
            }
        }
    }
}

enum Readings {
    Now { temperature: i16, uptime: u64, idle: u64 },
    SignedOut,
}

impl IntoResponse for Readings {
    async fn write_to<R: Read, W: ResponseWriter<Error = R::Error>>(
        self,
        connection: Connection<'_, R>,
        writer: W,
    ) -> Result<ResponseSent, W::Error> {
        let no_store = ("Cache-Control", "no-store");
        match self {
            Self::Now { temperature, uptime, idle } => {
                let body = format_args!("{{\"temperature\":{temperature},\"uptime\":{uptime},\"idle\":{idle}}}\n");
                let response = Response::ok(body).with_content_type("application/json");
                writer.write_response(connection, response.with_headers(no_store)).await
            }
            Self::SignedOut => {
                let response = Response::new(StatusCode::UNAUTHORIZED, "not signed in\n");
                writer.write_response(connection, response.with_headers(no_store)).await
            }
        }
    }
}

/// Why somebody comes to the sign-in page: `/?ended`, `/?signed-out`, or with a cookie that is worth nothing any more.
enum Why {
    Nothing,
    SignedOut,
    Ended,
}

impl<'r, S> FromRequestParts<'r, S> for Why {
    type Rejection = core::convert::Infallible;

    async fn from_request_parts(_: &'r S, parts: &RequestParts<'r>) -> Result<Self, Self::Rejection> {
        Ok(match parts.query().map(|query| query.0) {
            Some("ended") => Self::Ended,
            Some("signed-out") => Self::SignedOut,
            _ if parts.headers().get("cookie").is_some() => Self::SignedOut,
            _ => Self::Nothing,
        })
    }
}

/// The form was sent by one of our pages, as far as the browser says. Before a sign-in there is no session that a token
/// could be bound to, and none is made for visitors: a device has room for few.
struct OwnSite;

/// It was sent by another site's.
struct ForeignSite;

impl<'r, S> FromRequestParts<'r, S> for OwnSite {
    type Rejection = ForeignSite;

    async fn from_request_parts(_: &'r S, parts: &RequestParts<'r>) -> Result<Self, ForeignSite> {
        let header = |name| parts.headers().get(name);
        let own = match (header("sec-fetch-site"), header("origin"), header("host")) {
            (Some(site), _, _) => site == "same-origin" || site == "none",
            (None, Some(origin), Some(host)) => {
                let (origin, host) = (origin.as_raw(), host.as_raw());
                [&b"http://"[..], b"https://"].iter().any(|scheme| origin.strip_prefix(*scheme) == Some(host))
            }
            // neither is sent by old browsers and by programs
            (None, None, _) => true,
            (None, Some(_), None) => false,
        };
        if own { Ok(Self) } else { Err(ForeignSite) }
    }
}

impl IntoResponse for ForeignSite {
    async fn write_to<R: Read, W: ResponseWriter<Error = R::Error>>(
        self,
        connection: Connection<'_, R>,
        writer: W,
    ) -> Result<ResponseSent, W::Error> {
        Answer::Forged.write_to(connection, writer).await
    }
}
