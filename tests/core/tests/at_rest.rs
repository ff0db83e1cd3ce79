//! Data that is sealed in the store: nothing of it can be read there, and nothing that was changed there is accepted.

use core_tests::life_cycle::{Browser, OTHER_KEY, Scripted, Server, World, increment, keys, parts, sign_in};
use session_core::environment::{Clock, Time};
use session_core::policy::Policy;
use session_core::store::{DeleteCondition, Handle, Load, Outcome, Store};
use session_core::testing::run;
use session_core::{AtRest, Error, Keys, conformance};
use session_store_memory::MemoryStore;

type Sealed = AtRest<&'static MemoryStore, [u8; 512]>;

/// Where a record has the time of the last activity, which stores move.
const LAST_SEEN: std::ops::Range<usize> = 14..20;

/// A store, and servers over it that seal with these keys.
struct Site {
    medium: &'static MemoryStore,
    browser: Browser,
    now: Time,
}

impl Site {
    fn new() -> Self {
        Self { medium: Box::leak(Box::default()), browser: Browser::new(), now: Time::ZERO }
    }

    /// A server whose data is sealed by `keys`; its cookies are signed by another key.
    fn server(&mut self, keys: &Keys) -> (&'static World<Sealed>, Server<Sealed>) {
        let world = World::over(Scripted::new(AtRest::new(self.medium, keys, [0; 512])));
        self.now = world.clock.now();
        (world, world.server(Policy::SECURE))
    }

    fn handle(&self) -> Handle {
        Handle::from_bytes(parts(self.browser.cookie(self.now).expect("a cookie")).0)
    }

    /// What lies in the medium.
    fn raw(&self) -> Vec<u8> {
        let mut bytes = vec![0; 1_024];
        match run(self.medium.load(&self.handle(), self.now, &mut bytes)) {
            Ok(Load::Found(found)) => bytes[..found.len].to_vec(),
            other => panic!("{other:?}"),
        }
    }

    fn put_raw(&self, handle: Handle, bytes: &[u8]) {
        run(self.medium.delete(&handle, DeleteCondition::Any, self.now)).unwrap();
        assert!(matches!(run(self.medium.create(&handle, bytes, self.now)), Ok(Outcome::Applied(_))));
    }
}

fn two(first: &[u8; 32], second: &[u8; 32]) -> Keys {
    Keys::new(first).and_then(|keys| keys.and_verify(second)).unwrap()
}

#[test]
fn a_store_with_sealed_data_keeps_every_promise_st11() {
    let store = AtRest::new(MemoryStore::new(), &keys(), [0_u8; 4_096]);
    assert_eq!(run(conformance::suite(&store, Time::from_millis(1_000_000), 7)), Ok(()));
}

#[test]
fn sessions_live_as_ever_and_their_data_is_not_to_be_read_se1() {
    let mut site = Site::new();
    let (_, server) = site.server(&keys());
    for n in 1..=3 {
        assert_eq!(server.request(&mut site.browser, increment).ok(), Ok(n));
    }
    server.request(&mut site.browser, |s| s.set("diary", "a word that nobody else reads")).ok().unwrap();
    server.request(&mut site.browser, |s| sign_in(s, "ann")).ok().unwrap();
    assert_eq!(server.request(&mut site.browser, |s| s.get::<u32>("n")).ok(), Ok(Some(3)));
    let bytes = site.raw();
    let holds = |word: &[u8]| bytes.windows(word.len()).any(|window| window == word);
    assert!(!holds(b"a word that nobody") && !holds(b"diary"));
    assert!(holds(b"ann"), "by the subject an index finds its sessions");
}

#[test]
fn a_conflict_is_merged_through_the_seal_st3() {
    let mut site = Site::new();
    let (_, server) = site.server(&keys());
    server.request(&mut site.browser, |s| s.set("a", &0_u32)).ok().unwrap();
    let mut other = site.browser.clone();
    let slow = server.request(&mut site.browser, |s| {
        server.request(&mut other, |s| s.set("a", &1_u32)).ok().unwrap();
        s.set("b", &2_u32)
    });
    slow.ok().unwrap();
    let both = server.request(&mut site.browser, |s| (s.get::<u32>("a"), s.get::<u32>("b"))).ok();
    assert_eq!(both, (Ok(Some(1)), Ok(Some(2))));
}

