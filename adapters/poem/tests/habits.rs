//! What users of Poem are used to: layers around layers, extractors, poem-openapi, error catchers, redirects, streams,
//! panics, WebSockets.

use std::time::Duration;

use futures_util::stream;
use poem::http::header::{ACCEPT, CACHE_CONTROL, COOKIE, HeaderName, LOCATION, SET_COOKIE, VARY};
use poem::http::{HeaderMap, Method, StatusCode};
use poem::middleware::{CatchPanic, CookieJarManager};
use poem::test::TestClient;
use poem::web::cookie::{Cookie, CookieJar};
use poem::web::{Data, Html, Path, Redirect};
use poem::{
    Body, Endpoint, EndpointExt, FromRequest, IntoEndpoint, IntoResponse, Request, Response, Route, get, handler, post,
};
use poem_openapi::auth::ApiKey;
use poem_openapi::payload::PlainText;
use poem_openapi::{OpenApi, OpenApiService, SecurityScheme};
use serde::{Deserialize, Serialize};
use session_poem::testing::TestClock;
use session_poem::{
    Authenticated, Error, MemoryStore, NotSignedIn, Peek, Policy, Session, SessionData, SessionLayer, SessionRejection,
    Sessions, keys,
};
use support::reference::Outage;

fn layer() -> SessionLayer {
    SessionLayer::new(Sessions::new(MemoryStore::new(), keys::generated()).policy(Policy::PLAIN_HTTP))
}

fn client<E: IntoEndpoint>(app: E) -> TestClient<E::Endpoint> {
    TestClient::new(app)
}

async fn send(
    app: &TestClient<impl Endpoint>,
    method: Method,
    path: &str,
    cookie: Option<&str>,
) -> (StatusCode, HeaderMap, String) {
    let mut request = app.request(method, path).header(ACCEPT, "text/html,*/*;q=0.8");
    if let Some(cookie) = cookie {
        request = request.header(COOKIE, cookie);
    }
    let mut answer = request.send().await.0;
    let body = answer.take_body().into_string().await.unwrap();
    (answer.status(), answer.headers().clone(), body)
}

/// `id=VALUE` of the answer's session cookie.
fn cookie(headers: &HeaderMap) -> Option<String> {
    let ours = headers.get_all(SET_COOKIE).iter().filter_map(|value| value.to_str().ok());
    ours.filter(|value| value.starts_with("id=")).map(|value| value.split(';').next().unwrap().to_owned()).next()
}

fn all(headers: &HeaderMap, name: HeaderName) -> Vec<&str> {
    headers.get_all(name).iter().map(|value| value.to_str().unwrap()).collect()
}

#[handler]
fn sets(session: Session, Path(number): Path<u32>) -> Result<&'static str, SessionRejection> {
    session.set("a", &number)?;
    Ok("set")
}

#[handler]
fn reads(session: Session) -> Result<String, SessionRejection> {
    Ok(format!("{:?}", session.get::<u32>("a")?))
}

#[handler]
async fn login(session: Session) -> Result<&'static str, SessionRejection> {
    let attempt = session.begin_login("ann").await?;
    session.login(attempt).await?;
    Ok("ok")
}

#[tokio::test]
async fn what_the_handler_said_stays_ck9() {
    #[handler]
    fn handler(session: Session, jar: &CookieJar) -> Result<Response, SessionRejection> {
        session.set("a", &1_u32)?;
        jar.add(Cookie::new_with_str("seen", "yes"));
        let answer = Response::builder().header(SET_COOKIE, "theme=dark");
        Ok(answer.header(CACHE_CONTROL, "max-age=60, private").header(VARY, "accept").body("body"))
    }
    // Poem's own cookies, inside or outside
    let inside = client(Route::new().at("/", get(handler)).with(CookieJarManager::new()).with(layer()).boxed());
    let outside = client(Route::new().at("/", get(handler)).with(layer()).with(CookieJarManager::new()).boxed());
    for app in [inside, outside] {
        let (_, headers, _) = send(&app, Method::GET, "/", None).await;
        let cookies = all(&headers, SET_COOKIE);
        assert_eq!((cookies.len(), cookies[0]), (3, "theme=dark"));
        assert!(cookies.contains(&"seen=yes") && cookie(&headers).is_some(), "{cookies:?}");
        assert_eq!(all(&headers, CACHE_CONTROL), ["no-store, private"]);
        assert_eq!(all(&headers, VARY), ["accept, Cookie"]);
    }
}

