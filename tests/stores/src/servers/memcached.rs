//! memcached. Its data is in memory: a restart begins empty.

use std::io::{Read, Write};
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use super::certificates::Certificates;
use super::process::{Kind, Server, ask, directory, free_port};

/// What it is told that wants a password: the user `ann`.
pub const PASSWORD: &str = "correct@horse";

/// One server.
#[must_use]
pub fn start() -> Server {
    start_with(&[])
}

/// One server with further options: `start_with(&["-m", "2"])`.
#[must_use]
pub fn start_with(options: &[&str]) -> Server {
    run(&[&["-l", "127.0.0.1"], options].concat(), |addr| format!("memcached://{addr}"))
}

/// One server that is asked over IPv6; the address of [`Server::addr`] works, too.
#[must_use]
pub fn start_over_ipv6() -> Server {
    run(&["-l", "127.0.0.1", "-l", "[::1]"], |addr| format!("memcached://[::1]:{}", addr.port()))
}

/// One server that wants the user `ann` and her [`PASSWORD`], which its URL has.
#[must_use]
pub fn start_with_password() -> Server {
    // in a directory of its own, which it reads as another user than root
    let dir = directory();
    let file = dir.path().join("users");
    let written = std::fs::write(&file, format!("ann:{PASSWORD}\n"));
    written
        .and_then(|()| std::fs::set_permissions(dir.path(), PermissionsExt::from_mode(0o755)))
        .unwrap_or_else(|why| panic!("{}: {why}", file.display()));
    let options = ["-l", "127.0.0.1", "-Y", "users"].map(Into::into).to_vec();
    let url = |addr| format!("memcached://ann:{}@{addr}", PASSWORD.replace('@', "%40"));
    Server::start(kind(options, Box::new(answers), Box::new(url)), dir)
}

/// One server on a socket of this host, and on no port.
#[must_use]
pub fn start_on_socket() -> Server {
    let dir = directory();
    let path = dir.path().join("socket");
    let url = format!("memcached+unix://{}", path.display());
    let answers = move |_| {
        let asked = || {
            let mut stream = UnixStream::connect(&path)?;
            stream.set_read_timeout(Some(Duration::from_secs(5)))?;
            stream.write_all(b"mn\r\n")?;
            let mut answer = [0; 4];
            stream.read_exact(&mut answer)?;
            Ok::<_, std::io::Error>(answer == *b"MN\r\n")
        };
        asked().unwrap_or_default()
    };
    // the port is not used then, and the directory is root's
    let options = ["-s", "socket", "-u", "root"].map(Into::into).to_vec();
    Server::start(kind(options, Box::new(answers), Box::new(move |_| url.clone())), dir)
}

/// One server that speaks TLS on a port of its own, under the names of [`Certificates`], and plain on [`Server::addr`].
/// The URL is that of TLS, without a word of whom to trust.
#[must_use]
pub fn start_secure(certificates: &Certificates, options: &[&str]) -> Server {
    let port = free_port().port();
    let extended = format!(
        "ssl_chain_cert={},ssl_key={},ssl_ca_cert={}",
        certificates.file("server.pem"),
        certificates.file("server.key"),
        certificates.file("authority.pem")
    );
    let listen = ["-Z", "-l", "notls:127.0.0.1", "-l", &format!("127.0.0.1:{port}"), "-l", &format!("[::1]:{port}")];
    run(&[&listen[..], &["-o", &extended], options].concat(), move |_| format!("memcacheds://localhost:{port}"))
}

fn run(options: &[&str], url: impl Fn(SocketAddr) -> String + Send + Sync + 'static) -> Server {
    let options = options.iter().map(|&option| option.into()).collect();
    Server::start(kind(options, Box::new(answers), Box::new(url)), directory())
}

fn kind(
    options: Vec<String>,
    answers: Box<dyn Fn(SocketAddr) -> bool + Send + Sync>,
    url: Box<dyn Fn(SocketAddr) -> String + Send + Sync>,
) -> Kind {
    let command = move |_: &Path, port: u16| {
        let mut command = Command::new("memcached");
        // the user counts only when root starts it, and then it wants one
        command.args(["-t", "2", "-u", "nobody", "-p", &port.to_string()]).args(&options);
        command
    };
    Kind { name: "memcached", command: Box::new(command), answers, url }
}

fn answers(addr: SocketAddr) -> bool {
    let answer = ask(addr, "version\r\n", "\r\n");
    // one that wants a password first answers, too
    answer.starts_with("VERSION") || answer.contains("unauthenticated")
}
