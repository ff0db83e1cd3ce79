//! A WebSocket has the session of the request that opened it, until the answer is sent.

use futures_util::SinkExt;
use poem::listener::TcpAcceptor;
use poem::web::websocket::{Message, WebSocket};
use poem::{EndpointExt, IntoResponse, Route, Server, get, handler};
use session_poem::{Error, MemoryStore, Policy, Session, SessionLayer, SessionRejection, Sessions, keys};
use tokio_tungstenite::connect_async;

#[handler]
fn upgrades(session: Session, socket: WebSocket) -> Result<impl IntoResponse, SessionRejection> {
    let before = session.get::<u32>("n")?;
    session.set("n", &(before.unwrap_or(0) + 1))?;
    Ok(socket.on_upgrade(move |mut socket| async move {
        let after = session.set("n", &100) == Err(Error::AnswerSent);
        let text = format!("before {before:?}, over {after}");
        socket.send(Message::text(text)).await.unwrap();
    }))
}

#[tokio::test]
async fn the_upgrade_carries_the_cookie() {
    let sessions = Sessions::new(MemoryStore::new(), keys::generated()).policy(Policy::PLAIN_HTTP);
    let app = Route::new().at("/", get(upgrades)).with(SessionLayer::new(sessions));
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("ws://{}/", listener.local_addr().unwrap());
    listener.set_nonblocking(true).unwrap();
    tokio::spawn(Server::new_with_acceptor(TcpAcceptor::from_std(listener).unwrap()).run(app));

    let mut cookie = None;
    for text in ["before None, over true", "before Some(1), over true"] {
        use tokio_tungstenite::tungstenite::client::IntoClientRequest;
        let mut request = url.as_str().into_client_request().unwrap();
        if let Some(cookie) = &cookie {
            request.headers_mut().insert("cookie", http::HeaderValue::try_from(cookie).unwrap());
        }
        let (mut socket, answer) = connect_async(request).await.unwrap();
        assert_eq!(answer.status(), 101);
        if cookie.is_none() {
            let set = answer.headers()["set-cookie"].to_str().unwrap();
            cookie = Some(set.split(';').next().unwrap().to_owned());
        }
        let message = futures_util::StreamExt::next(&mut socket).await.unwrap().unwrap();
        assert_eq!(message.to_text().unwrap(), text);
    }
}
