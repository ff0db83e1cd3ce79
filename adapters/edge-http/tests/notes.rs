//! The notes example, driven over its socket.

#[path = "../examples/notes.rs"]
#[allow(dead_code, unreachable_pub)] // its main is not called here
mod notes;

use std::net::TcpListener;

use notes_common::{Users, story};

#[test]
fn the_story() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let serve = || drop(notes::serve(listener, Users::new(story::USERS).unwrap(), &session_std::keys::generated()));
    // ends with this process
    std::thread::Builder::new().stack_size(8 << 20).spawn(serve).unwrap();
    story::tell(address);
}
