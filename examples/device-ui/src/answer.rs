//! What a request is answered with, and how it is written.

use core::fmt::{self, Display, Formatter};

use picoserve::ResponseSent;
use picoserve::io::{Read, Write};
use picoserve::response::{Connection, Content, ForEachHeader, HeadersIter, Response, ResponseWriter, StatusCode};

use crate::data::Settings;
use crate::page::{Line, Page, sorry};

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

/// What a handler answers with.
#[allow(clippy::large_enum_variant)] // there is no heap to put the page on
pub(crate) enum Answer {
    Page(Page),
    /// 303: the next page, by GET.
    See(&'static str),
    /// A file of this type.
    File(&'static str, &'static str),
    /// `None` for whoever is not signed in.
    Readings(Option<Readings>),
    /// A form that is not of this session, or of before its last sign-in.
    Forged,
    /// Why there is no page.
    Sorry(StatusCode, Line),
    WrongMethod,
    Nowhere,
}

/// What the dashboard polls.
pub(crate) struct Readings {
    pub(crate) temperature: i16,
    /// Seconds.
    pub(crate) uptime: u64,
    /// Seconds.
    pub(crate) idle: u64,
}

impl From<Page> for Answer {
    fn from(page: Page) -> Self {
        Self::Page(page)
    }
}

impl Answer {
    const fn status(&self) -> StatusCode {
        match self {
            Self::Page(page) => page.status,
            Self::See(_) => StatusCode::SEE_OTHER,
            Self::File(..) | Self::Readings(Some(_)) => StatusCode::OK,
            Self::Readings(None) => StatusCode::UNAUTHORIZED,
            Self::Forged => StatusCode::FORBIDDEN,
            Self::Sorry(status, _) => *status,
            Self::WrongMethod => StatusCode::METHOD_NOT_ALLOWED,
            Self::Nowhere => StatusCode::NOT_FOUND,
        }
    }

    const fn content_type(&self) -> &'static str {
        match self {
            Self::Page(_) | Self::Forged | Self::Sorry(..) => "text/html; charset=utf-8",
            Self::File(kind, _) => kind,
            Self::Readings(Some(_)) => "application/json",
            Self::See(_) | Self::Readings(None) | Self::WrongMethod | Self::Nowhere => "text/plain; charset=utf-8",
        }
    }

    /// Writes it, without its body for HEAD.
    pub(crate) async fn write<R: Read, W: ResponseWriter<Error = R::Error>>(
        &self,
        settings: &Settings,
        head: bool,
        connection: Connection<'_, R>,
        writer: W,
    ) -> Result<ResponseSent, W::Error> {
        let response = Response::new(self.status(), Text { answer: self, settings, head });
        writer.write_response(connection, response.with_headers(Headers(self))).await
    }
}

/// Its body.
struct Text<'a> {
    answer: &'a Answer,
    settings: &'a Settings,
    head: bool,
}

impl Display for Text<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self.answer {
            Answer::Page(page) => page.fmt(self.settings, f),
            Answer::See(_) => Ok(()),
            Answer::File(_, text) => f.write_str(text),
            Answer::Readings(Some(Readings { temperature, uptime, idle })) => {
                writeln!(f, "{{\"temperature\":{temperature},\"uptime\":{uptime},\"idle\":{idle}}}")
            }
            Answer::Readings(None) => f.write_str("not signed in\n"),
            Answer::Forged => {
                let why = "This form is out of date or not from this device's pages. Open the page again, then repeat.";
                sorry(why, f)
            }
            Answer::Sorry(_, why) => sorry(why, f),
            Answer::WrongMethod => f.write_str("not with this method\n"),
            Answer::Nowhere => f.write_str("there is no such page\n"),
        }
    }
}

impl Content for Text<'_> {
    fn content_type(&self) -> &'static str {
        self.answer.content_type()
    }

    fn content_length(&self) -> usize {
        format_args!("{self}").content_length()
    }

    async fn write_content<W: Write>(self, mut writer: W) -> Result<(), W::Error> {
        if self.head { Ok(()) } else { writer.write_fmt(format_args!("{self}")).await }
    }
}

/// Its headers, besides those of its body.
struct Headers<'a>(&'a Answer);

impl HeadersIter for Headers<'_> {
    async fn for_each_header<F: ForEachHeader>(self, mut each: F) -> Result<F::Output, F::Error> {
        let headers: &[(&str, &str)] = match self.0 {
            Answer::Page(_) | Answer::Forged | Answer::Sorry(..) => &OF_PAGES,
            Answer::Readings(_) => &[("Cache-Control", "no-store")],
            Answer::File(..) => &[("Cache-Control", "no-cache")],
            Answer::See(place) => &[("Location", place)],
            Answer::WrongMethod | Answer::Nowhere => &[],
        };
        for (name, value) in headers {
            each.call(name, *value).await?;
        }
        match self.0 {
            Answer::Page(page) if page.wait > 0 => each.call("Retry-After", page.wait).await?,
            _ => {}
        }
        each.finalize().await
    }
}
