//! What a client and a log read when a session fails.

use axum::body::to_bytes;
use axum::response::IntoResponse;
use core_tests::texts::{EVERY_ERROR, check_rejections};
use session_axum::SessionRejection;

#[tokio::test]
async fn every_rejection_says_what_to_do() {
    check_rejections(|error| SessionRejection(error).to_string(), "`.layer(SessionLayer::new(sessions))`");
    for error in EVERY_ERROR {
        let response = SessionRejection(error).into_response();
        assert_eq!(response.status().as_u16(), error.status());
        let body = to_bytes(response.into_body(), 1000).await.unwrap();
        assert_eq!(body, format!("{}\n", SessionRejection(error)));
    }
}