#[tokio::test]
async fn head_redirect_and_304_carry_the_cookie() {
    #[handler]
    fn redirect(session: Session) -> Result<Redirect, SessionRejection> {
        session.set("a", &2_u32)?;
        Ok(Redirect::see_other("/elsewhere"))
    }
    #[handler]
    fn not_modified(session: Session) -> Result<StatusCode, SessionRejection> {
        session.set("a", &3_u32)?;
        Ok(StatusCode::NOT_MODIFIED)
    }
    let app = Route::new().at("/set/:n", get(sets)).at("/redirect", get(redirect)).at("/304", get(not_modified));
    let app = client(app.with(layer()));
    for (method, path, status) in
        [(Method::HEAD, "/set/1", 200), (Method::GET, "/redirect", 303), (Method::GET, "/304", 304)]
    {
        let (got, headers, body) = send(&app, method, path, None).await;
        assert_eq!((got.as_u16(), body.as_str()), (status, ""), "{path}");
        assert!(cookie(&headers).is_some(), "{path}");
    }
}

#[tokio::test]
async fn a_stream_is_passed_on_and_the_session_is_stored_before_it() {
    #[handler]
    fn streams(session: Session) -> Result<Body, SessionRejection> {
        session.set("a", &1_u32)?;
        let late = move |_| match session.set("a", &2_u32) {
            Err(session_poem::Error::AnswerSent) => Ok::<_, std::io::Error>("chunk "),
            other => panic!("a session that is over took a value: {other:?}"),
        };
        Ok(Body::from_bytes_stream(stream::StreamExt::map(stream::iter(0..3), late)))
    }
    let app = client(Route::new().at("/", get(streams)).at("/read", get(reads)).with(layer()));
    let (_, headers, body) = send(&app, Method::GET, "/", None).await;
    assert_eq!(body, "chunk chunk chunk ");
    assert_eq!(send(&app, Method::GET, "/read", cookie(&headers).as_deref()).await.2, "Some(1)");
}

#[derive(Debug)]
struct Broken;

impl std::fmt::Display for Broken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("broken")
    }
}

impl std::error::Error for Broken {}

#[handler]
fn fails(session: Session) -> poem::Result<&'static str> {
    session.set("a", &7_u32).map_err(SessionRejection)?;
    Err(poem::error::BadGateway(Broken))
}

#[tokio::test]
async fn a_handler_that_fails_keeps_its_changes() {
    let app = client(Route::new().at("/", get(fails)).at("/read", get(reads)).with(layer()));
    let (status, headers, body) = send(&app, Method::GET, "/", None).await;
    assert_eq!((status.as_u16(), body.as_str()), (502, "broken"));
    assert_eq!(send(&app, Method::GET, "/read", cookie(&headers).as_deref()).await.2, "Some(7)");
}

#[tokio::test]
async fn error_catchers_inside_see_all_errors_and_those_outside_what_has_no_session() {
    let routes = || Route::new().at("/", get(fails)).at("/read", get(reads));
    let inside = routes().catch_error(|_: Broken| async { "caught" }).with(layer());
    let app = client(inside.catch_error(|_: poem::error::NotFoundError| async { "no such page" }));
    let (status, headers, body) = send(&app, Method::GET, "/", None).await;
    assert_eq!((status.as_u16(), body.as_str()), (200, "caught"));
    assert_eq!(send(&app, Method::GET, "/read", cookie(&headers).as_deref()).await.2, "Some(7)");
    assert_eq!(send(&app, Method::GET, "/nowhere", None).await.2, "no such page");
    // an error that has a cookie to bring is an answer by then, which no catcher takes away
    let app = client(routes().with(layer()).catch_all_error(|_| async { "caught" }));
    let (status, headers, _) = send(&app, Method::GET, "/", None).await;
    assert!(status == 502 && cookie(&headers).is_some());
}

