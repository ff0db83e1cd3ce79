//! The notes example, driven over its socket.

#[path = "../examples/notes.rs"]
#[allow(dead_code, unreachable_pub)] // its main is not called here
mod notes;

use std::net::SocketAddr;
use std::sync::{Mutex, mpsc};
use std::time::Duration;

use notes_common::{Users, story};
use rocket::Config;
use rocket::fairing::AdHoc;
use rocket::figment::Figment;

#[test]
fn the_story() {
    let figment = Figment::from(Config::debug_default())
        .merge(("port", 0))
        .merge(("log_level", "off"))
        .merge(("session.plain_http", true))
        .merge(("session.key", "8e1f0a936b64c5117199fe025ba0d73c4e6018e977b244059acd31f6882e53bf"));
    let (tell, told) = mpsc::channel();
    let tell = Mutex::new(tell);
    let app = notes::app(figment, Users::new(story::USERS).unwrap()).attach(AdHoc::on_liftoff("ready", |rocket| {
        Box::pin(async move {
            let config = rocket.config();
            tell.lock().unwrap().send(SocketAddr::new(config.address, config.port)).unwrap();
        })
    }));
    let runtime = rocket::tokio::runtime::Runtime::new().unwrap();
    runtime.spawn(app.launch());
    let address = told.recv_timeout(Duration::from_secs(60)).unwrap();
    story::tell_all(address);
}
