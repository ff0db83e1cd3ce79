//! A cache in memory that works, stands still or fails, as it is told.
#![allow(dead_code, reason = "each test uses some of it")]

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use session_core::Keys;
use session_core::environment::Time;
use session_core::record::{FORMAT, LOGIN_AT, MIN_LEN, VERSION_AT};
use session_core::store::{Handle, Store, Version};
use session_store_layered::{Cache, CacheEntry, Look};

/// The application's signing keys.
pub(crate) fn keys() -> Keys {
    Keys::new(b"0a1b2c3d4e5f6g7h8i9jkQlWmEnRoTpY").unwrap()
}

/// Those of another application, or of this one a year ago.
pub(crate) fn other_keys() -> Keys {
    Keys::new(b"zX9cV8bN7mQ6wE5rT4yU3iO2pA1sD0fG").unwrap()
}

/// Has the nodes over a durable store agree that the cache is believed, as they do some seconds after the first load.
pub(crate) async fn believe(durable: &impl Store) {
    let mut record = vec![0; MIN_LEN];
    (record[0], record[1], record[VERSION_AT], record[LOGIN_AT]) = (FORMAT, 32, 1, 1);
    durable.create(&Handle::from_bytes(*b"layered\0"), &record, Time::from_millis(1_790_000_000_000)).await.unwrap();
}

/// Clones share their entries, as nodes do.
#[derive(Clone, Default)]
pub(crate) struct MemoryCache(Arc<State>);

#[derive(Default)]
struct State {
    places: Arc<Places>,
    down: AtomicBool,
    calls: AtomicUsize,
}

#[derive(Default)]
struct Places {
    /// An empty place is a lease. Each write gives it another number.
    places: Mutex<HashMap<Handle, (u64, Vec<u8>)>>,
    written: AtomicUsize,
}

#[derive(Debug)]
pub(crate) struct Down;

impl std::fmt::Display for Down {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the cache is down")
    }
}

impl MemoryCache {
    /// The same entries, over a connection that fails by itself.
    pub(crate) fn another_way(&self) -> Self {
        Self(Arc::new(State { places: self.0.places.clone(), ..State::default() }))
    }

    /// From now on every call fails, or none.
    pub(crate) fn down(&self, down: bool) {
        self.0.down.store(down, Ordering::SeqCst);
    }

    /// Calls since the last look at this number.
    pub(crate) fn calls(&self) -> usize {
        self.0.calls.swap(0, Ordering::SeqCst)
    }

    /// Puts bytes there, as somebody else who uses the same cache.
    pub(crate) fn plant(&self, key: &Handle, bytes: &[u8]) {
        self.0.places.places.lock().unwrap().insert(*key, (self.next(), bytes.to_vec()));
    }

    /// The bytes there, as somebody else sees them who uses the same cache.
    pub(crate) fn peek(&self, key: &Handle) -> Option<Vec<u8>> {
        self.0.places.places.lock().unwrap().get(key).map(|(_, bytes)| bytes.clone())
    }

    pub(crate) fn entries(&self) -> usize {
        self.0.places.places.lock().unwrap().values().filter(|(_, bytes)| !bytes.is_empty()).count()
    }

    fn next(&self) -> u64 {
        self.0.places.written.fetch_add(1, Ordering::SeqCst) as u64
    }

    fn called(&self) -> Result<(), Down> {
        self.0.calls.fetch_add(1, Ordering::SeqCst);
        if self.0.down.load(Ordering::SeqCst) { Err(Down) } else { Ok(()) }
    }
}

impl Cache for MemoryCache {
    type Error = Down;
    type Lease = (Handle, u64);

    async fn look(&self, key: &Handle) -> Result<Look<Self::Lease>, Down> {
        self.called()?;
        let mut places = self.0.places.places.lock().unwrap();
        Ok(match places.get(key) {
            Some((_, bytes)) if bytes.is_empty() => Look::Taken,
            Some((number, bytes)) => Look::Found(bytes.clone(), (*key, *number)),
            None => {
                let number = self.next();
                places.insert(*key, (number, Vec::new()));
                Look::Leased((*key, number))
            }
        })
    }

    async fn fill(&self, (key, number): Self::Lease, entry: &[u8], _: Duration) -> Result<bool, Down> {
        self.called()?;
        let mut places = self.0.places.places.lock().unwrap();
        let same = places.get(&key).is_some_and(|(there, _)| *there == number);
        if same {
            places.insert(key, (self.next(), entry.to_vec()));
        }
        Ok(same)
    }

    async fn replace(&self, key: &Handle, seen: Version, entry: &[u8], _: Duration) -> Result<(), Down> {
        self.called()?;
        let mut places = self.0.places.places.lock().unwrap();
        if places.get(key).is_some_and(|(_, there)| CacheEntry::version_of(there) == Some(seen)) {
            places.insert(*key, (self.next(), entry.to_vec()));
        } else {
            places.remove(key);
        }
        Ok(())
    }

    async fn remove(&self, key: &Handle) -> Result<(), Down> {
        self.called()?;
        self.0.places.places.lock().unwrap().remove(key);
        Ok(())
    }

    async fn pause(&self, span: Duration) {
        tokio::time::sleep(span).await;
    }

    fn now(&self) -> Instant {
        tokio::time::Instant::now().into_std()
    }
}
