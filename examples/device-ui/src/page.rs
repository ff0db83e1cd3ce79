//! The one page, in its views. Written straight into the connection; whatever the owner chose is escaped.

use core::fmt::{self, Display, Formatter};

use heapless::{String, Vec};
use picoserve::response::StatusCode;
use session_core::csrf;

use crate::answer::{Answer, Readings};
use crate::browsers::{Browser, MOST};
use crate::data::{Mark, Settings};
use crate::device::Wear;

/// `/style.css`, packed by gzip, as every browser takes it.
pub const STYLE: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/style.css.gz"));
/// `/app.js`, likewise.
pub const SCRIPT: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/app.js.gz"));

/// Text of at most a line.
pub(crate) type Line = String<120>;

/// What the page shows.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum View {
    FirstBoot,
    SignIn,
    Dashboard,
    Settings,
    Browsers,
    StepUp,
}

/// What a step-up was asked for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Next {
    Settings,
    Browsers,
}

impl Next {
    pub(crate) const fn path(self) -> &'static str {
        match self {
            Self::Settings => "/settings",
            Self::Browsers => "/browsers",
        }
    }
}

/// The page. One a request: handlers fill in what their view shows, and pass on no more than that there is a page.
pub(crate) struct Page {
    pub(crate) status: StatusCode,
    pub(crate) view: View,
    /// What went wrong, if the status says so, or what there is to know.
    pub(crate) notice: Line,
    /// Seconds to wait before the next try.
    pub(crate) wait: u32,
    /// What a first boot asks for besides the password.
    pub(crate) proof: &'static str,
    /// Where a step-up leads.
    pub(crate) next: Next,
    /// For a browser that has signed in.
    pub(crate) mark: Option<Mark>,
    /// For the forms of whoever is signed in.
    pub(crate) csrf: Option<csrf::Token>,
    pub(crate) readings: Readings,
    pub(crate) wear: Option<Wear>,
    pub(crate) browsers: Vec<Browser, MOST>,
}

impl Page {
    pub(crate) const fn new() -> Self {
        Self {
            status: StatusCode::OK,
            view: View::SignIn,
            notice: Line::new(),
            wait: 0,
            proof: "",
            next: Next::Settings,
            mark: None,
            csrf: None,
            readings: Readings { temperature: 0, uptime: 0, idle: 0 },
            wear: None,
            browsers: Vec::new(),
        }
    }

    /// To be shown like this.
    pub(crate) const fn show(&mut self, view: View) -> Answer {
        self.view = view;
        Answer::Page
    }

    /// With a line that says what is wrong.
    pub(crate) fn wrong(&mut self, view: View, status: StatusCode, problem: &str) -> Answer {
        self.status = status;
        self.notice = line(problem);
        self.show(view)
    }

    /// As a browser gets it.
    pub(crate) fn fmt(&self, settings: &Settings, f: &mut Formatter<'_>) -> fmt::Result {
        let view = match self.view {
            View::FirstBoot => "first-boot",
            View::SignIn => "sign-in",
            View::Dashboard => "dashboard",
            View::Settings => "settings",
            View::Browsers => "browsers",
            View::StepUp => "step-up",
        };
        begin(f, &settings.name, view)?;
        if !self.notice.is_empty() {
            let kind = if self.status == StatusCode::OK { "notice role=status" } else { "problem role=alert" };
            write!(f, "<p id={kind}>{}</p>", Escaped(&self.notice))?;
        }
        self.content(f, settings)?;
        f.write_str("</main></body></html>")
    }
}

/// Cut at a character if it is too long, which no text here is.
pub(crate) fn line(text: impl Display) -> Line {
    use fmt::Write;
    let mut line = Line::new();
    let _cut = write!(line, "{text}");
    line
}

/// The page up to what differs.
fn begin(f: &mut Formatter<'_>, title: &str, view: &str) -> fmt::Result {
    let title = Escaped(title);
    write!(
        f,
        "<!doctype html><html lang=en><head><meta charset=utf-8>\
         <meta name=viewport content=\"width=device-width,initial-scale=1\"><title>{title}</title>\
         <link rel=icon href=\"data:,\"><link rel=stylesheet href=/style.css><script src=/app.js defer></script></head>\
         <body data-view={view}><main><h1 id=device>{title}</h1>"
    )
}

