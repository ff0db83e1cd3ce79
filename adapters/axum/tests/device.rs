//! The endpoint of device-bound sessions is the layer's (TR3): no route, no CSRF token, no redirect.

use axum::Router;
use axum::body::Body;
use axum::http::{Request, StatusCode};
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use core_tests::devices::{Sent, Toy, dialogue};
use session_axum::{Authenticated, Session, SessionLayer, SessionRejection};
use tower::ServiceExt;

async fn sign_in(session: Session) -> Result<(), SessionRejection> {
    let attempt = session.begin_login("ann").await?;
    Ok(session.login(attempt).await?)
}

/// What must not see the endpoint's requests: a limit, a check of forms.
async fn limit(request: axum::extract::Request, next: Next) -> Response {
    if request.uri().path() == "/device-session" {
        return StatusCode::TOO_MANY_REQUESTS.into_response();
    }
    next.run(request).await
}

#[test]
fn the_layer_answers_the_endpoint_tr3() {
    let app = Router::new()
        .route("/sign-in", post(sign_in))
        .route("/who", get(async |user: Authenticated| user.subject))
        .layer(from_fn(limit))
        .layer(SessionLayer::new(support::bound_sessions(Toy)).sign_in_at("/sign-in").refuse_cross_site(&[]));
    let runtime = tokio::runtime::Runtime::new().unwrap();
    dialogue(|method, path, headers| {
        let request = Request::builder().method(method).uri(path);
        let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
        let (head, body) = runtime.block_on(async {
            let answer = app.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
            let (head, body) = answer.into_parts();
            (head, axum::body::to_bytes(body, 1 << 20).await.unwrap())
        });
        let headers = head.headers.iter().map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned()));
        let body = String::from_utf8(body.to_vec()).unwrap();
        Sent { status: head.status.as_u16(), headers: headers.collect(), body }
    });
}
