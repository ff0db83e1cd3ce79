//! Reference apps over real Redis: all conversations through one adapter, the delicate ones through others and on a
//! cluster; outages as a browser sees them; two nodes over one store.

#[path = "../../../../adapters/actix/examples/reference.rs"]
#[allow(dead_code, unreachable_pub)] // its main is not called here
mod actix_app;

#[path = "../../../../adapters/axum/examples/reference.rs"]
#[allow(dead_code, unreachable_pub)] // its main is not called here
mod axum_app;

#[path = "../../../../adapters/poem/examples/reference.rs"]
#[allow(dead_code, unreachable_pub)] // its main is not called here
mod poem_app;

use store_tests::servers::proxy::{Fault, Proxy};
use store_tests::servers::{self, wait_until};
use store_tests::{App, Browser};

/// Conflicts, logins, logouts, renewals: where a store may go wrong.
const DELICATE: &[&str] = &["LC2", "LC3", "LC8", "ST2", "ST3"];

const KEY: &str = "8e1f0a936b64c5117199fe025ba0d73c4e6018e977b244059acd31f6882e53bf";
const NEXT: &str = "1a7be2b0c94a7735e6d0412f9b8c5a63710e4fd29ab6853cc7f1028d5e94b36b";

#[test]
fn all_conversations_through_axum() {
    let server = servers::redis::start();
    support::reference::converse("axum", &[&server.url()], axum_app::serve);
}

#[test]
fn the_delicate_ones_through_actix_web() {
    let server = servers::redis::start();
    support::reference::converse_about(DELICATE, "actix-web", &[&server.url()], actix_app::serve);
}

#[test]
fn the_delicate_ones_through_poem() {
    let server = servers::redis::start();
    support::reference::converse_about(DELICATE, "poem", &[&server.url()], poem_app::serve);
}

#[test]
fn the_delicate_ones_on_a_cluster() {
    let cluster = servers::redis::Cluster::start();
    support::reference::converse_about(DELICATE, "axum", &[&cluster.url()], axum_app::serve);
}

/// Absent at the start, there, hanging, dead, there again: what needs no session never notices, what needs one is told,
/// and no session is overwritten by an empty one.
#[test]
fn outages_as_a_browser_sees_them_st10() {
    let server = servers::redis::start();
    let proxy = Proxy::start(server.addr());
    let url = format!("redis://{}", proxy.addr());
    for serve in [axum_app::serve, actix_app::serve, poem_app::serve] {
        proxy.set(Fault::Refuse);
        wait_until("nobody listens", || std::net::TcpStream::connect(proxy.addr()).is_err());
        let app = App::start(serve, &["--store", &url, "--key", KEY]);
        let (mut ann, mut eve) = (Browser::default(), Browser::default());
        assert_eq!(ann.ask(&app, "POST /set?key=a&value=1").0, 503);
        assert_eq!(ann.ask(&app, "GET /health").0, 503);
        assert_eq!(ann.ask(&app, "GET /plain"), (200, "plain".into()));
        // a visitor without a cookie who reads needs no store
        assert_eq!(eve.ask(&app, "GET /read?key=a").0, 204);

        let back = |request: &str, browser: &mut Browser| {
            let began = std::time::Instant::now();
            loop {
                let answer = browser.ask(&app, request);
                if answer.0 != 503 {
                    return answer;
                }
                assert!(began.elapsed().as_secs() < 60, "{request}: it does not recover");
                std::thread::sleep(std::time::Duration::from_millis(20));
            }
        };
        proxy.set(Fault::Pass);
        assert_eq!(back("POST /set?key=a&value=1", &mut ann), (200, "ok".into()));
        assert_eq!(ann.ask(&app, "POST /login?user=ann"), (200, "ok".into()));
        for fault in [Fault::Hang, Fault::Refuse] {
            proxy.set(fault);
            for _ in 0..10 {
                assert_eq!(ann.ask(&app, "GET /read?key=a").0, 503);
                assert_eq!(ann.ask(&app, "POST /set?key=b&value=2").0, 503);
                assert_eq!(ann.ask(&app, "POST /logout").0, 503);
                assert_eq!(ann.ask(&app, "GET /plain").0, 200);
            }
            proxy.set(Fault::Pass);
            assert_eq!(back("GET /read?key=a", &mut ann), (200, "1".into()));
            assert_eq!(ann.ask(&app, "GET /whoami"), (200, "ann".into()));
        }
        // the answer to the logout is lost: it happened, and that is found out and told
        proxy.set(Fault::Cut(0));
        let told = ann.ask(&app, "POST /logout").0;
        assert!([200, 503].contains(&told), "{told}");
        assert_eq!(back("POST /logout", &mut ann).0, 200);
        assert_eq!(ann.ask(&app, "GET /whoami").0, 204);
    }
}

/// Two nodes over one store: what one does the other knows, while the signing key is changed in a rolling restart.
#[test]
fn two_nodes_and_a_rolling_change_of_keys_lc2_lc3() {
    let cluster = servers::redis::Cluster::start();
    let server = servers::redis::start();
    for url in [server.url(), cluster.url()] {
        let node = |serve, keys: &str| App::start(serve, &["--store", &url, "--key", keys]);
        let (one, two) = (node(axum_app::serve, KEY), node(poem_app::serve, KEY));
        let (mut ann, mut thief) = (Browser::default(), Browser::default());
        assert_eq!(ann.ask(&one, "POST /login?user=ann").0, 200);
        assert_eq!(ann.ask(&two, "GET /whoami"), (200, "ann".into()));
        assert_eq!(ann.ask(&two, "POST /rotate").0, 200);
        assert_eq!(ann.ask(&one, "POST /incr?key=n"), (200, "1".into()));

        // first every node verifies the next key, then each signs with it, then the old one goes
        let both = format!("{KEY},{NEXT}");
        let one = (drop(one), node(axum_app::serve, &both)).1;
        assert_eq!(ann.ask(&one, "POST /incr?key=n"), (200, "2".into()));
        let two = (drop(two), node(poem_app::serve, &both)).1;
        let turned = format!("{NEXT},{KEY}");
        let one = (drop(one), node(axum_app::serve, &turned)).1;
        assert_eq!(ann.ask(&one, "POST /login?user=ann").0, 200);
        assert_eq!(ann.ask(&two, "POST /incr?key=n"), (200, "3".into()));
        let two = (drop(two), node(poem_app::serve, NEXT)).1;
        assert_eq!(ann.ask(&two, "GET /whoami"), (200, "ann".into()));

        thief.copy(&ann);
        assert_eq!(thief.ask(&one, "GET /whoami"), (200, "ann".into()));
        assert_eq!(ann.ask(&two, "POST /logout").0, 200);
        for node in [&one, &two] {
            assert_eq!(thief.ask(node, "GET /whoami").0, 204);
        }
    }
}
