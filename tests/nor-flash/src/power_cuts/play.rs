//! Plays what the bytes say.

use super::oracle::{Oracle, TOUCH_EVERY, with_last_seen};
use super::{BYTES, PAGES, SESSIONS};
use crate::Strict;
use core::pin::pin;
use core::task::{Context, Poll, Waker};
use core::time::Duration;
use session_core::environment::Time;
use session_core::record::{ENDS_AT, FORMAT, IDLE_AT, LAST_SEEN_AT, LOGIN_AT, MIN_LEN, VERSION_AT};
use session_core::store::{DeleteCondition, Handle, Load, Outcome, Store, Version};
use session_core::subject::{Epoch, IndexEntry, SubjectId, SubjectIndex};
use session_core::testing::run;
use session_store_flash::{FlashError, FlashStore, PersistedTime};
use store_support::stamp;

type Device<const WORD: usize, const PAGE: usize> = FlashStore<Strict<WORD, PAGE>, SESSIONS, BYTES>;

/// What happened.
#[derive(Clone, Copy, Debug, Default)]
pub struct Played {
    /// Operations.
    pub operations: u64,
    /// Power cuts.
    pub cuts: u64,
    /// Operations during which the flash failed.
    pub failures: u64,
    /// Futures that were dropped before they were done.
    pub dropped: u64,
    /// Pages that were erased.
    pub erases: u64,
}

const KEYS: u8 = 6;
const SUBJECT: &str = "ann";

fn key(number: u8) -> Handle {
    Handle::from_bytes([number + 1, 7, number, 0, 0, 9, 1, number])
}

/// A record; signed in, it is Ann's.
pub(crate) fn record(version: u64, login: u32, seen: u64, idle: u64, data: usize) -> Vec<u8> {
    let mut record = vec![0; MIN_LEN];
    record[0] = FORMAT;
    record[VERSION_AT..][..8].copy_from_slice(&version.to_le_bytes());
    record[LOGIN_AT..][..4].copy_from_slice(&login.to_le_bytes());
    record[IDLE_AT..][..6].copy_from_slice(&idle.to_le_bytes()[..6]);
    record[ENDS_AT..][..6].fill(0);
    if login > 0 {
        record[1] = session_core::record::SUBJECT;
        record.extend([0, 0, 0, 0, 0, 0, SUBJECT.len() as u8]);
        record.extend(SUBJECT.bytes());
    }
    let room = BYTES - record.len();
    record.extend((0..data.min(room)).map(|n| n as u8 ^ version as u8));
    debug_assert!(record.len() > LAST_SEEN_AT);
    with_last_seen(record, seen)
}

/// What one operation is to do.
#[derive(Clone, Debug)]
enum Operation {
    Create(Handle, Vec<u8>),
    Update(Handle, Version, Vec<u8>),
    Touch(Handle),
    Delete(Handle, DeleteCondition),
    Keep(usize, Vec<u8>),
    KeepTime(PersistedTime),
    List(Handle, u32),
    Bump,
    EndAll,
}

#[derive(Debug, PartialEq)]
enum Answer {
    Outcome(Outcome),
    Done,
}

/// Plays `data` on flash of words of `WORD` and pages of `PAGE` bytes. Unless it is `None`, the power is cut after `cut` ticks; further cuts
/// are in the data.
///
/// # Panics
/// If the store holds anything else than it should.
pub fn play<const WORD: usize, const PAGE: usize>(data: &[u8], cut: Option<u64>) -> Played {
    let mut player = Player::<WORD, PAGE>::new(data);
    if let Some(ticks) = cut {
        player.flash.cut_after(ticks, ticks);
    }
    while player.step() {}
    // whatever is left of a fuse must not burn while everything is looked at
    player.flash.power_on();
    player.reboot();
    player.played.erases = player.flash.counts().erases;
    player.played
}

/// The content of a flash after these operations.
#[must_use]
pub fn image_after(data: &[u8]) -> Vec<u8> {
    let mut player = Player::<4, 512>::new(data);
    while player.step() {}
    player.flash.bytes()
}

struct Player<'d, const WORD: usize, const PAGE: usize> {
    data: core::slice::Iter<'d, u8>,
    flash: Strict<WORD, PAGE>,
    store: Device<WORD, PAGE>,
    oracle: Oracle,
    now: u64,
    version: u64,
    played: Played,
}

impl<'d, const WORD: usize, const PAGE: usize> Player<'d, WORD, PAGE> {
    fn new(data: &'d [u8]) -> Self {
        let flash = Strict::new(PAGES);
        let store = Self::boot(&flash);
        let oracle = Oracle::new(SESSIONS);
        Self { data: data.iter(), flash, store, oracle, now: 1_000, version: 0, played: Played::default() }
    }

    fn boot(flash: &Strict<WORD, PAGE>) -> Device<WORD, PAGE> {
        FlashStore::new(flash.clone()).with_touch_interval(Duration::from_millis(TOUCH_EVERY))
    }

    fn byte(&mut self) -> Option<u8> {
        self.data.next().copied()
    }

