//! Two nodes, the servers of their store, and what goes wrong with them.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Command;
use std::thread;
use std::time::Duration;
use std::{fs, io};

use store_support::Numbers;
use store_tests::Node;
use store_tests::servers::proxy::{Fault, Proxy};
use store_tests::servers::{self, Server};
use tempfile::TempDir;

use crate::client::Clients;
use crate::history::{self, Millis, STEP, Sample};

/// Seconds: renewals and graces come by often, and what nobody uses goes.
const LIFETIMES: [&str; 8] = ["--idle", "40", "--renew-after", "4", "--grace", "2", "--touch-every", "1"];
/// Milliseconds: the idle timeout that the apps are started with.
pub const IDLE: Millis = 40_000;
/// The stores of the step `soak`.
pub const STORES: [&str; 6] = ["redis:", "postgres:", "sqlite:", "memcached:", "layered:memcached+sqlite", "flash:"];

/// A server, and before it a proxy for each node, so that one node can be cut off alone.
struct Behind {
    name: String,
    server: Server,
    proxies: Vec<Proxy>,
}

/// Nodes and servers. All end with it.
pub struct World {
    store: String,
    key: String,
    program: PathBuf,
    nodes: Vec<Node>,
    behind: Vec<Behind>,
    printed: String,
    dir: TempDir,
}

