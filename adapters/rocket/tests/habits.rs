//! What users of Rocket are used to, in answers: jar cookies, headers, redirects, streams, catchers, panics, sockets.

use std::sync::Mutex;
use std::time::Duration;

use rocket::fairing::AdHoc;
use rocket::http::{ContentType, CookieJar, Header, Status};
use rocket::local::blocking::{Client, LocalResponse};
use rocket::response::{Redirect, content::RawHtml, stream::TextStream};
use rocket::{Build, Request, Response, Rocket, State, catch, catchers, get, post, routes};
use session_rocket::testing::TestClock;
use session_rocket::{
    Authenticated, Error, MemoryStore, Policy, Session, SessionLayer, SessionRejection, Sessions, keys,
};
use support::reference::Outage;

fn rocket() -> Rocket<Build> {
    let sessions = Sessions::new(MemoryStore::new(), keys::generated()).policy(Policy::PLAIN_HTTP);
    let quiet = rocket::Config { log_level: rocket::config::LogLevel::Off, ..rocket::Config::debug_default() };
    rocket::custom(quiet).attach(SessionLayer::new(sessions))
}

fn client(rocket: Rocket<Build>) -> Client {
    Client::untracked(rocket).unwrap()
}

/// `id=VALUE` of the answer's session cookie.
fn cookie(answer: &LocalResponse<'_>) -> Option<String> {
    let ours = all(answer, "Set-Cookie").into_iter().find(|value| value.starts_with("id="))?;
    Some(ours.split(';').next().unwrap().to_owned())
}

fn all(answer: &LocalResponse<'_>, name: &str) -> Vec<String> {
    answer.headers().get(name).map(str::to_owned).collect()
}

fn get_as<'c>(client: &'c Client, path: &'c str, cookie: Option<String>) -> LocalResponse<'c> {
    client.get(path).header(Header::new("Cookie", cookie.unwrap_or_default())).dispatch()
}

#[get("/value")]
fn value(session: Session) -> Result<String, SessionRejection> {
    Ok(format!("{:?}", session.get::<u32>("a")?))
}

#[test]
fn what_the_handler_said_stays_ck9() {
    #[derive(rocket::Responder)]
    struct Said(&'static str, Header<'static>, Header<'static>);
    #[get("/")]
    fn handler(session: Session, jar: &CookieJar<'_>) -> Result<Said, SessionRejection> {
        session.set("a", &1)?;
        jar.add(("theme", "dark"));
        Ok(Said("body", Header::new("Cache-Control", "max-age=60, private"), Header::new("Vary", "accept")))
    }
    let client = client(rocket().mount("/", routes![handler]));
    let answer = client.get("/").dispatch();
    let cookies = all(&answer, "Set-Cookie");
    assert!(cookies.len() == 2 && cookies[0].starts_with("theme=dark") && cookies[1].starts_with("id="), "{cookies:?}");
    assert_eq!(all(&answer, "Cache-Control"), ["no-store, private"]);
    assert_eq!(all(&answer, "Vary"), ["accept, Cookie"]);
    assert_eq!(answer.into_string().unwrap(), "body");
}

#[test]
fn head_redirect_and_304_carry_the_cookie() {
    #[get("/head")]
    fn head(session: Session) -> Result<&'static str, SessionRejection> {
        session.set("a", &1)?;
        Ok("body")
    }
    #[get("/redirect")]
    fn redirect(session: Session) -> Result<Redirect, SessionRejection> {
        session.set("a", &2)?;
        Ok(Redirect::to("/elsewhere"))
    }
    #[get("/304")]
    fn not_modified(session: Session) -> Result<(Status, ()), SessionRejection> {
        session.set("a", &3)?;
        Ok((Status::NotModified, ()))
    }
    let client = client(rocket().mount("/", routes![head, redirect, not_modified]));
    for (request, status) in [(client.head("/head"), 200), (client.get("/redirect"), 303), (client.get("/304"), 304)] {
        let answer = request.dispatch();
        assert!(cookie(&answer).is_some(), "{status}");
        assert_eq!((answer.status().code, answer.into_string().unwrap_or_default()), (status, String::new()));
    }
}

