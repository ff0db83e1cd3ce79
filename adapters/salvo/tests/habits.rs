//! What users of Salvo are used to: hoops around hoops, extractors, catchers, the cookie jar, redirects, streams, panics.

use std::time::Duration;

use futures_util::stream;
use salvo::Extractible;
use salvo::catcher::Catcher;
use salvo::extract::PathParam;
use salvo::http::cookie::Cookie;
use salvo::http::header::{
    ACCEPT, CACHE_CONTROL, CONTENT_TYPE, COOKIE, ETAG, HeaderName, LOCATION, SET_COOKIE, VARY, X_FRAME_OPTIONS,
};
use salvo::http::{HeaderMap, Method};
use salvo::prelude::*;
use salvo::test::{RequestBuilder, ResponseExt, TestClient};
use salvo::writing::Text;
use serde::{Deserialize, Serialize};
use session_salvo::testing::TestClock;
use session_salvo::{
    Authenticated, Error, MemoryStore, Peek, Policy, Session, SessionData, SessionLayer, SessionRejection, Sessions,
    keys,
};
use support::reference::Outage;

fn layer() -> SessionLayer {
    SessionLayer::new(Sessions::new(MemoryStore::new(), keys::generated()).policy(Policy::PLAIN_HTTP))
}

/// One handler at `/`, and what it stored at `/read`.
fn app(handler: impl Handler) -> Service {
    let router = Router::new().get(handler).push(Router::with_path("read").get(reads));
    Service::new(router).hoop(layer())
}

fn request(method: Method, path: &str, cookie: Option<&str>) -> RequestBuilder {
    let url = format!("http://127.0.0.1{path}");
    let request = RequestBuilder::new(url, method).add_header(ACCEPT, "text/html,*/*;q=0.8", true);
    match cookie {
        Some(cookie) => request.add_header(COOKIE, cookie, true),
        None => request,
    }
}

async fn send(app: &Service, method: Method, path: &str, cookie: Option<&str>) -> (StatusCode, HeaderMap, String) {
    answer(app, request(method, path, cookie)).await
}

/// As the server sends it: `TestClient` shows no other cookie beside those of Salvo's jar.
async fn answer(app: &Service, request: RequestBuilder) -> (StatusCode, HeaderMap, String) {
    let mut answer = app.handle(request.build()).await;
    let body = answer.take_string().await.unwrap();
    let (head, _) = answer.into_hyper().into_parts();
    (head.status, head.headers, body)
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
fn sets(session: Session, number: PathParam<u32>) -> Result<&'static str, SessionRejection> {
    session.set("a", &*number)?;
    Ok("set")
}

#[handler]
fn reads(session: Session) -> Result<String, SessionRejection> {
    Ok(format!("{:?}", session.get::<u32>("a")?))
}

#[handler]
fn counts(session: Session) -> Result<String, SessionRejection> {
    let count = session.get::<u32>("a")?.unwrap_or(0);
    session.set("a", &(count + 1))?;
    Ok(count.to_string())
}

#[handler]
async fn login(session: Session) -> Result<&'static str, SessionRejection> {
    let attempt = session.begin_login("ann").await?;
    session.login(attempt).await?;
    Ok("ok")
}

#[handler]
fn who(user: Authenticated) -> String {
    user.subject
}

#[tokio::test]
async fn what_the_handler_said_stays_ck9() {
    #[handler]
    fn handler(session: Session, response: &mut Response) -> Result<(), SessionRejection> {
        session.set("a", &1_u32)?;
        response.add_cookie(Cookie::new("seen", "yes"));
        for (name, value) in [(SET_COOKIE, "theme=dark"), (CACHE_CONTROL, "max-age=60, private"), (VARY, "accept")] {
            response.add_header(name, value, false).unwrap();
        }
        response.render("body");
        Ok(())
    }
    let (_, headers, body) = send(&app(handler), Method::GET, "/", None).await;
    let cookies = all(&headers, SET_COOKIE);
    assert_eq!((cookies.len(), cookies[0], body.as_str()), (3, "theme=dark", "body"));
    assert!(cookies.contains(&"seen=yes") && cookie(&headers).is_some(), "{cookies:?}");
    assert_eq!(all(&headers, CACHE_CONTROL), ["no-store, private"]);
    assert_eq!(all(&headers, VARY), ["accept, Cookie"]);
}

