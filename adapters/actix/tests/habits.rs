//! What users of actix-web are used to: `actix_web::test`, scopes, layers around layers, extractors and their errors,
//! `Either`, error handlers, redirects, streams, panics, middleware of their own.

use std::time::Duration;

use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{Service, ServiceRequest, ServiceResponse};
use actix_web::http::header::{ACCEPT, CACHE_CONTROL, COOKIE, HeaderMap, HeaderName, LOCATION, SET_COOKIE, VARY};
use actix_web::http::{Method, StatusCode};
use actix_web::middleware::{ErrorHandlerResponse, ErrorHandlers, Logger, Next, NormalizePath, from_fn};
use actix_web::web::{self, Redirect};
use actix_web::{App, Either, HttpMessage, HttpRequest, HttpResponse, Responder, test};
use futures_util::stream;
use serde::{Deserialize, Serialize};
use session_actix::testing::TestClock;
use session_actix::{
    Authenticated, AuthenticatedRejection, Error, MemoryStore, Peek, Policy, Session, SessionData, SessionLayer,
    SessionRejection, Sessions, keys,
};
use support::reference::Outage;

type Answer<B> = actix_web::Result<ServiceResponse<B>>;

fn layer() -> SessionLayer {
    SessionLayer::new(Sessions::new(MemoryStore::new(), keys::generated()).policy(Policy::PLAIN_HTTP))
}

/// An error that comes through all middleware becomes its answer, as in actix-web's server.
async fn send<B: MessageBody + 'static>(
    app: &impl Service<actix_http::Request, Response = ServiceResponse<B>, Error = actix_web::Error>,
    method: Method,
    path: &str,
    cookie: Option<&str>,
) -> (StatusCode, HeaderMap, String) {
    let mut request = test::TestRequest::with_uri(path).method(method).insert_header((ACCEPT, "text/html,*/*;q=0.8"));
    if let Some(cookie) = cookie {
        request = request.insert_header((COOKIE, cookie));
    }
    let (head, body) = match app.call(request.to_request()).await {
        Ok(answer) => answer.into_parts().1.map_into_boxed_body().into_parts(),
        Err(error) => error.error_response().into_parts(),
    };
    let body = actix_web::body::to_bytes(body).await.unwrap_or_else(|_| panic!("a body that fails"));
    (head.status(), head.headers().clone(), String::from_utf8(body.to_vec()).unwrap())
}

/// `id=VALUE` of the answer's session cookie.
fn cookie(headers: &HeaderMap) -> Option<String> {
    let ours = headers.get_all(SET_COOKIE).filter_map(|value| value.to_str().ok());
    ours.filter(|value| value.starts_with("id=")).map(|value| value.split(';').next().unwrap().to_owned()).next()
}

fn all(headers: &HeaderMap, name: HeaderName) -> Vec<&str> {
    headers.get_all(name).map(|value| value.to_str().unwrap()).collect()
}

async fn sets(session: Session) -> Result<&'static str, SessionRejection> {
    session.set("a", &1_u32)?;
    Ok("body")
}

async fn reads(session: Session) -> Result<String, SessionRejection> {
    Ok(format!("{:?}", session.get::<u32>("a")?))
}

async fn counts(session: Session) -> Result<String, SessionRejection> {
    let count = session.get::<u32>("a")?.unwrap_or(0);
    session.set("a", &(count + 1))?;
    Ok(count.to_string())
}

async fn login(session: Session) -> Result<&'static str, SessionRejection> {
    let attempt = session.begin_login("ann").await?;
    session.login(attempt).await?;
    Ok("ok")
}

async fn who(user: Authenticated) -> String {
    user.subject
}