    fn time(&self) -> Time {
        Time::from_millis(self.now)
    }

    /// One operation; `false` at the end of the data.
    fn step(&mut self) -> bool {
        let (Some(kind), Some(which), Some(size)) = (self.byte(), self.byte(), self.byte()) else { return false };
        // every step has its own time, so that one session is the least recently seen; sometimes many end at once
        self.now += 1 + u64::from(size) * if which > 250 { 1_000 } else { 2 };
        self.version += 1;
        self.oracle.end(self.time());
        let key = key(which % KEYS);
        let there = self.oracle.store.records.get(&key).map(|record| stamp(record));
        let login = there.map_or(0, |stamp| stamp.login) + u32::from((which / KEYS).is_multiple_of(4));
        let idle = [0, 50_000, 200_000][usize::from(which) % 3];
        let new = record(self.version, login, self.now, idle, usize::from(size) / 4);
        let seen = there.filter(|_| size % 8 > 0).map_or(Version(0), |stamp| stamp.version);
        let operation = match kind % 16 {
            0..=3 => Operation::Create(key, new),
            4..=6 => Operation::Update(key, seen, new),
            7 | 8 => Operation::Touch(key),
            9 => Operation::Delete(key, DeleteCondition::Any),
            10 => Operation::Delete(
                key,
                [DeleteCondition::Version(seen), DeleteCondition::Login(login)][usize::from(which) / KEYS as usize % 2],
            ),
            11 => Operation::Keep(usize::from(which) % 4, vec![size; usize::from(size) % BYTES]),
            12 => {
                let offset = (size % 2 == 0).then_some(-i64::from(which));
                Operation::KeepTime(PersistedTime { until: Time::from_millis(self.now + 60_000), offset })
            }
            13 if size < 32 => Operation::Bump,
            13 => Operation::List(key, there.map_or(0, |stamp| stamp.login)),
            14 if size < 32 => Operation::EndAll,
            14 => Operation::Touch(key),
            _ => {
                self.cut_later(which, size);
                return true;
            }
        };
        match kind >> 4 {
            0 => self.fail(&operation, which % 2 == 0),
            1 => self.drop_after(&operation, usize::from(size) % 24),
            _ => self.perform(&operation),
        }
        self.played.operations += 1;
        true
    }

    /// Reboots at once, or cuts the power later.
    fn cut_later(&mut self, which: u8, size: u8) {
        match which % 4 {
            0 => self.reboot(),
            _ => self.flash.cut_after(u64::from(which) * 4 + u64::from(size) / 16, self.version),
        }
    }

    fn perform(&mut self, operation: &Operation) {
        let mut after = self.oracle.clone();
        let expected = apply(&mut after, operation, self.time());
        match run(call(&self.store, operation, self.time())) {
            Ok(answer) => {
                check(operation, answer, expected);
                self.oracle = after;
                if !self.flash.is_off() {
                    self.compare();
                }
            }
            Err(FlashError::Flash(_)) if self.flash.is_off() => self.recover(after),
            Err(why) => panic!("{operation:?}: {why}"),
        }
    }

    /// The flash fails during the operation and is well again afterwards.
    fn fail(&mut self, operation: &Operation, reads: bool) {
        self.flash.fail_reads(reads);
        self.flash.fail_writes(!reads);
        let mut after = self.oracle.clone();
        let expected = apply(&mut after, operation, self.time());
        let answer = run(call(&self.store, operation, self.time()));
        self.flash.fail_reads(false);
        self.flash.fail_writes(false);
        match answer {
            // nothing had to be read or written
            Ok(answer) => {
                check(operation, answer, expected);
                self.oracle = after;
                self.settle(None);
            }
            Err(_) if self.flash.is_off() => self.recover(after),
            Err(_) => {
                self.played.failures += 1;
                self.settle(Some(after));
            }
        }
    }

    /// Whoever called lost interest: the future is dropped after so many polls.
    fn drop_after(&mut self, operation: &Operation, polls: usize) {
        let mut after = self.oracle.clone();
        let expected = apply(&mut after, operation, self.time());
        self.flash.wait(true);
        let answer = {
            let mut future = pin!(call(&self.store, operation, self.time()));
            let mut context = Context::from_waker(Waker::noop());
            (0..polls).find_map(|_| match future.as_mut().poll(&mut context) {
                Poll::Ready(answer) => Some(answer),
                Poll::Pending => None,
            })
        };
        self.flash.wait(false);
        match answer {
            Some(Ok(answer)) => {
                check(operation, answer, expected);
                self.oracle = after;
                self.compare();
            }
            Some(Err(_)) => {
                assert!(self.flash.is_off(), "{operation:?}: only a power cut fails here");
                self.recover(after);
            }
            None => {
                self.played.dropped += 1;
                if self.flash.is_off() { self.recover(after) } else { self.settle(Some(after)) }
            }
        }
    }

    /// The device boots again after a power cut: all is as before the operation or as after it.
    fn recover(&mut self, after: Oracle) {
        self.played.cuts += 1;
        self.flash.power_on();
        self.store = Self::boot(&self.flash);
        self.settle(Some(after));
    }

