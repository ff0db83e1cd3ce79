//! What a client and a log read when a session fails.

use std::sync::Arc;

use core_tests::texts::{EVERY_ERROR, check_rejections};
use salvo::test::ResponseExt;
use salvo::{Response, Scribe};
use session_salvo::{AuthenticatedRejection, Error, SessionRejection};

#[tokio::test]
async fn every_rejection_says_what_to_do() {
    check_rejections(|error| SessionRejection(error).to_string(), "`.hoop(SessionLayer::new(sessions))`");
    for error in EVERY_ERROR {
        let mut response = Response::new();
        SessionRejection(error).render(&mut response);
        assert_eq!(response.status_code.map(|status| status.as_u16()), Some(error.status()));
        assert_eq!(response.take_string().await.unwrap(), format!("{}\n", SessionRejection(error)));
    }
}

#[test]
fn a_visitor_is_asked_to_sign_in() {
    for page in [None, Some(Arc::from("/sign-in"))] {
        assert_eq!(AuthenticatedRejection::SignInAt(page).to_string(), Error::NotSignedIn.to_string());
    }
    let failed = AuthenticatedRejection::SessionRejection(SessionRejection(Error::Unavailable));
    assert_eq!(failed.to_string(), Error::Unavailable.to_string());
}
