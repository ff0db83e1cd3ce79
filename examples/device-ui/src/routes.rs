//! Which request gets which page.
//!
//! All requests go through one function and all answers are of one type, so that a board has the code that writes an answer
//! once and not once a route.

use core::time::Duration;

use heapless::String;
use picoserve::extract::FromRequestParts;
use picoserve::io::Read;
use picoserve::request::{Path, Request, RequestBody, RequestParts};
use picoserve::response::{ResponseWriter, StatusCode};
use picoserve::routing::{PathRouter, PathRouterService};
use picoserve::{ResponseSent, Router};
use session_core::environment::{Clock, Time};
use session_picoserve::{App, Error, Failed, Requests, SessionLayer, Ticket, WithSession};

use crate::answer::{Answer, Readings};
use crate::browsers;
use crate::data::{Keeper, Settings};
use crate::device::{Device, Tried};
use crate::form::{BadForm, Form};
use crate::page::{Page, SCRIPT, STYLE, Span, View, line};

/// There is one account.
const OWNER: &str = "owner";
/// Characters of a password at least.
const SHORTEST: usize = 8;
/// A password of at most 128 bytes: the 64 characters that the page's fields hold, in most scripts.
pub(crate) type Password = String<128>;
/// Characters of a device's name at most.
const LONGEST_NAME: usize = 32;

pub(crate) type Session<P> = session_picoserve::Session<'static, P>;
type Peek<P> = session_picoserve::Peek<'static, P>;

/// What the handlers share.
pub(crate) struct Site<P: 'static, K: 'static> {
    pool: &'static P,
    pub(crate) device: &'static Device<K>,
}

impl<P, K> Clone for Site<P, K> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<P, K> Copy for Site<P, K> {}

/// The device's pages over a pool of sessions, whose policy is [`Limits::policy`](crate::Limits::policy).
pub fn router<P: Requests, K: Keeper>(pool: &'static P, device: &'static Device<K>) -> Router<impl PathRouter> {
    Router::from_service(Pages).layer(SessionLayer::new(pool)).with_state(Site { pool, device })
}

/// What handlers see of a request besides its session.
type State<P, K> = WithSession<'static, Site<P, K>, P>;

struct Pages;

const PAGES: [&str; 3] = ["/", "/settings", "/browsers"];
const FORMS: [&str; 8] = [
    "/first-boot",
    "/sign-in",
    "/sign-out",
    "/settings",
    "/step-up",
    "/browsers/end",
    "/browsers/end-others",
    "/password",
];

impl<P: Requests, K: Keeper> PathRouterService<State<P, K>> for Pages {
    async fn call_path_router_service<R: Read, W: ResponseWriter<Error = R::Error>>(
        &self,
        state: &State<P, K>,
        (): (),
        _: Path<'_>,
        mut request: Request<'_, R>,
        writer: W,
    ) -> Result<ResponseSent, W::Error> {
        let Ok(App(site)) = App::from_request_parts(state, &request.parts).await;
        let answer = route(state, site, &request.parts, request.body_connection.body()).await;
        let answer = answer.unwrap_or_else(Answer::from);
        let head = request.parts.method() == "HEAD";
        let connection = request.body_connection.finalize().await?;
        answer.write(&site.device.settings(), head, connection, writer).await
    }
}

async fn route<P: Requests, K: Keeper, R: Read>(
    state: &State<P, K>,
    site: Site<P, K>,
    parts: &RequestParts<'_>,
    body: RequestBody<'_, R>,
) -> Answered {
    let (path, get) = (parts.path().encoded(), ["GET", "HEAD"].contains(&parts.method()));
    match (path, get) {
        ("/style.css", true) => return Ok(Answer::File("text/css", STYLE)),
        ("/app.js", true) => return Ok(Answer::File("text/javascript", SCRIPT)),
        ("/readings", true) => return readings(Peek::<P>::from_request_parts(state, parts).await?, site),
        (_, true) if PAGES.contains(&path) => {}
        (_, false) if FORMS.contains(&path) && parts.method() == "POST" => {}
        ("/readings" | "/style.css" | "/app.js", false) => return Ok(Answer::WrongMethod),
        _ if PAGES.contains(&path) || FORMS.contains(&path) => return Ok(Answer::WrongMethod),
        _ => return Ok(Answer::Nowhere),
    }
    let session = Session::<P>::from_request_parts(state, parts).await?;
    match path {
        "/" => return home(session, site, why(parts)).await,
        "/settings" if get => return settings(session, site),
        "/browsers" => return browsers::list(session, site).await,
        _ => {}
    }
    if ["/first-boot", "/sign-in"].contains(&path) && !own_site(parts) {
        return Ok(Answer::Forged);
    }
    let form = Form::read(body).await?;
    match path {
        "/first-boot" => first_boot(session, site, form, &browsers::name(parts)).await,
        "/sign-in" => sign_in(session, site, form, &browsers::name(parts)).await,
        "/sign-out" => sign_out(session, form).await,
        "/step-up" => step_up(session, site, form, &browsers::name(parts)).await,
        "/browsers/end" => browsers::end(session, form).await,
        "/browsers/end-others" => browsers::end_others(session, form).await,
        "/password" => browsers::change_password(session, site, form).await,
        _ => save(session, site, form).await,
    }
}

