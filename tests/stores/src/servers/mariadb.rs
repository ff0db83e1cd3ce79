//! MariaDB 10.11 as Debian packages it. Nobody is asked for a password; nothing waits for the disk.

use std::net::SocketAddr;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use super::account::{Account, as_account, give};
use super::process::{Kind, Server, directory};

/// Whoever removes the directory removes the data: nothing has to reach the disk.
const SMALL_AND_FAST: [&str; 4] =
    ["--debug-no-sync", "--innodb-flush-method=nosync", "--innodb-log-file-size=32M", "--innodb-buffer-pool-size=16M"];

/// One server with a database `app`, and a user `root` who may do anything.
#[must_use]
pub fn start() -> Server {
    start_with(&[])
}

/// One server with further options: `start_with(&["--max-connections=5"])`.
///
/// # Panics
/// If its data cannot be made or it does not start.
#[must_use]
pub fn start_with(options: &[&str]) -> Server {
    let dir = directory();
    let account = Account::other_than_root(&["mysql", "nobody"]);
    give(dir.path(), account);
    let mut install = as_account(account, "/usr/bin/mariadb-install-db".into());
    install.args([
        "--no-defaults",
        "--auth-root-authentication-method=normal",
        "--skip-test-db",
        "--skip-name-resolve",
    ]);
    install.args(SMALL_AND_FAST);
    let made = install.arg(format!("--datadir={}", dir.path().join("data").display())).current_dir(dir.path()).output();
    let made =
        made.unwrap_or_else(|why| panic!("cannot run mariadb-install-db: {why}; `cargo xtask setup` installs it"));
    assert!(made.status.success(), "mariadb-install-db: {}", String::from_utf8_lossy(&made.stdout));

    let options: Vec<String> = options.iter().map(|&option| option.into()).collect();
    let command = move |dir: &Path, port: u16| {
        let mut command = as_account(account, "/usr/sbin/mariadbd".into());
        let path = |name: &str| dir.join(name).display().to_string();
        command.args(["--no-defaults", "--bind-address=127.0.0.1", "--skip-name-resolve"]).args([
            format!("--port={port}"),
            format!("--datadir={}", path("data")),
            format!("--socket={}", path("socket")),
            format!("--pid-file={}", path("pid")),
        ]);
        command.args(SMALL_AND_FAST).arg("--max-connections=1000").args(&options);
        command
    };
    let server = Server::start(
        Kind { name: "mariadbd", command: Box::new(command), answers: Box::new(answers), url: Box::new(url) },
        dir,
    );
    ask(server.addr(), "CREATE DATABASE app").unwrap_or_else(|why| panic!("mariadb: {why}"));
    server
}

/// A server that the tests of a process share, as long as one of them has it. Returns the URL of a new database of it.
///
/// # Panics
/// If it does not start.
#[must_use]
pub fn shared() -> (Arc<Server>, String) {
    static SERVER: Mutex<Weak<Server>> = Mutex::new(Weak::new());
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let mut place = SERVER.lock().unwrap_or_else(PoisonError::into_inner);
    let server = place.upgrade().unwrap_or_else(|| Arc::new(start()));
    *place = Arc::downgrade(&server);
    let name = format!("of_test_{}", NEXT.fetch_add(1, Ordering::Relaxed));
    ask(server.addr(), &format!("CREATE DATABASE {name}")).unwrap_or_else(|why| panic!("mariadb: {why}"));
    let url = format!("mysql://root@{}/{name}", server.addr());
    (server, url)
}

/// Runs SQL with its own client.
///
/// # Errors
/// What the client says.
pub fn ask(addr: SocketAddr, sql: &str) -> Result<String, String> {
    let mut client = Command::new("/usr/bin/mariadb");
    client.args(["--no-defaults", "-uroot", "-h127.0.0.1", "--skip-column-names", "--batch", "--connect-timeout=5"]);
    let output = client.arg(format!("-P{}", addr.port())).args(["-e", sql]).stdin(Stdio::null()).output();
    let output = output.map_err(|why| why.to_string())?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    if output.status.success() { Ok(text(&output.stdout)) } else { Err(text(&output.stderr)) }
}

fn answers(addr: SocketAddr) -> bool {
    ask(addr, "SELECT 1").is_ok()
}

fn url(addr: SocketAddr) -> String {
    format!("mysql://root@{addr}/app")
}
