//! What a client and a log read when a session fails.

use std::sync::Arc;

use core_tests::texts::{EVERY_ERROR, check_rejections};
use poem::error::ResponseError;
use session_poem::{Error, NotSignedIn, SessionRejection};

#[tokio::test]
async fn every_rejection_says_what_to_do() {
    check_rejections(|error| SessionRejection(error).to_string(), "`.with(SessionLayer::new(sessions))`");
    for error in EVERY_ERROR {
        let response = SessionRejection(error).as_response();
        assert_eq!(response.status().as_u16(), error.status());
        let body = response.into_body().into_string().await.unwrap();
        assert_eq!(body, format!("{}\n", SessionRejection(error)));
    }
}

#[test]
fn a_visitor_is_asked_to_sign_in() {
    for sign_in_at in [None, Some(Arc::from("/sign-in"))] {
        assert_eq!(NotSignedIn { sign_in_at }.to_string(), Error::NotSignedIn.to_string());
    }
}