impl World {
    /// Starts nodes over a store: one of those whose servers we start ourselves ([`STORES`], `mysql:`, `layered:redis+postgres`), or any
    /// URL of the reference app, whose servers then do not fail.
    ///
    /// # Panics
    /// If a server or node does not start.
    #[must_use]
    pub fn start(store: &str, program: PathBuf, numbers: &mut Numbers) -> Self {
        // what a process has written survives it in memory as well, and no other program's disk makes ours wait
        let dir = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir());
        let dir = dir.unwrap_or_else(|why| panic!("no temporary directory: {why}"));
        let count = if store.starts_with("flash:") { 1 } else { 2 };
        let key: String = (0..4).map(|_| format!("{:016x}", numbers.any())).collect();
        let own = store.ends_with(':') || store.starts_with("layered:") && !store.contains("://");
        let names =
            if own { store.trim_start_matches("layered:").trim_end_matches(':').split('+') } else { "".split('+') };
        let behind = names.filter_map(|name| {
            let server = match name {
                "redis" => servers::redis::start(),
                "postgres" => servers::postgres::start(),
                "mysql" => servers::mariadb::start(),
                "memcached" => servers::memcached::start(),
                _ => return None,
            };
            let proxies = (0..count).map(|_| Proxy::start(server.addr())).collect();
            Some(Behind { name: name.to_owned(), server, proxies })
        });
        let behind = behind.collect();
        let (store, printed) = (store.to_owned(), String::new());
        let mut new = Self { store, key, program, nodes: Vec::new(), behind, printed, dir };
        new.nodes = (0..count).map(|at| new.node(at, servers::free_port())).collect();
        new
    }

    /// Where the nodes listen, always.
    #[must_use]
    pub fn addrs(&self) -> Vec<SocketAddr> {
        self.nodes.iter().map(Node::addr).collect()
    }

    /// Ends the nodes, and returns all that they have printed.
    #[must_use]
    pub fn end(mut self) -> (String, String) {
        for node in &mut self.nodes {
            self.printed += &node.kill();
        }
        let logs = (0..self.nodes.len()).map(|at| fs::read(self.log(at)).unwrap_or_default());
        self.printed += &logs.map(|log| String::from_utf8_lossy(&log).into_owned()).collect::<String>();
        (self.printed, self.key)
    }

    fn log(&self, node: usize) -> PathBuf {
        self.dir.path().join(format!("node-{node}.log"))
    }

    fn clock(&self, node: usize) -> PathBuf {
        self.dir.path().join(format!("clock-{node}"))
    }

    fn node(&self, at: usize, addr: SocketAddr) -> Node {
        let log = fs::File::options().create(true).append(true).open(self.log(at));
        let log = log.unwrap_or_else(|why| panic!("no log in {}: {why}", self.dir.path().display()));
        let mut command = Command::new(&self.program);
        command
            .args(["--key", &self.key, "--store", &self.url(at)])
            .args(LIFETIMES)
            .env("PRINT_EVENTS", "1")
            .env("CLOCK", self.clock(at))
            .stderr(log);
        Node::start_at(command, addr)
    }

    /// The store as a node sees it.
    fn url(&self, node: usize) -> String {
        let url = |name: &str| match self.behind.iter().find(|behind| behind.name == name) {
            Some(Behind { server, proxies, .. }) => {
                server.url().replace(&server.addr().to_string(), &proxies[node].addr().to_string())
            }
            None if ["sqlite", "flash"].contains(&name) => {
                format!("{name}:{}", self.dir.path().join("sessions").display())
            }
            None => format!("{name}:"),
        };
        match self.store.strip_prefix("layered:").and_then(|both| both.split_once('+')) {
            Some((cache, durable)) if !cache.contains(':') => format!("layered:{}+{}", url(cache), url(durable)),
            _ => self.store.strip_suffix(':').map_or_else(|| self.store.clone(), url),
        }
    }

    /// Lets things go wrong, one after the other, until the time is over. The numbers alone say what. Tells the numbers of
    /// the nodes' processes whenever they may have changed.
    pub fn fail(&mut self, clients: &Clients, numbers: &mut Numbers, until: Millis, tell: impl Fn(Vec<u32>)) {
        loop {
            tell(self.nodes.iter().map(Node::process).collect());
            let [pause, lasts, what, which, amount] = [4500, 2200, 100, 3, 400].map(|end| numbers.below(end));
            let sleep = |millis: u64| thread::sleep(Duration::from_millis(millis));
            // half of the time there is longer peace than anything has to recover in
            sleep(500 + pause);
            let lasts = 300 + lasts;
            if clients.now() + lasts > until {
                return;
            }
            let from = clients.now();
            let node = which as usize % self.nodes.len();
            let at = amount as usize % self.behind.len().max(1);
            let (mut stopped, mut emptied, mut stepped) = (None, false, false);
            let what = match self.behind.get_mut(at).filter(|_| (30..86).contains(&what)) {
                None if what >= 86 => {
                    let ahead = (amount as i64 - 200) * (STEP as i64 / 200);
                    stepped = true;
                    let set = |ahead: i64| fs::write(self.clock(node), ahead.to_string());
                    set(ahead).unwrap_or_else(|why| panic!("no clock of node {node}: {why}"));
                    sleep(lasts);
                    set(0).unwrap_or_else(|why| panic!("no clock of node {node}: {why}"));
                    format!("the clock of node {node} stepped by {ahead} ms")
                }
                None if what % 2 == 0 => {
                    let addr = self.nodes[node].addr();
                    self.printed += &self.nodes[node].kill();
                    sleep(lasts);
                    self.nodes[node] = self.node(node, addr);
                    format!("node {node} killed")
                }
                None => {
                    stopped = Some(node);
                    self.nodes[node].pause();
                    sleep(lasts);
                    self.nodes[node].resume();
                    format!("node {node} stopped")
                }
                Some(Behind { name, server, .. }) if what < 42 => {
                    emptied = self.store == "memcached:";
                    server.kill();
                    sleep(lasts);
                    server.restart();
                    format!("{name} killed")
                }
                Some(Behind { name, server, .. }) if what < 54 => {
                    server.pause();
                    sleep(lasts);
                    server.resume();
                    format!("{name} stopped")
                }
                Some(Behind { name, proxies, .. }) => {
                    let fault = match what % 6 {
                        0 => Fault::Refuse,
                        1 => Fault::Hang,
                        2 => Fault::Delay(Duration::from_millis(amount)),
                        3 => Fault::Cut(amount as usize % 40),
                        _ => Fault::Cut(0),
                    };
                    // one of the nodes, or both
                    let proxies = || proxies.iter().enumerate().filter(|(at, _)| which == 2 || *at == node);
                    proxies().for_each(|(_, proxy)| proxy.set(fault));
                    sleep(lasts);
                    proxies().for_each(|(_, proxy)| proxy.set(Fault::Pass));
                    let whose = if which == 2 { "both nodes".into() } else { format!("node {node}") };
                    format!("{name} for {whose}: {fault:?}")
                }
            };
            clients.note(|history| {
                history.faults.push(history::Fault { from, to: clients.now(), what, stopped, emptied, stepped });
            });
        }
    }
}

/// What a process has now.
///
/// # Errors
/// It has ended.
pub fn sample(process: u32, node: usize, at: Millis) -> io::Result<Sample> {
    let status = fs::read_to_string(format!("/proc/{process}/status"))?;
    let resident =
        status.lines().find_map(|line| line.strip_prefix("VmRSS:")?.trim().strip_suffix(" kB")?.parse().ok());
    let descriptors = fs::read_dir(format!("/proc/{process}/fd"))?.count();
    Ok(Sample { node, at, kilobytes: resident.ok_or(io::ErrorKind::NotFound)?, descriptors })
}
