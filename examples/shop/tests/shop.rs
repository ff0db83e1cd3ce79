//! The shop, driven over its socket.

use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use notes_common::{Users, story::Browser};
use session_axum::{MemoryStore, Policy, Sessions, keys};
use shop::{Role, Shop, app};

const USERS: &[(&str, &str)] = &[("ann", "correct horse battery"), ("bob", "another staple")];

/// A running shop, with ann as its administrator.
struct Running {
    shop: Arc<Shop>,
    sessions: Sessions,
    address: SocketAddr,
    runtime: tokio::runtime::Runtime,
}

fn open() -> Running {
    let shop = Arc::new(Shop::new(Users::new(USERS).unwrap()));
    shop.set_role("ann", Role::Admin);
    let sessions = Sessions::new(MemoryStore::new(), keys::generated()).policy(Policy::PLAIN_HTTP);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let address = listener.local_addr().unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let app = app(shop.clone(), sessions.clone());
    runtime.spawn(async move { axum::serve(tokio::net::TcpListener::from_std(listener).unwrap(), app).await });
    Running { shop, sessions, address, runtime }
}

impl Running {
    fn signed_in(&self, name: &str) -> Browser {
        let mut browser = Browser::at(self.address);
        let password = USERS.iter().find(|(user, _)| *user == name).unwrap().1;
        assert_eq!(browser.sign_in(name, password).status, 303);
        assert!(browser.cookie.is_some(), "{name} is signed in");
        browser
    }

    /// Opens the stream of orders, and reads its head.
    fn orders(&self, browser: &Browser) -> BufReader<TcpStream> {
        let mut stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        let cookie = browser.cookie.as_ref().unwrap();
        // 1.0, so that the body ends with the connection, without chunks
        write!(stream, "GET /admin/orders HTTP/1.0\r\nHost: shop\r\nCookie: {cookie}\r\n\r\n").unwrap();
        let mut reader = BufReader::new(stream);
        let mut line = String::new();
        reader.read_line(&mut line).unwrap();
        assert!(line.contains(" 200 "), "{line}");
        while line != "\r\n" {
            line.clear();
            reader.read_line(&mut line).unwrap();
        }
        reader
    }
}

/// The next event, or `None` at the end of the stream.
fn event(stream: &mut BufReader<TcpStream>) -> Option<String> {
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line).unwrap() == 0 {
            return None;
        }
        if let Some(data) = line.strip_prefix("data: ") {
            return Some(data.trim().to_owned());
        }
    }
}

#[test]
fn a_visitors_cart_goes_through_the_sign_in_and_is_ordered_once() {
    let shop = open();
    let mut bob = Browser::at(shop.address);
    assert_eq!(bob.get("/").status, 200);
    assert_eq!(bob.cookie, None, "who only looks has no session");
    assert_eq!(bob.post("/cart", "good=gold").status, 404);
    assert_eq!(bob.cookie, None);
    for good in ["tea", "tea", "sugar"] {
        assert_eq!(bob.post("/cart", &format!("good={good}")).status, 303);
    }
    assert!(bob.get("/cart").body.starts_with("1 sugar\n2 tea\n"));

    let answer = bob.post("/order", "");
    assert_eq!((answer.status, answer.header("location")), (303, Some("/sign-in")), "nobody has ordered yet");
    assert_eq!(bob.sign_in("bob", "not his").header("location"), Some("/sign-in"));
    assert_eq!(bob.sign_in("bob", USERS[1].1).status, 303);
    assert_eq!(bob.post("/order", "").body, "Thank you.\n");
    assert_eq!(bob.post("/order", "").status, 409, "the second form orders nothing");
    assert!(!bob.get("/cart").body.contains("tea"));
    assert_eq!(shop.signed_in("ann").get("/admin").body, "bob: 1 sugar, 2 tea\n");

    bob.post("/cart", "good=coffee");
    assert_eq!(bob.sign_in("ann", USERS[0].1).status, 303);
    assert!(!bob.get("/cart").body.contains("coffee"), "no cart gets from one user to another");
}

#[test]
fn a_role_counts_from_the_next_request_on() {
    let shop = open();
    let answer = Browser::at(shop.address).get("/admin");
    assert_eq!((answer.status, answer.header("location")), (303, Some("/sign-in?next=%2Fadmin")));
    let (mut ann, mut bob) = (shop.signed_in("ann"), shop.signed_in("bob"));
    assert_eq!((ann.get("/admin").status, bob.get("/admin").status, bob.get("/admin/orders").status), (200, 403, 403));
    shop.shop.set_role("bob", Role::Admin);
    shop.shop.set_role("ann", Role::Customer);
    assert_eq!((ann.get("/admin").status, bob.get("/admin").status), (403, 200));
}

#[test]
fn orders_come_until_the_session_or_the_role_ends_lc20() {
    let shop = open();
    let (mut ann, mut bob) = (shop.signed_in("ann"), shop.signed_in("bob"));
    let mut order = |good: &str| {
        bob.post("/cart", &format!("good={good}"));
        assert_eq!(bob.post("/order", "").status, 200);
    };

    let mut stream = shop.orders(&ann);
    order("tea");
    assert_eq!(event(&mut stream).as_deref(), Some("bob: 1 tea"));
    assert_eq!(ann.post("/sign-out", "").status, 303);
    assert_eq!(event(&mut stream), None, "it ends with the sign-out");

    let ann = shop.signed_in("ann");
    let mut stream = shop.orders(&ann);
    assert_eq!(shop.runtime.block_on(shop.sessions.revoke_all("ann")), Ok(1));
    assert_eq!(event(&mut stream), None, "it ends with a revocation");

    let ann = shop.signed_in("ann");
    let mut stream = shop.orders(&ann);
    shop.shop.set_role("ann", Role::Customer);
    order("sugar");
    assert_eq!(event(&mut stream), None, "an order that comes after the role has ended is not shown");
}