#[tokio::test]
async fn errors_of_the_session_are_caught_by_their_type() {
    #[handler]
    async fn who(user: Authenticated) -> String {
        user.subject
    }
    #[handler]
    fn bad(session: Session) -> Result<(), SessionRejection> {
        Ok(session.set("", &1)?)
    }
    let app = Route::new().at("/who", get(who)).at("/bad", get(bad));
    let app = app.catch_error(|why: NotSignedIn| async move { format!("page: {why}") });
    let app = app.catch_error(|SessionRejection(why): SessionRejection| async move { format!("page: {why:?}") });
    let app = client(app.with(layer()));
    assert_eq!(send(&app, Method::GET, "/who", None).await.2, "page: not signed in: sign in first");
    assert_eq!(send(&app, Method::GET, "/bad", None).await.2, "page: BadKey");
}

#[tokio::test]
async fn a_handler_that_panics_stores_nothing_unless_the_panic_is_caught_inside() {
    #[handler]
    fn panics(session: Session) -> &'static str {
        session.set("a", &1_u32).unwrap();
        panic!("on purpose")
    }
    let routes = || Route::new().at("/", get(panics)).at("/read", get(reads));
    let inside = client(routes().with(CatchPanic::new()).with(layer()).boxed());
    let outside = client(routes().with(layer()).with(CatchPanic::new()).boxed());
    let (status, headers, _) = send(&inside, Method::GET, "/", None).await;
    assert_eq!(status, 500);
    assert_eq!(send(&inside, Method::GET, "/read", cookie(&headers).as_deref()).await.2, "Some(1)");
    let (status, headers, _) = send(&outside, Method::GET, "/", None).await;
    assert_eq!((status.as_u16(), cookie(&headers)), (500, None));
    assert_eq!(send(&outside, Method::GET, "/read", None).await.2, "None");
}

#[tokio::test]
async fn without_the_layer_an_error_names_the_missing_line() {
    let app = client(Route::new().at("/", get(reads)));
    let (status, _, body) = send(&app, Method::GET, "/", None).await;
    assert_eq!(status, 500);
    assert!(body.contains(".with(SessionLayer::new(sessions))"), "{body}");
}

#[tokio::test]
async fn only_who_is_signed_in_comes_through() {
    #[handler]
    fn who(user: Authenticated) -> String {
        user.subject
    }
    #[handler]
    fn perhaps(user: Option<Authenticated>) -> String {
        user.map_or_else(|| "nobody".into(), |user| user.subject)
    }
    let routes = || Route::new().at("/login", post(login)).at("/who", get(who)).at("/perhaps", get(perhaps));
    let app = client(routes().with(layer()));
    assert_eq!(send(&app, Method::GET, "/who", None).await.0, 401);
    assert_eq!(send(&app, Method::GET, "/perhaps", None).await.2, "nobody");
    let ann = cookie(&send(&app, Method::POST, "/login", None).await.1);
    assert_eq!(send(&app, Method::GET, "/who", ann.as_deref()).await.2, "ann");
    assert_eq!(send(&app, Method::GET, "/perhaps", ann.as_deref()).await.2, "ann");
    let app = client(routes().with(layer().sign_in_at("/sign-in")));
    let (status, headers, _) = send(&app, Method::GET, "/who", None).await;
    assert_eq!((status.as_u16(), all(&headers, LOCATION)), (303, vec!["/sign-in?next=%2Fwho"]));
    assert_eq!(all(&headers, VARY), ["Cookie"]);
    let app = client(Route::new().nest("/api", routes()).with(layer().sign_in_at("/sign-in")));
    let (_, headers, _) = send(&app, Method::GET, "/api/who?a=1", None).await;
    assert_eq!(all(&headers, LOCATION), ["/sign-in?next=%2Fapi%2Fwho%3Fa%3D1"]);
    assert_eq!(app.get("/api/who").header(ACCEPT, "application/json").send().await.0.status(), 401);
}