#[test]
fn a_stream_is_passed_on_and_the_session_is_stored_before_it() {
    #[get("/")]
    fn stream(session: Session) -> Result<TextStream![&'static str], SessionRejection> {
        session.set("a", &1_u32)?;
        Ok(TextStream! {
            for _ in 0..3 {
                yield "chunk ";
            }
            // the head is sent: it is too late for the session
            yield if session.set("a", &2_u32) == Err(Error::AnswerSent) { "over" } else { "changed" };
        })
    }
    let client = client(rocket().mount("/", routes![stream, value]));
    let answer = client.get("/").dispatch();
    let ann = cookie(&answer);
    assert_eq!(get_as(&client, "/value", ann).into_string().unwrap(), "Some(1)", "before the stream is read");
    assert_eq!(answer.into_string().unwrap(), "chunk chunk chunk over");
}

#[test]
fn a_handler_that_fails_keeps_its_changes_and_catchers_answer() {
    #[get("/fails")]
    fn fails(session: Session, jar: &CookieJar<'_>) -> Result<&'static str, Status> {
        session.set("a", &1_u32).map_err(|_| Status::InternalServerError)?;
        jar.add(("lost", "by Rocket"));
        Err(Status::ImATeapot)
    }
    #[catch(418)]
    async fn teapot(request: &Request<'_>) -> String {
        // a catcher may look at the session too
        let session = request.guard::<Session>().await.succeeded();
        let found = session.map(|session| (session.get::<u32>("a"), session.set("caught", &true)));
        format!("caught {found:?}")
    }
    let client = client(rocket().mount("/", routes![fails, value]).register("/", catchers![teapot]));
    let answer = client.get("/fails").dispatch();
    let ann = cookie(&answer);
    assert_eq!((answer.status().code, all(&answer, "Set-Cookie").len()), (418, 1));
    assert_eq!(answer.into_string().unwrap(), "caught Some((Ok(Some(1)), Ok(())))");
    assert_eq!(get_as(&client, "/value", ann).into_string().unwrap(), "Some(1)");
}

#[test]
fn a_handler_that_panics_is_one_that_fails() {
    #[get("/panics")]
    fn panics(session: Session) -> &'static str {
        session.set("a", &1_u32).unwrap();
        panic!("on purpose")
    }
    #[get("/panics-inside")]
    async fn panics_inside(session: Session) -> &'static str {
        session.set("a", &2_u32).unwrap();
        session.update_with("b", |_: Option<u32>| panic!("on purpose")).await.unwrap();
        "never"
    }
    let client = client(rocket().mount("/", routes![panics, panics_inside, value]));
    let answer = client.get("/panics").dispatch();
    assert_eq!(answer.status().code, 500);
    let ann = cookie(&answer);
    assert_eq!(get_as(&client, "/value", ann.clone()).into_string().unwrap(), "Some(1)");
    // in the middle of one of our calls: an error as any, and the server and the session go on
    let answer = get_as(&client, "/panics-inside", ann.clone());
    assert_eq!(answer.status().code, 500);
    let found = get_as(&client, "/value", ann).into_string().unwrap();
    assert!(["Some(1)", "Some(2)"].contains(&found.as_str()), "{found}");
}

/// Two requests take turns here.
#[derive(Default)]
struct Turns {
    loaded: rocket::tokio::sync::Notify,
    changed: rocket::tokio::sync::Notify,
}

#[get("/slow")]
async fn slow(session: Session, turns: &State<Turns>) -> Result<(ContentType, &'static str), SessionRejection> {
    let before: u32 = session.get("a")?.unwrap_or(0);
    turns.loaded.notify_one();
    turns.changed.notified().await;
    session.set("a", &(before + 1))?;
    Ok((ContentType::HTML, "<p>never sent"))
}

