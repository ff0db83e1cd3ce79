//! PostgreSQL 15 and pgbouncer as Debian packages them. Nobody is asked for a password; nothing waits for the disk.

use std::net::SocketAddr;
use std::path::Path;
use std::process::{Command, Stdio};

use super::account::{Account, as_account, give};
use super::process::{Kind, Server, directory};

const PROGRAMS: &str = "/usr/lib/postgresql/15/bin";

/// One server with a database and a superuser `postgres`.
#[must_use]
pub fn start() -> Server {
    start_with(&[])
}

/// One server with further settings: `start_with(&["max_connections=5"])`.
///
/// # Panics
/// If its data cannot be made or it does not start.
#[must_use]
pub fn start_with(settings: &[&str]) -> Server {
    let dir = directory();
    let user = Account::other_than_root(&["postgres", "nobody"]);
    give(dir.path(), user);
    let data = dir.path().join("data");
    let mut initdb = program(user, "initdb");
    initdb.args(["--username", "postgres", "--auth", "trust", "--encoding", "UTF8", "--locale", "C", "--no-sync"]);
    let made = initdb.arg("--pgdata").arg(&data).current_dir(dir.path()).output();
    let made = made.unwrap_or_else(|why| panic!("cannot run initdb: {why}; `cargo xtask setup` installs it"));
    assert!(made.status.success(), "initdb: {}", String::from_utf8_lossy(&made.stderr));

    let settings: Vec<String> = settings.iter().map(|&setting| setting.into()).collect();
    let command = move |dir: &Path, port: u16| {
        let mut command = program(user, "postgres");
        command.arg("-D").arg(dir.join("data")).args(["-h", "127.0.0.1", "-p", &port.to_string(), "-F"]);
        let own = ["unix_socket_directories=", "shared_buffers=16MB", "log_min_messages=warning"];
        let own = own.into_iter().chain(settings.iter().map(String::as_str));
        command.args(own.flat_map(|setting| ["-c", setting]));
        command
    };
    Server::start(
        Kind { name: "postgres", command: Box::new(command), answers: Box::new(answers), url: Box::new(url) },
        dir,
    )
}

/// pgbouncer in transaction mode before a server, with three connections to it and further lines of settings.
///
/// # Panics
/// If its settings cannot be written or it does not start.
#[must_use]
pub fn pooled(server: &Server, settings: &[&str]) -> Server {
    let dir = directory();
    let user = Account::other_than_root(&["postgres", "nobody"]);
    give(dir.path(), user);
    let (database, settings) = (server.addr().port(), settings.join("\n"));
    let command = move |dir: &Path, port: u16| {
        let file = dir.join("pgbouncer.ini");
        let text = format!(
            "[databases]\npostgres = host=127.0.0.1 port={database} user=postgres\n\
             [pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\nunix_socket_dir =\nauth_type = any\n\
             pool_mode = transaction\ndefault_pool_size = 3\n{settings}\n"
        );
        std::fs::write(&file, text).unwrap_or_else(|why| panic!("{}: {why}", file.display()));
        let mut command = as_account(user, "/usr/sbin/pgbouncer".into());
        command.arg(file);
        command
    };
    Server::start(
        Kind { name: "pgbouncer", command: Box::new(command), answers: Box::new(answers), url: Box::new(url) },
        dir,
    )
}

/// Asked by its own program: its postmaster accepts connections before it can serve them.
fn answers(addr: SocketAddr) -> bool {
    let mut ready = Command::new(format!("{PROGRAMS}/pg_isready"));
    ready.args(["-q", "-h", "127.0.0.1", "-p", &addr.port().to_string()]).stdin(Stdio::null());
    ready.status().is_ok_and(|status| status.success())
}

fn url(addr: SocketAddr) -> String {
    format!("postgres://postgres@{addr}/postgres")
}

fn program(account: Option<Account>, name: &str) -> Command {
    as_account(account, format!("{PROGRAMS}/{name}"))
}
