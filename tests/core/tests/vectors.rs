//! Every vector of docs/spec.md against the public API.

use std::process::Command;

use base64ct::{Base64UrlUnpadded, Encoding};
use core_tests::vectors::{Case, Log, Replay, Shelf, View, bytes, cases, hex, sample};
use p256::ecdsa::signature::hazmat::PrehashVerifier;
use p256::ecdsa::{Signature, VerifyingKey};
use session_core::device::{DeviceKeys, DeviceProof, DeviceReply, EndpointPath, Es256};
use session_core::environment::Time;
use session_core::mode::DynamicMode;
use session_core::policy::Policy;
use session_core::store::{Handle, Load, Outcome, Store};
use session_core::testing::{ManualClock, run};
use session_core::{AtRest, Error, Keys, RequestState, Sessions};

/// What a request leaves behind.
struct After {
    shelf: Shelf,
    events: String,
}

/// The vectors were made with the idle timeout of signed-in sessions for all.
const HALF_AN_HOUR: std::time::Duration = std::time::Duration::from_secs(30 * 60);

fn keys(case: &Case) -> Keys {
    let mut ring = case.text("keys").split(' ').map(|key| <[u8; 32]>::try_from(bytes(key)).unwrap());
    let first = Keys::new(&ring.next().unwrap()).unwrap();
    ring.fold(first, |keys, key| keys.and_verify(&key).unwrap())
}

