//! Two processes of the reference app over one store: login on one, logout on the other, changed ids, changed keys in a
//! rolling restart, a node that dies.

use std::fs::File;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::Command;
use std::thread;
use std::time::Duration;

use store_tests::servers;

const OLD: &str = "8f1de2b0c94a7735e6d0412f9b8c5a63710e4fd29ab6853cc7f1028d5e94b36a";
const NEW: &str = "1a7be2b0c94a7735e6d0412f9b8c5a63710e4fd29ab6853cc7f1028d5e94b36b";

/// A process of the reference app that can be started again; ends with this value.
struct Node {
    process: store_tests::Node,
    store: String,
}

impl Node {
    /// Starts with these signing keys.
    fn start(store: &str, keys: &str) -> Self {
        Self::run(Command::new(env!("CARGO_BIN_EXE_node")), store, keys)
    }

    /// Starts with files that may have at most so many blocks of 512 bytes, and a log that has reached them.
    fn with_small_files(store: &str, keys: &str, blocks: u32, log: File) -> Self {
        let mut shell = Command::new("sh");
        let limited = format!("trap '' XFSZ; ulimit -f {blocks}; exec \"$0\" \"$@\"");
        shell.args(["-c", &limited, env!("CARGO_BIN_EXE_node")]).stderr(log);
        Self::run(shell, store, keys)
    }

    fn run(mut command: Command, store: &str, keys: &str) -> Self {
        command.args(["--store", store, "--key", keys]);
        Self { process: store_tests::Node::start(command), store: store.to_owned() }
    }

    fn addr(&self) -> SocketAddr {
        self.process.addr()
    }

    /// Ends it as a crash does, and starts another in its place.
    fn restart(&mut self, keys: &str) {
        self.process.kill();
        *self = Self::start(&self.store.clone(), keys);
    }
}

/// A browser: a cookie for both nodes, as behind a load balancer.
#[derive(Clone, Default)]
struct Browser {
    cookie: String,
}

impl Browser {
    /// Sends a request and takes the cookie of the answer: its status and text.
    fn ask(&mut self, node: &Node, request: &str) -> (u16, String) {
        let Self { cookie } = self;
        let mut stream = TcpStream::connect(node.addr()).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        let length = if request.starts_with("POST") { "Content-Length: 0\r\n" } else { "" };
        write!(stream, "{request} HTTP/1.1\r\nHost: h\r\nConnection: close\r\nCookie: {cookie}\r\n{length}\r\n")
            .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let (head, text) = answer.split_once("\r\n\r\n").unwrap_or_else(|| panic!("{request}: {answer:?}"));
        for line in head.lines() {
            if let Some((name, value)) =
                line.split_once(": ").filter(|(name, _)| name.eq_ignore_ascii_case("set-cookie"))
            {
                assert!(!name.is_empty());
                self.cookie = value.split(';').next().unwrap().to_owned();
            }
        }
        (head.split(' ').nth(1).unwrap().parse().unwrap(), text.to_owned())
    }

    #[track_caller]
    fn ok(&mut self, node: &Node, request: &str) -> String {
        let (status, text) = self.ask(node, request);
        assert_eq!(status, 200, "{request}: {text}");
        text
    }

    #[track_caller]
    fn is(&mut self, node: &Node, subject: Option<&str>) {
        let (status, text) = self.ask(node, "GET /whoami");
        assert_eq!((status, text.as_str()), (if subject.is_some() { 200 } else { 204 }, subject.unwrap_or_default()));
    }
}