#[actix_web::test]
async fn what_the_handler_said_stays_ck9() {
    async fn handler(session: Session) -> Result<HttpResponse, SessionRejection> {
        session.set("a", &1)?;
        let mut answer = HttpResponse::Ok();
        answer.cookie(actix_web::cookie::Cookie::new("theme", "dark"));
        Ok(answer.insert_header((CACHE_CONTROL, "max-age=60, private")).insert_header((VARY, "accept")).body("body"))
    }
    let app = test::init_service(App::new().route("/", web::get().to(handler)).wrap(layer())).await;
    let (_, headers, _) = send(&app, Method::GET, "/", None).await;
    let cookies = all(&headers, SET_COOKIE);
    assert_eq!((cookies.len(), cookies[0]), (2, "theme=dark"));
    assert!(cookie(&headers).is_some());
    assert_eq!(all(&headers, CACHE_CONTROL), ["no-store, private"]);
    assert_eq!(all(&headers, VARY), ["accept, Cookie"]);
}

#[actix_web::test]
async fn head_redirect_and_304_carry_the_cookie() {
    async fn redirect(session: Session) -> Result<Redirect, SessionRejection> {
        session.set("a", &2)?;
        Ok(Redirect::to("/elsewhere").see_other())
    }
    async fn not_modified(session: Session) -> Result<HttpResponse, SessionRejection> {
        session.set("a", &3)?;
        Ok(HttpResponse::NotModified().finish())
    }
    let app = App::new()
        .route("/head", web::head().to(sets))
        .route("/redirect", web::get().to(redirect))
        .route("/304", web::get().to(not_modified));
    let app = test::init_service(app.wrap(layer())).await;
    for (method, path, status) in
        [(Method::HEAD, "/head", 200), (Method::GET, "/redirect", 303), (Method::GET, "/304", 304)]
    {
        let (got, headers, _) = send(&app, method, path, None).await;
        assert_eq!(got.as_u16(), status, "{path}");
        assert!(cookie(&headers).is_some(), "{path}");
    }
}

#[actix_web::test]
async fn a_stream_is_passed_on_and_the_session_is_stored_before_it() {
    async fn streams(session: Session) -> Result<HttpResponse, SessionRejection> {
        session.set("a", &1)?;
        let late = move |_| match session.set("a", &2) {
            Err(Error::AnswerSent) => Ok::<_, std::io::Error>(web::Bytes::from_static(b"chunk ")),
            other => panic!("a session that is over took a value: {other:?}"),
        };
        Ok(HttpResponse::Ok().streaming(stream::StreamExt::map(stream::iter(0..3), late)))
    }
    let app = App::new().route("/", web::get().to(streams)).route("/read", web::get().to(reads));
    let app = test::init_service(app.wrap(layer())).await;
    let (_, headers, body) = send(&app, Method::GET, "/", None).await;
    assert_eq!(body, "chunk chunk chunk ");
    assert_eq!(send(&app, Method::GET, "/read", cookie(&headers).as_deref()).await.2, "Some(1)");
}

#[actix_web::test]
async fn a_handler_that_fails_keeps_its_changes() {
    async fn fails(session: Session) -> actix_web::Result<&'static str> {
        session.set("a", &7_u32).map_err(SessionRejection)?;
        Err(actix_web::error::ErrorBadGateway("broken"))
    }
    let app = App::new().route("/", web::get().to(fails)).route("/read", web::get().to(reads));
    let app = test::init_service(app.wrap(layer())).await;
    let (status, headers, body) = send(&app, Method::GET, "/", None).await;
    assert_eq!((status.as_u16(), body.as_str()), (502, "broken"));
    assert_eq!(send(&app, Method::GET, "/read", cookie(&headers).as_deref()).await.2, "Some(7)");
}

/// A body that cannot be read is an error of its extractor, as without sessions; what was stored before is kept.
#[actix_web::test]
async fn errors_of_the_payload_pass_through() {
    async fn takes(session: Session, body: web::Json<u32>) -> Result<String, SessionRejection> {
        session.set("a", &*body)?;
        Ok(body.to_string())
    }
    let json = web::JsonConfig::default().limit(4).error_handler(|why, _| {
        let text = format!("my own words: {why}");
        actix_web::error::InternalError::from_response(why, HttpResponse::ImATeapot().body(text)).into()
    });
    let app = App::new().app_data(json).route("/", web::post().to(takes)).wrap(layer());
    let app = test::init_service(app.wrap(Logger::default())).await;
    for (body, status, has_cookie) in [("7", 200, true), ("seven", 418, false), ("123456789", 418, false)] {
        let request = test::TestRequest::post().insert_header(("content-type", "application/json")).set_payload(body);
        let answer = test::call_service(&app, request.to_request()).await;
        assert_eq!((answer.status().as_u16(), cookie(answer.headers()).is_some()), (status, has_cookie), "{body}");
        assert_eq!(all(answer.headers(), VARY), ["Cookie"], "the session was looked at: {body}");
    }
}