#[tokio::test]
async fn head_redirect_and_304_carry_the_cookie() {
    #[handler]
    fn redirect(session: Session) -> Result<Redirect, SessionRejection> {
        session.set("a", &2_u32)?;
        Ok(Redirect::other("/elsewhere"))
    }
    #[handler]
    fn not_modified(session: Session) -> Result<StatusCode, SessionRejection> {
        session.set("a", &3_u32)?;
        Ok(StatusCode::NOT_MODIFIED)
    }
    let router = Router::new()
        .push(Router::with_path("set/{number}").head(sets))
        .push(Router::with_path("redirect").get(redirect))
        .push(Router::with_path("304").get(not_modified));
    let app = Service::new(router).hoop(layer());
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
    fn streams(session: Session, response: &mut Response) -> Result<(), SessionRejection> {
        session.set("a", &1_u32)?;
        let late = move |_| match session.set("a", &2_u32) {
            Err(Error::AnswerSent) => Ok::<_, std::io::Error>("chunk "),
            other => panic!("a session that is over took a value: {other:?}"),
        };
        response.stream(stream::StreamExt::map(stream::iter(0..3), late));
        Ok(())
    }
    let app = app(streams);
    let (_, headers, body) = send(&app, Method::GET, "/", None).await;
    assert_eq!(body, "chunk chunk chunk ");
    assert_eq!(send(&app, Method::GET, "/read", cookie(&headers).as_deref()).await.2, "Some(1)");
}

/// An error of the handler's is for the catcher, which Salvo calls after all hoops.
#[tokio::test]
async fn a_handler_that_fails_keeps_its_changes_and_catchers_see_its_error() {
    #[handler]
    fn fails(session: Session) -> Result<(), StatusError> {
        session.set("a", &7_u32).map_err(|error| StatusError::internal_server_error().cause(error))?;
        Err(StatusError::bad_gateway().brief("broken"))
    }
    #[handler]
    fn catches(response: &mut Response) {
        let status = response.status_code.unwrap();
        response.render(Text::Html(format!("<h1>Sorry</h1>{status}")));
    }
    for app in [app(fails), app(fails).catcher(Catcher::new(catches))] {
        let (status, headers, body) = send(&app, Method::GET, "/", None).await;
        assert_eq!(status, 502);
        assert_eq!(body.contains("Sorry"), app.catcher.is_some(), "{body}");
        assert_eq!(send(&app, Method::GET, "/read", cookie(&headers).as_deref()).await.2, "Some(7)");
        let (status, headers, body) = send(&app, Method::GET, "/nowhere", None).await;
        assert_eq!((status.as_u16(), cookie(&headers), body.contains("404")), (404, None, true), "{body}");
        assert_eq!(send(&app, Method::POST, "/", None).await.0, 405);
    }
}

#[tokio::test]
async fn a_handler_that_panics_stores_nothing_unless_the_panic_is_caught_inside() {
    #[handler]
    fn panics(session: Session) {
        session.set("a", &1_u32).unwrap();
        panic!("on purpose")
    }
    let router = || Router::new().get(panics).push(Router::with_path("read").get(reads));
    let inside = Service::new(router()).hoop(layer()).hoop(CatchPanic::new());
    let outside = Service::new(router()).hoop(CatchPanic::new()).hoop(layer());
    let (status, headers, _) = send(&inside, Method::GET, "/", None).await;
    assert_eq!(status, 500);
    assert_eq!(send(&inside, Method::GET, "/read", cookie(&headers).as_deref()).await.2, "Some(1)");
    let (status, headers, _) = send(&outside, Method::GET, "/", None).await;
    assert_eq!((status.as_u16(), cookie(&headers)), (500, None));
    assert_eq!(send(&outside, Method::GET, "/read", None).await.2, "None");
}

#[tokio::test]
async fn without_the_layer_an_error_names_the_missing_line() {
    let (status, _, body) = send(&Service::new(Router::new().get(reads)), Method::GET, "/", None).await;
    assert_eq!(status, 500);
    assert!(body.contains(".hoop(SessionLayer::new(sessions))"), "{body}");
}

