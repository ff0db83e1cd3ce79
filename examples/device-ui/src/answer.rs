//! What a request is answered with, and how it is written.

use core::fmt::{self, Display, Formatter, Write as _};

use heapless::String;
use picoserve::ResponseSent;
use picoserve::io::{Read, Write};
use picoserve::response::{Connection, Content, ForEachHeader, HeadersIter, Response, ResponseWriter, StatusCode};
use session_picoserve::{Error, SessionRejection};

use crate::data::Settings;
use crate::form::BadForm;
use crate::page::{Page, line, sorry};

const OF_PAGES: [(&str, &str); 4] = [
    (
        "Content-Security-Policy",
        "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src data:; \
         form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
    ),
    ("Cache-Control", "no-store"),
    ("X-Content-Type-Options", "nosniff"),
    // nothing for other sites; with no-referrer browsers would send "Origin: null" with our own forms too
    ("Referrer-Policy", "same-origin"),
];

/// What a handler answers with. Small, for it goes through many hands; the page itself stays where it is.
pub(crate) enum Answer {
    /// The page that the handler filled in.
    Page,
    /// 303: the next page, by GET.
    See(&'static str),
    /// A file of this type, packed.
    File(&'static str, &'static [u8]),
    /// `None` for whoever is not signed in.
    Readings(Option<Readings>),
    /// A form that is not of this session, or of before its last sign-in.
    Forged,
    /// Why there is no page.
    SessionRejection(Error),
    Unreadable(BadForm),
    WrongMethod,
    Nowhere,
    /// For another name than the device's.
    Misdirected,
}

/// An answer, or one that `?` gives ahead of it.
pub(crate) type Answered = Result<Answer, Answer>;

/// What the dashboard shows and polls.
#[derive(Clone, Copy, Default)]
pub(crate) struct Readings {
    /// Tenths of a degree Celsius.
    pub(crate) temperature: i32,
    /// Seconds.
    pub(crate) uptime: u32,
    /// Seconds.
    pub(crate) idle: u32,
}

impl From<Error> for Answer {
    fn from(error: Error) -> Self {
        Self::SessionRejection(error)
    }
}

impl From<SessionRejection> for Answer {
    fn from(error: SessionRejection) -> Self {
        Self::SessionRejection(error.0)
    }
}

impl From<BadForm> for Answer {
    fn from(bad: BadForm) -> Self {
        Self::Unreadable(bad)
    }
}

impl Answer {
    const fn status(&self, page: &Page) -> StatusCode {
        match self {
            Self::Page => page.status,
            Self::See(_) => StatusCode::SEE_OTHER,
            Self::File(..) | Self::Readings(Some(_)) => StatusCode::OK,
            Self::Readings(None) => StatusCode::UNAUTHORIZED,
            Self::Forged => StatusCode::FORBIDDEN,
            Self::SessionRejection(error) => StatusCode::new(error.status()),
            Self::Unreadable(bad) => bad.status(),
            Self::WrongMethod => StatusCode::METHOD_NOT_ALLOWED,
            Self::Nowhere => StatusCode::NOT_FOUND,
            Self::Misdirected => StatusCode::new(421),
        }
    }

    /// Its type, and its headers besides those of its body.
    const fn kind(&self) -> (&'static str, &[(&str, &str)]) {
        match self {
            Self::Page | Self::Forged | Self::SessionRejection(_) | Self::Unreadable(_) => {
                ("text/html; charset=utf-8", &OF_PAGES)
            }
            Self::File(kind, _) => (kind, &[("Cache-Control", "no-cache"), ("Content-Encoding", "gzip")]),
            Self::Readings(Some(_)) => ("application/json", &[("Cache-Control", "no-store")]),
            Self::Readings(None) => ("text/plain; charset=utf-8", &[("Cache-Control", "no-store")]),
            Self::See(_) | Self::WrongMethod | Self::Nowhere | Self::Misdirected => ("text/plain; charset=utf-8", &[]),
        }
    }

    /// Writes it, without its body for HEAD.
    pub(crate) async fn write<R: Read, W: ResponseWriter<Error = R::Error>>(
        &self,
        page: &Page,
        settings: &Settings,
        head: bool,
        connection: Connection<'_, R>,
        writer: W,
    ) -> Result<ResponseSent, W::Error> {
        let response = Response::new(self.status(page), Text { answer: self, page, settings, head });
        writer.write_response(connection, response.with_headers(Headers { answer: self, page })).await
    }
}

/// Its body.
struct Text<'a> {
    answer: &'a Answer,
    page: &'a Page,
    settings: &'a Settings,
    head: bool,
}

impl Display for Text<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(match self.answer {
            Answer::Page => return self.page.fmt(self.settings, f),
            Answer::Readings(Some(Readings { temperature, uptime, idle })) => {
                return writeln!(f, "{{\"temperature\":{temperature},\"uptime\":{uptime},\"idle\":{idle}}}");
            }
            Answer::Forged => {
                let why = "This form is out of date or not from this device's pages. Open the page again, then repeat.";
                return sorry(why, f);
            }
            Answer::SessionRejection(error) => return sorry(&line(error), f),
            Answer::Unreadable(bad) => return sorry(&line(bad), f),
            Answer::See(_) | Answer::File(..) => "",
            Answer::Readings(None) => "not signed in\n",
            Answer::WrongMethod => "not with this method\n",
            Answer::Nowhere => "there is no such page\n",
            Answer::Misdirected => "not under this name: use the device's address\n",
        })
    }
}

impl Content for Text<'_> {
    fn content_type(&self) -> &'static str {
        self.answer.kind().0
    }

    fn content_length(&self) -> usize {
        match self.answer {
            Answer::File(_, bytes) => bytes.len(),
            _ => format_args!("{self}").content_length(),
        }
    }

    async fn write_content<W: Write>(self, mut writer: W) -> Result<(), W::Error> {
        match self.answer {
            _ if self.head => Ok(()),
            Answer::File(_, bytes) => writer.write_all(bytes).await,
            _ => writer.write_fmt(format_args!("{self}")).await,
        }
    }
}

/// Its headers, besides those of its body.
struct Headers<'a> {
    answer: &'a Answer,
    page: &'a Page,
}

impl HeadersIter for Headers<'_> {
    async fn for_each_header<F: ForEachHeader>(self, mut each: F) -> Result<F::Output, F::Error> {
        let mut seconds = String::<10>::new();
        let one = match self.answer {
            Answer::See(place) => Some(("Location", *place)),
            Answer::Page if self.page.wait > 0 => {
                write!(seconds, "{}", self.page.wait).unwrap_or_default();
                Some(("Retry-After", seconds.as_str()))
            }
            _ => None,
        };
        let mark = self.page.mark.as_deref().map(|mark| ("Set-Cookie", mark));
        for (name, value) in self.answer.kind().1.iter().copied().chain(one).chain(mark) {
            each.call(name, value).await?;
        }
        each.finalize().await
    }
}
