//! What a handler can ask for, and what happens to those who do not get it.

use rocket::error::ErrorKind;
use rocket::http::{Accept, Status};
use rocket::local::blocking::Client;
use rocket::outcome::Outcome;
use rocket::request::{self, FromRequest, Request};
use rocket::{Build, Rocket, catch, catchers, get, post, routes};
use serde::{Deserialize, Serialize};
use session_rocket::{
    Authenticated, MemoryStore, Peek, Policy, Session, SessionData, SessionLayer, SessionRejection, Sessions, keys,
};

fn bare() -> Rocket<Build> {
    rocket::custom(rocket::Config { log_level: rocket::config::LogLevel::Off, ..rocket::Config::debug_default() })
}

fn layer() -> SessionLayer {
    SessionLayer::new(Sessions::new(MemoryStore::new(), keys::generated()).policy(Policy::PLAIN_HTTP))
}

fn tracked(rocket: Rocket<Build>) -> Client {
    Client::tracked(rocket).unwrap()
}

fn status(client: &Client, path: &str) -> u16 {
    client.get(path).dispatch().status().code
}

fn text(client: &Client, path: &str) -> String {
    client.get(path).dispatch().into_string().unwrap()
}

#[post("/login")]
async fn login(session: Session) -> Result<(), SessionRejection> {
    let attempt = session.begin_login("ann").await?;
    Ok(session.login(attempt).await?)
}

#[get("/who")]
fn who(user: Authenticated) -> String {
    user.subject
}

#[get("/perhaps")]
fn perhaps(user: Option<Authenticated>) -> String {
    user.map_or_else(|| "nobody".into(), |user| user.subject)
}

#[get("/two-ways")]
fn signed_in(user: Authenticated) -> String {
    format!("hello {}", user.subject)
}

#[get("/two-ways", rank = 2)]
fn signed_out() -> &'static str {
    "please sign in"
}

#[get("/own-401")]
fn own_401(_user: Option<Authenticated>) -> Status {
    Status::Unauthorized
}

#[test]
fn only_who_is_signed_in_comes_through() {
    let routes = || routes![login, who, perhaps, signed_in, signed_out];
    let client = tracked(bare().attach(layer()).mount("/", routes()));
    assert_eq!((status(&client, "/who"), text(&client, "/perhaps").as_str()), (401, "nobody"));
    assert_eq!(text(&client, "/two-ways"), "please sign in");
    client.post("/login").dispatch();
    assert_eq!((text(&client, "/who").as_str(), text(&client, "/perhaps").as_str()), ("ann", "ann"));
    assert_eq!(text(&client, "/two-ways"), "hello ann");

    #[catch(401)]
    fn refused() -> &'static str {
        "caught"
    }
    let client = tracked(bare().attach(layer()).mount("/", routes()).register("/", catchers![refused]));
    assert_eq!(text(&client, "/who"), "caught");
}

#[test]
fn others_are_sent_to_the_sign_in_page() {
    #[get("/basic")]
    fn basic() -> Status {
        Status::Unauthorized
    }
    let rocket =
        bare().attach(layer().sign_in_at("/sign-in")).mount("/", routes![login, who, basic, signed_in, signed_out]);
    let client = tracked(rocket);
    let answer = client.get("/who?a=1").header(Accept::HTML).dispatch();
    let location = answer.headers().get_one("Location");
    assert_eq!((answer.status().code, location), (303, Some("/sign-in?next=%2Fwho%3Fa%3D1")));
    assert_eq!(client.get("/who").header(Accept::JSON).dispatch().status().code, 401);
    assert_eq!(answer.headers().get_one("Vary"), Some("Cookie"));
    assert_eq!(status(&client, "/basic"), 401, "for other reasons");
    assert_eq!(text(&client, "/two-ways"), "please sign in");
    client.post("/login").dispatch();
    assert_eq!(text(&client, "/who"), "ann");
}

