//! What requests cost of the flash as it fills. The tests have this file, and so has bench/performance.

use nor_flash::{Counts, Strict};
use session_core::store::{DeleteCondition, Outcome, Store, Version};
use session_core::subject::{Epoch, IndexEntry, SubjectId, SubjectIndex};
use session_core::testing::run;
use session_store_flash::FlashStore;
use store_support::{Draft, Numbers, at, key};

type Flash = Strict<4, 4096>;

/// What a request does.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Request {
    /// A load; and a touch, which is written once a minute.
    Read,
    /// A load and an update.
    Write,
    /// As the core does it: a new session; its login, with a load and an entry in the index; its logout, with a load.
    Login,
}

/// What it costs on average: calls of the flash (read, write, erase), and bytes both ways.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cost {
    pub(crate) calls: f64,
    pub(crate) bytes: f64,
}

/// Of one kind of request, a second apart, with so many sessions there, of which the first `hot` are used.
pub(crate) fn cost(request: Request, sessions: u64, hot: u64) -> Cost {
    const REQUESTS: u64 = 4_000;
    let flash = Flash::new(8);
    let store: FlashStore<_, 40, 256> = FlashStore::new(flash.clone());
    let draft = Draft { version: 0, login: 1, idle: 0, data: 180, subject: Some("ann"), ..Draft::default() };
    for number in 0..sessions {
        run(store.create(&key(number), &draft.record(), at(0))).unwrap();
    }
    let (mut numbers, mut versions, mut now) = (Numbers(1), vec![0; sessions as usize], 0);
    let mut go = |count| {
        for _ in 0..count {
            now += 1_000;
            let number = numbers.below(hot.min(sessions));
            let (handle, seen) = (key(number), versions[number as usize]);
            let updated = |version| Draft { version, seen: now, ..draft }.record();
            match request {
                Request::Read => {
                    run(store.load(&handle, at(now), &mut [0; 256])).unwrap();
                    run(store.touch(&handle, at(now))).unwrap();
                }
                Request::Write => {
                    run(store.load(&handle, at(now), &mut [0; 256])).unwrap();
                    let outcome = run(store.update(&handle, Version(seen), &updated(seen + 1), at(now), &mut []));
                    assert_eq!(outcome, Ok(Outcome::Applied(Version(seen + 1))));
                    versions[number as usize] += 1;
                }
                Request::Login => {
                    let (handle, first) = (key(now), Draft { login: 0, subject: None, data: 20, ..draft });
                    run(store.create(&handle, &first.record(), at(now))).unwrap();
                    run(store.load(&handle, at(now), &mut [0; 256])).unwrap();
                    run(store.update(&handle, Version(0), &updated(1), at(now), &mut [])).unwrap();
                    let entry = IndexEntry { handle, login: 1, ..IndexEntry::NONE };
                    run(store.add(&SubjectId::of("ann"), Epoch(0), &entry, at(now))).unwrap();
                    run(store.load(&handle, at(now), &mut [0; 256])).unwrap();
                    let ended = run(store.delete(&handle, DeleteCondition::Login(1), at(now)));
                    assert_eq!(ended, Ok(Outcome::Applied(Version(1))));
                }
            }
        }
    };
    go(500);
    let before = flash.counts();
    go(REQUESTS);
    let after = flash.counts();
    let per = |count: fn(&Counts) -> u64| (count(&after) - count(&before)) as f64 / REQUESTS as f64;
    Cost { calls: per(|c| c.reads + c.writes + c.erases), bytes: per(|c| c.read + c.written) }
}
