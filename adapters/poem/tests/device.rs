//! The endpoint of device-bound sessions is the layer's (TR3): no route, no CSRF token, no redirect.

use core_tests::devices::{Sent, Toy, dialogue};
use poem::http::Method;
use poem::test::TestClient;
use poem::{EndpointExt, Route, get, handler, post};
use session_poem::{Authenticated, Session, SessionLayer, SessionRejection};

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
    let layer = SessionLayer::new(support::bound_sessions(Toy)).sign_in_at("/sign-in").refuse_cross_site(&[]);
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
