//! Errors as answers, and what an answer says about its session.

use std::fmt;
use std::io::Cursor;

use rocket::http::{ContentType, Status};
use rocket::response::Responder;
use rocket::{Request, Response};
use session_std::device::DeviceAnswer;
use session_std::{Error, Finished, headers, rejection};

/// An error of the session as an answer: its status and one line of text. `?` makes it of an [`Error`].
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct SessionRejection(
    /// What went wrong.
    pub Error,
);

impl From<Error> for SessionRejection {
    fn from(error: Error) -> Self {
        Self(error)
    }
}

impl fmt::Display for SessionRejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        rejection::describe(self.0, "`.attach(SessionLayer::new(sessions))` to the rocket", f)
    }
}

impl fmt::Debug for SessionRejection {
    /// The sentence, for this is what Rocket logs of a guard that fails.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::error::Error for SessionRejection {}

impl SessionRejection {
    pub(crate) fn status(self) -> Status {
        Status::new(self.0.status())
    }

    /// Puts itself in the place of an answer that was made already. Headers that are not about its body stay: those of
    /// other fairings stand there too. An upgrade to another protocol goes: only a new `Response` is without.
    pub(crate) fn replace(self, answer: &mut Response<'_>) {
        const ABOUT_THE_BODY: [&str; 15] = [
            "Accept-Ranges",
            "Cache-Control",
            "Content-Disposition",
            "Content-Encoding",
            "Content-Language",
            "Content-Length",
            "Content-Range",
            "Content-Type",
            "ETag",
            "Expires",
            "Last-Modified",
            "Location",
            "Refresh",
            "Set-Cookie",
            "Transfer-Encoding",
        ];
        let mut instead = line(self.status(), &self);
        for header in answer.headers().iter() {
            if !ABOUT_THE_BODY.iter().any(|name| header.name() == *name) {
                instead.adjoin_raw_header(header.name().as_str().to_owned(), header.value().to_owned());
            }
        }
        *answer = instead;
    }
}

impl<'r> Responder<'r, 'static> for SessionRejection {
    fn respond_to(self, _: &'r Request<'_>) -> rocket::response::Result<'static> {
        Ok(line(self.status(), &self))
    }
}

fn line(status: Status, text: &SessionRejection) -> Response<'static> {
    let text = format!("{text}\n");
    Response::build().status(status).header(ContentType::Plain).sized_body(text.len(), Cursor::new(text)).finalize()
}

/// An answer of the endpoint of device-bound sessions.
pub(crate) fn of_device(answer: DeviceAnswer) -> Response<'static> {
    let DeviceAnswer { status, headers, body } = answer;
    let mut response = Response::build();
    response.status(Status::new(status)).sized_body(body.len(), Cursor::new(body));
    headers.into_iter().for_each(|(name, value)| _ = response.raw_header_adjoin(name, value));
    response.finalize()
}

/// Puts what a finished request says into an answer's headers (CK9). Cookies of the handler's stay.
pub(crate) fn apply(finished: Finished, answer: &mut Response<'_>) {
    let uncached = finished.no_store || finished.cookie.is_some() || finished.device_cookie.is_some();
    for cookie in [finished.cookie, finished.device_cookie].into_iter().flatten() {
        answer.adjoin_raw_header("Set-Cookie", cookie);
    }
    if let Some(registration) = finished.registration {
        answer.adjoin_raw_header("Secure-Session-Registration", registration);
    }
    if uncached {
        let elsewhere = answer.headers().iter().map(|header| header.name().as_str().to_owned());
        let elsewhere: Vec<String> = elsewhere.filter(|name| headers::uncached(name).is_some()).collect();
        for name in elsewhere {
            if let Some(value) = headers::uncached(&name) {
                answer.set_raw_header(name, value);
            }
        }
        let merged = headers::cache_control(headers::list(answer.headers().get("Cache-Control")).as_deref());
        answer.set_raw_header("Cache-Control", merged);
    }
    if finished.clears_site_data {
        answer.set_raw_header("Clear-Site-Data", headers::SITE_DATA);
    }
    if finished.varies
        && let Some(merged) = headers::vary(headers::list(answer.headers().get("Vary")).as_deref())
    {
        answer.set_raw_header("Vary", merged);
    }
}