/// All of it, over one store.
fn dialogue(store: &str) {
    let (mut a, mut b) = (Node::start(store, OLD), Node::start(store, OLD));

    // login on one, the data of before, logout on the other
    let mut ann = Browser::default();
    ann.ok(&b, "POST /set?key=cart&value=book");
    let before = ann.clone();
    ann.ok(&a, "POST /login?user=ann");
    ann.is(&b, Some("ann"));
    assert_eq!(ann.ok(&b, "GET /read?key=cart"), "book");
    before.clone().is(&b, None);
    before.clone().is(&a, None);
    let signed_in = ann.clone();
    // a slow save on one that ends after the logout on the other
    let slow = thread::scope(|scope| {
        let (mut slow, node) = (ann.clone(), &a);
        let slow = scope.spawn(move || slow.ask(node, "POST /set?key=cart&value=late&delay_ms=1500"));
        thread::sleep(Duration::from_millis(300));
        ann.ok(&b, "POST /logout");
        slow.join().unwrap()
    });
    // it loaded the session before the logout, or it began after it, on a slow machine, and made another
    assert!(slow.0 == 409 || slow.0 == 200, "{slow:?}");
    for node in [&a, &b] {
        signed_in.clone().is(node, None);
        assert_eq!(signed_in.clone().ask(node, "GET /read?key=cart").0, 204, "nothing comes back");
    }

    // another id: the old one is dead on both nodes at once
    let mut bob = Browser::default();
    bob.ok(&a, "POST /login?user=bob");
    let old = bob.clone();
    bob.ok(&b, "POST /rotate");
    assert_ne!(bob.cookie, old.cookie);
    for node in [&a, &b] {
        bob.is(node, Some("bob"));
        old.clone().is(node, None);
    }

    // one session written through both nodes at once
    let counted = thread::scope(|scope| {
        let writers: Vec<_> = (0..4)
            .map(|number| {
                let (mut bob, node) = (bob.clone(), if number % 2 == 0 { &a } else { &b });
                scope.spawn(move || (0..10).filter(|_| bob.ask(node, "POST /add?key=n").0 == 200).count())
            })
            .collect();
        writers.into_iter().map(|writer| writer.join().unwrap()).sum::<usize>()
    });
    assert_eq!(bob.ok(&a, "GET /read?key=n"), counted.to_string(), "what was answered was counted");
    assert!(counted > 0);

    // a message for the next page, and ten pages at once (LC17)
    bob.ok(&a, "POST /flash?message=saved");
    let shown = thread::scope(|scope| {
        let pages: Vec<_> = (0..10)
            .map(|number| {
                let (mut bob, node) = (bob.clone(), if number % 2 == 0 { &a } else { &b });
                scope.spawn(move || bob.ask(node, "GET /flash"))
            })
            .collect();
        pages.into_iter().map(|page| page.join().unwrap()).filter(|(status, _)| *status == 200).collect::<Vec<_>>()
    });
    assert_eq!(shown, [(200, "saved".to_owned())], "one page shows it");

    // who is signed in where; sign out everywhere else, through the other node
    let mut phone = Browser::default();
    phone.ok(&b, "POST /login?user=bob");
    if phone.ask(&a, "GET /sessions").0 != 501 {
        assert_eq!(phone.ok(&a, "GET /sessions").lines().count(), 2);
        assert_eq!(phone.ok(&a, "POST /revoke-others"), "1");
        bob.is(&b, None);
        bob = phone;
    }

    // another signing key, node by node: first they verify it, then they sign with it, then they forget the old one
    let both = format!("{OLD},{NEW}");
    a.restart(&both);
    bob.is(&a, Some("bob"));
    b.restart(&both);
    let reversed = format!("{NEW},{OLD}");
    a.restart(&reversed);
    bob.is(&a, Some("bob"));
    let mut carl = Browser::default();
    carl.ok(&a, "POST /login?user=carl");
    carl.is(&b, Some("carl"));
    let mut dora = Browser::default();
    dora.ok(&b, "POST /login?user=dora");
    dora.is(&a, Some("dora"));
    let under_old = dora.cookie.clone();
    dora.is(&b, Some("dora"));
    assert_eq!(dora.cookie, under_old, "nobody is forced from one key to the other");
    dora.ok(&a, "POST /login?user=dora");
    dora.is(&b, Some("dora"));
    b.restart(&reversed);
    a.restart(NEW);
    b.restart(NEW);
    for node in [&a, &b] {
        carl.is(node, Some("carl"));
        dora.is(node, Some("dora"));
        bob.clone().is(node, None);
    }

    // one dies in the middle of a request: the other goes on, with all that was acknowledged
    carl.ok(&a, "POST /set?key=k&value=kept");
    let addr = a.addr();
    let mut half = TcpStream::connect(addr).unwrap();
    let cookie = &carl.cookie;
    write!(
        half,
        "POST /set?key=k&value=half&delay_ms=60000 HTTP/1.1\r\nHost: h\r\nCookie: {cookie}\r\nContent-Length: 0\r\n\r\n"
    )
    .unwrap();
    a.process.kill();
    assert_eq!(carl.ok(&b, "GET /read?key=k"), "kept");
    carl.ok(&b, "POST /set?key=k&value=next");
    a.restart(NEW);
    assert_eq!(carl.ok(&a, "GET /read?key=k"), "next");
    carl.ok(&a, "POST /logout");
    carl.is(&b, None);
}

