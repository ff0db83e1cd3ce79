//! Keys change while programs run (KY1): two nodes over one store, and no visitor notices.

use std::convert::Infallible;
use std::fs;

use session_core::testing::run;
use session_std::keys::{KeyFile, KeyLoadError, KeyRing, KeySource, from_text};
use session_std::{MemoryStore, Policy, Request, Sessions, SharedStore};

const OLD: &str = "8e1f0a936b64c5117199fe025ba0d73c4e6018e977b244059acd31f6882e53bf";
const NEW: &str = "01f49c2d66aa7e13d0583be7910c45f22a866dbe19c87054e3379f0bad62d841";

fn keys(text: &str) -> KeyRing {
    from_text(text, "K").unwrap()
}

/// One more visit; the number of visits. The cookie is kept if another one is set.
fn visit(sessions: &Sessions, cookie: &mut String) -> u32 {
    let request = Request::new(sessions.clone());
    let session = run(request.session([cookie.as_bytes()].into_iter(), true)).unwrap();
    let visits = session.get::<u32>("visits").unwrap().unwrap_or(0) + 1;
    session.set("visits", &visits).unwrap();
    let finished = run(request.finish());
    assert_eq!(finished.error, None);
    if let Some(set) = finished.cookie {
        *cookie = set.split(';').next().unwrap().to_owned();
    }
    visits
}

/// Each node takes each step at another time, and after each of them a new visitor comes by one node and goes on at the
/// other one. The first visitor's cookie is renewed only by a login, so the old key has to verify until the end.
fn rolling_change(make: impl Fn(KeyRing) -> Sessions) {
    let nodes = [make(keys(OLD)), make(keys(OLD))];
    let mut first = String::new();
    assert_eq!(visit(&nodes[0], &mut first), 1);
    let mut visits = 1;
    for step in [format!("{OLD},{NEW}"), format!("{NEW},{OLD}")] {
        for node in &nodes {
            node.set_keys(keys(&step));
            for (one, other) in [(0, 1), (1, 0)] {
                let mut fresh = String::new();
                assert_eq!(visit(&nodes[one], &mut fresh), 1, "{step}");
                assert_eq!(visit(&nodes[other], &mut fresh), 2, "{step}");
                visits += 1;
                assert_eq!(visit(&nodes[one], &mut first), visits, "{step}");
            }
        }
    }
    let mut fresh = String::new();
    visit(&nodes[0], &mut fresh);
    // a layer has a clone
    let clone = nodes[1].clone();
    nodes[1].set_keys(keys(NEW));
    assert_eq!(visit(&clone, &mut fresh), 2);
    // what is made of a node has its keys, and not those of the start
    let observed = nodes[1].clone().observed(());
    assert_eq!(visit(&observed, &mut fresh), 3);
}

#[test]
fn stored_sessions_live_through_a_change_of_keys_ky1() {
    let store = SharedStore::from(MemoryStore::new());
    rolling_change(|keys| Sessions::new(store.clone(), keys).policy(Policy::PLAIN_HTTP));
}

#[test]
fn sealed_sessions_live_through_a_change_of_keys_ky1() {
    let store = SharedStore::from(MemoryStore::new());
    rolling_change(|keys| Sessions::sealed(store.clone(), keys).policy(Policy::PLAIN_HTTP));
}

#[test]
fn sessions_encrypted_at_rest_live_through_a_change_of_keys_ky1() {
    let store = SharedStore::from(MemoryStore::new());
    rolling_change(|keys| Sessions::new(store.clone(), keys).policy(Policy::PLAIN_HTTP).sealed_at_rest());
    // and are encrypted: without the key of the data, the cookie opens nothing
    let sealed = Sessions::new(store.clone(), keys(OLD)).policy(Policy::PLAIN_HTTP).sealed_at_rest();
    let mut cookie = String::new();
    visit(&sealed, &mut cookie);
    let open = Sessions::new(store, keys(OLD)).policy(Policy::PLAIN_HTTP);
    assert_eq!(visit(&open, &mut cookie.clone()), 1);
    assert_eq!(visit(&sealed, &mut cookie), 2);
}

