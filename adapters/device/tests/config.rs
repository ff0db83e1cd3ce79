//! Configuration items lie beside the sessions: whole after any power cut, and safe from sessions.

use core::pin::pin;
use core::task::{Context, Waker};
use embedded_storage_async::nor_flash::NorFlashErrorKind;
use nor_flash::Strict;
use session_core::store::{DeleteCondition, Outcome, Store};
use session_core::testing::run;
use session_device::{CONFIG_ITEM, ConfigError, ConfigItems};
use session_store_flash::{FlashError, FlashStore};
use store_support::{Draft, at, blocking::load, key};

const BYTES: usize = 192;

type Flash = Strict<4, 2048>;
type Device = FlashStore<Flash, 4, BYTES>;
type Items = ConfigItems<BYTES>;

const PASSWORD: &str = "correct horse battery";

fn wifi(ssid: &str, password: &str) -> Items {
    let mut items = Items::new();
    items.set("ssid", ssid.as_bytes()).unwrap();
    items.set("password", password.as_bytes()).unwrap();
    items
}

fn read(flash: &Flash) -> Items {
    run(Items::read(&Device::new(flash.clone()))).unwrap()
}

fn sign_in(store: &Device, number: u64, now: u64) -> Outcome {
    let draft = Draft { version: 1, login: 1, seen: now, idle: 0, ends: 0, data: 60, subject: Some("ann") };
    run(store.create(&key(number), &draft.record(), at(now))).unwrap()
}

/// A flash whose sessions all live, with the items in it, and so many bytes written that the next page is near.
fn full(items: &Items, rewrites: u64) -> Flash {
    let flash = Flash::new(4);
    let store = Device::new(flash.clone());
    for number in 0..4 {
        assert!(matches!(sign_in(&store, number, 1), Outcome::Applied(_)));
    }
    for now in 0..=rewrites {
        run(items.write(&store, at(now))).unwrap();
    }
    flash
}

#[test]
fn items_are_read_after_a_restart_em1() {
    let flash = Flash::new(4);
    assert_eq!(read(&flash), Items::new(), "a new flash has none");
    assert_eq!(flash.counts().writes, 0, "to read writes nothing");
    let mut items = wifi("home", PASSWORD);
    items.set("name", b"Oven").unwrap();
    items.set("name", b"Oven 2").unwrap();
    run(items.write(&Device::new(flash.clone()), at(1))).unwrap();
    let mut found = read(&flash);
    assert_eq!((found.text("ssid"), found.text("password")), (Some("home"), Some(PASSWORD)));
    assert_eq!((found.text("name"), found.get("address")), (Some("Oven 2"), None));
    found.remove("ssid");
    found.remove("not there");
    run(found.write(&Device::new(flash.clone()), at(2))).unwrap();
    assert_eq!((read(&flash).get("ssid"), read(&flash).text("name")), (None, Some("Oven 2")));
}

/// A cut in any operation of the flash, and in each of its bytes, leaves all items as they were or as they were to be,
/// and each session, also while the write moves a page.
#[test]
fn a_power_cut_leaves_the_old_items_or_the_new_st5() {
    let (old, new) = (wifi("home", PASSWORD), wifi("a guest's network", "another password"));
    let (mut cuts, mut moved, mut olds, mut news) = (0, 0, 0, 0);
    for rewrites in 0..24 {
        let image = full(&old, rewrites).bytes();
        for ticks in 0.. {
            let flash = Flash::with(image.clone());
            let store = Device::new(flash.clone());
            flash.cut_after(ticks, ticks);
            let written = run(new.write(&store, at(100)));
            let cut = flash.is_off();
            flash.power_on();
            moved += u64::from(flash.counts().erases > 0);
            let found = read(&flash);
            assert!(found == old || found == new, "{rewrites} {ticks}: {found:?}");
            assert!(written.is_err() || found == new, "{rewrites} {ticks}: what was written is there");
            (olds, news) = (olds + u64::from(found == old), news + u64::from(found == new));
            let store = Device::new(flash);
            assert!((0..4).all(|number| load(&store, &key(number), 101).is_some()), "{rewrites} {ticks}");
            assert_eq!(run(new.write(&store, at(102))), Ok(()), "the next write works");
            if !cut {
                break;
            }
            cuts += 1;
        }
    }
    println!("configuration: {cuts} power cuts, {moved} of them after an erase, {olds} old, {news} new");
    assert!(moved > 0 && olds > 0 && news > 0);
}

/// A write whose future is dropped, wherever it waits, leaves the old items or the new ones; the next operation knows which.
#[test]
fn a_dropped_write_leaves_the_old_items_or_the_new_st5() {
    let (old, new) = (wifi("home", PASSWORD), wifi("a guest's network", "another password"));
    let image = full(&old, 20).bytes();
    let (mut olds, mut news) = (0, 0);
    for polls in 0.. {
        let flash = Flash::with(image.clone());
        let store = Device::new(flash.clone());
        flash.wait(true);
        let done = {
            let mut write = pin!(new.write(&store, at(100)));
            let mut context = Context::from_waker(Waker::noop());
            (0..polls).any(|_| write.as_mut().poll(&mut context).is_ready())
        };
        flash.wait(false);
        for found in [run(Items::read(&store)).unwrap(), read(&flash)] {
            assert!(if done { found == new } else { found == old || found == new }, "{polls}: {found:?}");
            (olds, news) = (olds + u64::from(found == old), news + u64::from(found == new));
        }
        if done {
            break;
        }
    }
    assert!(olds > 0 && news > 2, "{olds} {news}");
}