#[test]
fn the_whole_session_as_one_struct() {
    #[derive(Default, Serialize, Deserialize)]
    struct Cart {
        items: Vec<String>,
        coupon: Option<u32>,
    }
    #[post("/add")]
    fn add(mut cart: SessionData<Cart>) -> Result<String, SessionRejection> {
        cart.items.push("tea".into());
        cart.coupon = Some(7);
        cart.save()?;
        Ok(cart.items.len().to_string())
    }
    #[post("/other")]
    fn other(session: Session) -> Result<(), SessionRejection> {
        Ok(session.set("data", &"something else")?)
    }
    let client = tracked(bare().attach(layer()).mount("/", routes![add, other]));
    let post = |path: &'static str| client.post(path).dispatch();
    assert_eq!(post("/add").into_string().unwrap(), "1");
    assert_eq!(post("/add").into_string().unwrap(), "2");
    // of another shape: an error, never a wrong value
    post("/other");
    assert_eq!(post("/add").status().code, 500);
}

#[test]
fn a_visitor_has_no_session_until_something_is_stored_lc15() {
    #[get("/")]
    fn maybe(session: Session, peek: Peek) -> Result<String, SessionRejection> {
        Ok(format!("{} {:?}", session.exists()?, peek.get::<u32>("a")?))
    }
    #[get("/plain")]
    fn plain() -> &'static str {
        "plain"
    }
    let client = tracked(bare().attach(layer()).mount("/", routes![maybe, plain]));
    let answer = client.get("/").dispatch();
    assert_eq!((answer.headers().get_one("Set-Cookie"), answer.headers().get_one("Vary")), (None, Some("Cookie")));
    assert_eq!(answer.into_string().unwrap(), "false None");
    assert_eq!(client.get("/plain").dispatch().headers().get_one("Vary"), None);
}

#[test]
fn without_the_layer_nothing_launches() {
    #[get("/data")]
    fn data(_data: SessionData<u32>) {}
    #[get("/peek")]
    fn peek(_session: Result<Peek, SessionRejection>) {}
    for routes in [routes![login], routes![perhaps], routes![data], routes![peek]] {
        let why = Client::untracked(bare().mount("/", routes)).map(drop).unwrap_err();
        assert!(matches!(why.kind(), ErrorKind::SentinelAborts(found) if found.len() == 1), "{why}");
    }
}

/// Asks for the session where Rocket does not see it before the launch.
struct Hidden(String);

#[rocket::async_trait]
impl<'r> FromRequest<'r> for Hidden {
    type Error = std::convert::Infallible;

    async fn from_request(request: &'r Request<'_>) -> request::Outcome<Self, Self::Error> {
        Outcome::Success(Self(match request.guard::<Session>().await {
            Outcome::Error((status, failed)) => format!("{status}: {failed}, {failed:?}"),
            _ => "a session".into(),
        }))
    }
}

#[test]
fn without_the_layer_an_error_names_the_missing_line() {
    #[get("/")]
    fn hidden(found: Hidden) -> String {
        found.0
    }
    let said = text(&tracked(bare().mount("/", routes![hidden])), "/");
    assert_eq!(said.matches(".attach(SessionLayer::new(sessions))").count(), 2, "{said}");
    assert!(said.starts_with("500"), "{said}");
    assert_eq!(text(&tracked(bare().attach(layer()).mount("/", routes![hidden])), "/"), "a session");
}

#[test]
fn of_two_layers_the_last_counts() {
    let secure = Sessions::new(MemoryStore::new(), keys::generated());
    let client = tracked(bare().attach(layer()).attach(SessionLayer::new(secure)).mount("/", routes![login]));
    let cookies: Vec<String> =
        client.post("/login").dispatch().headers().get("Set-Cookie").map(str::to_owned).collect();
    assert!(cookies.len() == 1 && cookies[0].starts_with("__Host-id="), "{cookies:?}");
}

#[test]
fn an_answer_of_401_by_the_handler_is_the_handlers() {
    #[get("/texts")]
    fn texts(_user: Option<Authenticated>) -> (Status, &'static str) {
        (Status::Unauthorized, "mine")
    }
    let client = tracked(bare().attach(layer().sign_in_at("/sign-in")).mount("/", routes![texts, own_401]));
    assert_eq!((status(&client, "/texts"), text(&client, "/texts").as_str()), (401, "mine"));
    // a status alone goes to the catcher, as everywhere in Rocket, and that sends to the page
    assert_eq!(client.get("/own-401").header(Accept::HTML).dispatch().status().code, 303);
}
