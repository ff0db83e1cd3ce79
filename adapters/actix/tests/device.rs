//! The endpoint of device-bound sessions is the layer's (TR3): no route, no CSRF token, no redirect.

use actix_web::http::Method;
use actix_web::{App, test, web};
use core_tests::devices::{Sent, Toy, dialogue};
use session_actix::{Authenticated, Session, SessionLayer, SessionRejection};

async fn sign_in(session: Session) -> Result<&'static str, SessionRejection> {
    let attempt = session.begin_login("ann").await?;
    session.login(attempt).await?;
    Ok("")
}

async fn who(user: Authenticated) -> String {
    user.subject
}

#[::core::prelude::v1::test]
fn the_layer_answers_the_endpoint_tr3() {
    let layer = SessionLayer::new(support::bound_sessions(Toy)).sign_in_at("/sign-in").refuse_cross_site(&[]);
    let runtime = actix_web::rt::System::new();
    let routes = App::new().route("/sign-in", web::post().to(sign_in)).route("/who", web::get().to(who)).wrap(layer);
    let app = runtime.block_on(test::init_service(routes));
    dialogue(|method, path, headers| {
        let request = test::TestRequest::with_uri(path).method(Method::from_bytes(method.as_bytes()).unwrap());
        let request = headers.iter().fold(request, |request, line| request.insert_header(*line));
        let (head, body) = runtime.block_on(async {
            let (head, body) = match test::try_call_service(&app, request.to_request()).await {
                Ok(answer) => answer.into_parts().1.map_into_boxed_body().into_parts(),
                Err(error) => error.error_response().into_parts(),
            };
            (head, actix_web::body::to_bytes(body).await.unwrap_or_default())
        });
        let headers = head.headers().iter().map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned()));
        let body = String::from_utf8(body.to_vec()).unwrap();
        Sent { status: head.status().as_u16(), headers: headers.collect(), body }
    });
}