/// Sessions that come, go and evict each other never take an item's place, and a full store takes another one.
#[test]
fn a_full_store_keeps_its_items_st9() {
    let flash = full(&wifi("home", PASSWORD), 0);
    let store = Device::new(flash.clone());
    assert_eq!(sign_in(&store, 9, 2), Outcome::Full);
    for number in 4..400 {
        run(store.delete(&key(number - 4), DeleteCondition::Any, at(number))).unwrap();
        assert!(matches!(sign_in(&store, number, number), Outcome::Applied(_)));
    }
    assert!(flash.erases().iter().all(|erases| *erases > 2), "{:?}", flash.erases());
    assert_eq!(read(&flash), wifi("home", PASSWORD));
    assert_eq!(sign_in(&store, 999, 500), Outcome::Full);
    run(wifi("work", PASSWORD).write(&store, at(501))).unwrap();
    run(store.end_all(at(502))).unwrap();
    assert_eq!(read(&flash), wifi("work", PASSWORD));
}

#[test]
fn what_is_too_large_changes_nothing_st12() {
    let mut items = wifi("home", PASSWORD);
    let before = items.clone();
    // "ssid" + "home" + "password" + its value, two bytes for each, and one
    let used = 1 + 2 + 8 + 2 + 8 + PASSWORD.len();
    let room = BYTES - used - 2 - 1;
    let error = ConfigError::TooLarge { need: BYTES + 1, have: BYTES };
    assert_eq!(items.set("a", &vec![7; room + 1]), Err(error));
    assert_eq!(
        items.set("ssid", &[7; 192]).unwrap_err().to_string(),
        "the configuration needs 230 bytes, at most 192 fit"
    );
    for (key, len) in [("", 1), ("a", 256), (&*"k".repeat(256), 1)] {
        assert_eq!(items.set(key, &vec![0; len]), Err(ConfigError::Length), "{}", key.len());
    }
    assert_eq!(items, before);
    assert_eq!(items.set("a", &vec![7; room]), Ok(()));
    let flash = Flash::new(4);
    run(items.write(&Device::new(flash.clone()), at(1))).unwrap();
    assert_eq!(read(&flash), items);
}

/// An entry whose bytes decayed is none, or an earlier one counts; never other bytes. What another version wrote is an
/// error, and is there until it is overwritten. A flash that fails is an error.
#[test]
fn unreadable_items_are_never_other_items_st10() {
    let (first, second) = (wifi("first", PASSWORD), wifi("second", PASSWORD));
    let image = full(&first, 0);
    run(second.write(&Device::new(image.clone()), at(5))).unwrap();
    let image = image.bytes();
    let at_byte = |text: &[u8]| image.windows(text.len()).position(|bytes| bytes == text).unwrap();
    for text in [&b"second"[..], b"first"] {
        let flash = Flash::with(image.clone());
        flash.damage(|bytes| bytes[at_byte(text)] ^= 1);
        assert_eq!(read(&flash), if text == b"second" { first.clone() } else { second.clone() });
    }
    let flash = Flash::with(image.clone());
    flash.damage(|bytes| [&b"first"[..], b"second"].into_iter().for_each(|text| bytes[at_byte(text)] ^= 1));
    assert_eq!(read(&flash), Items::new());

    let store = Device::new(flash.clone());
    for others in [&b""[..], b"\x02\x01\x01ab", b"\x01\x05", b"\x01\x01\x09ab", b"\x01\x00\x00", b"a letter"] {
        run(store.write_item(CONFIG_ITEM, others, at(6))).unwrap();
        assert_eq!(run(Items::read(&store)), Err(ConfigError::Unreadable), "{others:?}");
    }
    run(first.write(&store, at(7))).unwrap();
    flash.fail_reads(true);
    let failed = FlashError::Flash(NorFlashErrorKind::Other);
    assert_eq!(run(Items::read(&Device::new(flash.clone()))), Err(failed.into()));
    flash.fail_reads(false);
    flash.fail_writes(true);
    assert_eq!(run(second.write(&store, at(8))), Err(failed.into()));
    flash.fail_writes(false);
    assert_eq!(read(&flash), first);
    assert_eq!(ConfigError::from(failed).to_string(), "the flash driver failed");
}

/// What decays while the store is in use is none as well, and what is written then can be read.
#[test]
fn items_that_decay_in_use_are_none_and_can_be_written_st10() {
    let flash = full(&wifi("home", PASSWORD), 0);
    let store = Device::new(flash.clone());
    assert_eq!(run(Items::read(&store)), Ok(wifi("home", PASSWORD)));
    // the format of the items, one byte before the first key's length
    flash.damage(|bytes| {
        let key = bytes.windows(8).position(|bytes| bytes == b"ssidhome").unwrap();
        assert_eq!(bytes[key - 3], 1);
        bytes[key - 3] = 0;
    });
    let mut items = run(Items::read(&store)).unwrap();
    assert_eq!(items, Items::new());
    items.set("ssid", b"work").unwrap();
    run(items.write(&store, at(9))).unwrap();
    assert_eq!(read(&flash).text("ssid"), Some("work"));
}

#[test]
fn every_error_has_a_text() {
    for (name, error) in [
        ("TooLarge", ConfigError::TooLarge { need: 230, have: 192 }),
        ("Length", ConfigError::Length),
        ("Unreadable", ConfigError::Unreadable),
        ("Flash", ConfigError::Flash(FlashError::Held)),
    ] {
        store_support::check_text(name, &error.to_string());
    }
}

#[test]
fn no_value_is_shown() {
    let items = wifi("home", PASSWORD);
    assert_eq!(format!("{items:?}"), r#"{"ssid": 4, "password": 21}"#);
    let store = Device::new(full(&items, 0));
    assert!(!format!("{store:?} {:?}", run(Items::read(&store))).contains("correct"));
}
