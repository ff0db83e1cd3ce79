//! What surrounds the core in a vector: a store of plain bytes, given random bytes, an observer that takes notes.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::convert::Infallible;

use rand_core::{TryCryptoRng, TryRng};
use session_core::environment::Time;
use session_core::events::{Event, Observer};
use session_core::mode::DynamicMode;
use session_core::record::Stamp;
use session_core::store::{DeleteCondition, Found, Handle, Load, Outcome, Store, Version};
use session_core::subject::NoIndex;
use session_core::testing::ManualClock;
use session_core::{RequestState, Session};

/// A request's session.
pub type View<'a> = Session<'a, &'a Shelf, ManualClock, Replay, &'a mut RequestState<[u8; 2048]>, &'a Log, DynamicMode>;

/// Hands out what lies there, also what is over: that is for the core to see.
#[derive(Debug, Default)]
pub struct Shelf(RefCell<BTreeMap<Handle, Vec<u8>>>);

impl Shelf {
    /// Puts bytes there.
    pub fn put(&self, key: [u8; 8], record: &[u8]) {
        self.0.borrow_mut().insert(Handle::from_bytes(key), record.to_vec());
    }

    /// The bytes that lie there.
    #[must_use]
    pub fn get(&self, key: [u8; 8]) -> Option<Vec<u8>> {
        self.0.borrow().get(&Handle::from_bytes(key)).cloned()
    }

    fn version(&self, key: &Handle) -> Option<Version> {
        self.0.borrow().get(key).map(|record| Stamp::of(record).map_or(Version(0), |stamp| stamp.version))
    }

    fn replace(&self, key: &Handle, record: &[u8]) -> Outcome {
        self.0.borrow_mut().insert(*key, record.to_vec());
        self.version(key).map_or(Outcome::Missing, Outcome::Applied)
    }
}

impl Store for Shelf {
    type Error = Infallible;
    type Index = NoIndex;

    fn index(&self) -> Option<&NoIndex> {
        None
    }

    async fn load(&self, key: &Handle, _: Time, into: &mut [u8]) -> Result<Load, Infallible> {
        let shelf = self.0.borrow();
        let (Some(record), Some(version)) = (shelf.get(key), self.version(key)) else { return Ok(Load::Missing) };
        let Some(place) = into.get_mut(..record.len()) else { return Ok(Load::TooLarge { size: record.len() }) };
        place.copy_from_slice(record);
        Ok(Load::Found(Found { len: record.len(), version }))
    }

    async fn create(&self, key: &Handle, record: &[u8], _: Time) -> Result<Outcome, Infallible> {
        Ok(if self.version(key).is_some() { Outcome::Conflict(None) } else { self.replace(key, record) })
    }

    async fn update(
        &self,
        key: &Handle,
        seen: Version,
        record: &[u8],
        _: Time,
        _: &mut [u8],
    ) -> Result<Outcome, Infallible> {
        Ok(match self.version(key) {
            None => Outcome::Missing,
            Some(there) if there == seen => self.replace(key, record),
            Some(_) => Outcome::Conflict(None),
        })
    }

    async fn touch(&self, key: &Handle, now: Time) -> Result<Outcome, Infallible> {
        if let Some(record) = self.0.borrow_mut().get_mut(key) {
            Stamp::touch(record, now);
        }
        Ok(self.version(key).map_or(Outcome::Missing, Outcome::Applied))
    }

    async fn delete(&self, key: &Handle, condition: DeleteCondition, _: Time) -> Result<Outcome, Infallible> {
        let stamp = self.0.borrow().get(key).and_then(|record| Stamp::of(record));
        let Some(stamp) = stamp.filter(|stamp| condition.matches(stamp)) else { return Ok(Outcome::Missing) };
        self.0.borrow_mut().remove(key);
        Ok(Outcome::Applied(stamp.version))
    }
}

/// The random bytes of a vector, and none after them.
#[derive(Debug)]
pub struct Replay(pub Vec<u8>);

/// More random bytes were asked for than the vector has.
#[derive(Clone, Copy, Debug)]
pub struct Exhausted;

impl core::fmt::Display for Exhausted {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("the vector has no more random bytes")
    }
}

impl core::error::Error for Exhausted {}

impl TryRng for Replay {
    type Error = Exhausted;

    fn try_next_u32(&mut self) -> Result<u32, Exhausted> {
        let mut bytes = [0; 4];
        self.try_fill_bytes(&mut bytes).map(|()| u32::from_le_bytes(bytes))
    }

    fn try_next_u64(&mut self) -> Result<u64, Exhausted> {
        let mut bytes = [0; 8];
        self.try_fill_bytes(&mut bytes).map(|()| u64::from_le_bytes(bytes))
    }

    fn try_fill_bytes(&mut self, into: &mut [u8]) -> Result<(), Exhausted> {
        let (fresh, rest) = self.0.split_at_checked(into.len()).ok_or(Exhausted)?;
        into.copy_from_slice(fresh);
        self.0 = rest.to_vec();
        Ok(())
    }
}

impl TryCryptoRng for Replay {}

/// The names of the events that were observed.
#[derive(Debug, Default)]
pub struct Log(RefCell<Vec<&'static str>>);

impl Log {
    /// All so far, with blanks between.
    #[must_use]
    pub fn text(&self) -> String {
        self.0.borrow().join(" ")
    }
}

impl Observer for Log {
    fn observe(&self, event: &Event<'_>) {
        // a vector says by itself which values are read as another type, which tokens are refused and what is bound
        if matches!(event, Event::Unreadable(..) | Event::CsrfFailed(..) | Event::Bound(..)) {
            return;
        }
        self.0.borrow_mut().push(match event {
            Event::Created(_) => "Created",
            Event::Renewed(..) => "Renewed",
            Event::LoggedIn(..) => "LoggedIn",
            Event::Rotated(..) => "Rotated",
            Event::Ended(..) => "Ended",
            Event::Expired(..) => "Expired",
            Event::Forged => "Forged",
            Event::CookiesIgnored => "CookiesIgnored",
            Event::Unknown(_) => "Unknown",
            Event::PastGrace(..) => "PastGrace",
            Event::Replaced(..) => "Replaced",
            Event::Mismatch(..) => "Mismatch",
            Event::Corrupt(_) => "Corrupt",
            Event::Conflict(_) => "Conflict",
            Event::StoreWarned(_) => "StoreWarned",
            Event::EntropyFailed => "EntropyFailed",
            _ => "other",
        });
    }
}
