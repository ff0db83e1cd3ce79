//! The notes example, driven over its socket.

#[path = "../examples/notes.rs"]
#[allow(dead_code, unreachable_pub)] // its main is not called here
mod notes;

use notes_common::{Users, story};
use salvo::Server;
use salvo::conn::tcp::TcpAcceptor;
use session_salvo::{MemoryStore, Policy, Sessions, keys};

#[tokio::test(flavor = "multi_thread")]
async fn the_story() {
    let sessions = Sessions::new(MemoryStore::new(), keys::generated()).policy(Policy::PLAIN_HTTP);
    let app = notes::app(Users::new(story::USERS).unwrap(), sessions);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(Server::new(TcpAcceptor::try_from(listener).unwrap()).try_serve(app));
    tokio::task::spawn_blocking(move || story::tell_all(address)).await.unwrap();
}