#[post("/fast")]
async fn fast(session: Session, turns: &State<Turns>) -> Result<(), SessionRejection> {
    turns.loaded.notified().await;
    session.update_with("a", |_: Option<u32>| 7).await?;
    turns.changed.notify_one();
    Ok(())
}

#[test]
fn an_answer_whose_changes_were_not_kept_is_replaced_st3() {
    use rocket::local::asynchronous::Client;
    let sets_header = AdHoc::on_response("cors", |_, answer: &mut Response<'_>| {
        Box::pin(async move {
            answer.set_raw_header("Access-Control-Allow-Origin", "https://example.org");
            answer.set_raw_header("ETag", "\"of what is not sent\"");
        })
    });
    let sessions = Sessions::new(MemoryStore::new(), keys::generated()).policy(Policy::PLAIN_HTTP);
    let rocket = rocket::custom(rocket::Config { log_level: rocket::config::LogLevel::Off, ..Default::default() })
        .attach(sets_header)
        .attach(SessionLayer::new(sessions))
        .manage(Turns::default())
        .mount("/", routes![slow, fast, seed]);
    rocket::async_test(async {
        let client = Client::tracked(rocket).await.unwrap();
        client.get("/seed").dispatch().await;
        let (slow, fast) = rocket::tokio::join!(client.get("/slow").dispatch(), async {
            client.post("/fast").dispatch().await.status()
        });
        assert_eq!((slow.status().code, fast.code), (409, 200));
        assert_eq!(slow.content_type(), Some(ContentType::Plain));
        let header = |name| slow.headers().get_one(name);
        assert_eq!(
            header("Access-Control-Allow-Origin"),
            Some("https://example.org"),
            "headers of other fairings stay"
        );
        assert_eq!((header("ETag"), header("Vary")), (None, Some("Cookie")));
        assert!(header("X-Content-Type-Options").is_some(), "the shield's too");
        assert!(slow.into_string().await.unwrap().ends_with('\n'));
    });
}

#[get("/seed")]
fn seed(session: Session) -> Result<(), SessionRejection> {
    session.set("a", &1_u32).map_err(SessionRejection)
}

#[test]
fn a_fairing_attached_before_may_use_the_session() {
    let counts = AdHoc::on_response("counts", |request, answer: &mut Response<'_>| {
        Box::pin(async move {
            if let Some(session) = request.guard::<Session>().await.succeeded() {
                let kept = session.set("a", &5_u32).is_ok();
                answer.set_raw_header("X-Kept", kept.to_string());
            }
        })
    });
    let quiet = rocket::Config { log_level: rocket::config::LogLevel::Off, ..rocket::Config::debug_default() };
    let sessions = Sessions::new(MemoryStore::new(), keys::generated()).policy(Policy::PLAIN_HTTP);
    let rocket = rocket::custom(quiet).attach(counts).attach(SessionLayer::new(sessions)).mount("/", routes![value]);
    let client = client(rocket);
    let answer = client.get("/no-such-page").dispatch();
    assert_eq!((answer.status().code, all(&answer, "X-Kept")), (404, vec!["true".to_owned()]));
    assert_eq!(get_as(&client, "/value", cookie(&answer)).into_string().unwrap(), "Some(5)");
}

#[test]
fn a_session_kept_beyond_its_request_says_so() {
    #[get("/keep")]
    fn keep(session: Session, kept: &State<Mutex<Option<Session>>>) {
        *kept.lock().unwrap() = Some(session);
    }
    let client = client(rocket().manage(Mutex::new(None::<Session>)).mount("/", routes![keep]));
    client.get("/keep").dispatch();
    let session = client.rocket().state::<Mutex<Option<Session>>>().unwrap().lock().unwrap().take().unwrap();
    assert_eq!(session.set("a", &1), Err(Error::AnswerSent));
}

