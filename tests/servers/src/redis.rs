//! redis-server. What it was told is on disk when it answers, so that a restart finds it.

use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;

use crate::process::{Kind, Server, ask, directory};

/// One server.
#[must_use]
pub fn start() -> Server {
    start_with(&[])
}

/// One server with further options: `start_with(&["--maxmemory", "2mb"])`.
#[must_use]
pub fn start_with(options: &[&str]) -> Server {
    let options: Vec<String> = options.iter().map(|&option| option.into()).collect();
    let command = move |dir: &Path, port: u16| {
        let mut command = Command::new("redis-server");
        command.args(["--bind", "127.0.0.1", "--port", &port.to_string(), "--dir"]).arg(dir);
        // written to the system before each answer: a killed process loses nothing
        command.args(["--save", "", "--appendonly", "yes", "--appendfsync", "no"]).args(&options);
        command
    };
    Server::start(Kind { name: "redis-server", command: Box::new(command), answers, url }, directory())
}

/// One that wants a password answers, too; one that is still loading its data does not yet.
fn answers(addr: SocketAddr) -> bool {
    let answer = ask(addr, "PING\r\n", "\r\n");
    answer.starts_with("+PONG") || answer.starts_with("-NOAUTH")
}

fn url(addr: SocketAddr) -> String {
    format!("redis://{addr}/")
}
