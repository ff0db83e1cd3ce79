//! The endpoint of device-bound sessions is the layer's (TR3): no route, no CSRF token, no redirect.

use std::time::Duration;

use core_tests::devices::{Sent, Toy, dialogue};
use poem::http::Method;
use poem::test::TestClient;
use poem::{EndpointExt, Route, get, handler, post};
use session_poem::{Authenticated, MemoryStore, Policy, Session, SessionLayer, SessionRejection, Sessions, keys};

#[handler]
async fn sign_in(session: Session) -> Result<(), SessionRejection> {
    let attempt = session.begin_login("ann").await?;
    Ok(session.login(attempt).await?)
}

#[handler]
fn who(user: Authenticated) -> String {
    user.subject
}

#[test]
fn the_layer_answers_the_endpoint_tr3() {
    let policy = Policy::SECURE.device_bound(Duration::from_secs(600)).unwrap();
    let sessions = Sessions::new(MemoryStore::new(), keys::generated()).policy(policy);
    let sessions = sessions.device_endpoint("/device-session", Toy).unwrap();
    let layer = SessionLayer::new(sessions).sign_in_at("/sign-in").refuse_cross_site(&[]);
    let app = TestClient::new(Route::new().at("/sign-in", post(sign_in)).at("/who", get(who)).with(layer));
    let runtime = tokio::runtime::Runtime::new().unwrap();
    dialogue(|method, path, headers| {
        let request = app.request(Method::from_bytes(method.as_bytes()).unwrap(), path);
        let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
        let (answer, body) = runtime.block_on(async {
            let mut answer = request.send().await.0;
            let body = answer.take_body().into_string().await.unwrap();
            (answer, body)
        });
        let headers =
            answer.headers().iter().map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned()));
        Sent { status: answer.status().as_u16(), headers: headers.collect(), body }
    });
}