#[test]
fn several_requests_of_a_tracked_client() {
    #[post("/login")]
    async fn login(session: Session) -> Result<(), SessionRejection> {
        let attempt = session.begin_login("ann").await?;
        Ok(session.login(attempt).await?)
    }
    #[post("/logout")]
    async fn logout(session: Session) -> Result<(), SessionRejection> {
        Ok(session.logout().await?)
    }
    #[get("/who")]
    fn who(session: Session) -> Result<String, SessionRejection> {
        Ok(session.subject()?.unwrap_or_default())
    }
    let client = Client::tracked(rocket().mount("/", routes![login, logout, who])).unwrap();
    let who = || client.get("/who").dispatch().into_string().unwrap();
    assert_eq!(who(), "");
    client.post("/login").dispatch();
    assert_eq!(who(), "ann");
    let removal = client.post("/logout").dispatch();
    assert!(all(&removal, "Set-Cookie")[0].contains("Max-Age=0"));
    assert_eq!(who(), "");
    client.post("/login").dispatch();
    assert_eq!(who(), "ann");
}

/// Of two layers Rocket keeps one, so that the browser gets one cookie.
#[test]
fn a_second_layer_takes_the_place_of_the_first_ck12() {
    #[get("/")]
    fn handler(session: Session) -> Result<String, SessionRejection> {
        let count = session.get::<u32>("a")?.unwrap_or(0);
        session.set("a", &(count + 1))?;
        Ok(count.to_string())
    }
    let sessions = Sessions::new(MemoryStore::new(), keys::generated()).policy(Policy::PLAIN_HTTP);
    let client = client(rocket().attach(SessionLayer::new(sessions)).mount("/", routes![handler]));
    let first = get_as(&client, "/", None);
    assert_eq!(all(&first, "Set-Cookie").len(), 1);
    let second = get_as(&client, "/", cookie(&first));
    assert_eq!(second.into_string().unwrap(), "1");
}

/// Signed in without the form, and expired without a wait.
#[test]
fn a_signed_in_user_in_one_line() {
    #[get("/who")]
    fn who(user: Authenticated) -> String {
        user.subject
    }
    let clock = TestClock::new();
    let sessions = Sessions::new(MemoryStore::new(), keys::generated()).clock(clock.clone());
    let quiet = rocket::Config { log_level: rocket::config::LogLevel::Off, ..rocket::Config::debug_default() };
    let app = rocket::custom(quiet).attach(SessionLayer::new(sessions.clone())).mount("/", routes![who]);
    let client = client(app);
    let ann = rocket::execute(sessions.cookie_for("ann").with("a", 7).into_future()).unwrap();
    assert_eq!(get_as(&client, "/who", Some(ann.clone())).into_string().unwrap(), "ann");
    clock.step(Duration::from_secs(31 * 60));
    assert_eq!(get_as(&client, "/who", Some(ann)).status().code, 401);
}

#[post("/late")]
async fn late(session: Session, sessions: &State<Sessions>) -> Result<&'static str, SessionRejection> {
    session.set("a", &1)?;
    sessions.revoke_all("ann").await?;
    Ok("never sent")
}

#[get("/bad")]
fn bad(session: Session) -> Result<&'static str, SessionRejection> {
    session.set("a", &1)?;
    session.set("", &1)?;
    Ok("never")
}

#[get("/who")]
fn who(user: Authenticated) -> String {
    user.subject
}