/// Middleware inside that fails gives an error instead of an answer. It stays that error, and brings the cookie.
#[actix_web::test]
async fn an_error_of_middleware_brings_the_cookie() {
    #[derive(Debug)]
    struct Broken;
    impl std::fmt::Display for Broken {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("broken")
        }
    }
    impl actix_web::ResponseError for Broken {}
    async fn fails(mut request: ServiceRequest, next: Next<impl MessageBody>) -> Answer<impl MessageBody> {
        let session = request.extract::<Session>().await?;
        if request.query_string() == "fail" {
            session.set("a", &9_u32).map_err(SessionRejection)?;
            return Err(Broken.into());
        }
        next.call(request).await
    }
    let app = App::new().route("/", web::get().to(reads)).wrap(from_fn(fails)).wrap(layer());
    let app = test::init_service(app.wrap_fn(|request, app| {
        let answering = app.call(request);
        async move { answering.await.inspect_err(|error| assert!(error.as_error::<Broken>().is_some())) }
    }))
    .await;
    let (status, headers, body) = send(&app, Method::GET, "/?fail", None).await;
    assert_eq!((status.as_u16(), body.as_str()), (500, "broken"));
    assert_eq!((all(&headers, VARY), all(&headers, CACHE_CONTROL)), (vec!["Cookie"], vec!["no-store"]));
    assert_eq!(send(&app, Method::GET, "/", cookie(&headers).as_deref()).await.2, "Some(9)");
}

#[actix_web::test]
async fn error_handlers_see_errors_of_the_session() {
    async fn bad(session: Session) -> Result<&'static str, SessionRejection> {
        session.set("", &1)?;
        Ok("never")
    }
    async fn conflicts(session: Session) -> Result<&'static str, SessionRejection> {
        session.set("a", &"x".repeat(1 << 20))?;
        Ok("never")
    }
    fn page<B>(answer: ServiceResponse<B>) -> actix_web::Result<ErrorHandlerResponse<B>> {
        let why = answer.response().error().and_then(|error| error.as_error::<SessionRejection>()).copied();
        let text = format!("page: {:?}", why.map(|SessionRejection(error)| error));
        Ok(ErrorHandlerResponse::Response(answer.map_body(|_, _| text).map_into_boxed_body().map_into_right_body()))
    }
    let app = App::new().route("/bad", web::get().to(bad)).route("/big", web::get().to(conflicts)).wrap(layer());
    let app = test::init_service(app.wrap(ErrorHandlers::new().default_handler(page))).await;
    assert_eq!(send(&app, Method::GET, "/bad", None).await.2, "page: Some(BadKey)");
    assert_eq!(send(&app, Method::GET, "/nowhere", None).await.2, "page: None");
    let (status, _, body) = send(&app, Method::GET, "/big", None).await;
    assert_eq!(status, 413);
    assert!(body.starts_with("page: Some(TooLarge"), "{body}");
}

#[actix_web::test]
async fn a_handler_that_panics_stores_nothing() {
    async fn panics(session: Session) -> &'static str {
        session.set("a", &1).unwrap();
        panic!("on purpose")
    }
    let sessions = Sessions::new(MemoryStore::new(), keys::generated()).policy(Policy::PLAIN_HTTP);
    let counted = sessions.clone();
    let app = App::new().route("/", web::get().to(panics)).wrap(SessionLayer::new(sessions));
    let app = test::init_service(app).await;
    let panicked = actix_web::rt::spawn(app.call(test::TestRequest::get().to_request())).await;
    assert!(panicked.is_err_and(|why| why.is_panic()));
    assert_eq!(counted.count().await, Ok(0));
}