/// What stands in for a page that cannot be made: why, in one line, and the way back.
pub(crate) fn sorry(why: &str, f: &mut Formatter<'_>) -> fmt::Result {
    begin(f, "That did not work", "sorry")?;
    write!(f, "<p id=problem role=alert>{}</p>", Escaped(why))?;
    f.write_str("<a class=\"button quiet\" href=/>Back to the start</a></main></body></html>")
}

const BACK: &str = "<a class=\"button quiet\" href=/>Back to the readings</a>";

/// For password managers.
const OWNER: &str = "<input type=hidden name=username autocomplete=username value=owner>";

/// The password as it is.
const PASSWORD: &str = "<label for=password>Password</label>\
    <input id=password name=password type=password autocomplete=current-password maxlength=64 required autofocus>";

/// Another password, behind the words of its label.
const NEW_PASSWORD: &str = ", at least 15 characters</label>\
    <input id=new-password name=password type=password autocomplete=new-password minlength=15 maxlength=64 required>\
    <label for=repeat-password>The same again</label>\
    <input id=repeat-password name=repeat type=password autocomplete=new-password maxlength=64 required>";

impl Page {
    /// What differs.
    fn content(&self, f: &mut Formatter<'_>, settings: &Settings) -> fmt::Result {
        let interval = u32::from(settings.interval);
        let csrf = Csrf(self.csrf.as_ref());
        match self.view {
            View::FirstBoot => write!(
                f,
                "<form id=first-boot class=card method=post action=/first-boot><h2>Welcome</h2>\
                 <p class=soft>Choose the password for this device. It is kept on the device, and nowhere else.</p>{OWNER}\
                 <label for=new-password>Password{NEW_PASSWORD}{}<button>Set up</button></form>",
                self.proof
            ),
            View::SignIn => write!(
                f,
                "<form id=sign-in class=card method=post action=/sign-in><h2>Sign in</h2>{OWNER}{PASSWORD}\
                 <button>Sign in</button></form>"
            ),
            View::Dashboard => write!(
                f,
                "<p id=link role=status hidden>The device does not answer. Trying again.</p>\
                 <section id=readings data-interval={interval}><dl>\
                 <div><dt>Temperature</dt><dd id=temperature>{}</dd></div>\
                 <div><dt>Running for</dt><dd id=uptime>{}</dd></div>\
                 <div><dt>Signs out in</dt><dd id=idle>{}</dd></div></dl></section>{}\
                 <nav><a id=to-settings class=\"button\" href=/settings>Settings</a>\
                 <a id=to-browsers class=\"button quiet\" href=/browsers>Browsers</a>\
                 <form id=sign-out method=post action=/sign-out>{csrf}<button class=quiet>Sign out</button></form></nav>",
                Tenths(self.readings.temperature),
                Span(self.readings.uptime),
                Span(self.readings.idle),
                Memory(self.wear.as_ref()),
            ),
            View::Settings => write!(
                f,
                "<form id=settings class=card method=post action=/settings><h2>Settings</h2>{csrf}\
                 <label for=device-name>Name of this device</label>\
                 <input id=device-name name=name value=\"{}\" maxlength=32 required>\
                 <label for=interval>Seconds between readings</label>\
                 <input id=interval name=interval type=number inputmode=numeric min=1 max=60 value={interval} required>\
                 <button>Save</button></form>\
                 <form id=change-password class=card method=post action=/password><h2>Password</h2>\
                 <p class=soft>Another password signs out all other browsers.</p>{OWNER}{csrf}\
                 <label for=new-password>New password{NEW_PASSWORD}<button>Change the password</button></form>{BACK}",
                Escaped(&settings.name),
            ),
            View::Browsers => {
                write!(
                    f,
                    "<form id=browsers class=card method=post action=/browsers/end><h2>Signed-in browsers</h2>{csrf}<ul>"
                )?;
                for Browser { id, name, signed_in, last_seen, current } in &self.browsers {
                    let name = Escaped(if name.is_empty() { "A browser" } else { name });
                    write!(f, "<li><p>{name} <span class=soft>signed in {} ago, ", Span(*signed_in))?;
                    match current {
                        true => f.write_str("this one")?,
                        false => write!(f, "last seen {} ago", Span(*last_seen))?,
                    }
                    write!(f, "</span></p><button class=quiet name=id value={id}>Sign out</button></li>")?;
                }
                write!(
                    f,
                    "</ul></form><form id=end-others method=post action=/browsers/end-others>{csrf}\
                     <button>Sign out all others</button></form>{BACK}"
                )
            }
            View::StepUp => write!(
                f,
                "<form id=step-up class=card method=post action=/step-up><h2>Is it you?</h2>\
                 <p class=soft>Changes ask for the password again after a while.</p>{OWNER}{csrf}\
                 <input type=hidden name=next value={}>{PASSWORD}<button>Go on</button></form>{BACK}",
                self.next.path()
            ),
        }
    }
}