/// Everybody's mark is written once, so what it is sealed with must not be needed longer than sessions last.
#[test]
fn sealed_sessions_need_no_old_key_for_their_marks_ky1() {
    let store = SharedStore::from(MemoryStore::new());
    let make = |store| Sessions::sealed(store, keys(OLD)).policy(Policy::PLAIN_HTTP);
    let sign_in = |sessions: &Sessions| {
        let request = Request::new(sessions.clone());
        let session = run(request.session(std::iter::empty(), true))?;
        let attempt = run(session.begin_login("ann"))?;
        run(session.login(attempt)).map(|()| run(request.finish()).error)
    };
    let steps = [
        make(store.clone()),
        make(store.clone()).prepare_sealing_at_rest(),
        make(store.clone()).begin_sealing_at_rest(),
        make(store.clone()).sealed_at_rest(),
        make(store).sealed_at_rest(),
    ];
    steps[4].set_keys(keys(&format!("{NEW},{OLD}")));
    assert_eq!(sign_in(&steps[4]), Ok(None));
    steps[4].set_keys(keys(NEW));
    for (at, step) in steps.iter().enumerate() {
        assert_eq!(sign_in(step), Ok(None), "{at}");
    }
}

#[test]
fn a_request_keeps_the_keys_with_which_it_began_ky1() {
    let sessions = Sessions::new(MemoryStore::new(), keys(OLD)).policy(Policy::PLAIN_HTTP);
    let request = Request::new(sessions.clone());
    run(request.session(std::iter::empty(), true)).unwrap().set("a", &1).unwrap();
    sessions.set_keys(keys(&format!("{NEW},{OLD}")));
    let cookie = run(request.finish()).cookie.unwrap();
    assert_eq!(visit(&sessions, &mut cookie.split(';').next().unwrap().to_owned()), 1);
    let session = Request::new(sessions.clone());
    let lines = [cookie.as_bytes()];
    assert_eq!(run(session.session(lines.into_iter(), true)).unwrap().get("a"), Ok(Some(1)));
}

/// A file that is replaced, and one that is half written: the keys in use stay.
#[test]
fn keys_of_a_file_are_loaded_again_ky1() {
    let directory = std::env::temp_dir().join(format!("session-keys-{}", std::process::id()));
    fs::create_dir_all(&directory).unwrap();
    let path = directory.join("key");
    fs::write(&path, OLD).unwrap();
    let file = KeyFile::new(&path);
    let sessions = Sessions::new(MemoryStore::new(), run(file.load()).unwrap()).policy(Policy::PLAIN_HTTP);
    let mut cookie = String::new();
    visit(&sessions, &mut cookie);
    fs::write(&path, &NEW[..40]).unwrap();
    let why = run(sessions.load_keys(&file)).unwrap_err();
    assert!(matches!(why, KeyLoadError::Text(_)) && why.to_string().starts_with(path.to_str().unwrap()), "{why}");
    assert_eq!(visit(&sessions, &mut cookie), 2);
    fs::write(&path, NEW).unwrap();
    run(sessions.load_keys(&file)).unwrap();
    assert_eq!(visit(&sessions, &mut cookie), 1, "the old key is not known any more");
    fs::remove_dir_all(&directory).unwrap();
}

/// A file of keys names no application; the sessions go on under their name, and separated from others (SE9).
#[test]
fn keys_that_are_loaded_keep_the_applications_name_ky1_se9() {
    let store = SharedStore::from(MemoryStore::new());
    let of = |name| Sessions::new(store.clone(), keys(OLD).application(name)).policy(Policy::PLAIN_HTTP);
    let (shop, blog) = (of("shop"), of("blog"));
    let mut cookie = String::new();
    visit(&shop, &mut cookie);
    shop.set_keys(keys(&format!("{NEW},{OLD}")));
    assert_eq!(visit(&shop, &mut cookie), 2);
    blog.set_keys(keys(OLD));
    assert_eq!(visit(&blog, &mut cookie.clone()), 1, "another application's cookie");
}

/// A service that manages keys: one function.
struct Service;

impl KeySource for Service {
    type Error = Infallible;

    async fn load(&self) -> Result<KeyRing, Infallible> {
        Ok(keys(NEW))
    }
}

#[test]
fn keys_of_a_service_are_loaded_ky1() {
    let sessions = Sessions::new(MemoryStore::new(), keys(OLD)).policy(Policy::PLAIN_HTTP);
    let mut cookie = String::new();
    visit(&sessions, &mut cookie);
    run(sessions.load_keys(&Service)).unwrap();
    assert_eq!(visit(&sessions, &mut cookie), 1);
}