#[actix_web::test]
async fn without_the_layer_an_error_names_the_missing_line() {
    let app = test::init_service(App::new().route("/", web::get().to(reads))).await;
    let (status, _, body) = send(&app, Method::GET, "/", None).await;
    assert_eq!(status, 500);
    assert!(body.contains(".wrap(SessionLayer::new(sessions))"), "{body}");
}

#[actix_web::test]
async fn only_who_is_signed_in_comes_through() {
    async fn perhaps(user: Option<Authenticated>) -> String {
        user.map_or_else(|| "nobody".into(), |user| user.subject)
    }
    async fn why(user: Result<Authenticated, AuthenticatedRejection>) -> String {
        user.map_or_else(|why| why.to_string(), |user| user.subject)
    }
    let routes = |config: &mut web::ServiceConfig| {
        config
            .route("/login", web::post().to(login))
            .route("/who", web::get().to(who))
            .route("/perhaps", web::get().to(perhaps))
            .route("/why", web::get().to(why));
    };
    let app = test::init_service(App::new().configure(routes).wrap(layer())).await;
    assert_eq!(send(&app, Method::GET, "/who", None).await.0, 401);
    assert_eq!(send(&app, Method::GET, "/perhaps", None).await.2, "nobody");
    assert_eq!(send(&app, Method::GET, "/why", None).await.2, "not signed in: sign in first");
    let ann = cookie(&send(&app, Method::POST, "/login", None).await.1);
    for path in ["/who", "/perhaps", "/why"] {
        assert_eq!(send(&app, Method::GET, path, ann.as_deref()).await.2, "ann", "{path}");
    }
    let app = test::init_service(App::new().configure(routes).wrap(layer().sign_in_at("/sign-in"))).await;
    let (status, headers, _) = send(&app, Method::GET, "/who", None).await;
    assert_eq!((status.as_u16(), all(&headers, LOCATION)), (303, vec!["/sign-in?next=%2Fwho"]));
    assert_eq!(all(&headers, VARY), ["Cookie"]);
    let scope = web::scope("/api").configure(routes);
    let app = test::init_service(App::new().service(scope).wrap(layer().sign_in_at("/sign-in"))).await;
    let (_, headers, _) = send(&app, Method::GET, "/api/who?a=1", None).await;
    assert_eq!(all(&headers, LOCATION), ["/sign-in?next=%2Fapi%2Fwho%3Fa%3D1"]);
    let program = test::TestRequest::with_uri("/api/who").insert_header((ACCEPT, "application/json")).to_request();
    assert_eq!(test::call_service(&app, program).await.status(), 401);
}

/// `Either` takes the right one where the left one fails, and both look at one session.
#[actix_web::test]
async fn either_a_user_or_a_visitor() {
    async fn either(found: Either<Authenticated, Session>) -> Result<String, SessionRejection> {
        match found {
            Either::Left(user) => Ok(user.subject),
            Either::Right(session) => {
                session.set("a", &1)?;
                Ok("a visitor".into())
            }
        }
    }
    async fn answers(session: Session) -> Either<Result<String, SessionRejection>, HttpResponse> {
        match session.subject() {
            Ok(Some(subject)) => Either::Left(Ok(subject)),
            Ok(None) => Either::Right(HttpResponse::ImATeapot().finish()),
            Err(error) => Either::Left(Err(error.into())),
        }
    }
    let app = App::new()
        .route("/", web::get().to(either))
        .route("/answers", web::get().to(answers))
        .route("/login", web::post().to(login));
    let app = test::init_service(app.wrap(layer())).await;
    let (_, headers, body) = send(&app, Method::GET, "/", None).await;
    assert_eq!(body, "a visitor");
    assert!(cookie(&headers).is_some());
    assert_eq!(send(&app, Method::GET, "/answers", None).await.0, 418);
    let ann = cookie(&send(&app, Method::POST, "/login", cookie(&headers).as_deref()).await.1);
    assert_eq!(send(&app, Method::GET, "/", ann.as_deref()).await.2, "ann");
    assert_eq!(send(&app, Method::GET, "/answers", ann.as_deref()).await.2, "ann");
}

