//! What users of axum are used to: layers around layers, extractors, redirects, streams, panics, other tower services.

use std::convert::Infallible;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::header::{ACCEPT, CACHE_CONTROL, CONTENT_TYPE, COOKIE, LOCATION, SET_COOKIE, VARY};
use axum::http::{HeaderMap, Request, Response, StatusCode};
use axum::response::{Html, IntoResponse, Redirect};
use axum::routing::{get, post};
use serde::{Deserialize, Serialize};
use session_axum::testing::TestClock;
use session_axum::{
    Authenticated, Error, MemoryStore, Peek, Policy, Session, SessionData, SessionLayer, SessionRejection, Sessions,
    keys,
};
use support::reference::Outage;
use tower::{Layer, ServiceBuilder, ServiceExt, service_fn};

fn layer() -> SessionLayer {
    SessionLayer::new(Sessions::new(MemoryStore::new(), keys::generated()).policy(Policy::PLAIN_HTTP))
}

async fn send(app: &Router, method: &str, path: &str, cookie: Option<&str>) -> (StatusCode, HeaderMap, String) {
    let mut request = Request::builder().method(method).uri(path).header(ACCEPT, "text/html,*/*;q=0.8");
    if let Some(cookie) = cookie {
        request = request.header(COOKIE, cookie);
    }
    let answer = app.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
    let (head, body) = answer.into_parts();
    let body = axum::body::to_bytes(body, 1 << 20).await.unwrap();
    (head.status, head.headers, String::from_utf8(body.to_vec()).unwrap())
}

/// `id=VALUE` of the answer's session cookie.
fn cookie(headers: &HeaderMap) -> Option<String> {
    let ours = headers.get_all(SET_COOKIE).iter().filter_map(|value| value.to_str().ok());
    ours.filter(|value| value.starts_with("id=")).map(|value| value.split(';').next().unwrap().to_owned()).next()
}

fn all(headers: &HeaderMap, name: axum::http::HeaderName) -> Vec<&str> {
    headers.get_all(name).iter().map(|value| value.to_str().unwrap()).collect()
}

#[tokio::test]
async fn what_the_handler_said_stays_ck9() {
    async fn handler(session: Session) -> Result<impl IntoResponse, SessionRejection> {
        session.set("a", &1)?;
        Ok(([(SET_COOKIE, "theme=dark"), (CACHE_CONTROL, "max-age=60, private"), (VARY, "accept")], "body"))
    }
    let app = Router::new().route("/", get(handler)).layer(layer());
    let (_, headers, _) = send(&app, "GET", "/", None).await;
    let cookies = all(&headers, SET_COOKIE);
    assert_eq!((cookies.len(), cookies[0]), (2, "theme=dark"));
    assert_eq!(all(&headers, CACHE_CONTROL), ["no-store, private"]);
    assert_eq!(all(&headers, VARY), ["accept, Cookie"]);
}

#[tokio::test]
async fn head_redirect_and_304_carry_the_cookie() {
    async fn head(session: Session) -> Result<&'static str, SessionRejection> {
        session.set("a", &1)?;
        Ok("body")
    }
    async fn redirect(session: Session) -> Result<Redirect, SessionRejection> {
        session.set("a", &2)?;
        Ok(Redirect::to("/elsewhere"))
    }
    async fn not_modified(session: Session) -> Result<StatusCode, SessionRejection> {
        session.set("a", &3)?;
        Ok(StatusCode::NOT_MODIFIED)
    }
    let app = Router::new()
        .route("/head", get(head))
        .route("/redirect", get(redirect))
        .route("/304", get(not_modified))
        .layer(layer());
    for (method, path, status) in [("HEAD", "/head", 200), ("GET", "/redirect", 303), ("GET", "/304", 304)] {
        let (got, headers, body) = send(&app, method, path, None).await;
        assert_eq!((got.as_u16(), body.as_str()), (status, ""), "{path}");
        assert!(cookie(&headers).is_some(), "{path}");
    }
}

#[tokio::test]
async fn a_stream_is_passed_on_and_the_session_is_stored_before_it() {
    struct Chunks(u8);
    impl http_body::Body for Chunks {
        type Data = Bytes;
        type Error = Infallible;
        fn poll_frame(
            mut self: std::pin::Pin<&mut Self>,
            _: &mut std::task::Context<'_>,
        ) -> std::task::Poll<Option<Result<http_body::Frame<Bytes>, Infallible>>> {
            self.0 += 1;
            std::task::Poll::Ready((self.0 < 4).then(|| Ok(http_body::Frame::data(Bytes::from_static(b"chunk ")))))
        }
    }
    async fn stream(session: Session) -> Result<Response<Body>, SessionRejection> {
        session.set("a", &1)?;
        Ok(Response::new(Body::new(Chunks(0))))
    }
    let app = Router::new().route("/", get(stream)).layer(layer());
    let (_, headers, body) = send(&app, "GET", "/", None).await;
    assert!(cookie(&headers).is_some());
    assert_eq!(body, "chunk chunk chunk ");
}

