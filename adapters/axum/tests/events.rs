//! Server-sent events last as long as the session of the request that opened them (LC20): over a real socket.

use std::convert::Infallible;
use std::time::Duration;

use axum::Router;
use axum::response::sse::{Event, Sse};
use axum::routing::{get, post};
use futures_util::stream::{self, Stream, StreamExt};
use session_axum::{Authenticated, SessionLayer, SessionRejection};

/// Greets, and then says nothing until the session ends.
async fn events(user: Authenticated) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>>>, SessionRejection> {
    let watch = user.session.watch()?.look_every(Duration::from_millis(50));
    let mut until = watch.clone();
    let ended = async move { until.ended(tokio::time::sleep).await };
    let hello = stream::once(async move {
        let seen = watch.get::<u32>("n").await;
        Ok(Event::default().data(format!("hello {} {seen:?}", watch.subject().unwrap_or_default())))
    });
    Ok(Sse::new(hello.chain(stream::pending()).take_until(ended)))
}

async fn sign_out(user: Authenticated) -> Result<(), SessionRejection> {
    Ok(user.session.logout().await?)
}

#[tokio::test]
async fn a_stream_of_events_ends_with_its_session_lc20() {
    support::sockets::a_stream_of_events_ends_with_its_session(async |sessions| {
        let app = Router::new().route("/events", get(events)).route("/sign-out", post(sign_out));
        let app = app.layer(SessionLayer::new(sessions));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move { axum::serve(listener, app).await });
        address
    })
    .await;
}