// ---- pages -------------------------------------------------------------------------------------------------------

async fn home<P: Requests, K: Keeper>(session: Session<P>, site: Site<P, K>, why: Why) -> Answered {
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
            Why::Nothing => return Ok(site.page(View::SignIn).into()),
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
fn readings<P: Requests, K: Keeper>(session: Peek<P>, site: Site<P, K>) -> Answered {
    let signed_in = session.subject(|subject| subject.is_some())?;
    let now = site.now();
    Ok(Answer::Readings(session.expires_in()?.filter(|_| signed_in).map(|idle| Readings {
        temperature: site.device.temperature(now),
        uptime: site.device.uptime(now).as_secs(),
        idle: idle.as_secs(),
    })))
}

fn settings<P: Requests, K: Keeper>(session: Session<P>, site: Site<P, K>) -> Answered {
    if !signed_in(&session)? {
        return Ok(Answer::See("/"));
    }
    let csrf = session.csrf_token()?;
    if !session.fresh(site.device.limits.step_up)? {
        return Ok(site.page(View::StepUp { csrf }).into());
    }
    let notice = session.take_flash(|text| line(text))?.unwrap_or_default();
    Ok(site.page(View::Settings { csrf }).noting(notice).into())
}

// ---- forms -------------------------------------------------------------------------------------------------------

async fn first_boot<P: Requests, K: Keeper>(
    session: Session<P>,
    site: Site<P, K>,
    form: Form<'_>,
    browser: &str,
) -> Answered {
    if site.device.has_password() {
        return Ok(Answer::See("/"));
    }
    let password = match chosen(&form)? {
        Ok(password) => password,
        Err(problem) => return Ok(site.page(View::FirstBoot).wrong(StatusCode::BAD_REQUEST, problem).into()),
    };
    let ticket = session.begin_login(OWNER).await?;
    if site.device.set_password(&password).await.is_err() {
        return Ok(site.not_kept(View::FirstBoot).into());
    }
    enter(&session, ticket, browser).await?;
    Ok(Answer::See("/"))
}

async fn sign_in<P: Requests, K: Keeper>(
    session: Session<P>,
    site: Site<P, K>,
    form: Form<'_>,
    browser: &str,
) -> Answered {
    if !site.device.has_password() {
        return Ok(Answer::See("/"));
    }
    let password: Password = form.field("password")?;
    // before the password is looked at: if it is changed meanwhile, this sign-in is refused
    let ticket = session.begin_login(OWNER).await?;
    match site.device.try_password(&password, site.now()).await {
        Tried::Right => {
            enter(&session, ticket, browser).await?;
            Ok(Answer::See("/"))
        }
        tried => Ok(refused(site.page(View::SignIn), tried).into()),
    }
}

async fn step_up<P: Requests, K: Keeper>(
    session: Session<P>,
    site: Site<P, K>,
    form: Form<'_>,
    browser: &str,
) -> Answered {
    if !signed_in(&session)? {
        return Ok(Answer::See("/?ended"));
    }
    if !session.csrf_ok(&form.field::<64>("csrf")?)? {
        return Ok(Answer::Forged);
    }
    let password: Password = form.field("password")?;
    let ticket = session.begin_login(OWNER).await?;
    match site.device.try_password(&password, site.now()).await {
        // the same subject signs in again: a new cookie, and the time of authentication is now
        Tried::Right => {
            enter(&session, ticket, browser).await?;
            Ok(Answer::See("/settings"))
        }
        tried => Ok(refused(site.page(View::StepUp { csrf: session.csrf_token()? }), tried).into()),
    }
}

async fn save<P: Requests, K: Keeper>(session: Session<P>, site: Site<P, K>, form: Form<'_>) -> Answered {
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
    let wrong = |problem| site.page(View::Settings { csrf }).wrong(StatusCode::BAD_REQUEST, problem);
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
        return Ok(site.not_kept(View::Settings { csrf: session.csrf_token()? }).into());
    }
    session.flash("The settings are saved.")?;
    Ok(Answer::See("/settings"))
}