#[tokio::test]
async fn the_whole_session_as_one_struct() {
    #[derive(Default, Serialize, Deserialize)]
    struct Cart {
        items: Vec<String>,
        coupon: Option<u32>,
    }
    #[handler]
    fn add(mut cart: SessionData<Cart>) -> Result<String, SessionRejection> {
        cart.items.push("tea".into());
        cart.coupon = Some(7);
        cart.save()?;
        Ok(cart.items.len().to_string())
    }
    #[handler]
    fn other(session: Session) -> Result<&'static str, SessionRejection> {
        session.set("data", &"something else")?;
        Ok("ok")
    }
    let app = client(Route::new().at("/add", post(add)).at("/other", post(other)).with(layer()));
    let (_, headers, body) = send(&app, Method::POST, "/add", None).await;
    let shopper = cookie(&headers);
    assert_eq!(body, "1");
    assert_eq!(send(&app, Method::POST, "/add", shopper.as_deref()).await.2, "2");
    // of another shape: an error, never a wrong value
    send(&app, Method::POST, "/other", shopper.as_deref()).await;
    assert_eq!(send(&app, Method::POST, "/add", shopper.as_deref()).await.0, 500);
}

#[tokio::test]
async fn a_visitor_has_no_session_until_something_is_stored_lc15() {
    #[handler]
    fn looks(session: Session, peek: Peek) -> Result<String, SessionRejection> {
        Ok(format!("{} {:?}", session.exists()?, peek.get::<u32>("a")?))
    }
    let app = client(Route::new().at("/", get(looks)).with(layer()));
    let (_, headers, body) = send(&app, Method::GET, "/", None).await;
    assert_eq!((body.as_str(), cookie(&headers)), ("false None", None));
    assert_eq!(all(&headers, VARY), ["Cookie"]);
}

struct Api;

// the cookie in the API's description, and who is signed in
#[derive(SecurityScheme)]
#[oai(ty = "api_key", key_name = "id", key_in = "cookie", checker = "signed_in")]
struct User(String);

async fn signed_in(request: &Request, _: ApiKey) -> Option<String> {
    let user = Authenticated::from_request_without_body(request).await;
    user.ok().map(|user| user.subject)
}

#[OpenApi]
impl Api {
    #[oai(path = "/login", method = "post")]
    async fn login(&self, session: Session) -> poem::Result<PlainText<&'static str>> {
        let attempt = session.begin_login("ann").await.map_err(SessionRejection)?;
        session.login(attempt).await.map_err(SessionRejection)?;
        Ok(PlainText("ok"))
    }

    #[oai(path = "/me", method = "get")]
    async fn me(&self, User(subject): User) -> PlainText<String> {
        PlainText(subject)
    }

    #[oai(path = "/who", method = "get")]
    async fn who(&self, user: Authenticated) -> PlainText<String> {
        PlainText(user.subject)
    }

    #[oai(path = "/count", method = "post")]
    async fn count(&self, session: Session) -> poem::Result<PlainText<String>> {
        let count = session.update_with("n", |n: Option<u32>| n.unwrap_or(0) + 1).await.map_err(SessionRejection)?;
        Ok(PlainText(count.to_string()))
    }
}

#[tokio::test]
async fn poem_openapi_handlers_have_sessions() {
    let service = OpenApiService::new(Api, "Api", "1");
    let spec = service.spec();
    assert!(!spec.contains("ession"), "an extractor is not a parameter of the API");
    assert!(spec.contains("securitySchemes") && spec.contains("\"in\": \"cookie\""), "{spec}");
    let app = client(Route::new().nest("/", service).with(layer()));
    assert_eq!(send(&app, Method::GET, "/who", None).await.0, 401);
    let ann = cookie(&send(&app, Method::POST, "/login", None).await.1);
    for count in ["1", "2"] {
        assert_eq!(send(&app, Method::POST, "/count", ann.as_deref()).await.2, count);
    }
    assert_eq!(send(&app, Method::GET, "/who", ann.as_deref()).await.2, "ann");
    assert_eq!(send(&app, Method::GET, "/me", ann.as_deref()).await.2, "ann");
    for cookie in [None, Some("id=forged")] {
        assert_eq!(send(&app, Method::GET, "/me", cookie).await.0, 401);
    }
}