#[actix_web::test]
async fn the_whole_session_as_one_struct() {
    #[derive(Default, Serialize, Deserialize)]
    struct Cart {
        items: Vec<String>,
        coupon: Option<u32>,
    }
    async fn add(mut cart: SessionData<Cart>) -> Result<String, SessionRejection> {
        cart.items.push("tea".into());
        cart.coupon = Some(7);
        cart.save()?;
        Ok(cart.items.len().to_string())
    }
    async fn other(session: Session) -> Result<&'static str, SessionRejection> {
        session.set("data", &"something else")?;
        Ok("ok")
    }
    let app = App::new().route("/add", web::post().to(add)).route("/other", web::post().to(other));
    let app = test::init_service(app.wrap(layer())).await;
    let (_, headers, body) = send(&app, Method::POST, "/add", None).await;
    let shopper = cookie(&headers);
    assert_eq!(body, "1");
    assert_eq!(send(&app, Method::POST, "/add", shopper.as_deref()).await.2, "2");
    // of another shape: an error, never a wrong value
    send(&app, Method::POST, "/other", shopper.as_deref()).await;
    assert_eq!(send(&app, Method::POST, "/add", shopper.as_deref()).await.0, 500);
}

#[actix_web::test]
async fn a_visitor_has_no_session_until_something_is_stored_lc15() {
    async fn looks(session: Session, peek: Peek) -> Result<String, SessionRejection> {
        Ok(format!("{} {:?}", session.exists()?, peek.get::<u32>("a")?))
    }
    let app = test::init_service(App::new().route("/", web::get().to(looks)).wrap(layer())).await;
    let (_, headers, body) = send(&app, Method::GET, "/", None).await;
    assert_eq!((body.as_str(), cookie(&headers)), ("false None", None));
    assert_eq!(all(&headers, VARY), ["Cookie"]);
}

/// In a scope, inside other scopes, and with middleware that changes the request: actix-web lets nothing else hold the
/// request while it routes.
#[actix_web::test]
async fn scopes_have_sessions_and_others_have_none() {
    async fn item(session: Session, id: web::Path<u32>) -> Result<String, SessionRejection> {
        session.set("a", &*id)?;
        Ok(id.to_string())
    }
    let inside = web::scope("/inside").service(web::resource("/{id}").route(web::get().to(item)));
    let with = web::scope("/with").service(inside).route("/read", web::get().to(reads)).wrap(layer());
    let app = App::new().service(with).route("/without", web::get().to(reads)).wrap(NormalizePath::trim());
    let app = test::init_service(app).await;
    let (_, headers, body) = send(&app, Method::GET, "/with/inside/42/", None).await;
    assert_eq!(body, "42");
    assert_eq!(send(&app, Method::GET, "/with/read", cookie(&headers).as_deref()).await.2, "Some(42)");
    assert_eq!(send(&app, Method::GET, "/without", None).await.0, 500);
}

#[actix_web::test]
async fn in_middleware_of_the_applications() {
    async fn before(mut request: ServiceRequest, next: Next<impl MessageBody>) -> Answer<impl MessageBody> {
        request.extract::<Session>().await?.set("a", &5_u32).map_err(SessionRejection)?;
        next.call(request).await
    }
    let app = App::new().route("/", web::get().to(reads)).wrap(from_fn(before)).wrap(layer());
    let app = test::init_service(app).await;
    let (_, headers, body) = send(&app, Method::GET, "/", None).await;
    assert_eq!(body, "Some(5)");
    assert!(cookie(&headers).is_some());
}

#[actix_web::test]
async fn a_session_kept_beyond_its_request_says_so() {
    let (keep, mut kept) = tokio::sync::mpsc::unbounded_channel();
    let handler = move |session: Session| {
        keep.send(session).unwrap();
        async { "ok" }
    };
    let app = test::init_service(App::new().route("/", web::get().to(handler)).wrap(layer())).await;
    send(&app, Method::GET, "/", None).await;
    let session = kept.recv().await.unwrap();
    assert_eq!(session.set("a", &1), Err(Error::AnswerSent));
}

