//! redis-server. What it was told is on disk when it answers, so that a restart finds it.

use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;

use super::certificates::Certificates;
use super::process::{Kind, Server, ask, directory, free_port, wait_until};

/// One server.
#[must_use]
pub fn start() -> Server {
    start_with(&[])
}

/// One server with further options: `start_with(&["--maxmemory", "2mb"])`.
#[must_use]
pub fn start_with(options: &[&str]) -> Server {
    start_program(Path::new("redis-server"), options)
}

/// One server of another version, or Valkey.
#[must_use]
pub fn start_program(program: &Path, options: &[&str]) -> Server {
    let options: Vec<String> = options.iter().map(|&option| option.into()).collect();
    let program = program.to_owned();
    let command = move |dir: &Path, port: u16| {
        let mut command = Command::new(&program);
        command.args(["--bind", "127.0.0.1", "--port", &port.to_string(), "--dir"]).arg(dir);
        // written to the system before each answer: a killed process loses nothing
        command.args(["--save", "", "--appendonly", "yes", "--appendfsync", "no"]).args(&options);
        command
    };
    Server::start(
        Kind { name: "redis-server", command: Box::new(command), answers: Box::new(answers), url: Box::new(url) },
        directory(),
    )
}

/// One server that speaks TLS on a port of its own, under the names of [`Certificates`], and plain on [`Server::addr`].
/// The text is the address of TLS.
#[must_use]
pub fn start_secure(certificates: &Certificates, options: &[&str]) -> (Server, String) {
    let port = free_port().port().to_string();
    let secure = secure(certificates, &port);
    let secure: Vec<&str> = secure.iter().map(String::as_str).chain(["--bind", "127.0.0.1", "::1"]).collect();
    (start_with(&[&secure[..], options].concat()), format!("localhost:{port}"))
}

fn secure(certificates: &Certificates, port: &str) -> Vec<String> {
    let files = ["server.pem", "server.key", "authority.pem"].map(|name| certificates.file(name));
    let names = ["--tls-cert-file", "--tls-key-file", "--tls-ca-cert-file"].map(String::from);
    let files = names.into_iter().zip(files).flat_map(<[String; 2]>::from);
    ["--tls-port".into(), port.into()].into_iter().chain(files).collect()
}

/// One that wants a password answers, too; one that is still loading its data does not yet.
fn answers(addr: SocketAddr) -> bool {
    let answer = ask(addr, "PING\r\n", "\r\n");
    answer.starts_with("+PONG") || answer.starts_with("-NOAUTH")
}

fn url(addr: SocketAddr) -> String {
    format!("redis://{addr}/")
}

/// Three primaries that share the slots in equal parts.
pub struct Cluster {
    /// The nodes, in the order of their slots.
    pub nodes: [Server; 3],
}

impl Cluster {
    /// Starts the nodes, lets them meet, and waits until each says that the cluster is well.
    ///
    /// # Panics
    /// If it does not get well.
    #[must_use]
    pub fn start() -> Self {
        Self::start_nodes(|bus| {
            let options = ["--cluster-enabled", "yes", "--cluster-node-timeout", "2000", "--cluster-port", bus];
            let node = start_with(&options);
            let port = node.addr().port();
            (node, port)
        })
    }

    /// The same, whose nodes speak TLS and tell clients that come by it of ports that do. With the port of the first one.
    ///
    /// # Panics
    /// If it does not get well.
    #[must_use]
    pub fn start_secure(certificates: &Certificates) -> (Self, u16) {
        let mut first = None;
        let cluster = Self::start_nodes(|bus| {
            let options = ["--cluster-enabled", "yes", "--tls-cluster", "yes", "--cluster-port", bus];
            let (node, secure) = start_secure(certificates, &[&options[..], &["--bind", "127.0.0.1"]].concat());
            let port = secure.rsplit(':').next().and_then(|port| port.parse().ok());
            let port = port.unwrap_or_else(|| panic!("{secure}: no port"));
            first.get_or_insert(port);
            (node, port)
        });
        (cluster, first.unwrap_or_default())
    }

    /// Each node says where the others meet it.
    fn start_nodes(mut start: impl FnMut(&str) -> (Server, u16)) -> Self {
        let nodes = [(); 3].map(|()| {
            let bus = free_port().port().to_string();
            let (node, port) = start(&bus);
            (node, (port, bus))
        });
        for (at, slots) in ["0 5460", "5461 10922", "10923 16383"].into_iter().enumerate() {
            let (node, _) = &nodes[at];
            say(node, &format!("CLUSTER ADDSLOTSRANGE {slots}"));
            say(node, &format!("CLUSTER SET-CONFIG-EPOCH {}", at + 1));
        }
        for (_, (port, bus)) in &nodes[1..] {
            say(&nodes[0].0, &format!("CLUSTER MEET 127.0.0.1 {port} {bus}"));
        }
        let cluster = Self { nodes: nodes.map(|(node, _)| node) };
        cluster.wait();
        cluster
    }