#[tokio::test]
async fn a_handler_that_panics_stores_nothing() {
    async fn panics(session: Session) -> &'static str {
        session.set("a", &1).unwrap();
        panic!("on purpose")
    }
    let app = Router::new().route("/", get(panics)).route("/plain", get("plain")).layer(layer());
    let request = Request::builder().uri("/").body(Body::empty()).unwrap();
    let panicked = tokio::spawn(app.clone().oneshot(request)).await;
    assert!(panicked.is_err_and(|why| why.is_panic()));
    assert_eq!(send(&app, "GET", "/plain", None).await.2, "plain");
}

#[tokio::test]
async fn without_the_layer_an_error_names_the_missing_line() {
    let app = Router::new().route("/", get(async |_: Session| "never"));
    let (status, _, body) = send(&app, "GET", "/", None).await;
    assert_eq!(status, 500);
    assert!(body.contains(".layer(SessionLayer::new(sessions))"), "{body}");
}

#[tokio::test]
async fn only_who_is_signed_in_comes_through() {
    async fn login(session: Session) -> Result<&'static str, SessionRejection> {
        let attempt = session.begin_login("ann").await?;
        session.login(attempt).await?;
        Ok("ok")
    }
    async fn who(user: Authenticated) -> String {
        user.subject
    }
    async fn perhaps(user: Option<Authenticated>) -> String {
        user.map_or_else(|| "nobody".into(), |user| user.subject)
    }
    let routes = || Router::new().route("/login", post(login)).route("/who", get(who)).route("/perhaps", get(perhaps));
    let app = routes().layer(layer());
    assert_eq!(send(&app, "GET", "/who", None).await.0, 401);
    assert_eq!(send(&app, "GET", "/perhaps", None).await.2, "nobody");
    let (_, headers, _) = send(&app, "POST", "/login", None).await;
    let ann = cookie(&headers);
    assert_eq!(send(&app, "GET", "/who", ann.as_deref()).await.2, "ann");
    assert_eq!(send(&app, "GET", "/perhaps", ann.as_deref()).await.2, "ann");
    let app = routes().layer(layer().sign_in_at("/sign-in"));
    let (status, headers, _) = send(&app, "GET", "/who", None).await;
    assert_eq!((status.as_u16(), all(&headers, LOCATION)), (303, vec!["/sign-in?next=%2Fwho"]));
    // what was wanted is what the layer saw, and not what is left of it in a nested router
    let app = Router::new().nest("/api", routes()).layer(layer().sign_in_at("/sign-in"));
    let (_, headers, _) = send(&app, "GET", "/api/who?a=1", None).await;
    assert_eq!(all(&headers, LOCATION), ["/sign-in?next=%2Fapi%2Fwho%3Fa%3D1"]);
    let program = Request::get("/api/who").header(ACCEPT, "application/json").body(Body::empty()).unwrap();
    assert_eq!(app.oneshot(program).await.unwrap().status(), 401);
}

#[tokio::test]
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
    let app = Router::new().route("/add", post(add)).route("/other", post(other)).layer(layer());
    let (_, headers, body) = send(&app, "POST", "/add", None).await;
    let shopper = cookie(&headers);
    assert_eq!(body, "1");
    assert_eq!(send(&app, "POST", "/add", shopper.as_deref()).await.2, "2");
    // of another shape: an error, never a wrong value
    send(&app, "POST", "/other", shopper.as_deref()).await;
    assert_eq!(send(&app, "POST", "/add", shopper.as_deref()).await.0, 500);
}

#[tokio::test]
async fn a_visitor_has_no_session_until_something_is_stored_lc15() {
    async fn maybe(session: Session, peek: Peek) -> Result<String, SessionRejection> {
        Ok(format!("{} {:?}", session.exists()?, peek.get::<u32>("a")?))
    }
    let app = Router::new().route("/", get(maybe)).layer(layer());
    let (_, headers, body) = send(&app, "GET", "/", None).await;
    assert_eq!((body.as_str(), cookie(&headers)), ("false None", None));
    assert_eq!(all(&headers, VARY), ["Cookie"]);
}

