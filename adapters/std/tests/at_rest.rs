//! Sealed data behind the one type of store.

use session_core::testing::run;
use session_std::{Error, Keys, MemoryStore, Policy, Request, Sessions, SharedStore};

const KEY: [u8; 32] = *b"\x1a\x7f\x03\xc2\x55\x9e\x60\xd4\x21\xb8\x0c\x73\xea\x4f\x96\x38\xd1\x2a\x85\x6b\x17\xfc\x40\x9d\xe3\x58\x04\xa7\x72\xcb\x39\x16";
const OTHER: [u8; 32] = *b"\x01\xf4\x9c\x2d\x66\xaa\x7e\x13\xd0\x58\x3b\xe7\x91\x0c\x45\xf2\x2a\x86\x6d\xbe\x19\xc8\x70\x54\xe3\x37\x9f\x0b\xad\x62\xd8\x41";

fn sessions(store: SharedStore) -> Sessions {
    Sessions::new(store, Keys::new(&KEY).unwrap()).policy(Policy::PLAIN_HTTP)
}

/// What is under `text` in the session of this cookie.
fn text(sessions: &Sessions, cookie: &str) -> Result<Option<String>, Error> {
    let request = Request::new(sessions.clone());
    run(request.session([cookie.as_bytes()].into_iter(), true))?.get("text")
}

#[test]
fn only_who_has_the_key_of_the_data_reads_it_se1_se3() {
    let store = SharedStore::from(MemoryStore::new());
    let sealed = sessions(store.clone().sealed_at_rest(&Keys::new(&OTHER).unwrap()));
    let request = Request::new(sealed.clone());
    // more than has room without a heap
    let long = "word ".repeat(200);
    run(request.session(std::iter::empty(), true)).unwrap().set("text", &long).unwrap();
    let cookie = run(request.finish()).cookie.unwrap();
    let cookie = cookie.split(';').next().unwrap();
    assert_eq!(text(&sealed, cookie), Ok(Some(long)));
    assert_eq!(text(&sessions(store.clone()), cookie), Ok(None), "without the key");
    assert_eq!(text(&sessions(store.sealed_at_rest(&Keys::new(&KEY).unwrap())), cookie), Ok(None), "another key");
}

/// The three steps as an application takes them, with the keys of the sessions and with keys of its own.
#[test]
fn sealing_begins_without_a_sign_out_se4() {
    type Steps = [fn(SharedStore) -> Sessions; 3];
    let of_sessions: Steps = [
        |store| sessions(store).prepare_sealing_at_rest(),
        |store| sessions(store).begin_sealing_at_rest(),
        |store| sessions(store).sealed_at_rest(),
    ];
    fn own() -> Keys {
        Keys::new(&OTHER).unwrap()
    }
    let of_store: Steps = [
        |store| sessions(store.prepare_sealing_at_rest(&own())),
        |store| sessions(store.begin_sealing_at_rest(&own())),
        |store| sessions(store.sealed_at_rest(&own())),
    ];
    for [prepare, begin, sealed] in [of_sessions, of_store] {
        let store = SharedStore::from(MemoryStore::new());
        let set = |sessions: Sessions, cookie: &str, word: &str| {
            let request = Request::new(sessions);
            run(request.session([cookie.as_bytes()].into_iter(), true)).unwrap().set("text", word).unwrap();
            run(request.finish()).cookie.map(|cookie| cookie.split(';').next().unwrap().to_owned())
        };
        let cookie = set(sessions(store.clone()), "", "plain").unwrap();
        let is = |sessions: Sessions, word: Option<&str>| {
            assert_eq!(text(&sessions, &cookie), Ok(word.map(str::to_owned)));
        };
        is(prepare(store.clone()), Some("plain"));
        is(begin(store.clone()), Some("plain"));
        is(sealed(store.clone()), None);
        assert_eq!(set(begin(store.clone()), &cookie, "sealed"), None, "the same cookie");
        for step in [prepare, begin, sealed] {
            is(step(store.clone()), Some("sealed"));
        }
        is(sessions(store.clone()), None);
        assert_eq!(set(prepare(store.clone()), &cookie, "plain"), None);
        is(sessions(store), Some("plain"));
    }
}