#[tokio::test]
async fn only_who_is_signed_in_comes_through() {
    #[handler]
    fn perhaps(session: Session) -> Result<String, SessionRejection> {
        Ok(session.subject()?.unwrap_or_else(|| "nobody".into()))
    }
    let routes = |path| {
        Router::with_path(path)
            .push(Router::with_path("login").post(login))
            .push(Router::with_path("who").get(who).post(who))
            .push(Router::with_path("perhaps").get(perhaps))
    };
    let app = Service::new(routes("")).hoop(layer());
    let (status, _, body) = send(&app, Method::GET, "/who", None).await;
    assert_eq!((status.as_u16(), body.as_str()), (401, "not signed in: sign in first\n"));
    assert_eq!(send(&app, Method::GET, "/perhaps", None).await.2, "nobody");
    let ann = cookie(&send(&app, Method::POST, "/login", None).await.1);
    assert_eq!(send(&app, Method::GET, "/who", ann.as_deref()).await.2, "ann");
    assert_eq!(send(&app, Method::GET, "/perhaps", ann.as_deref()).await.2, "ann");
    // around all, around one router, and both
    let routes = || Router::new().push(routes("api"));
    let sign_in = || layer().sign_in_at("/sign-in");
    let apps = [
        Service::new(routes()).hoop(sign_in()),
        Service::new(routes().hoop(sign_in())),
        Service::new(routes().hoop(sign_in())).hoop(layer()),
    ];
    for app in apps {
        let (status, headers, body) = send(&app, Method::GET, "/api/who?a=1", None).await;
        assert_eq!((status.as_u16(), body.as_str()), (303, ""));
        assert_eq!(all(&headers, LOCATION), ["/sign-in?next=%2Fapi%2Fwho%3Fa%3D1"]);
        assert_eq!(all(&headers, VARY), ["Cookie"]);
        let program = request(Method::GET, "/api/who", None).add_header(ACCEPT, "application/json", true);
        assert_eq!(answer(&app, program).await.0, 401);
    }
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
    let router = Router::new().push(Router::with_path("add").post(add)).push(Router::with_path("other").post(other));
    let app = Service::new(router).hoop(layer());
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
    let (_, headers, body) = send(&app(looks), Method::GET, "/", None).await;
    assert_eq!((body.as_str(), cookie(&headers)), ("false None", None));
    assert_eq!(all(&headers, VARY), ["Cookie"]);
}

/// The hoop of a service, of a router and of a handler; a hoop of the application's that extracts by hand.
#[tokio::test]
async fn around_all_or_one_route_and_in_a_hoop_of_the_applications() {
    #[handler]
    async fn counted(
        request: &mut Request,
        depot: &mut Depot,
        response: &mut Response,
        flow: &mut FlowCtrl,
    ) -> Result<(), SessionRejection> {
        let session = Session::extract(request, depot).await?;
        session.set("a", &5_u32)?;
        flow.call_next(request, depot, response).await;
        Ok(())
    }
    let with = Router::with_path("with").hoop(layer()).hoop(counted).get(reads);
    let handler = Router::with_path("handler").get(reads.hoop(layer()).hoop(counted));
    let app = Service::new(Router::new().push(with).push(handler).push(Router::with_path("without").get(reads)));
    for path in ["/with", "/handler"] {
        let (_, headers, body) = send(&app, Method::GET, path, None).await;
        assert_eq!((body.as_str(), cookie(&headers).is_some()), ("Some(5)", true), "{path}");
    }
    assert_eq!(send(&app, Method::GET, "/without", None).await.0, 500);
}

#[tokio::test]
async fn a_session_kept_beyond_its_request_says_so() {
    struct Keeps(tokio::sync::mpsc::UnboundedSender<Session>);
    #[handler]
    impl Keeps {
        fn handle(&self, session: Session) {
            self.0.send(session).unwrap();
        }
    }
    let (keep, mut kept) = tokio::sync::mpsc::unbounded_channel();
    send(&app(Keeps(keep)), Method::GET, "/", None).await;
    let session = kept.recv().await.unwrap();
    assert_eq!(session.set("a", &1_u32), Err(Error::AnswerSent));
}