async fn sign_out<P: Requests>(session: Session<P>, form: Form<'_>) -> Answered {
    if signed_in(&session)? && !session.csrf_ok(&form.field::<64>("csrf")?)? {
        return Ok(Answer::Forged);
    }
    session.logout().await?;
    Ok(Answer::See("/?signed-out"))
}

// ---- what they share ---------------------------------------------------------------------------------------------

impl<P: Requests, K: Keeper> Site<P, K> {
    pub(crate) fn now(&self) -> Time {
        self.pool.sessions().clock().now()
    }

    pub(crate) fn page(&self, view: View) -> Page {
        Page::new(view)
    }

    pub(crate) fn not_kept(&self, view: View) -> Page {
        let problem = "Not saved: the device could not write its memory. Try again; if it stays so, it is worn out.";
        self.page(view).wrong(StatusCode::SERVICE_UNAVAILABLE, problem)
    }
}

pub(crate) fn signed_in<P: Requests>(session: &Session<P>) -> Result<bool, Error> {
    session.subject(|subject| subject.is_some())
}

/// The owner has proven who it is.
async fn enter<P: Requests>(session: &Session<P>, ticket: Ticket<'_>, browser: &str) -> Result<(), Error> {
    session.login(ticket.without_data()).await?;
    session.set_label(browser)
}

/// The password that a form chooses, or what is wrong with it.
pub(crate) fn chosen(form: &Form<'_>) -> Result<Result<Password, &'static str>, BadForm> {
    let (password, repeat): (Password, Password) = (form.field("password")?, form.field("repeat")?);
    Ok(if password != repeat {
        Err("The two passwords are not the same.")
    } else if password.chars().count() < SHORTEST {
        Err("The password is too short: at least 8 characters.")
    } else {
        Ok(password)
    })
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

pub(crate) type Answered = Result<Answer, Refused>;

/// An error of the session or of the form.
pub(crate) enum Refused {
    Session(Error),
    Form(BadForm),
}

impl From<Error> for Refused {
    fn from(error: Error) -> Self {
        Self::Session(error)
    }
}

impl From<Failed> for Refused {
    fn from(error: Failed) -> Self {
        Self::Session(error.0)
    }
}

impl From<BadForm> for Refused {
    fn from(error: BadForm) -> Self {
        Self::Form(error)
    }
}

impl From<Refused> for Answer {
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::Session(error) => Self::Sorry(StatusCode::new(error.status()), line(error)),
            Refused::Form(bad) => Self::Sorry(bad.status(), line(bad)),
        }
    }
}

/// Why somebody comes to the sign-in page: `/?ended`, `/?signed-out`, or with a cookie that is worth nothing any more.
enum Why {
    Nothing,
    SignedOut,
    Ended,
}

fn why(parts: &RequestParts<'_>) -> Why {
    match parts.query().map(|query| query.0) {
        Some("ended") => Why::Ended,
        Some("signed-out") => Why::SignedOut,
        _ if parts.headers().get("cookie").is_some() => Why::SignedOut,
        _ => Why::Nothing,
    }
}

/// The form was sent by one of our pages, as far as the browser says. Before a sign-in there is no session that a token
/// could be bound to, and none is made for visitors: a device has room for few.
fn own_site(parts: &RequestParts<'_>) -> bool {
    let header = |name| parts.headers().get(name);
    match (header("sec-fetch-site"), header("origin"), header("host")) {
        (Some(site), _, _) => site == "same-origin" || site == "none",
        (None, Some(origin), Some(host)) => {
            let (origin, host) = (origin.as_raw(), host.as_raw());
            [&b"http://"[..], b"https://"].iter().any(|scheme| origin.strip_prefix(*scheme) == Some(host))
        }
        // neither is sent by old browsers and by programs
        (None, None, _) => true,
        (None, Some(_), None) => false,
    }
}
