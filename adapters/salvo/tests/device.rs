//! The endpoint of device-bound sessions is the layer's (TR3): no route, no CSRF token, no redirect.

use core_tests::devices::{Sent, Toy, dialogue};
use salvo::http::{HeaderName, Method};
use salvo::prelude::*;
use salvo::test::{RequestBuilder, ResponseExt};
use session_salvo::{Authenticated, Session, SessionLayer, SessionRejection};

#[handler]
async fn sign_in(session: Session) -> Result<(), SessionRejection> {
    let attempt = session.begin_login("ann").await?;
    Ok(session.login(attempt).await?)
}

#[handler]
fn who(user: Authenticated) -> String {
    user.subject
}

/// What must not see the endpoint's requests: a limit, a check of forms.
#[handler]
fn limit(request: &mut Request, response: &mut Response) {
    if request.uri().path() == "/device-session" {
        response.status_code(StatusCode::TOO_MANY_REQUESTS);
    }
}

#[test]
fn the_layer_answers_the_endpoint_tr3() {
    let layer = SessionLayer::new(support::bound_sessions(Toy)).sign_in_at("/sign-in").refuse_cross_site(&[]);
    let router = Router::new().push(Router::with_path("sign-in").post(sign_in)).push(Router::with_path("who").get(who));
    let app = Service::new(router).hoop(layer).hoop(limit);
    let runtime = tokio::runtime::Runtime::new().unwrap();
    dialogue(|method, path, headers| {
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        let mut request = RequestBuilder::new(format!("http://127.0.0.1{path}"), method);
        for (name, value) in headers {
            request = request.add_header(HeaderName::try_from(*name).unwrap(), *value, false);
        }
        let (answer, body) = runtime.block_on(async {
            let mut answer = app.handle(request.build()).await;
            let body = answer.take_string().await.unwrap();
            (answer, body)
        });
        let headers =
            answer.headers().iter().map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned()));
        Sent { status: answer.status_code.unwrap().as_u16(), headers: headers.collect(), body }
    });
}
