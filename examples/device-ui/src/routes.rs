//! Which request gets which page.
//!
//! All requests go through one function and all answers are of one type, so that a board has the code that writes an answer
//! once and not once a route. What several handlers do is done once, before them.

use heapless::String;
use picoserve::extract::FromRequestParts;
use picoserve::io::Read;
use picoserve::request::{Path, Request, RequestBody, RequestParts};
use picoserve::response::{ResponseWriter, StatusCode};
use picoserve::routing::{PathRouter, PathRouterService};
use picoserve::{ResponseSent, Router};
use session_core::environment::{Clock, Time};
use session_picoserve::{App, Error, Requests, SessionLayer, WithSession};

use crate::answer::{Answer, Answered, Readings};
use crate::browsers;
use crate::data::{Keeper, Settings};
use crate::device::{Device, Tried, seconds};
use crate::form::{Field, Form, LONGEST_FIELD};
use crate::page::{Next, Page, SCRIPT, STYLE, Span, View, line};
use crate::password::is_common;
use crate::setup::Shown;

/// There is one account.
const OWNER: &str = "owner";
/// Characters of a password at least, for it is the only factor (NIST SP 800-63B-4, 3.1.1.2), and its bytes at most: the 64
/// characters that the page's fields hold, in most scripts. A board has no room for the form of two longer ones.
const SHORTEST: usize = 15;
const LONGEST: usize = 128;
/// Characters of a device's name at most.
const LONGEST_NAME: usize = 32;

type Session<P> = session_picoserve::Session<'static, P>;
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
    let sessions = SessionLayer::new(pool).refuse_cross_site(&[]);
    Router::from_service(Pages).layer(sessions).with_state(Site { pool, device })
}

/// What handlers see of a request besides its session.
type State<P, K> = WithSession<'static, Site<P, K>, P>;

struct Pages;

/// What can be asked for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Style,
    Script,
    Readings,
    Home,
    Settings,
    Browsers,
    FirstBoot,
    SignIn,
    SignOut,
    StepUp,
    Save,
    End,
    EndOthers,
    Password,
}

/// Each with its path, and whether it takes a form.
const PLACES: [(&str, bool, Place); 14] = [
    ("/style.css", false, Place::Style),
    ("/app.js", false, Place::Script),
    ("/readings", false, Place::Readings),
    ("/", false, Place::Home),
    ("/settings", false, Place::Settings),
    ("/browsers", false, Place::Browsers),
    ("/first-boot", true, Place::FirstBoot),
    ("/sign-in", true, Place::SignIn),
    ("/sign-out", true, Place::SignOut),
    ("/step-up", true, Place::StepUp),
    ("/settings", true, Place::Save),
    ("/browsers/end", true, Place::End),
    ("/browsers/end-others", true, Place::EndOthers),
    ("/password", true, Place::Password),
];

/// Which it is, or why it is none.
fn place(parts: &RequestParts<'_>) -> Result<Place, Answer> {
    let form = match parts.method() {
        "GET" | "HEAD" => Some(false),
        "POST" => Some(true),
        _ => None,
    };
    let mut otherwise = Answer::Nowhere;
    for (path, takes_form, place) in PLACES {
        if parts.path().encoded() == path {
            if form == Some(takes_form) {
                return Ok(place);
            }
            otherwise = Answer::WrongMethod;
        }
    }
    Err(otherwise)
}

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
        let mut page = Page::new();
        let answer = route(state, site, &request.parts, request.body_connection.body(), &mut page).await;
        let answer = answer.unwrap_or_else(|instead| instead);
        let head = request.parts.method() == "HEAD";
        let connection = request.body_connection.finalize().await?;
        answer.write(&page, &site.device.settings(), head, connection, writer).await
    }
}

async fn route<P: Requests, K: Keeper, R: Read>(
    state: &State<P, K>,
    site: Site<P, K>,
    parts: &RequestParts<'_>,
    body: RequestBody<'_, R>,
    page: &mut Page,
) -> Answered {
    if !site.device.is_called(parts.headers().get("host").map(|host| host.as_raw()).unwrap_or_default()) {
        return Ok(Answer::Misdirected);
    }
    let place = place(parts)?;
    page.proof = site.device.asks_for();
    match place {
        Place::Style => return Ok(Answer::File("text/css", STYLE)),
        Place::Script => return Ok(Answer::File("text/javascript", SCRIPT)),
        Place::Readings => return readings(Peek::<P>::from_request_parts(state, parts).await?, site),
        _ => {}
    }
    let session = Session::<P>::from_request_parts(state, parts).await?;
    let mut visit = Visit { session, site, page };
    match place {
        Place::Home => return home(&mut visit, why(parts)).await,
        Place::Settings => return settings(&mut visit).await,
        Place::Browsers => return browsers::list(&mut visit).await,
        _ => {}
    }
    let form = Form::read(body).await?;
    // before a sign-in there is no session that a token could be bound to, and none is made for visitors: a device has room
    // for few
    if ![Place::FirstBoot, Place::SignIn].contains(&place) {
        match visit.signed_in() {
            true if visit.session.csrf_ok(&form.field("csrf", 64)?) => {}
            true => return Ok(Answer::Forged),
            // there is nothing to protect
            false if place == Place::SignOut => {}
            false => return Ok(Answer::See("/?ended")),
        }
    }
    match place {
        Place::SignOut => sign_out(&mut visit).await,
        Place::Save => save(&mut visit, &form).await,
        Place::End => browsers::end(&mut visit, &form).await,
        Place::EndOthers => browsers::end_others(&mut visit).await,
        Place::Password => browsers::change_password(&mut visit, &form).await,
        Place::FirstBoot => enter(&mut visit, View::FirstBoot, &form, parts).await,
        Place::StepUp => enter(&mut visit, View::StepUp, &form, parts).await,
        _ => enter(&mut visit, View::SignIn, &form, parts).await,
    }
}