/// The field that shows that a form is of one of our pages.
struct Csrf<'t>(Option<&'t csrf::Token>);

impl Display for Csrf<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let token = self.0.map(csrf::Token::as_str).unwrap_or_default();
        write!(f, "<input type=hidden name=csrf value={token}>")
    }
}

/// Text inside HTML and inside quoted attributes. A control character is shown as one that is not known.
struct Escaped<'t>(&'t str);

impl Display for Escaped<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let special = |letter: char| letter.is_control() || ['&', '<', '>', '"', '\''].contains(&letter);
        for part in self.0.split_inclusive(special) {
            let (plain, special) = match part.char_indices().next_back() {
                Some((at, '&')) => (part.split_at(at).0, "&amp;"),
                Some((at, '<')) => (part.split_at(at).0, "&lt;"),
                Some((at, '>')) => (part.split_at(at).0, "&gt;"),
                Some((at, '"')) => (part.split_at(at).0, "&quot;"),
                Some((at, '\'')) => (part.split_at(at).0, "&#39;"),
                Some((at, letter)) if letter.is_control() => (part.split_at(at).0, "\u{fffd}"),
                _ => (part, ""),
            };
            f.write_str(plain)?;
            f.write_str(special)?;
        }
        Ok(())
    }
}

/// The device's flash: a bar for each page, as high as it was erased often, and how much of all of it is taken.
struct Memory<'w>(Option<&'w Wear>);

impl Display for Memory<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Some(wear) = self.0 else { return Ok(()) };
        let (erases, usage) = (wear.erases(), wear.usage);
        let most = erases.iter().max().copied().unwrap_or(0);
        let free = usage.size.saturating_sub(usage.live);
        write!(
            f,
            "<section id=memory><h2>Memory</h2><p><b id=live>{} bytes</b> taken, <b id=free>{free} bytes</b> free</p>\
             <svg viewBox=\"0 0 {} 20\" preserveAspectRatio=none role=img aria-label=\"Erases of each page:",
            usage.live,
            4 * erases.len()
        )?;
        erases.iter().try_for_each(|count| write!(f, " {count}"))?;
        f.write_str("\"><path d=\"")?;
        for (place, count) in erases.iter().enumerate() {
            // a line at the bottom for a page that was never erased
            let high = 1 + count.saturating_mul(19) / most.max(1);
            write!(f, "M{} 20v-{high}h3v{high}z", 4 * place)?;
        }
        write!(f, "\"/></svg><p class=soft>Erases of a page so far: {most} at most.</p></section>")
    }
}

/// Tenths of a degree.
struct Tenths(i32);

impl Display for Tenths {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let sign = if self.0 < 0 { "-" } else { "" };
        write!(f, "{sign}{}.{} °C", self.0.unsigned_abs() / 10, self.0.unsigned_abs() % 10)
    }
}

/// Seconds as people say them; app.js says them the same way.
pub(crate) struct Span(pub(crate) u32);

impl Display for Span {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self.0 {
            s @ 0..60 => write!(f, "{s} s"),
            s @ 60..3600 if s % 60 == 0 => write!(f, "{} min", s / 60),
            s @ 60..3600 => write!(f, "{} min {} s", s / 60, s % 60),
            s => write!(f, "{} h {} min", s / 3600, s % 3600 / 60),
        }
    }
}