#[tokio::test]
async fn behind_a_service_builder_and_around_any_tower_service() {
    let app = Router::new()
        .route("/", get(async |session: Session| session.set("a", &1).map(|()| "set").map_err(SessionRejection)))
        .layer(ServiceBuilder::new().layer(layer()).map_response(|answer: Response<Body>| answer));
    assert!(cookie(&send(&app, "GET", "/", None).await.1).is_some());
    // no axum around it: the service takes the session out of the request by itself
    async fn by_hand(request: Request<Body>) -> Result<Response<Body>, Infallible> {
        use axum::extract::FromRequestParts;
        let (mut parts, _) = request.into_parts();
        let session = <Session as FromRequestParts<()>>::from_request_parts(&mut parts, &()).await.unwrap();
        session.set("a", &1).unwrap();
        Ok(Response::new(Body::from("made by hand")))
    }
    let service = layer().layer(service_fn(by_hand));
    let answer = service.oneshot(Request::new(Body::empty())).await.unwrap();
    assert!(cookie(answer.headers()).is_some());
}

#[tokio::test]
async fn a_session_kept_beyond_its_request_says_so() {
    let (keep, mut kept) = tokio::sync::mpsc::unbounded_channel();
    let handler = move |session: Session| {
        keep.send(session).unwrap();
        async { "ok" }
    };
    let app = Router::new().route("/", get(handler)).layer(layer());
    send(&app, "GET", "/", None).await;
    let session = kept.recv().await.unwrap();
    assert_eq!(session.set("a", &1), Err(session_axum::Error::AnswerSent));
}

/// Two layers whose cookies have one name: both handlers have the outer one's session, and the browser gets one cookie.
#[tokio::test]
async fn a_layer_inside_a_layer_joins_its_session_ck12() {
    async fn handler(session: Session) -> Result<String, SessionRejection> {
        let count = session.get::<u32>("a")?.unwrap_or(0);
        session.set("a", &(count + 1))?;
        Ok(count.to_string())
    }
    let inner = Router::new().route("/inner", get(handler)).layer(layer());
    let app = Router::new().route("/outer", get(handler)).merge(inner).layer(layer());
    let (_, headers, _) = send(&app, "GET", "/inner", None).await;
    assert_eq!(all(&headers, SET_COOKIE).len(), 1);
    let cookie = cookie(&headers);
    assert_eq!(send(&app, "GET", "/outer", cookie.as_deref()).await.2, "1");
    assert_eq!(send(&app, "GET", "/inner", cookie.as_deref()).await.2, "2");
}

/// The layer's own answers and those of extractors can look as the application's do, and keep their headers.
#[tokio::test]
async fn an_error_page_of_the_applications_own() {
    async fn page(answer: axum::response::Response) -> axum::response::Response {
        match answer.extensions().get::<session_axum::Error>().copied() {
            Some(error) => {
                let (mut head, _) = answer.into_parts();
                head.headers.remove(axum::http::header::CONTENT_TYPE);
                head.headers.remove(axum::http::header::CONTENT_LENGTH);
                (head, axum::response::Html(format!("<h1>Sorry</h1>{error}"))).into_response()
            }
            None => answer,
        }
    }
    async fn fails(session: Session) -> Result<&'static str, SessionRejection> {
        session.set("a", &1)?;
        session.set("", &1)?;
        Ok("never")
    }
    let app = Router::new().route("/", get(fails)).layer(layer().refuse_cross_site(&[]));
    let app = app.layer(axum::middleware::map_response(page));
    let (status, headers, body) = send(&app, "GET", "/", None).await;
    assert_eq!((status.as_u16(), body.starts_with("<h1>Sorry</h1>invalid session key: ")), (500, true), "{body}");
    assert!(cookie(&headers).is_some());
    let request = Request::builder().method("POST").uri("/").header("sec-fetch-site", "cross-site");
    let answer = app.oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
    assert_eq!(answer.headers()["content-type"], "text/html; charset=utf-8");
    assert_eq!(answer.status().as_u16(), 403);
}

/// Signed in without the form, and expired without a wait.
#[tokio::test]
async fn a_signed_in_user_in_one_line() {
    let clock = TestClock::new();
    let sessions = Sessions::new(MemoryStore::new(), keys::generated()).clock(clock.clone());
    let app = Router::new().route("/who", get(async |user: Authenticated| user.subject));
    let app = app.layer(SessionLayer::new(sessions.clone()));
    let ann = sessions.cookie_for("ann").with("a", 7).await.unwrap();
    assert_eq!(send(&app, "GET", "/who", Some(&ann)).await.2, "ann");
    clock.step(Duration::from_secs(31 * 60));
    assert_eq!(send(&app, "GET", "/who", Some(&ann)).await.0, 401);
}