/// Two layers whose cookies have one name: both handlers have the outer one's session, and the browser gets one cookie.
#[actix_web::test]
async fn a_layer_inside_a_layer_joins_its_session_ck12() {
    let inner = web::scope("/inner").route("", web::get().to(counts)).wrap(layer());
    let app = App::new().route("/outer", web::get().to(counts)).service(inner).wrap(layer());
    let app = test::init_service(app).await;
    let (_, headers, _) = send(&app, Method::GET, "/inner", None).await;
    assert_eq!(all(&headers, SET_COOKIE).len(), 1);
    let cookie = cookie(&headers);
    assert_eq!(send(&app, Method::GET, "/outer", cookie.as_deref()).await.2, "1");
    assert_eq!(send(&app, Method::GET, "/inner", cookie.as_deref()).await.2, "2");
}

/// A responder of the application's is an answer like any other, and sees what middleware left in the request.
#[actix_web::test]
async fn responders_of_the_applications() {
    struct Page;
    impl Responder for Page {
        type Body = BoxBody;
        fn respond_to(self, request: &HttpRequest) -> HttpResponse {
            HttpResponse::Ok().body(format!("{:?}", request.extensions().get::<u8>()))
        }
    }
    async fn handler(session: Session) -> Result<Page, SessionRejection> {
        session.set("a", &1)?;
        Ok(Page)
    }
    let app = App::new().route("/", web::get().to(handler)).wrap(layer()).wrap_fn(|request, app| {
        request.extensions_mut().insert(7_u8);
        app.call(request)
    });
    let (_, headers, body) = send(&test::init_service(app).await, Method::GET, "/", None).await;
    assert_eq!(body, "Some(7)");
    assert!(cookie(&headers).is_some());
}

/// Signed in without the form, and expired without a wait.
#[actix_web::test]
async fn a_signed_in_user_in_one_line() {
    let clock = TestClock::new();
    let sessions = Sessions::new(MemoryStore::new(), keys::generated()).clock(clock.clone());
    let app = App::new().route("/who", web::get().to(who)).wrap(SessionLayer::new(sessions.clone()));
    let app = test::init_service(app).await;
    let ann = sessions.cookie_for("ann").with("a", 7).await.unwrap();
    assert_eq!(send(&app, Method::GET, "/who", Some(&ann)).await.2, "ann");
    clock.step(Duration::from_secs(31 * 60));
    assert_eq!(send(&app, Method::GET, "/who", Some(&ann)).await.0, 401);
}

