//! memcached. Its data is in memory: a restart begins empty.

use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;

use super::process::{Kind, Server, ask, directory};

/// One server.
#[must_use]
pub fn start() -> Server {
    start_with(&[])
}

/// One server with further options: `start_with(&["-m", "2"])`.
#[must_use]
pub fn start_with(options: &[&str]) -> Server {
    let options: Vec<String> = options.iter().map(|&option| option.into()).collect();
    let command = move |_: &Path, port: u16| {
        let mut command = Command::new("memcached");
        // the user counts only when root starts it, and then it wants one
        command.args(["-l", "127.0.0.1", "-t", "2", "-u", "nobody", "-p", &port.to_string()]).args(&options);
        command
    };
    Server::start(Kind { name: "memcached", command: Box::new(command), answers, url }, directory())
}

fn answers(addr: SocketAddr) -> bool {
    let answer = ask(addr, "version\r\n", "\r\n");
    // one that wants a password first answers, too
    answer.starts_with("VERSION") || answer.contains("unauthenticated")
}

fn url(addr: SocketAddr) -> String {
    format!("memcached://{addr}")
}