    fn reboot(&mut self) {
        self.flash.power_on();
        self.store = Self::boot(&self.flash);
        self.settle(None);
    }

    /// All is as it was, or as `after` if that may be, but for the last touches; the oracle then knows which.
    fn settle(&mut self, after: Option<Oracle>) {
        let (now, found) = (self.time(), self.look());
        let before = self.oracle.may_have_become(&found, now);
        let other = after.as_ref().is_some_and(|after| after.may_have_become(&found, now));
        assert!(before || other, "before {:#?}\nafter {after:#?}\nfound {found:#?}", self.oracle);
        self.oracle = found;
    }

    fn compare(&mut self) {
        self.oracle.end(self.time());
        let found = self.look();
        assert_eq!(found, self.oracle);
    }

    /// Everything that the store holds.
    fn look(&self) -> Oracle {
        let (store, now) = (&self.store, self.time());
        let mut found = Oracle::new(SESSIONS);
        let mut buffer = [0; BYTES];
        for key in (0..KEYS).map(key) {
            match run(store.load(&key, now, &mut buffer)).expect("power is on") {
                Load::Found(there) => {
                    let record = buffer[..there.len].to_vec();
                    assert_eq!(stamp(&record).version, there.version);
                    found.store.records.insert(key, record);
                }
                Load::Missing => {}
                Load::TooLarge { size } => panic!("{size} bytes"),
            }
        }
        let mut entries = [IndexEntry::NONE; SESSIONS + 1];
        let listing = run(store.list(&SubjectId::of(SUBJECT), 0, now, &mut entries)).expect("power is on");
        let listed = entries[..listing.entries].iter().map(|entry| entry.handle);
        found.logins = listed.filter(|key| found.store.records.contains_key(key)).collect();
        found.epoch = listing.epoch.0;
        for (number, item) in found.items.iter_mut().enumerate() {
            *item = run(store.read_item(number, &mut buffer)).expect("power is on").map(<[u8]>::to_vec);
        }
        found.time = run(store.persisted_time()).expect("power is on");
        found
    }
}

/// A delete of what is over may find it.
fn check(operation: &Operation, answer: Answer, expected: Answer) {
    let over = matches!((operation, &expected), (Operation::Delete(..), Answer::Outcome(Outcome::Missing)));
    assert!(over || answer == expected, "{operation:?}: {answer:?} instead of {expected:?}");
}

fn apply(oracle: &mut Oracle, operation: &Operation, now: Time) -> Answer {
    match operation {
        Operation::Create(key, record) => Answer::Outcome(oracle.create(*key, record)),
        Operation::Update(key, seen, record) => Answer::Outcome(oracle.update(*key, *seen, record)),
        Operation::Touch(key) => Answer::Outcome(oracle.touch(key, now)),
        Operation::Delete(key, condition) => Answer::Outcome(oracle.delete(key, *condition)),
        Operation::Keep(item, bytes) => {
            oracle.items[*item] = Some(bytes.clone());
            Answer::Done
        }
        Operation::KeepTime(kept) => {
            oracle.time = Some(*kept);
            Answer::Done
        }
        Operation::List(key, _) => {
            oracle.list(*key);
            Answer::Done
        }
        Operation::Bump => {
            oracle.epoch = Epoch(oracle.epoch).next(now).0;
            Answer::Done
        }
        Operation::EndAll => {
            oracle.end_all();
            oracle.epoch = Epoch(oracle.epoch).next(now).0;
            Answer::Done
        }
    }
}

async fn call<const WORD: usize, const PAGE: usize>(
    store: &Device<WORD, PAGE>,
    operation: &Operation,
    now: Time,
) -> Result<Answer, FlashError> {
    match operation {
        Operation::Create(key, record) => store.create(key, record, now).await.map(Answer::Outcome),
        Operation::Update(key, seen, record) => {
            store.update(key, *seen, record, now, &mut [0; BYTES]).await.map(Answer::Outcome)
        }
        Operation::Touch(key) => store.touch(key, now).await.map(Answer::Outcome),
        Operation::Delete(key, condition) => store.delete(key, *condition, now).await.map(Answer::Outcome),
        Operation::Keep(item, bytes) => store.write_item(*item, bytes, now).await.map(|()| Answer::Done),
        Operation::KeepTime(kept) => store.persist_time(*kept, now).await.map(|()| Answer::Done),
        Operation::List(key, login) => {
            let (subject, entry) =
                (SubjectId::of(SUBJECT), IndexEntry { handle: *key, login: *login, ..IndexEntry::NONE });
            let epoch = store.list(&subject, 0, now, &mut []).await?.epoch;
            store.add(&subject, epoch, &entry, now).await.map(|_| Answer::Done)
        }
        Operation::Bump => store.bump(&SubjectId::of(SUBJECT), now).await.map(|_| Answer::Done),
        Operation::EndAll => store.end_all(now).await.map(|_| Answer::Done),
    }
}