/// Two layers whose cookies have one name: both handlers have the outer one's session, and the browser gets one cookie.
#[tokio::test]
async fn a_layer_inside_a_layer_joins_its_session_ck12() {
    /// Between the two layers, after the handler of the inner one.
    #[handler]
    async fn between(request: &mut Request, depot: &mut Depot, response: &mut Response, flow: &mut FlowCtrl) {
        let session = Session::extract(request, depot).await.unwrap();
        flow.call_next(request, depot, response).await;
        assert_eq!(session.set("b", &1_u32), Ok(()), "the outer layer is the one that finishes");
    }
    let inner = Router::with_path("inner").hoop(between).hoop(layer()).get(counts);
    let app = Service::new(Router::new().push(Router::with_path("outer").get(counts)).push(inner)).hoop(layer());
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
        session.set("a", &1_u32)?;
        session.set("", &1_u32)?;
        Ok("never")
    }
    #[handler]
    async fn page(request: &mut Request, depot: &mut Depot, response: &mut Response, flow: &mut FlowCtrl) {
        flow.call_next(request, depot, response).await;
        if let Some(error) = response.extensions.get::<Error>().copied() {
            response.headers_mut().remove(CONTENT_TYPE);
            response.take_body();
            response.render(Text::Html(format!("<h1>Sorry</h1>{error}")));
        }
    }
    let router = Router::new().get(fails).post(fails);
    let app = Service::new(router).hoop(page).hoop(layer().refuse_cross_site(&[]));
    let (status, headers, body) = send(&app, Method::GET, "/", None).await;
    assert_eq!((status.as_u16(), body.starts_with("<h1>Sorry</h1>invalid session key: ")), (500, true), "{body}");
    assert!(cookie(&headers).is_some());
    // also where no route is
    for path in ["/", "/nowhere"] {
        let refused = request(Method::POST, path, None).add_header("sec-fetch-site", "cross-site", true);
        let (status, headers, _) = answer(&app, refused).await;
        assert_eq!((status.as_u16(), all(&headers, CONTENT_TYPE)), (403, vec!["text/html; charset=utf-8"]), "{path}");
    }
}

/// Whatever status the application gives to a refusal: Salvo goes on after every answer that is no error.
#[tokio::test]
async fn a_refused_request_reaches_no_handler() {
    #[handler]
    fn reached() {
        panic!("the layer has answered")
    }
    let layer = layer().refuse_cross_site(&[]).on_error(|_| StatusCode::ACCEPTED);
    let app = Service::new(Router::new().post(reached)).hoop(layer).hoop(reached);
    for path in ["/", "/nowhere"] {
        let refused = request(Method::POST, path, None).add_header("sec-fetch-site", "cross-site", true);
        assert_eq!(answer(&app, refused).await.0, 202, "{path}");
    }
}

/// Signed in without the form, and expired without a wait.
#[tokio::test]
async fn a_signed_in_user_in_one_line() {
    let clock = TestClock::new();
    let sessions = Sessions::new(MemoryStore::new(), keys::generated()).clock(clock.clone());
    let app = Service::new(Router::with_path("who").get(who)).hoop(SessionLayer::new(sessions.clone()));
    let ann = sessions.cookie_for("ann").with("a", 7).await.unwrap();
    let sent = || TestClient::get("http://127.0.0.1/who").add_header(COOKIE, &ann, true).send(&app);
    assert_eq!(sent().await.take_string().await.unwrap(), "ann");
    clock.step(Duration::from_secs(31 * 60));
    assert_eq!(sent().await.status_code, Some(StatusCode::UNAUTHORIZED));
}

/// A handler that changes the session, and has answered when it turns out that the session has ended.
struct Late(Sessions);

#[handler]
impl Late {
    async fn handle(&self, session: Session, response: &mut Response) -> Result<Redirect, SessionRejection> {
        session.set("a", &1_u32)?;
        self.0.revoke_all("ann").await?;
        response.add_header(ETAG, "\"of what was not stored\"", true).unwrap();
        Ok(Redirect::other("/never"))
    }
}

/// An answer that an error replaces leaves nothing behind. What hoops around the layer said stays.
#[tokio::test]
async fn an_error_in_place_of_an_answer_has_none_of_its_headers() {
    #[handler]
    fn framed(response: &mut Response) {
        response.add_header(X_FRAME_OPTIONS, "DENY", true).unwrap();
    }
    let sessions = Sessions::new(MemoryStore::new(), keys::generated()).policy(Policy::PLAIN_HTTP);
    let router = Router::new().post(Late(sessions.clone()));
    let app = Service::new(router).hoop(framed).hoop(SessionLayer::new(sessions.clone()));
    let ann = sessions.cookie_for("ann").await.unwrap();
    let (status, headers, body) = send(&app, Method::POST, "/", Some(&ann)).await;
    assert_eq!((status.as_u16(), body.lines().count()), (409, 1), "{body}");
    assert_eq!(all(&headers, CONTENT_TYPE), ["text/plain; charset=utf-8"]);
    assert_eq!(all(&headers, X_FRAME_OPTIONS), ["DENY"]);
    assert!(!headers.contains_key(LOCATION) && !headers.contains_key(ETAG), "{headers:?}");
}

