//! Errors as responses, and the headers that a response needs for its session.

use std::borrow::Cow;
use std::fmt;
use std::io::Cursor;

use rocket::http::{ContentType, Status};
use rocket::response::Responder;
use rocket::{Request, Response};
use session_std::device::DeviceAnswer;
use session_std::headers::{self, Answer, HeaderName};
use session_std::{Error, rejection};

use crate::request::{Failed, Mounted};

/// An error of the session as a response: its status and one line of text. `?` converts an [`Error`] to it.
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
    /// Prints the sentence, because Rocket logs it for a guard that fails.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::error::Error for SessionRejection {}

impl SessionRejection {
    /// Returns the error that a guard of this request met, or for which [`SessionLayer::refuse_cross_site`] rejected
    /// it. Use it in a catcher, which otherwise knows only the status. Returns `None` if the status has another cause.
    ///
    /// ```
    /// use rocket::{Request, catch};
    /// use session_rocket::SessionRejection;
    ///
    /// #[catch(503)]
    /// fn unavailable(request: &Request<'_>) -> String {
    ///     SessionRejection::of(request).map_or_else(|| "try again later".to_owned(), |failed| failed.to_string())
    /// }
    /// ```
    ///
    /// [`SessionLayer::refuse_cross_site`]: crate::SessionLayer::refuse_cross_site
    #[must_use]
    pub fn of(request: &Request<'_>) -> Option<Self> {
        Failed::get(request).map(Self)
    }

    pub(crate) fn status(self) -> Status {
        Status::new(self.0.status())
    }

    /// Makes the answer, in the application's format if it has one.
    fn answer(self, request: &Request<'_>) -> Response<'static> {
        let mounted: Option<&Mounted> = request.rocket().state();
        match mounted.and_then(|mounted| mounted.look.make(self.0, request)) {
            Some(Ok(mut made)) => {
                if made.status() == Status::Ok {
                    made.set_status(self.status());
                }
                made
            }
            // if the application's format fails, the default is used
            _ => line(self.status(), &self),
        }
    }

    /// Replaces an answer. Headers that do not describe its body stay, because those of other fairings are among them.
    /// An upgrade to another protocol is dropped, which takes a new `Response`.
    pub(crate) fn replace(self, request: &Request<'_>, answer: &mut Response<'_>) {
        const ABOUT_THE_ANSWER: [&str; 5] = ["Cache-Control", "Expires", "Location", "Refresh", "Set-Cookie"];
        let mut instead = self.answer(request);
        for header in answer.headers().iter() {
            let goes = rejection::is_about_body(header.name().as_str())
                || ABOUT_THE_ANSWER.iter().any(|name| header.name() == *name);
            if !goes {
                instead.adjoin_raw_header(header.name().as_str().to_owned(), header.value().to_owned());
            }
        }
        *answer = instead;
    }
}

impl<'r> Responder<'r, 'static> for SessionRejection {
    fn respond_to(self, request: &'r Request<'_>) -> rocket::response::Result<'static> {
        Ok(self.answer(request))
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

/// A header's name in Rocket's type, without an allocation for common names.
fn spelled(name: &HeaderName) -> Cow<'static, str> {
    let usual = ["vary", "set-cookie", "cache-control"].into_iter().find(|usual| *usual == name.as_str());
    usual.map_or_else(|| name.as_str().to_owned().into(), Cow::Borrowed)
}

const VARY: HeaderName = HeaderName::from_static("vary");
const COOKIE: HeaderName = HeaderName::from_static("cookie");

/// The headers of an answer, for its session's part.
pub(crate) struct Headers<'a, 'r>(pub(crate) &'a mut Response<'r>);

impl Answer for Headers<'_, '_> {
    fn append_secret(&mut self, name: &HeaderName, value: String) {
        self.0.adjoin_raw_header(spelled(name), value);
    }

    fn set(&mut self, name: &HeaderName, value: Cow<'static, str>) {
        self.0.set_raw_header(spelled(name), value);
    }

    fn list(&self, name: &HeaderName) -> Option<String> {
        headers::list(self.0.headers().get(name.as_str()))
    }

    /// A look at the few names there are costs less than Rocket's hash of one.
    fn vary_by_cookie(&mut self) {
        if self.0.headers().iter().any(|header| header.name() == "vary") {
            self.merge(&VARY, |before| headers::vary(before, &COOKIE));
        } else {
            self.0.adjoin_raw_header("vary", "Cookie");
        }
    }

    fn names(&self, is: impl Fn(&str) -> bool) -> Vec<String> {
        let headers = self.0.headers().iter().filter(|header| is(header.name().as_str()));
        headers.map(|header| header.name().as_str().to_owned()).collect()
    }
}