    /// Waits until each node says that the cluster is well.
    ///
    /// # Panics
    /// If it does not get well.
    pub fn wait(&self) {
        let well = |node: &Server| {
            let info = ask(node.addr(), "CLUSTER INFO\r\n", "\r\n\r\n");
            ["cluster_state:ok", "cluster_slots_ok:16384", "cluster_size:3"].iter().all(|line| info.contains(line))
        };
        wait_until("the cluster is well", || self.nodes.iter().all(well));
    }

    /// The store URL that names it.
    #[must_use]
    pub fn url(&self) -> String {
        format!(
            "redis-cluster://{}",
            self.nodes.iter().map(|node| node.addr().to_string()).collect::<Vec<_>>().join(",")
        )
    }
}

/// A primary and its replica, watched by one sentinel that calls them `main`.
pub struct Watched {
    /// Takes writes, until it fails.
    pub primary: Server,
    /// Takes over.
    pub replica: Server,
    /// Decides.
    pub sentinel: Server,
}

impl Watched {
    /// Starts all three, and waits until they know each other.
    ///
    /// # Panics
    /// If they do not.
    #[must_use]
    pub fn start() -> Self {
        let primary = start();
        let at = primary.addr().port().to_string();
        let replica = start_with(&["--replicaof", &format!("127.0.0.1 {at}")]);
        let info = |server: &Server| ask(server.addr(), "INFO replication\r\n", "\r\n\r\n");
        wait_until("the replica follows", || {
            info(&primary).contains("state=online") && info(&replica).contains("master_link_status:up")
        });
        let sentinel = sentinel(&format!(
            "sentinel monitor main 127.0.0.1 {at} 1\nsentinel down-after-milliseconds main 500\n\
             sentinel failover-timeout main 3000\n"
        ));
        wait_until("the sentinel knows the replica", || {
            ask(sentinel.addr(), "INFO sentinel\r\n", "\r\n\r\n").contains("status=ok,address=127.0.0.1:")
                && ask(sentinel.addr(), "INFO sentinel\r\n", "\r\n\r\n").contains("slaves=1")
        });
        Self { primary, replica, sentinel }
    }

    /// Waits until the sentinel has made the replica the primary.
    ///
    /// # Panics
    /// If it does not.
    pub fn wait_for_failover(&self) {
        let port = format!("address=127.0.0.1:{}", self.replica.addr().port());
        wait_until("the replica takes over", || {
            ask(self.sentinel.addr(), "INFO sentinel\r\n", "\r\n\r\n").contains(&port)
                && ask(self.replica.addr(), "INFO replication\r\n", "\r\n\r\n").contains("role:master")
        });
    }

    /// The store URL that names them.
    #[must_use]
    pub fn url(&self) -> String {
        format!("redis-sentinel://{}/main", self.sentinel.addr())
    }
}

/// A primary and its sentinel, which both speak TLS and want passwords: the primary `primary`, the sentinel `ann` and
/// `sentinel`.
pub struct Guarded {
    /// Takes reads and writes.
    pub primary: Server,
    /// Knows where it is.
    pub sentinel: Server,
    /// The port of the sentinel's TLS.
    pub port: u16,
}

impl Guarded {
    /// Starts both.
    #[must_use]
    pub fn start(certificates: &Certificates) -> Self {
        let (primary, secure) = start_secure(certificates, &["--requirepass", "primary", "--tls-auth-clients", "no"]);
        let at = secure.trim_start_matches("localhost:");
        let port = free_port().port();
        let lines = self::secure(certificates, &port.to_string());
        let lines = lines.chunks(2).map(|pair| format!("{}\n", pair.join(" ").trim_start_matches("--")));
        let sentinel = sentinel(&format!(
            "{}tls-replication yes\ntls-auth-clients no\nuser default off\nuser ann on >sentinel ~* &* +@all\n\
             sentinel monitor main 127.0.0.1 {at} 1\nsentinel auth-pass main primary\n",
            lines.collect::<String>()
        ));
        Self { primary, sentinel, port }
    }
}

/// A sentinel with these lines in its file.
fn sentinel(lines: &str) -> Server {
    let lines = lines.to_owned();
    let command = move |dir: &Path, port: u16| {
        let file = dir.join("sentinel.conf");
        let text = format!("port {port}\nbind 127.0.0.1\ndir {}\n{lines}", dir.display());
        // it writes into this file what it finds out, and a restart reads that
        if !file.exists() {
            std::fs::write(&file, text).unwrap_or_else(|why| panic!("{}: {why}", file.display()));
        }
        let mut command = Command::new("redis-server");
        command.arg(file).arg("--sentinel");
        command
    };
    let kind = Kind { name: "sentinel", command: Box::new(command), answers: Box::new(answers), url: Box::new(url) };
    Server::start(kind, directory())
}

/// A command in one line whose answer has to be `+OK`.
fn say(server: &Server, line: &str) {
    let answer = ask(server.addr(), &format!("{line}\r\n"), "\r\n");
    assert!(answer.starts_with("+OK"), "{line}: {answer}");
}