// ---- pages -------------------------------------------------------------------------------------------------------

async fn home<P: Requests, K: Keeper>(visit: &mut Visit<'_, P, K>, why: Why) -> Answered {
    let device = visit.site.device;
    if !device.has_password() {
        return Ok(visit.page.show(View::FirstBoot));
    }
    if !visit.signed_in() {
        visit.page.notice = match why {
            Why::Nothing => line(""),
            Why::SignedOut => line("You are signed out."),
            Why::Ended => line(format_args!(
                "Your session has expired: nobody used the page for {}, or you signed out in another window.",
                Span(seconds(device.limits.idle))
            )),
        };
        return Ok(visit.page.show(View::SignIn));
    }
    visit.page.readings = visit.site.readings(seconds(device.limits.idle));
    visit.page.wear = device.wear().await;
    visit.open(View::Dashboard).await
}

/// What the dashboard polls: a peek, so that an open page does not keep its session alive.
fn readings<P: Requests, K: Keeper>(session: Peek<P>, site: Site<P, K>) -> Answered {
    let idle = session.expires_in().filter(|_| session.subject().is_some());
    Ok(Answer::Readings(idle.map(|idle| site.readings(seconds(idle)))))
}

async fn settings<P: Requests, K: Keeper>(visit: &mut Visit<'_, P, K>) -> Answered {
    if !visit.signed_in() {
        return Ok(Answer::See("/"));
    }
    if visit.session.authenticated_within(visit.site.device.limits.step_up) {
        return visit.open(View::Settings).await;
    }
    visit.give_token()?;
    Ok(visit.page.show(View::StepUp))
}

// ---- forms -------------------------------------------------------------------------------------------------------

/// Whoever knows the password is the owner, and at first boot whoever chooses it and holds the device. A step-up signs in again: a new cookie,
/// and the time of authentication is now.
async fn enter<P: Requests, K: Keeper>(
    visit: &mut Visit<'_, P, K>,
    view: View,
    form: &Form<'_>,
    parts: &RequestParts<'_>,
) -> Answered {
    let (device, first) = (visit.site.device, view == View::FirstBoot);
    if form.field("next", 16).is_ok_and(|next| next == Next::Browsers.path()) {
        visit.page.next = Next::Browsers;
    }
    if device.has_password() == first {
        return Ok(Answer::See("/"));
    }
    let password = if first { visit.chosen(view, form)? } else { form.field("password", LONGEST)? };
    // before the password is looked at: if it is changed meanwhile, this sign-in is refused
    let attempt = visit.session.begin_login(OWNER).await?;
    if first {
        visit.holds_the_device(form)?;
        if device.set_password(&password).await.is_err() {
            return Ok(visit.not_kept(view));
        }
    } else {
        let mut lines = parts.headers().iter().filter(|(name, _)| *name == "cookie");
        let known = visit.signed_in() || lines.any(|(_, line)| device.has_mark(line.as_raw()));
        match device.try_password(&password, known, visit.site.now()).await {
            Tried::Right => {}
            tried => return visit.refused(view, tried),
        }
    }
    visit.session.login(attempt.without_data()).await?;
    visit.session.set_label(&browsers::name(parts))?;
    visit.page.mark = Some(device.mark());
    Ok(Answer::See(if view == View::StepUp { visit.page.next.path() } else { "/" }))
}

async fn save<P: Requests, K: Keeper>(visit: &mut Visit<'_, P, K>, form: &Form<'_>) -> Answered {
    visit.ask_again(Next::Settings, "Nothing was saved yet: enter your password, then change the settings again.")?;
    let mut wrong = |problem| Ok(visit.page.wrong(View::Settings, StatusCode::BAD_REQUEST, problem));
    let name = form.field("name", LONGEST_FIELD)?;
    let fits =
        |name: &String<_>| (1..=LONGEST_NAME).contains(&name.chars().count()) && !name.contains(char::is_control);
    let Some(name) = String::try_from(name.trim_ascii()).ok().filter(fits) else {
        return wrong("Not saved: the name has 1 to 32 characters.");
    };
    let Some(interval) = form.field("interval", 8)?.parse().ok().filter(|seconds| (1..=60).contains(seconds)) else {
        return wrong("Not saved: the interval is 1 to 60 seconds.");
    };
    if visit.site.device.set_settings(Settings { name, interval }).await.is_err() {
        return Ok(visit.not_kept(View::Settings));
    }
    visit.session.flash_message("The settings are saved.")?;
    Ok(Answer::See("/settings"))
}