#[tokio::test]
async fn around_one_route_and_in_a_middleware_of_the_applications() {
    let counted = Route::new().at("/set/:n", get(sets)).around(async |inner, request: Request| {
        let session = Session::from_request_without_body(&request).await?;
        session.set("seen", &true).map_err(SessionRejection)?;
        inner.call(request).await.map(IntoResponse::into_response)
    });
    let app = client(Route::new().nest("/with", counted.with(layer())).at("/without", get(reads)));
    assert!(cookie(&send(&app, Method::GET, "/with/set/1", None).await.1).is_some());
    assert_eq!(send(&app, Method::GET, "/without", None).await.0, 500);
}

#[tokio::test]
async fn a_session_kept_beyond_its_request_says_so() {
    let (keep, mut kept) = tokio::sync::mpsc::unbounded_channel();
    let app = poem::endpoint::make(move |request: Request| {
        let keep = keep.clone();
        async move {
            keep.send(Session::from_request_without_body(&request).await.unwrap()).unwrap();
            "ok"
        }
    });
    send(&client(app.with(layer())), Method::GET, "/", None).await;
    let session = kept.recv().await.unwrap();
    assert_eq!(session.set("a", &1_u32), Err(session_poem::Error::AnswerSent));
}

/// Two layers whose cookies have one name: both handlers have the outer one's session, and the browser gets one cookie.
#[tokio::test]
async fn a_layer_inside_a_layer_joins_its_session_ck12() {
    #[handler]
    fn counts(session: Session) -> Result<String, SessionRejection> {
        let count = session.get::<u32>("a")?.unwrap_or(0);
        session.set("a", &(count + 1))?;
        Ok(count.to_string())
    }
    let app = Route::new().at("/outer", get(counts)).at("/inner", get(counts).with(layer())).with(layer());
    let app = client(app);
    let (_, headers, _) = send(&app, Method::GET, "/inner", None).await;
    assert_eq!(all(&headers, SET_COOKIE).len(), 1);
    let cookie = cookie(&headers);
    assert_eq!(send(&app, Method::GET, "/outer", cookie.as_deref()).await.2, "1");
    assert_eq!(send(&app, Method::GET, "/inner", cookie.as_deref()).await.2, "2");
}

/// The layer's own answers and those of extractors can look as the application's do, and keep their headers.
#[tokio::test]
async fn an_error_page_of_the_applications_own() {
    #[handler]
    fn fails(session: Session) -> Result<&'static str, SessionRejection> {
        session.set("a", &1)?;
        session.set("", &1)?;
        Ok("never")
    }
    let app = Route::new().at("/", get(fails).post(fails)).with(layer().refuse_cross_site(&[]));
    let app = client(app.map_to_response().after(|answer: poem::Result<Response>| async move {
        let mut answer = answer?;
        if let Some(error) = answer.extensions().get::<session_poem::Error>().copied() {
            answer = answer.set_content_type("text/html; charset=utf-8");
            answer.set_body(format!("<h1>Sorry</h1>{error}"));
        }
        Ok::<_, poem::Error>(answer)
    }));
    let (status, headers, body) = send(&app, Method::GET, "/", None).await;
    assert_eq!((status.as_u16(), body.starts_with("<h1>Sorry</h1>invalid session key: ")), (500, true), "{body}");
    assert!(cookie(&headers).is_some());
    let answer = app.post("/").header("sec-fetch-site", "cross-site").send().await.0;
    assert_eq!(
        (answer.status().as_u16(), &answer.headers()["content-type"]),
        (403, &"text/html; charset=utf-8".parse().unwrap())
    );
}

/// Signed in without the form, and expired without a wait.
#[tokio::test]
async fn a_signed_in_user_in_one_line() {
    #[handler]
    fn who(user: Authenticated) -> String {
        user.subject
    }
    let clock = TestClock::new();
    let sessions = Sessions::new(MemoryStore::new(), keys::generated()).clock(clock.clone());
    let app = client(Route::new().at("/who", get(who)).with(SessionLayer::new(sessions.clone())));
    let ann = sessions.cookie_for("ann").with("a", 7).await.unwrap();
    assert_eq!(send(&app, Method::GET, "/who", Some(&ann)).await.2, "ann");
    clock.step(Duration::from_secs(31 * 60));
    assert_eq!(send(&app, Method::GET, "/who", Some(&ann)).await.0, 401);
}

