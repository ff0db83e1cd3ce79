//! The notes example, driven over its socket.

#[path = "../examples/notes.rs"]
#[allow(dead_code, unreachable_pub)] // its main is not called here
mod notes;

use notes_common::{Users, story};
use session_actix::{MemoryStore, Policy, Sessions, keys};

#[actix_web::test]
async fn the_story() {
    let sessions = Sessions::new(MemoryStore::new(), keys::generated()).policy(Policy::PLAIN_HTTP);
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let server = notes::serve(listener, Users::new(story::USERS).unwrap(), sessions).unwrap();
    actix_web::rt::spawn(server);
    actix_web::web::block(move || story::tell_all(address)).await.unwrap();
}