async fn sign_out<P: Requests, K: Keeper>(visit: &mut Visit<'_, P, K>) -> Answered {
    visit.session.logout().await?;
    Ok(Answer::See("/?signed-out"))
}

// ---- what they share ---------------------------------------------------------------------------------------------

impl<P: Requests, K: Keeper> Site<P, K> {
    pub(crate) fn now(&self) -> Time {
        self.pool.sessions().clock().now()
    }

    fn readings(&self, idle: u32) -> Readings {
        let now = self.now();
        let temperature = self.device.temperature(now).into();
        Readings { temperature, uptime: seconds(self.device.uptime(now)), idle }
    }
}

/// A request under way that may ask for its session.
pub(crate) struct Visit<'v, P: Requests + 'static, K: 'static> {
    pub(crate) session: Session<P>,
    pub(crate) site: Site<P, K>,
    pub(crate) page: &'v mut Page,
}

impl<P: Requests, K: Keeper> Visit<'_, P, K> {
    pub(crate) fn signed_in(&self) -> bool {
        self.session.subject().is_some()
    }

    /// Before a page with a form of whoever is signed in.
    fn give_token(&mut self) -> Result<(), Error> {
        self.page.csrf = Some(self.session.csrf_token()?);
        Ok(())
    }

    /// A page for whoever is signed in, with what there is to tell since the last one.
    pub(crate) async fn open(&mut self, view: View) -> Answered {
        self.page.notice = self.session.take_flash_message(|text| line(text)).await?.unwrap_or_default();
        self.give_token()?;
        Ok(self.page.show(view))
    }

    /// Before a change: for the password, if it was not given lately.
    pub(crate) fn ask_again(&mut self, next: Next, problem: &str) -> Result<(), Answer> {
        self.give_token()?;
        self.page.next = next;
        if self.session.authenticated_within(self.site.device.limits.step_up) {
            return Ok(());
        }
        Err(self.page.wrong(View::StepUp, StatusCode::FORBIDDEN, problem))
    }

    /// The password that a form chooses.
    pub(crate) fn chosen(&mut self, view: View, form: &Form<'_>) -> Result<Field, Answer> {
        let (password, repeat) = (form.field("password", LONGEST)?, form.field("repeat", LONGEST)?);
        let problem = if password != repeat {
            "The two passwords are not the same."
        } else if password.chars().count() < SHORTEST {
            "The password is too short: at least 15 characters."
        } else if is_common(&password, &self.site.device.settings().name) {
            "Many choose this password, so it is guessed early. Choose another one."
        } else {
            return Ok(password);
        };
        Err(self.page.wrong(view, StatusCode::BAD_REQUEST, problem))
    }

    /// At first boot: whether who sends this form has shown to hold the device.
    fn holds_the_device(&mut self, form: &Form<'_>) -> Result<(), Answer> {
        let (status, problem) = match self.site.device.is_held_by(|| form.field("code", 8))? {
            Shown::Right => return Ok(()),
            Shown::Wrong => (
                StatusCode::FORBIDDEN,
                "Do you hold the device? The setup code is wrong, or its button was not pressed.",
            ),
            Shown::TooMany => (
                StatusCode::TOO_MANY_REQUESTS,
                "Too many wrong setup codes. Restart the device, which shows another one.",
            ),
        };
        Err(self.page.wrong(View::FirstBoot, status, problem))
    }

    pub(crate) fn not_kept(&mut self, view: View) -> Answer {
        let problem = "Not saved: the device could not write its memory. Try again; if it stays so, it is worn out.";
        self.page.wrong(view, StatusCode::SERVICE_UNAVAILABLE, problem)
    }

    fn refused(&mut self, view: View, tried: Tried) -> Answered {
        if view == View::StepUp {
            self.give_token()?;
        }
        let seconds = match tried {
            Tried::Wait(seconds) => seconds,
            Tried::Locked => {
                let problem =
                    "Too many wrong passwords. Use a browser that was signed in before, or restart the device.";
                return Ok(self.page.wrong(view, StatusCode::TOO_MANY_REQUESTS, problem));
            }
            _ => return Ok(self.page.wrong(view, StatusCode::UNAUTHORIZED, "The password is wrong.")),
        };
        self.page.wait = seconds;
        let problem = line(format_args!("Too many wrong passwords. Wait {}, then try again.", Span(seconds)));
        Ok(self.page.wrong(view, StatusCode::TOO_MANY_REQUESTS, &problem))
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
