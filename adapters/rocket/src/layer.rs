//! The fairing: makes requests' sessions reachable for guards, and stores them before an answer's head is sent.

use rocket::catcher::{self, Catcher};
use rocket::fairing::{self, Fairing, Info, Kind};
use rocket::http::Status;
use rocket::response::Redirect;
use rocket::{Build, Request, Response, Rocket};
use session_std::{Sessions, SharedStore};

use crate::config;
use crate::request::{Mounted, Refused, RequestCache};
use crate::response::{SessionRejection, apply};

/// Sessions for all handlers of a rocket: `rocket.attach(SessionLayer::new(sessions))`. Of several the last one counts.
///
/// Rocket runs response fairings in the order in which they were attached: attach those that use the session before, and
/// those that change `Cache-Control` or `Vary` too.
#[derive(Clone, Debug)]
pub struct SessionLayer {
    source: Source,
    sign_in_at: Option<String>,
}

#[derive(Clone, Debug)]
enum Source {
    Made(Sessions),
    /// To be made as `[default.session]` says.
    Configured(SharedStore),
}

impl SessionLayer {
    /// Sessions that the program made.
    #[must_use]
    pub const fn new(sessions: Sessions) -> Self {
        Self { source: Source::Made(sessions), sign_in_at: None }
    }

    /// Sessions in `store`, as `[default.session]` in Rocket.toml and `ROCKET_SESSION` say; see [`config`]. What they
    /// say wrong, or a missing key, aborts the launch with a line on stderr.
    #[must_use]
    pub fn configured(store: impl Into<SharedStore>) -> Self {
        Self { source: Source::Configured(store.into()), sign_in_at: None }
    }

    /// Sends those who would have to be [`Authenticated`](crate::Authenticated) to this page (303), instead of the 401.
    /// It is a catcher of 401 at `/`, so the rocket can have no other one there; other 401s look as they do without it.
    #[must_use]
    pub fn sign_in_at(self, page: &str) -> Self {
        Self { sign_in_at: Some(page.to_owned()), ..self }
    }
}

#[rocket::async_trait]
impl Fairing for SessionLayer {
    fn info(&self) -> Info {
        Info { name: "Sessions", kind: Kind::Ignite | Kind::Response | Kind::Singleton }
    }

    async fn on_ignite(&self, mut rocket: Rocket<Build>) -> fairing::Result {
        let sessions = match &self.source {
            Source::Made(sessions) => sessions.clone(),
            Source::Configured(store) => match config::sessions(rocket.figment(), store.clone()) {
                Ok(sessions) => sessions,
                Err(why) => {
                    // Rocket itself says only that this fairing failed, and nothing at all where its log is off
                    eprintln!("error: {why}");
                    return Err(rocket);
                }
            },
        };
        if let Some(page) = &self.sign_in_at {
            rocket = rocket.register("/", vec![Catcher::new(Status::Unauthorized.code, SignInAt(page.clone()))]);
        }
        Ok(rocket.manage(Mounted(sessions)))
    }

    async fn on_response<'r>(&self, request: &'r Request<'_>, answer: &mut Response<'r>) {
        let Some(session) = RequestCache::asked_for(request) else { return };
        let finished = session.finish().await;
        if let Some(error) = finished.error {
            SessionRejection(error).replace(answer);
        }
        apply(finished, answer);
    }
}

#[derive(Clone)]
struct SignInAt(String);

#[rocket::async_trait]
impl catcher::Handler for SignInAt {
    async fn handle<'r>(&self, status: Status, request: &'r Request<'_>) -> catcher::Result<'r> {
        use rocket::response::Responder;
        if Refused::was(request) {
            Redirect::to(self.0.clone()).respond_to(request)
        } else {
            Catcher::default().handler.handle(status, request).await
        }
    }
}
