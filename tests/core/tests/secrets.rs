//! The secret of a cookie is in the cookie and nowhere else (ID6).

use base64ct::{Base64UrlUnpadded, Encoding};
use core_tests::life_cycle::{Answer, Browser, KEY, Request, World, increment, keys, parts, sign_in};
use session_core::policy::{Lifetimes, PlainCookie, Policy};
use session_core::store::Handle;
use session_core::testing::{ScriptedRng, run};
use session_core::{Error, RequestState, Session, Sessions};
use std::collections::HashSet;
use std::time::Duration;

type Verb = fn(&mut Request<'_>) -> Result<(), Error>;

const VERBS: [Verb; 15] = [
    |s| s.get::<u32>("n").map(drop),
    |s| s.set("n", &7_u32),
    |s| s.set("text", "some words of the visitor"),
    |s| s.overwrite("n", &8_u32),
    |s| s.remove("text"),
    |s| s.clear(),
    |s| s.set_label("a phone"),
    |s| increment(s).map(drop),
    |s| s.flash_message("saved"),
    |s| run(s.take_flash_message(str::len)).map(drop),
    |s| sign_in(s, "ann"),
    |s| sign_in(s, "bob"),
    |s| run(s.begin_login("ann")).and_then(|attempt| run(s.login(attempt.remembered().without_data()))),
    |s| run(s.rotate()),
    |s| run(s.logout()),
];

/// Everything that a run left behind.
#[derive(Default)]
struct Left {
    secrets: HashSet<[u8; 16]>,
    bytes: Vec<Vec<u8>>,
}

impl Left {
    fn text(&mut self, text: impl std::fmt::Display) {
        self.bytes.push(text.to_string().into_bytes());
    }

    fn answer(&mut self, answer: &Answer<Result<(), Error>>) {
        if let Some(cookie) = answer.cookie().filter(|cookie| !cookie.ends_with('=')) {
            self.secrets.insert(parts(cookie).1);
        }
        for error in
            [answer.handler.err(), answer.handler.ok().and_then(Result::err), answer.commit.err()].into_iter().flatten()
        {
            self.text(format!("{error} {error:?} {:?}", error.fault()));
        }
    }

    /// Where eight bytes in a row of any secret stand, as they are, in hex or in base64.
    fn finds(&self) -> Vec<String> {
        let windows = |len| self.bytes.iter().flat_map(move |bytes| bytes.windows(len)).collect::<HashSet<_>>();
        let (raw, hex, base64) = (windows(8), windows(16), windows(10));
        let mut finds = Vec::new();
        for secret in &self.secrets {
            let digits =
                |upper| secret.map(|byte| if upper { format!("{byte:02X}") } else { format!("{byte:02x}") }).concat();
            // base64 at each of the three places where the first byte can stand
            let texts = [0, 1, 2].map(|before| Base64UrlUnpadded::encode_string(&[&[0; 2][..before], secret].concat()));
            let standard = texts.each_ref().map(|text| text.replace('-', "+").replace('_', "/"));
            let found = secret.windows(8).any(|part| raw.contains(part))
                || [true, false]
                    .map(digits)
                    .iter()
                    .any(|text| text.as_bytes().windows(16).any(|part| hex.contains(part)))
                || texts
                    .iter()
                    .chain(&standard)
                    .any(|text| text.as_bytes().windows(10).any(|part| base64.contains(part)));
            finds.extend(found.then(|| format!("{secret:02x?}")));
        }
        finds
    }
}

/// Three browsers, some with old cookies, in a random order of everything, while store and generator fail at times.
fn scenario(seed: u64) -> Left {
    let world = World::new();
    let lifetimes = Lifetimes {
        renew_after: Some(Duration::from_secs(300)),
        idle: Some(Duration::from_secs(3_600)),
        ..Lifetimes::DEFAULT
    };
    let server = world.server(Policy::plain_http(PlainCookie::new(), lifetimes).unwrap());
    let mut random = ScriptedRng::new(seed);
    let mut below = |limit: u64| rand_core::TryRng::try_next_u64(&mut random).unwrap() % limit;
    let mut browsers = vec![Browser::new(); 3];
    let mut left = Left::default();
    for round in 0..1_500 {
        world.wait([0, 1, 1_000, 30_000, 300_000, 2_000_000][below(6) as usize]);
        let verb = VERBS[below(VERBS.len() as u64) as usize];
        let other = VERBS[below(VERBS.len() as u64) as usize];
        let (one, two) = (below(3) as usize, below(3) as usize);
        match below(12) {
            0 => world.store.fail(below(4) as usize..5),
            1 => world.store.lose(below(4) as usize..5),
            2 => world.store.take_handles(below(4) as usize),
            3 => drop(world.rng.replace(ScriptedRng::new(round).fail_after(below(2) as usize))),
            _ => {}
        }
        let before = browsers[one].clone();
        let mut form = String::new();
        let answer = server.request(&mut browsers[one], |session| {
            if round % 7 == 0 {
                let token = session.csrf_token();
                form = token.map(|token| format!("{token} {token:?}")).unwrap_or_default();
            }
            let first = verb(session);
            // another request overtakes this one
            if one != two {
                left.answer(&server.lost(&before, other));
            }
            first.and_then(|()| other(session))
        });
        left.answer(&answer);
        left.text(form);
        if below(20) == 0 {
            browsers[two] = before;
        }
        world.store.recover();
        if round % 5 == 0 {
            world.rng.replace(ScriptedRng::new(seed.wrapping_mul(0x9e37_79b9) + round));
        }
    }
    let log = world.log.take();
    for word in [
        "created",
        "renewed",
        "signed in",
        "rotated",
        "ended",
        "after its grace",
        "replaced",
        "does not exist",
        "conflict",
        "store failed",
        "generator failed",
    ] {
        assert!(log.iter().any(|line| line.contains(word)), "the run has had no '{word}'");
    }
    log.into_iter().for_each(|line| left.text(line));
    left.bytes.extend(world.store.passed());
    left.bytes.sort();
    left.bytes.dedup();
    left
}

#[test]
fn no_secret_is_stored_or_logged_id6() {
    let mut left = scenario(1);
    assert!(left.secrets.len() > 200 && left.bytes.len() > 2_000);
    assert_eq!(left.finds(), [""; 0]);
    // the search finds what is there, in each form
    let secret = *left.secrets.iter().next().unwrap();
    for planted in [
        secret[8..].to_vec(),
        format!("x{}", &format!("{:032x}", u128::from_be_bytes(secret))[3..25]).into_bytes(),
        Base64UrlUnpadded::encode_string(&[&b"handle.."[..], &secret].concat()).into_bytes(),
    ] {
        left.bytes = vec![planted];
        assert_eq!(left.finds().len(), 1);
    }
}

/// What can be printed shows neither a byte of a key nor of a handle.
#[test]
fn what_is_printed_shows_nothing_id6() {
    let handle = Handle::from_bytes(*b"secret!!");
    let ring = keys().and_verify(&core_tests::life_cycle::OTHER_KEY).unwrap();
    assert_eq!(format!("{handle:?}"), "Handle(..)");
    assert_eq!(format!("{ring:?} {ring:#?}"), "Keys(2 redacted) Keys(2 redacted)");
    let world = World::new();
    let sessions = Sessions::new(&world.store, &world.clock, &ring, Policy::SECURE).observed(&world.log);
    let mut exchange = RequestState::new([0; 256], [0; 256]);
    let mut session = Session::new(&sessions, &mut exchange, ScriptedRng::new(1));
    session.set("n", &1_u32).unwrap();
    let token = session.csrf_token().unwrap();
    run(session.commit()).unwrap();
    let mut into = [0; 512];
    let (handle, secret, _) = parts(session.set_cookie(&mut into).unwrap().unwrap().split(';').next().unwrap());
    let id = session.log_id().unwrap();
    let attempt = run(session.begin_login("ann")).unwrap();
    let printed = format!("{id} {id:?} {token:?} {attempt:?} {:?} {:?}", sessions.policy(), world.store.inner());
    for hidden in [&handle[..], &secret[..], &KEY[..]] {
        let hex: String = hidden.iter().take(4).map(|byte| format!("{byte:02x}")).collect();
        let list: Vec<_> = hidden.iter().take(4).map(u8::to_string).collect();
        assert!(!printed.contains(&hex) && !printed.contains(&list.join(", ")), "{printed}");
    }
}
