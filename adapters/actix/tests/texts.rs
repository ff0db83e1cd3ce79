//! What a client and a log read when a session fails.

use std::sync::Arc;

use actix_web::ResponseError;
use actix_web::body::to_bytes;
use core_tests::texts::{EVERY_ERROR, check_rejections};
use session_actix::{AuthenticatedRejection, Error, SessionRejection};

#[actix_web::test]
async fn every_rejection_says_what_to_do() {
    check_rejections(|error| SessionRejection(error).to_string(), "`.wrap(SessionLayer::new(sessions))`");
    for error in EVERY_ERROR {
        let response = SessionRejection(error).error_response();
        assert_eq!(response.status().as_u16(), error.status());
        let body = to_bytes(response.into_body()).await.unwrap();
        assert_eq!(body, format!("{}\n", SessionRejection(error)));
    }
}

#[test]
fn a_visitor_is_asked_to_sign_in() {
    let text = Error::NotSignedIn.to_string();
    for page in [None, Some(Arc::from("/sign-in"))] {
        assert_eq!(AuthenticatedRejection::SignInAt(page).to_string(), text);
    }
    let failed = AuthenticatedRejection::SessionRejection(SessionRejection(Error::Unavailable));
    assert_eq!(failed.to_string(), Error::Unavailable.to_string());
}