/// One request: the record in the store, the clock at its place, the cookie lines read; then what `handler` does.
fn request(case: &Case, record: Option<&[u8]>, handler: impl FnOnce(&mut View<'_>)) -> After {
    let (shelf, log) = (Shelf::default(), Log::default());
    if let Some(record) = record {
        shelf.put(case.array("handle"), record);
    }
    for mark in case.all("mark").filter(|mark| !mark.is_empty()) {
        let (at, record) = mark.split_once(' ').unwrap();
        shelf.put(bytes(at).try_into().unwrap(), &bytes(record));
    }
    let policy = match case.text("policy") {
        "plain" => Policy::PLAIN_HTTP.anonymous_idle(HALF_AN_HOUR),
        "secure" => Policy::SECURE.anonymous_idle(HALF_AN_HOUR),
        other => panic!("policy {other}"),
    };
    let clock = ManualClock::at(Time::from_millis(case.number("now")));
    let mode = match case.find("mode") {
        Some("sealed") => DynamicMode::Sealed,
        _ => DynamicMode::Stored,
    };
    let sessions = Sessions::dynamic(&shelf, clock, &keys(case), policy, mode).observed(&log);
    let mut exchange = RequestState::new([0xee; 2048], [0xee; 2048]);
    let mut view = View::new(&sessions, &mut exchange, Replay(case.find("rng").map(bytes).unwrap_or_default()));
    let lines = case.lines();
    run(view.load(lines.iter().map(Vec::as_slice))).unwrap();
    handler(&mut view);
    let events = log.text();
    After { shelf, events }
}

fn set_cookie(view: &View<'_>) -> String {
    let mut buffer = vec![0; view.set_cookie_len()];
    view.set_cookie(&mut buffer).unwrap().unwrap_or("none").to_owned()
}

/// That the handler sees what the case says.
fn assert_seen(case: &Case, view: &mut View<'_>) {
    let title = case.title.as_str();
    if case.text("session") == "none" {
        assert!(!view.exists() && view.log_id().is_none(), "{title}: a session");
        assert_eq!(
            (view.subject(), view.label(), view.started_at(), view.last_seen()),
            (None, None, None, None),
            "{title}"
        );
        assert_eq!((view.authenticated_at(), view.expires_in(), view.keys().count()), (None, None, 0), "{title}");
        assert_eq!((view.get::<u32>("n"), run(view.take_flash_message(str::len))), (Ok(None), Ok(None)), "{title}");
        assert!(!view.csrf_ok("") && view.remove("n") == view.clear(), "{title}");
        assert_eq!(set_cookie(view), "none", "{title}");
        match case.find("do") {
            Some("refused") => assert_eq!(view.set("n", &1_u8), Err(Error::CookieReplaced), "{title}"),
            Some("allowed") => assert_eq!(view.set("n", &1_u8), Ok(()), "{title}"),
            _ => {}
        }
        return;
    }
    let millis = |time: Option<Time>| time.map_or("none".to_owned(), |time| time.millis().to_string());
    let left = view.expires_in().map_or("never".to_owned(), |left| left.as_millis().to_string());
    let keys: Vec<&str> = view.keys().collect();
    let seen = [
        ("subject", view.subject().unwrap_or("none").to_owned()),
        ("authenticated", millis(view.authenticated_at())),
        ("label", view.label().unwrap_or("none").to_owned()),
        ("created", millis(view.started_at())),
        ("last-seen", millis(view.last_seen())),
        ("expires-in", left),
        ("data-keys", keys.join(" ")),
        ("set-cookie", set_cookie(view)),
    ];
    assert!(view.exists(), "{title}: no session");
    for (name, seen) in seen {
        assert_eq!(seen, case.find(name).unwrap_or("none"), "{title}: {name}");
    }
    for (key, name) in case.all("value").filter_map(|value| value.split_once(" as ")) {
        assert_eq!(sample(name).is_at(view, key), Ok(true), "{title}: {key} as {name}");
    }
    for (key, name) in case.all("clash").filter_map(|value| value.split_once(" as ")) {
        assert_eq!(sample(name).is_at(view, key), Err(Error::Unreadable), "{title}: {key} as {name}");
    }
}

/// Loads `record`; that the session is, and what is observed, as the case says.
fn assert_loads(case: &Case, record: &[u8]) {
    let after = request(case, Some(record), |view| assert_seen(case, view));
    assert_eq!(after.events, case.text("events"), "{}", case.title);
    assert_eq!(after.shelf.get(case.array("handle")).map(|left| hex(&left)), Some(hex(record)), "{}", case.title);
}

#[test]
fn cookie_values_id6_id8_cp2() {
    cases("cookie").iter().for_each(|case| assert_loads(case, &case.bytes("record")));
}

#[test]
fn every_bit_and_every_length_of_a_value_id8() {
    for case in cases("flip") {
        let record = case.bytes("record");
        let line = case.text("line");
        let (name, value) = line.split_once('=').unwrap();
        let mut bytes = [0; 32];
        Base64UrlUnpadded::decode(value, &mut bytes).unwrap();
        let flipped = (0..256).map(|bit| {
            let mut bytes = bytes;
            bytes[bit / 8] ^= 1 << (bit % 8);
            Base64UrlUnpadded::encode(&bytes, &mut [0; 43]).unwrap().to_owned()
        });
        let twice = value.repeat(2);
        let cut = (0..=twice.len()).filter(|len| *len != value.len()).map(|len| twice[..len].to_owned());
        for value in flipped.chain(cut) {
            assert_loads(&case.clone().with("line", &format!("{name}={value}")), &record);
        }
    }
}

#[test]
fn grace_late_superseded_and_ended_sessions_lc5_lc6_lc8() {
    for kind in ["grace", "superseded", "end"] {
        cases(kind).iter().for_each(|case| assert_loads(case, &case.bytes("record")));
    }
}

#[test]
fn records_are_whole_or_refused() {
    cases("record").iter().for_each(|case| assert_loads(case, &case.bytes("record")));
}

#[test]
fn records_cut_at_every_length() {
    for case in cases("cut") {
        let record = case.bytes("record");
        let whole: Vec<usize> = case.text("whole").split_whitespace().map(|len| len.parse().unwrap()).collect();
        for len in 0..=record.len() {
            let mut exists = false;
            let after = request(&case, Some(&record[..len]), |view| exists = view.exists());
            assert_eq!(exists, len == record.len() || whole.contains(&len), "{} at {len}", case.title);
            assert_eq!(after.events, if exists { "" } else { "Corrupt" }, "{} at {len}", case.title);
        }
    }
}

#[test]
fn keys_that_are_patterns_are_refused_em7() {
    for case in cases("key") {
        let refused = if Keys::new(&case.array("key")).is_err() { "yes" } else { "no" };
        assert_eq!(refused, case.text("refused"), "{}", case.title);
    }
}

/// The handler of a case that writes.
fn handle(case: &Case, view: &mut View<'_>) {
    view.activity();
    for verb in case.all("do") {
        let (verb, rest) = verb.split_once(' ').unwrap_or((verb, ""));
        let done = match verb {
            "set" => rest.split_once(" as ").map(|(key, name)| sample(name).set(view, key)).unwrap(),
            "remove" => view.remove(rest),
            "flash" => view.flash_message(rest),
            "label" => view.set_label(rest),
            "bind" => run(view.bind(rest.as_bytes())),
            "login" | "remember" => run(async {
                let attempt = view.begin_login(rest).await?;
                view.login(if verb == "remember" { attempt.remembered() } else { attempt }).await
            }),
            "rotate" => run(view.rotate()),
            "logout" => run(view.logout()),
            "nothing" => Ok(()),
            other => panic!("{}: {other}", case.title),
        };
        assert_eq!(done, Ok(()), "{}: {verb} {rest}", case.title);
    }
    assert_eq!(run(view.commit()), Ok(()), "{}", case.title);
    assert_eq!(set_cookie(view), case.text("set-cookie"), "{}", case.title);
}

#[test]
fn records_and_cookies_are_written_byte_for_byte_ck5_ck8_ck11() {
    for kind in ["write", "change"] {
        for case in cases(kind) {
            let record = case.find("record").map(bytes);
            let after = request(&case, record.as_deref(), |view| handle(&case, view));
            let stored = after.shelf.get(case.array("stored-under"));
            assert_eq!(stored.map_or("none".to_owned(), |record| hex(&record)), case.text("stored"), "{}", case.title);
            assert_eq!(after.events, case.text("events"), "{}", case.title);
        }
    }
}

#[test]
fn sealed_cookies_are_opened_or_refused_se1_se2_se3_se4_lc11() {
    for case in cases("sealed") {
        let record = case.find("record").map(bytes);
        let after = request(&case, record.as_deref(), |view| assert_seen(&case, view));
        assert_eq!(after.events, case.text("events"), "{}", case.title);
    }
}

#[test]
fn cookies_are_sealed_byte_for_byte_se2_se5_lc11() {
    for case in cases("seal:") {
        let record = case.find("record").map(bytes);
        let after = request(&case, record.as_deref(), |view| handle(&case, view));
        assert_eq!(after.events, case.text("events"), "{}", case.title);
        if case.find("stored").is_some() {
            let stored = after.shelf.get(case.array("stored-under")).map(|record| hex(&record));
            assert_eq!(stored.as_deref(), case.find("stored"), "{}", case.title);
        }
    }
}

#[test]
fn data_at_rest_is_sealed_byte_for_byte_and_opened_or_refused_se1_se2_se3_se4() {
    for case in cases("at rest") {
        let (shelf, now) = (Shelf::default(), Time::from_millis(case.number("now")));
        let (handle, record, lies) = (case.array("handle"), case.bytes("record"), case.bytes("lies"));
        let store = AtRest::new(&shelf, &keys(&case), [0xee; 1024]);
        shelf.put(handle, &lies);
        let (key, mut into) = (Handle::from_bytes(handle), [0xee; 1024]);
        let Load::Found(found) = run(store.load(&key, now, &mut into)).unwrap() else {
            panic!("{}: nothing", case.title)
        };
        assert_eq!(hex(&into[..found.len]), hex(&record), "{}", case.title);
        if !case.title.contains("refused") && !case.title.contains("opened") {
            let written = run(store.update(&key, found.version, &record, now, &mut [])).unwrap();
            assert!(matches!(written, Outcome::Applied(_)), "{}", case.title);
            assert_eq!(shelf.get(handle).map(|bytes| hex(&bytes)), Some(hex(&lies)), "{}", case.title);
        }
    }
}

/// Each value under the key `k` of its own record, read as the type of each.
#[test]
fn values_read_as_their_own_type_only() {
    let all = cases("value ");
    let name = |case: &Case| case.title["value ".len()..].to_owned();
    let record = cases("cookie: accepted").swap_remove(0);
    let smallest = cases("cut: the smallest").swap_remove(0).bytes("record");
    for stored in &all {
        let value = [stored.bytes("digest"), stored.bytes("postcard")].concat();
        let len: Vec<u8> = match u8::try_from(value.len()).unwrap() {
            len @ 0x80.. => vec![len, 1],
            len => vec![len],
        };
        let bytes = [&smallest[..], b"\x01k", &len, &value].concat();
        let alike: Vec<&str> = stored.all("alike").collect();
        request(&record, Some(&bytes), |view| {
            for read in &all {
                let expected = match name(read) {
                    same if same == name(stored) => Ok(true),
                    other if alike.contains(&other.as_str()) => Ok(false),
                    _ => Err(Error::Unreadable),
                };
                assert_eq!(sample(&name(read)).is_at(view, "k"), expected, "{} as {}", name(stored), name(read));
            }
        });
    }
}

#[test]
fn bindings() {
    for case in cases("binding") {
        let after = request(&case, Some(&case.bytes("record")), |view| {
            let ok = if run(view.check_binding(&case.bytes("fingerprint"))) == Ok(true) { "yes" } else { "no" };
            assert_eq!(ok, case.text("binding-ok"), "{}", case.title);
        });
        assert_eq!(after.events, case.text("events"), "{}", case.title);
    }
}

#[test]
fn csrf_tokens_tr1() {
    for case in cases("csrf") {
        request(&case, Some(&case.bytes("record")), |view| {
            let ok = if view.csrf_ok(case.text("csrf")) { "yes" } else { "no" };
            assert_eq!(ok, case.text("csrf-ok"), "{}", case.title);
            if !case.text("rng").is_empty() {
                assert_eq!(view.csrf_token().unwrap().as_str(), case.text("csrf"), "{}", case.title);
            }
        });
    }
}

struct P256;

impl Es256 for P256 {
    fn verify(&self, key: &[u8; 64], hash: &[u8; 32], signature: &[u8; 64]) -> bool {
        let point = [&[4][..], key].concat();
        let key = VerifyingKey::from_sec1_bytes(&point).unwrap();
        key.verify_prehash(hash, &Signature::from_slice(signature).unwrap()).is_ok()
    }
}

/// The sessions of a case.
type Core<'a> = Sessions<&'a Shelf, ManualClock, &'a Log, DynamicMode>;

/// A request to an application whose sessions are bound, with what it needs for that.
fn bound_request(case: &Case, handler: impl FnOnce(&mut View<'_>, &DeviceKeys, &Core<'_>)) -> Shelf {
    let (shelf, log) = (Shelf::default(), Log::default());
    shelf.put(case.array("handle"), &case.bytes("record"));
    let policy = Policy::SECURE.device_bound(std::time::Duration::from_secs(600)).unwrap();
    let device = DeviceKeys::new(&keys(case), policy, EndpointPath::new("/device-session").unwrap()).unwrap();
    let clock = ManualClock::at(Time::from_millis(case.number("now")));
    let sessions = Sessions::dynamic(&shelf, clock, &keys(case), policy, DynamicMode::Stored).observed(&log);
    let mut exchange = RequestState::new([0xee; 2048], [0xee; 2048]);
    let mut view = View::new(&sessions, &mut exchange, Replay(case.find("rng").map(bytes).unwrap_or_default()));
    handler(&mut view, &device, &sessions);
    shelf
}

/// The verdict on the proof in a request's cookies.
fn loaded(case: &Case, view: &mut View<'_>, device: &DeviceKeys) -> String {
    let lines = case.lines();
    run(view.load(lines.iter().map(Vec::as_slice))).unwrap();
    match view.check_device(device, lines.iter().map(Vec::as_slice)) {
        DeviceProof::Unbound => "unbound".into(),
        DeviceProof::Proven(at) => format!("proven {}", at.millis()),
        DeviceProof::Settling => "settling".into(),
        DeviceProof::Missing(_) => "missing".into(),
    }
}

fn assert_reply(case: &Case, reply: &DeviceReply) {
    let said = match reply {
        DeviceReply::Proven { cookie, challenge, instructions } => {
            assert_eq!(cookie.as_str(), case.text("set-cookie"), "{}", case.title);
            assert_eq!(challenge.as_str(), case.text("challenge"), "{}", case.title);
            let body = instructions.as_ref().map(|body| body.as_str()).unwrap_or_default();
            assert_eq!(body, case.text("body"), "{}", case.title);
            "proven"
        }
        DeviceReply::Challenge(challenge) => {
            assert_eq!(challenge.as_str(), case.text("challenge"), "{}", case.title);
            "challenge"
        }
        DeviceReply::Refused => "refused",
        DeviceReply::Unavailable => "unavailable",
    };
    assert_eq!(said, case.text("reply"), "{}", case.title);
}

#[test]
fn logins_ask_for_the_keys_of_devices_tr3() {
    for case in cases("device login") {
        bound_request(&case, |view, device, _| {
            loaded(&case, view, device);
            let attempt = run(view.begin_login("ann")).unwrap();
            run(view.login(attempt)).unwrap();
            let header = view.device_registration(device).unwrap();
            assert_eq!(header.as_str(), case.text("registration"), "{}", case.title);
        });
    }
}

#[test]
fn keys_of_devices_are_registered_tr3() {
    for case in cases("device registration") {
        let before = case.bytes("record");
        let shelf = bound_request(&case, |view, device, _| {
            loaded(&case, view, device);
            let proof = Some(case.text("proof").as_bytes()).filter(|proof| !proof.is_empty());
            assert_reply(&case, &run(view.register_device(device, &P256, proof)));
        });
        let after = shelf.get(case.array("handle")).unwrap();
        match case.find("bound") {
            // key and time are the last part of a record without data
            Some(key) => {
                assert_eq!(hex(&after[after.len() - 70..]), format!("{key}{}", hex(&[0; 6])), "{}", case.title)
            }
            None => assert_eq!(hex(&after), hex(&before), "{}", case.title),
        }
    }
}

#[test]
fn proofs_of_devices_are_refreshed_tr3() {
    for case in cases("device refresh") {
        bound_request(&case, |_, device, sessions| {
            let (lines, room) = (case.lines(), [0xee; 2048]);
            let proof = Some(case.text("proof").as_bytes()).filter(|proof| !proof.is_empty());
            let (query, rng) = (case.text("query").as_bytes(), &mut Replay(vec![]));
            let lines = lines.iter().map(Vec::as_slice);
            assert_reply(&case, &run(sessions.refresh_device(device, &P256, room, rng, query, proof, lines)));
        });
    }
}

#[test]
fn proofs_in_cookies_are_judged_tr3() {
    for case in cases("device visit") {
        bound_request(&case, |view, device, _| {
            assert_eq!(loaded(&case, view, device), case.text("verdict"), "{}", case.title);
            let live = view.subject().is_some();
            assert_eq!(live, case.text("verdict") != "missing", "{}", case.title);
        });
    }
}

#[test]
fn vectors_are_what_the_generator_makes() {
    let generator = concat!(env!("CARGO_MANIFEST_DIR"), "/generate.py");
    let check = Command::new("python3").args([generator, "--check"]).output().expect("python3 runs");
    assert!(check.status.success(), "{}", String::from_utf8_lossy(&check.stderr));
}