/// Whoever made it: the layer before the handler and after it, an extractor, `Authenticated`, a handler with `?`, middleware.
#[actix_web::test]
async fn errors_look_as_the_application_says() {
    async fn late(session: Session, sessions: web::Data<Sessions>) -> Result<&'static str, SessionRejection> {
        session.set("a", &1)?;
        sessions.revoke_all("ann").await?;
        Ok("never sent")
    }
    async fn bad(session: Session) -> Result<&'static str, SessionRejection> {
        session.set("a", &1)?;
        session.set("", &1)?;
        Ok("never")
    }
    fn page(error: Error) -> HttpResponse {
        let status = if error == Error::BadKey { StatusCode::IM_A_TEAPOT } else { StatusCode::OK };
        HttpResponse::build(status).content_type("text/html; charset=utf-8").body(format!("<h1>Sorry</h1>{error}"))
    }
    async fn fails(mut request: ServiceRequest, next: Next<impl MessageBody>) -> Answer<impl MessageBody> {
        if request.path() == "/inner" {
            request.extract::<Session>().await?;
            return Err(SessionRejection(Error::Conflict).into());
        }
        let mut answer = next.call(request).await?;
        for name in ["x-inner", "content-encoding"] {
            answer.headers_mut().insert(HeaderName::from_static(name), 1.into());
        }
        Ok(answer)
    }
    let outage = Outage::default();
    let sessions = Sessions::new(outage.of(MemoryStore::new().into()), keys::generated()).observed(());
    let sessions = sessions.policy(Policy::PLAIN_HTTP);
    let layer = SessionLayer::new(sessions.clone()).refuse_cross_site(&[]).sign_in_at("/sign-in").on_error(page);
    let app = App::new()
        .app_data(web::Data::new(sessions.clone()))
        .route("/late", web::post().to(late))
        .route("/bad", web::get().to(bad))
        .route("/who", web::get().to(async |user: Authenticated| user.subject))
        .wrap(from_fn(fails))
        .wrap(layer);
    let app = test::init_service(app).await;
    let ann = sessions.cookie_for("ann").await.unwrap();
    let check = async |method, path, cookie: Option<&str>, status: u16, error: Error| {
        let (got, headers, body) = send(&app, method, path, cookie).await;
        assert_eq!((got.as_u16(), body), (status, format!("<h1>Sorry</h1>{error}")), "{path}");
        assert_eq!(all(&headers, HeaderName::from_static("content-type")), ["text/html; charset=utf-8"], "{path}");
        assert_eq!(all(&headers, VARY), ["Cookie"], "{path}");
        assert!(!headers.contains_key("content-encoding"), "{path}: of the body that is gone");
        headers
    };
    check(Method::POST, "/late", Some(&ann), 409, Error::Ended).await;
    let headers = check(Method::GET, "/bad", None, 418, Error::BadKey).await;
    assert!(cookie(&headers).is_some() && headers.contains_key("x-inner"), "what was set before is stored");
    check(Method::GET, "/inner", None, 409, Error::Conflict).await;
    let ann = sessions.cookie_for("ann").await.unwrap();
    outage.set(true);
    check(Method::GET, "/who", Some(&ann), 503, Error::Unavailable).await;
    outage.set(false);
    let request = |name, value| test::TestRequest::with_uri("/who").insert_header((name, value));
    let refused = request("sec-fetch-site", "cross-site").method(Method::POST).to_request();
    let refused = app.call(refused).await.unwrap();
    assert_eq!(
        (refused.status().as_u16(), refused.headers().get("content-type").map(|kind| kind.to_str().unwrap())),
        (403, Some("text/html; charset=utf-8"))
    );
    let why = refused.response().error().and_then(|error| error.as_error::<SessionRejection>());
    assert_eq!(why, Some(&SessionRejection(Error::CrossSite)), "for middleware outside");
    let program = app.call(request("accept", "application/json").to_request()).await.unwrap();
    assert_eq!(
        (program.status().as_u16(), program.headers().get("content-type").map(|kind| kind.to_str().unwrap())),
        (401, Some("text/html; charset=utf-8"))
    );
    // a redirect is no error, and what is not of the session stays
    assert_eq!(send(&app, Method::GET, "/who", None).await.0, 303);
    assert_eq!(send(&app, Method::GET, "/nowhere", None).await.2, "");
}

/// actix-web extracts the arguments of a handler at the same time, so while one waits for the store, the others do not
/// fail.
#[::core::prelude::v1::test]
fn a_handler_has_several_extractors_over_a_store_that_waits() {
    #[derive(Default, Serialize, Deserialize)]
    struct Shop {
        cart: Vec<String>,
    }
    async fn all(session: Session, shop: SessionData<Shop>, peek: Peek, user: Authenticated) -> String {
        format!("{:?} {:?} {:?} {}", session.subject(), shop.cart, peek.subject(), user.subject)
    }
    actix_web::rt::System::new().block_on(async {
        let store = Outage::default().of(MemoryStore::new().into());
        let sessions = Sessions::new(store, keys::generated()).policy(Policy::PLAIN_HTTP);
        let app = App::new().route("/", web::get().to(all)).wrap(SessionLayer::new(sessions.clone()));
        let app = test::init_service(app).await;
        let ann = sessions.cookie_for("ann").with("data.cart", ["tea"]).await.unwrap();
        let (status, _, body) = send(&app, Method::GET, "/", Some(&ann)).await;
        assert_eq!((status.as_u16(), body.as_str()), (200, r#"Ok(Some("ann")) ["tea"] Ok(Some("ann")) ann"#));
    });
}