/// Whoever made it: the layer before the handler and after it, an extractor, `Authenticated`, a handler with `?`.
#[tokio::test]
async fn errors_look_as_the_application_says() {
    #[handler]
    fn bad(session: Session) -> Result<&'static str, SessionRejection> {
        session.set("a", &1_u32)?;
        session.set("", &1_u32)?;
        Ok("never")
    }
    /// A page with a status of its own for one of the errors.
    struct Page(Error);
    impl Scribe for Page {
        fn render(self, response: &mut Response) {
            let status = if self.0 == Error::BadKey { StatusCode::IM_A_TEAPOT } else { StatusCode::OK };
            response.render_with_status(status, Text::Html(format!("<h1>Sorry</h1>{}", self.0)));
        }
    }
    let outage = Outage::default();
    let sessions = Sessions::new(outage.of(MemoryStore::new().into()), keys::generated()).observed(());
    let sessions = sessions.policy(Policy::PLAIN_HTTP);
    let router = Router::new()
        .push(Router::with_path("late").post(Late(sessions.clone())))
        .push(Router::with_path("bad").get(bad))
        .push(Router::with_path("who").get(who));
    let layer = SessionLayer::new(sessions.clone()).refuse_cross_site(&[]).sign_in_at("/sign-in").on_error(Page);
    let app = Service::new(router).hoop(layer);
    let ann = sessions.cookie_for("ann").await.unwrap();
    let check = async |method, path, cookie: Option<&str>, status: u16, error: Error| {
        let (got, headers, body) = send(&app, method, path, cookie).await;
        assert_eq!((got.as_u16(), body), (status, format!("<h1>Sorry</h1>{error}")), "{path}");
        assert_eq!(all(&headers, CONTENT_TYPE), ["text/html; charset=utf-8"], "{path}");
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
    let refused = request(Method::POST, "/late", None).add_header("sec-fetch-site", "cross-site", true);
    let refused = app.handle(refused.build()).await;
    assert_eq!(refused.status_code, Some(StatusCode::FORBIDDEN));
    assert_eq!(refused.headers()[CONTENT_TYPE], "text/html; charset=utf-8");
    assert_eq!(refused.extensions.get(), Some(&Error::CrossSite), "for hoops outside");
    let program = request(Method::GET, "/who", None).add_header(ACCEPT, "application/json", true);
    let program = app.handle(program.build()).await;
    assert_eq!(
        (program.status_code, program.extensions.get()),
        (Some(StatusCode::UNAUTHORIZED), Some(&Error::NotSignedIn))
    );
    assert_eq!(program.headers()[CONTENT_TYPE], "text/html; charset=utf-8");
    // a redirect is no error, and what is not of the session stays
    assert_eq!(send(&app, Method::GET, "/who", None).await.0, 303);
    let (status, _, body) = send(&app, Method::GET, "/nowhere", None).await;
    assert!(status == 404 && !body.contains("Sorry"), "{body}");
}

/// With Salvo's own errors, they look as the application's catcher says.
#[tokio::test]
async fn errors_of_the_session_can_be_the_catchers() {
    #[handler]
    fn catches(response: &mut Response) {
        let status = response.status_code.unwrap();
        response.render(Text::Html(format!("caught {status}")));
    }
    let own = |error: Error| {
        let status = StatusCode::from_u16(error.status()).unwrap();
        StatusError::from_code(status).unwrap_or_else(StatusError::internal_server_error)
    };
    for layer in [layer().on_error(own), layer().on_error(|_| ())] {
        let app = Service::new(Router::with_path("who").get(who)).hoop(layer).catcher(Catcher::new(catches));
        let (status, _, body) = send(&app, Method::GET, "/who", None).await;
        assert_eq!((status.as_u16(), body.as_str()), (401, "caught 401 Unauthorized"));
    }
}