/// Whoever made it: the layer before the handler and after it, an extractor, `Authenticated`, a handler with `?`.
#[tokio::test]
async fn errors_look_as_the_application_says() {
    async fn late(session: Session, State(sessions): State<Sessions>) -> Result<&'static str, SessionRejection> {
        session.set("a", &1)?;
        sessions.revoke_all("ann").await?;
        Ok("never sent")
    }
    async fn bad(session: Session) -> Result<&'static str, SessionRejection> {
        session.set("a", &1)?;
        session.set("", &1)?;
        Ok("never")
    }
    fn page(error: Error) -> Response<Body> {
        let status = if error == Error::BadKey { StatusCode::IM_A_TEAPOT } else { StatusCode::OK };
        (status, Html(format!("<h1>Sorry</h1>{error}"))).into_response()
    }
    let outage = Outage::default();
    let sessions = Sessions::new(outage.of(MemoryStore::new().into()), keys::generated()).observed(());
    let sessions = sessions.policy(Policy::PLAIN_HTTP);
    let routes = Router::new()
        .route("/late", post(late))
        .route("/bad", get(bad))
        .route("/who", get(async |user: Authenticated| user.subject))
        .route("/own", get(async || SessionRejection(Error::Conflict)))
        .route("/plain", get(async || (StatusCode::NOT_FOUND, "plain")))
        .with_state(sessions.clone())
        .layer(axum::middleware::map_response(async |answer: Response<Body>| {
            ([("x-inner", "1"), ("content-encoding", "br")], answer)
        }));
    let layer = SessionLayer::new(sessions.clone()).refuse_cross_site(&[]).sign_in_at("/sign-in").on_error(page);
    let app = routes.layer(layer);
    let ann = sessions.cookie_for("ann").await.unwrap();
    let check = async |method, path, cookie: Option<&str>, status: u16, error: Error| {
        let (got, headers, body) = send(&app, method, path, cookie).await;
        assert_eq!((got.as_u16(), body), (status, format!("<h1>Sorry</h1>{error}")), "{path}");
        assert_eq!(all(&headers, CONTENT_TYPE), ["text/html; charset=utf-8"], "{path}");
        assert_eq!(all(&headers, VARY), ["Cookie"], "{path}");
        assert!(!headers.contains_key("content-encoding"), "{path}: of the body that is gone");
        headers
    };
    check("POST", "/late", Some(&ann), 409, Error::Ended).await;
    let headers = check("GET", "/bad", None, 418, Error::BadKey).await;
    assert!(cookie(&headers).is_some() && headers.contains_key("x-inner"), "what was set before is stored");
    let ann = sessions.cookie_for("ann").await.unwrap();
    outage.set(true);
    check("GET", "/who", Some(&ann), 503, Error::Unavailable).await;
    outage.set(false);
    let request = |name, value| Request::builder().method("POST").uri("/late").header(name, value);
    let refused = app.clone().oneshot(request("sec-fetch-site", "cross-site").body(Body::empty()).unwrap()).await;
    let refused = refused.unwrap();
    assert_eq!(refused.status(), 403);
    assert_eq!(refused.headers()[CONTENT_TYPE], "text/html; charset=utf-8");
    assert_eq!(refused.extensions().get(), Some(&Error::CrossSite), "for layers outside");
    let program = Request::get("/who").header(ACCEPT, "application/json").body(Body::empty()).unwrap();
    let program = app.clone().oneshot(program).await.unwrap();
    assert_eq!((program.status().as_u16(), program.extensions().get()), (401, Some(&Error::NotSignedIn)));
    assert_eq!(program.headers()[CONTENT_TYPE], "text/html; charset=utf-8");
    // a handler that has touched no session
    let (status, headers, body) = send(&app, "GET", "/own", None).await;
    assert_eq!((status.as_u16(), body), (409, format!("<h1>Sorry</h1>{}", Error::Conflict)));
    assert!(headers.contains_key("x-inner") && !headers.contains_key("content-encoding"));
    // a redirect is no error, and what is not of the session stays
    assert_eq!(send(&app, "GET", "/who", None).await.0, 303);
    let (status, _, body) = send(&app, "GET", "/plain", None).await;
    assert_eq!((status.as_u16(), body.as_str()), (404, "plain"));
}