#[test]
fn a_record_that_was_changed_in_the_medium_is_refused_se1_se2_se4() {
    let mut site = Site::new();
    let (world, server) = site.server(&keys());
    server.request(&mut site.browser, |s| sign_in(s, "ann")).ok().unwrap();
    server.request(&mut site.browser, |s| s.set("n", &7_u32)).ok().unwrap();
    let (good, handle) = (site.raw(), site.handle());
    let subject = || server.peek(&site.browser, |s| (s.subject().map(str::to_owned), s.get::<u32>("n"))).ok();
    for at in (0..good.len()).filter(|at| !LAST_SEEN.contains(at)) {
        let mut forged = good.clone();
        forged[at] ^= 1;
        site.put_raw(handle, &forged);
        assert_eq!(subject(), (None, Ok(None)), "byte {at}");
    }
    for len in 60..good.len() {
        site.put_raw(handle, &good[..len]);
        assert_eq!(subject(), (None, Ok(None)), "cut to {len}");
    }
    world.log.take();
    site.put_raw(handle, &[&good[..], b"x"].concat());
    assert_eq!(subject(), (None, Ok(None)));
    assert!(world.log.take().concat().contains("stored bytes are not a record"), "it is told");
    // a touch is the store's own affair
    let mut touched = good.clone();
    touched[LAST_SEEN.start] ^= 1;
    site.put_raw(handle, &touched);
    assert_eq!(subject(), (Some("ann".to_owned()), Ok(Some(7))));
}

#[test]
fn a_record_opens_under_its_own_handle_only_se2() {
    let mut site = Site::new();
    let (world, server) = site.server(&keys());
    server.request(&mut site.browser, |s| sign_in(s, "ann")).ok().unwrap();
    let anns = site.raw();
    let mut mallory = Browser::new();
    server.request(&mut mallory, |s| s.set("n", &1_u32)).ok().unwrap();
    site.browser = mallory;
    let his = site.raw();
    site.put_raw(site.handle(), &anns);
    let loaded = run(world.store.inner().load(&site.handle(), site.now, &mut [0; 512]));
    assert!(matches!(loaded, Ok(Load::Found(found)) if found.len == 0), "{loaded:?}");
    // and not with his own verifier in it
    let mut forged = anns;
    forged[32..48].copy_from_slice(&his[32..48]);
    site.put_raw(site.handle(), &forged);
    assert_eq!(server.peek(&site.browser, |s| s.subject().map(str::to_owned)).ok(), None);
}

#[test]
fn a_new_key_seals_and_the_old_one_opens_until_it_is_retired_se3() {
    let mut site = Site::new();
    let (a, b) = (core_tests::life_cycle::KEY, OTHER_KEY);
    let (_, old) = site.server(&Keys::new(&a).unwrap());
    old.request(&mut site.browser, |s| s.set("n", &7_u32)).ok().unwrap();
    let by_a = site.raw();
    let (_, both) = site.server(&two(&b, &a));
    assert_eq!(both.request(&mut site.browser, |s| s.get::<u32>("n")).ok(), Ok(Some(7)));
    both.request(&mut site.browser, |s| s.set("n", &8_u32)).ok().unwrap();
    let (_, new) = site.server(&Keys::new(&b).unwrap());
    assert_eq!(new.request(&mut site.browser, |s| s.get::<u32>("n")).ok(), Ok(Some(8)), "sealed anew by the write");
    site.put_raw(site.handle(), &by_a);
    assert_eq!(new.request(&mut site.browser, |s| s.get::<u32>("n")).ok(), Ok(None), "a retired key");
}

#[test]
fn one_key_in_two_applications_opens_no_data_of_the_other_se9() {
    let mut site = Site::new();
    let (_, shop) = site.server(&keys().application("shop"));
    shop.request(&mut site.browser, |s| s.set("n", &7_u32)).ok().unwrap();
    for (name, n) in [("staging", None), ("", None), ("shop", Some(7))] {
        let (_, other) = site.server(&keys().application(name));
        assert_eq!(other.peek(&site.browser, |s| s.get::<u32>("n")).ok(), Ok(n), "{name:?}");
    }
}

/// Once, a warning says so and what to do; other bytes are only corrupt.
#[test]
fn what_was_not_sealed_is_refused_se4() {
    let mut site = Site::new();
    let (world, server) = site.server(&keys());
    server.request(&mut site.browser, |s| s.set("n", &7_u32)).ok().unwrap();
    let (sealed, plain) = (site.raw(), world.record(site.browser.cookie(site.now).unwrap()).unwrap());
    for (bytes, warns) in [(&sealed[..sealed.len() - 1], false), (&plain, true), (&plain, false)] {
        site.put_raw(site.handle(), bytes);
        world.log.take();
        assert_eq!(server.peek(&site.browser, |s| s.get::<u32>("n")).ok(), Ok(None));
        let log = world.log.take().concat();
        assert!(log.contains("stored bytes are not a record"), "{log}");
        assert_eq!(log.contains("not encrypted at rest"), warns, "{log}");
    }
}