/// Whoever made it: the layer before the handler and after it, an extractor, `Authenticated`, a handler with `?`.
#[tokio::test]
async fn errors_look_as_the_application_says() {
    #[handler]
    async fn late(session: Session, sessions: Data<&Sessions>) -> Result<&'static str, SessionRejection> {
        session.set("a", &1)?;
        sessions.revoke_all("ann").await?;
        Ok("never sent")
    }
    #[handler]
    fn bad(session: Session) -> Result<&'static str, SessionRejection> {
        session.set("a", &1)?;
        session.set("", &1)?;
        Ok("never")
    }
    #[handler]
    fn who(user: Authenticated) -> String {
        user.subject
    }
    #[handler]
    fn own() -> Response {
        let line = Response::builder().status(StatusCode::CONFLICT).extension(Error::Conflict);
        line.header("x-inner", "1").header("content-encoding", "br").body("compressed")
    }
    fn page(error: Error) -> Response {
        let status = if error == Error::BadKey { StatusCode::IM_A_TEAPOT } else { StatusCode::OK };
        Html(format!("<h1>Sorry</h1>{error}")).with_status(status).into_response()
    }
    let outage = Outage::default();
    let sessions = Sessions::new(outage.of(MemoryStore::new().into()), keys::generated()).observed(());
    let sessions = sessions.policy(Policy::PLAIN_HTTP);
    let routes = Route::new().at("/late", post(late)).at("/bad", get(bad)).at("/who", get(who)).at("/own", get(own));
    let routes = routes.data(sessions.clone());
    let layer = SessionLayer::new(sessions.clone()).refuse_cross_site(&[]).sign_in_at("/sign-in").on_error(page);
    let app = client(routes.with(layer));
    let ann = sessions.cookie_for("ann").await.unwrap();
    let check = async |method, path, cookie: Option<&str>, status: u16, error: Error| {
        let (got, headers, body) = send(&app, method, path, cookie).await;
        assert_eq!((got.as_u16(), body), (status, format!("<h1>Sorry</h1>{error}")), "{path}");
        assert_eq!(all(&headers, HeaderName::from_static("content-type")), ["text/html; charset=utf-8"], "{path}");
        assert_eq!(all(&headers, VARY), ["Cookie"], "{path}");
        headers
    };
    check(Method::POST, "/late", Some(&ann), 409, Error::Ended).await;
    let headers = check(Method::GET, "/bad", None, 418, Error::BadKey).await;
    assert!(cookie(&headers).is_some(), "what was set before is stored");
    let ann = sessions.cookie_for("ann").await.unwrap();
    outage.set(true);
    check(Method::GET, "/who", Some(&ann), 503, Error::Unavailable).await;
    outage.set(false);
    let refused = app.post("/late").header("sec-fetch-site", "cross-site").send().await.0;
    assert_eq!((refused.status().as_u16(), refused.content_type()), (403, Some("text/html; charset=utf-8")));
    assert_eq!(refused.extensions().get(), Some(&Error::CrossSite), "for middleware outside");
    let program = app.get("/who").header(ACCEPT, "application/json").send().await.0;
    assert_eq!((program.status().as_u16(), program.extensions().get()), (401, Some(&Error::NotSignedIn)));
    assert_eq!(program.content_type(), Some("text/html; charset=utf-8"));
    // a handler that has touched no session, or middleware around it
    let (status, headers, body) = send(&app, Method::GET, "/own", None).await;
    assert_eq!((status.as_u16(), body), (409, format!("<h1>Sorry</h1>{}", Error::Conflict)));
    assert!(headers.contains_key("x-inner") && !headers.contains_key("content-encoding"));
    // a redirect is no error, and what is not of the session stays
    assert_eq!(send(&app, Method::GET, "/who", None).await.0, 303);
    let (status, _, body) = send(&app, Method::GET, "/nowhere", None).await;
    assert_eq!((status.as_u16(), body.as_str()), (404, "not found"));
}