/// Whoever made it: the fairing, a guard, `Authenticated`, a handler with `?`.
#[test]
fn errors_look_as_the_application_says() {
    fn page(error: Error) -> (Status, RawHtml<String>) {
        let status = if error == Error::BadKey { Status::ImATeapot } else { Status::Ok };
        (status, RawHtml(format!("<h1>Sorry</h1>{error}")))
    }
    let outage = Outage::default();
    let sessions = Sessions::new(outage.of(MemoryStore::new().into()), keys::generated()).observed(());
    let sessions = sessions.policy(Policy::PLAIN_HTTP);
    let layer = SessionLayer::new(sessions.clone()).refuse_cross_site(&[]).sign_in_at("/sign-in").on_error(page);
    let quiet = rocket::Config { log_level: rocket::config::LogLevel::Off, ..rocket::Config::debug_default() };
    let inner = AdHoc::on_response("inner", |_, answer: &mut Response<'_>| {
        answer.set_raw_header("X-Inner", "1");
        answer.set_raw_header("Content-Encoding", "br");
        Box::pin(async {})
    });
    let rocket = rocket::custom(quiet).manage(sessions.clone()).attach(inner).attach(layer);
    let client = client(rocket.mount("/", routes![late, bad, who]));
    let ann = || rocket::execute(sessions.cookie_for("ann").into_future()).unwrap();
    let check = |answer: LocalResponse<'_>, status: u16, error: Error| {
        assert_eq!((answer.status().code, answer.content_type()), (status, Some(ContentType::HTML)), "{error:?}");
        let set = cookie(&answer);
        assert_eq!(all(&answer, "Vary").len(), 1, "{error:?}");
        // an error of the handler's comes to the fairings in its look, and they may encode that
        let encoded = usize::from(error == Error::BadKey);
        assert_eq!((all(&answer, "X-Inner").len(), all(&answer, "Content-Encoding").len()), (1, encoded), "{error:?}");
        assert_eq!(answer.into_string().unwrap(), format!("<h1>Sorry</h1>{error}"));
        set
    };
    let sends = |cookie: String| Header::new("Cookie", cookie);
    check(client.post("/late").header(sends(ann())).dispatch(), 409, Error::Ended);
    assert!(check(client.get("/bad").dispatch(), 418, Error::BadKey).is_some(), "what was set before is stored");
    let signed_in = ann();
    outage.set(true);
    check(client.get("/who").header(sends(signed_in)).dispatch(), 503, Error::Unavailable);
    outage.set(false);
    check(client.get("/who").dispatch(), 401, Error::NotSignedIn);
    let refused = client.post("/late").header(Header::new("Sec-Fetch-Site", "cross-site")).dispatch();
    assert_eq!((refused.status().code, refused.content_type()), (403, Some(ContentType::HTML)));
    assert_eq!(refused.into_string().unwrap(), format!("<h1>Sorry</h1>{}", Error::CrossSite));
    // a redirect is no error, and what is not of the session stays
    assert_eq!(client.get("/who").header(rocket::http::Accept::HTML).dispatch().status().code, 303);
    assert!(client.get("/nowhere").dispatch().into_string().unwrap().contains("404"));
}

/// Rocket's own way for guards that fail: a catcher, which learns the error.
#[test]
fn a_catcher_sees_the_error_of_the_session() {
    #[catch(default)]
    fn any(status: Status, request: &Request<'_>) -> String {
        format!("{} {:?}", status.code, SessionRejection::of(request).map(|SessionRejection(error)| error))
    }
    let outage = Outage::default();
    let sessions = Sessions::new(outage.of(MemoryStore::new().into()), keys::generated()).observed(());
    let layer = SessionLayer::new(sessions.clone().policy(Policy::PLAIN_HTTP)).refuse_cross_site(&[]);
    let quiet = rocket::Config { log_level: rocket::config::LogLevel::Off, ..rocket::Config::debug_default() };
    let rocket = rocket::custom(quiet).attach(layer).mount("/", routes![who]).register("/", catchers![any]);
    let client = client(rocket);
    let said = |answer: LocalResponse<'_>| answer.into_string().unwrap();
    assert_eq!(said(client.get("/who").dispatch()), "401 Some(NotSignedIn)");
    assert_eq!(said(client.get("/nowhere").dispatch()), "404 None");
    let cross_site = client.post("/who").header(Header::new("Sec-Fetch-Site", "cross-site"));
    assert_eq!(said(cross_site.dispatch()), "403 Some(CrossSite)");
    let ann = sessions.policy(Policy::PLAIN_HTTP).cookie_for("ann").into_future();
    let ann = Header::new("Cookie", rocket::execute(ann).unwrap());
    outage.set(true);
    assert_eq!(said(client.get("/who").header(ann).dispatch()), "503 Some(Unavailable)");
}