/// Three deployments, each node by node: no visitor notices, and at the end only sealed data counts (SE4).
#[test]
fn sealing_begins_and_ends_without_a_sign_out_se1_se4() {
    type Node = AtRest<&'static MemoryStore, [u8; 512]>;
    type Step = (&'static str, fn(Node) -> Node);
    let steps: [Step; 3] =
        [("writing", AtRest::writing_unsealed), ("accepting", AtRest::accepting_unsealed), ("sealed", |store| store)];
    let mut site = Site::new();
    let node = |site: &Site, step: fn(Node) -> Node| {
        let world = World::over(Scripted::new(step(AtRest::new(site.medium, &keys(), [0; 512]))));
        world.server(Policy::SECURE)
    };
    let plain = World::over(Scripted::new(site.medium)).server(Policy::SECURE);
    plain.request(&mut site.browser, |s| sign_in(s, "ann")).ok().unwrap();
    assert_eq!(plain.request(&mut site.browser, increment).ok(), Ok(1));
    let mut forgotten = site.browser.clone();
    let is_plain = |site: &Site| site.raw().windows(2).any(|window| window == b"\x01n");
    // forward, and back
    let forward = steps.windows(2).map(|pair| (pair[0], pair[1]));
    let back = steps.windows(2).rev().map(|pair| (pair[1], pair[0]));
    let mut n = 1;
    let (first, _) = steps[0];
    assert_eq!(node(&site, steps[0].1).request(&mut site.browser, increment).ok(), Ok(2), "{first}");
    assert!(is_plain(&site));
    assert_eq!(plain.request(&mut site.browser, increment).ok(), Ok(3), "a node before the first step");
    n += 2;
    for ((from, before), (to, after)) in forward.chain(back) {
        let nodes = [(from, node(&site, before)), (to, node(&site, after))];
        // every session is written once at a node that accepts both, before one accepts sealed data only
        for (name, node) in [&nodes[0], &nodes[1], &nodes[0], &nodes[1]] {
            n += 1;
            assert_eq!(node.request(&mut site.browser, increment).ok(), Ok(n), "from {from} to {to}, {name}");
            assert_eq!(is_plain(&site), *name == "writing", "{name}");
        }
    }
    assert_eq!(plain.request(&mut site.browser, increment).ok(), Ok(n + 1), "a node after the last step");
    // what is still unsealed when only sealed data counts is over
    assert_eq!(node(&site, steps[2].1).request(&mut forgotten, increment).ok(), Ok(1));
}

/// Unsealed records of any size are read where sealed ones of the same size would have been shorter.
#[test]
fn an_unsealed_record_that_needs_more_room_is_read_se4() {
    let medium = MemoryStore::new();
    let (key, now) = (Handle::from_bytes(*b"a handle"), Time::from_millis(1_790_000_000_000));
    let value = |len: usize| [&b"\x01k"[..], &[u8::try_from(len).unwrap()], &vec![7; len]].concat();
    let mut record = [0; 60];
    (record[0], record[1]) = (2, 64);
    record[14..20].copy_from_slice(&now.millis().to_le_bytes()[..6]);
    for len in [1, 30, 37, 60, 100] {
        let whole = [&record[..], &value(len)].concat();
        run(medium.delete(&key, DeleteCondition::Any, now)).unwrap();
        run(medium.create(&key, &whole, now)).unwrap();
        let store = AtRest::new(&medium, &keys(), [0_u8; 512]).accepting_unsealed();
        for room in [61, 100, whole.len() - 1, whole.len(), whole.len() + 39, 512] {
            let mut into = vec![0; room];
            match run(store.load(&key, now, &mut into)) {
                Ok(Load::Found(found)) => assert_eq!(&into[..found.len], &whole, "{len} in {room}"),
                Ok(Load::TooLarge { size }) if room < whole.len() => {
                    let mut more = vec![0; size];
                    let again = run(store.load(&key, now, &mut more));
                    assert!(
                        size > room && matches!(again, Ok(Load::TooLarge { size }) if size == whole.len())
                            || matches!(again, Ok(Load::Found(_))),
                        "{len} in {room}: {again:?}"
                    );
                }
                other => panic!("{len} in {room}: {other:?}"),
            }
        }
    }
}

#[test]
fn no_room_for_the_seal_is_told_in_bytes_st12() {
    let medium: &'static MemoryStore = Box::leak(Box::default());
    let world = World::over(Scripted::new(AtRest::new(medium, &keys(), [0_u8; 128])));
    let server = world.server(Policy::SECURE);
    let mut browser = Browser::new();
    server.request(&mut browser, |s| s.set("n", &7_u32)).ok().unwrap();
    let too_large = server.request(&mut browser, |s| s.set("text", "x".repeat(64).as_str()));
    assert!(
        matches!(too_large.commit, Err(Error::TooLarge { need, have }) if need > have && have == 128 - 40),
        "{:?}",
        too_large.commit
    );
    assert_eq!(server.request(&mut browser, |s| s.get::<u32>("n")).ok(), Ok(Some(7)));
}