#[test]
fn two_nodes_over_postgres_lc2_lc3() {
    let server = servers::postgres::start();
    dialogue(&server.url());
}

#[test]
fn two_nodes_over_sqlite_lc2_lc3() {
    let dir = tempfile::tempdir().unwrap();
    dialogue(&format!("sqlite:{}", dir.path().join("sessions.db").display()));
}

/// The file may not grow: what needs room is told 503, all else is served, and nothing that was kept is lost.
#[test]
fn a_full_disk_under_sqlite_st9_st10() {
    let dir = tempfile::tempdir().unwrap();
    let store = format!("sqlite:{}", dir.path().join("sessions.db").display());
    let mut ann = Browser::default();
    let before = Node::start(&store, OLD);
    ann.ok(&before, "POST /login?user=ann");
    ann.ok(&before, "POST /set?key=cart&value=book");
    drop(before);

    // stderr on the same disk: a line that cannot be written must not cost a request its answer
    let mut log = File::create(dir.path().join("log")).unwrap();
    log.write_all(&[b'.'; 400 * 512]).unwrap();
    let full = Node::with_small_files(&store, OLD, 400, log);
    let refused = (0..400).find_map(|_| {
        let (status, text) = Browser::default().ask(&full, "POST /big?key=a&bytes=2000");
        (status != 200).then_some((status, text))
    });
    assert_eq!(refused.map(|(status, text)| (status, text.lines().count())), Some((503, 1)), "it was never full");
    for _ in 0..5 {
        let (status, _) = ann.ask(&full, "POST /big?key=b&bytes=2000");
        assert!([200, 503].contains(&status), "{status}");
        ann.is(&full, Some("ann"));
        assert_eq!(ann.ok(&full, "GET /read?key=cart"), "book");
        assert_eq!(ann.ok(&full, "GET /plain"), "plain");
    }
    drop(full);

    let after = Node::start(&store, OLD);
    ann.is(&after, Some("ann"));
    assert_eq!(ann.ok(&after, "GET /read?key=cart"), "book");
    ann.ok(&after, "POST /set?key=cart&value=another");
    Browser::default().ok(&after, "POST /big?key=a&bytes=2000");
}

#[test]
fn two_nodes_over_redis_lc2_lc3() {
    let server = servers::redis::start();
    dialogue(&server.url());
}

#[test]
fn two_nodes_over_memcached_lc2_lc3() {
    let server = servers::memcached::start();
    dialogue(&server.url());
}

#[test]
fn two_nodes_over_memcached_before_sqlite_lc2_lc3_st4() {
    let server = servers::memcached::start();
    let dir = tempfile::tempdir().unwrap();
    dialogue(&format!("layered:{}+sqlite:{}", server.url(), dir.path().join("sessions.db").display()));
}

#[test]
fn two_nodes_over_redis_before_postgres_lc2_lc3_st4() {
    let (cache, durable) = (servers::redis::start(), servers::postgres::start());
    dialogue(&format!("layered:{}+{}", cache.url(), durable.url()));
}

/// Whoever waits for the line that says where a program listens is not told of one that has refused its store.
#[test]
fn a_program_that_refuses_its_store_does_not_say_that_it_listens() {
    let mut node = Command::new(env!("CARGO_BIN_EXE_node"));
    let ended = node.args(["--listen", "127.0.0.1:0", "--store", "fixed:"]).output().unwrap();
    let told = String::from_utf8_lossy(&ended.stderr);
    assert!(!ended.status.success() && ended.stdout.is_empty(), "{:?}", String::from_utf8_lossy(&ended.stdout));
    assert!(told.contains("fixed:"), "{told}");
}
