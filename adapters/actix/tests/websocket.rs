//! A WebSocket has the session of the request that opened it, until the answer is sent.

use actix_web::{App, HttpRequest, HttpResponse, HttpServer, rt, web};
use session_actix::{
    Authenticated, Error, MemoryStore, Policy, Session, SessionLayer, SessionRejection, Sessions, keys,
};

async fn upgrades(request: HttpRequest, session: Session, body: web::Payload) -> actix_web::Result<HttpResponse> {
    let before = session.get::<u32>("n").map_err(SessionRejection)?;
    session.set("n", &(before.unwrap_or(0) + 1)).map_err(SessionRejection)?;
    let (answer, mut socket, _messages) = actix_ws::handle(&request, body)?;
    rt::spawn(async move {
        // when the answer is sent
        while session.set("n", &100) != Err(Error::AnswerSent) {
            rt::task::yield_now().await;
        }
        socket.text(format!("before {before:?}, over true")).await.unwrap();
        socket.close(None).await.unwrap();
    });
    Ok(answer)
}

#[actix_web::test]
async fn the_upgrade_carries_the_cookie() {
    let sessions = Sessions::new(MemoryStore::new(), keys::generated()).policy(Policy::PLAIN_HTTP);
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let app = move || App::new().route("/socket", web::get().to(upgrades)).wrap(SessionLayer::new(sessions.clone()));
    rt::spawn(HttpServer::new(app).workers(1).listen(listener).unwrap().run());
    support::sockets::an_upgrade_carries_the_cookie(address).await;
}

async fn watches(request: HttpRequest, user: Authenticated, body: web::Payload) -> actix_web::Result<HttpResponse> {
    let mut watch = user.session.watch().map_err(SessionRejection)?;
    let (answer, mut socket, _messages) = actix_ws::handle(&request, body)?;
    rt::spawn(async move {
        let name = watch.subject().unwrap_or_default().to_owned();
        socket.text(format!("hello {name} {:?}", watch.get::<u32>("n").await)).await.unwrap();
        let ended = watch.ended(rt::time::sleep).await;
        socket.text(format!("over {ended:?}")).await.unwrap();
        socket.close(None).await.unwrap();
    });
    Ok(answer)
}

#[actix_web::test]
async fn a_socket_is_closed_when_its_session_ends_lc20() {
    let sessions = Sessions::new(MemoryStore::new(), keys::generated()).policy(Policy::PLAIN_HTTP);
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let layer = SessionLayer::new(sessions.clone());
    let app = move || App::new().route("/socket", web::get().to(watches)).wrap(layer.clone());
    rt::spawn(HttpServer::new(app).workers(1).listen(listener).unwrap().run());
    support::sockets::a_socket_is_closed_when_its_session_ends(address, &sessions).await;
}
