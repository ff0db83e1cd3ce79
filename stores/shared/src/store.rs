//! A store of any kind behind one type, so that handlers and applications have no type parameter for it.

use std::fmt::{self, Debug};
use std::sync::Arc;

use session_core::environment::Time;
use session_core::store::{DeleteCondition, Handle, Load, Outcome, Store, Version};
use session_core::subject::{Added, Epoch, IndexEntry, Listing, SubjectId, SubjectIndex};
use session_core::{AtRest, Keys};
use session_store_memory::MemoryStore;

use crate::erased::ErasedStore;
use crate::error::SharedError;
use crate::record_buffer::RecordBuffer;

/// Any store, shared by any number of threads. Cloning is cheap.
///
/// A [`MemoryStore`] is called directly. Other stores are called through boxed futures, whose cost is small compared to
/// a network round trip.
#[derive(Clone)]
pub struct SharedStore(Kind);

#[derive(Clone)]
enum Kind {
    Memory(Arc<MemoryStore>),
    Other(Arc<dyn ErasedStore>),
}

impl<S: ErasedStore + 'static> From<S> for SharedStore {
    fn from(store: S) -> Self {
        Self(Kind::Other(Arc::new(store)))
    }
}

impl From<MemoryStore> for SharedStore {
    fn from(store: MemoryStore) -> Self {
        Self(Kind::Memory(Arc::new(store)))
    }
}

impl SharedStore {
    /// Returns a store that encrypts the data of its records with the first of `keys` and decrypts it with any of them,
    /// see [`AtRest`]. If other people know the cookies' keys, use separate keys.
    ///
    /// Records that are not encrypted are rejected. To keep the sessions of an application that begins to encrypt, see
    /// [`begin_sealing_at_rest`](Self::begin_sealing_at_rest).
    #[must_use]
    pub fn sealed_at_rest(self, keys: &Keys) -> Self {
        self.at_rest(keys, |store| store)
    }

    /// Encrypts as [`sealed_at_rest`](Self::sealed_at_rest) does, and still reads records that are not encrypted. See
    /// [`AtRest::accepting_unsealed`].
    #[must_use]
    pub fn begin_sealing_at_rest(self, keys: &Keys) -> Self {
        self.at_rest(keys, AtRest::accepting_unsealed)
    }

    /// Encrypts nothing yet, and reads records of both kinds. See [`AtRest::writing_unsealed`].
    #[must_use]
    pub fn prepare_sealing_at_rest(self, keys: &Keys) -> Self {
        self.at_rest(keys, AtRest::writing_unsealed)
    }

    fn at_rest(self, keys: &Keys, step: impl FnOnce(Sealed) -> Sealed) -> Self {
        Self::from(step(AtRest::new(self, keys, RecordBuffer::NEW)))
    }

    /// Returns the same store with other signing keys of the application, for a store that uses them, such as a layered
    /// one. The keys of [`sealed_at_rest`](Self::sealed_at_rest) stay. The `Sessions` of an adapter call this with
    /// their keys, at start and whenever they change.
    #[must_use]
    pub fn with_keys(&self, keys: &Keys) -> Self {
        match &self.0 {
            Kind::Memory(_) => self.clone(),
            Kind::Other(store) => store.with_keys(keys).unwrap_or_else(|| self.clone()),
        }
    }
}

type Sealed = AtRest<SharedStore, RecordBuffer>;

crate::shared!(Sealed, |store, keys| store.around(store.inner().with_keys(keys)));

impl Debug for SharedStore {
    /// Prints no session.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SharedStore")
    }
}

fn memory_index(store: &MemoryStore) -> Result<&<MemoryStore as Store>::Index, SharedError> {
    store.index().ok_or_else(SharedError::no_index)
}

fn never(why: std::convert::Infallible) -> SharedError {
    match why {}
}

impl Store for SharedStore {
    type Error = SharedError;
    type Index = Self;

    fn index(&self) -> Option<&Self> {
        match &self.0 {
            Kind::Memory(store) => store.index().map(|_| self),
            Kind::Other(store) => store.has_index().then_some(self),
        }
    }

    fn touch_is_free(&self) -> bool {
        match &self.0 {
            Kind::Memory(store) => store.touch_is_free(),
            Kind::Other(store) => store.touch_is_free(),
        }
    }

    fn never_waits(&self) -> bool {
        matches!(self.0, Kind::Memory(_))
    }

    fn warning(&self) -> Option<&'static str> {
        match &self.0 {
            Kind::Memory(store) => store.warning(),
            Kind::Other(store) => store.warning(),
        }
    }

    async fn load(&self, key: &Handle, now: Time, into: &mut [u8]) -> Result<Load, SharedError> {
        match &self.0 {
            Kind::Memory(store) => store.load(key, now, into).await.map_err(never),
            Kind::Other(store) => store.load(key, now, into).await,
        }
    }

    async fn create(&self, key: &Handle, record: &[u8], now: Time) -> Result<Outcome, SharedError> {
        match &self.0 {
            Kind::Memory(store) => store.create(key, record, now).await.map_err(never),
            Kind::Other(store) => store.create(key, record, now).await,
        }
    }

    async fn update(
        &self,
        key: &Handle,
        seen: Version,
        record: &[u8],
        now: Time,
        there: &mut [u8],
    ) -> Result<Outcome, SharedError> {
        match &self.0 {
            Kind::Memory(store) => store.update(key, seen, record, now, there).await.map_err(never),
            Kind::Other(store) => store.update(key, seen, record, now, there).await,
        }
    }

    async fn touch(&self, key: &Handle, now: Time) -> Result<Outcome, SharedError> {
        match &self.0 {
            Kind::Memory(store) => store.touch(key, now).await.map_err(never),
            Kind::Other(store) => store.touch(key, now).await,
        }
    }

    async fn delete(&self, key: &Handle, condition: DeleteCondition, now: Time) -> Result<Outcome, SharedError> {
        match &self.0 {
            Kind::Memory(store) => store.delete(key, condition, now).await.map_err(never),
            Kind::Other(store) => store.delete(key, condition, now).await,
        }
    }

    async fn check(&self, now: Time) -> Result<(), SharedError> {
        match &self.0 {
            Kind::Memory(_) => Ok(()),
            Kind::Other(store) => store.check(now).await,
        }
    }

    async fn end_all(&self, now: Time) -> Result<bool, SharedError> {
        match &self.0 {
            Kind::Memory(store) => store.end_all(now).await.map_err(never),
            Kind::Other(store) => store.end_all(now).await,
        }
    }

    async fn count(&self, now: Time) -> Result<Option<u64>, SharedError> {
        match &self.0 {
            Kind::Memory(store) => store.count(now).await.map_err(never),
            Kind::Other(store) => store.count(now).await,
        }
    }

    async fn remove_expired(&self, most: usize, now: Time) -> Result<Option<usize>, SharedError> {
        match &self.0 {
            Kind::Memory(store) => store.remove_expired(most, now).await.map_err(never),
            Kind::Other(store) => store.remove_expired(most, now).await,
        }
    }
}

impl SubjectIndex for SharedStore {
    type Error = SharedError;

    async fn list(
        &self,
        subject: &SubjectId,
        after: u64,
        now: Time,
        into: &mut [IndexEntry],
    ) -> Result<Listing, SharedError> {
        match &self.0 {
            Kind::Memory(store) => memory_index(store)?.list(subject, after, now, into).await.map_err(never),
            Kind::Other(store) => store.list(subject, after, now, into).await,
        }
    }

    async fn add(&self, subject: &SubjectId, seen: Epoch, entry: &IndexEntry, now: Time) -> Result<Added, SharedError> {
        match &self.0 {
            Kind::Memory(store) => memory_index(store)?.add(subject, seen, entry, now).await.map_err(never),
            Kind::Other(store) => store.add(subject, seen, entry, now).await,
        }
    }

    async fn bump(&self, subject: &SubjectId, now: Time) -> Result<Listing, SharedError> {
        match &self.0 {
            Kind::Memory(store) => memory_index(store)?.bump(subject, now).await.map_err(never),
            Kind::Other(store) => store.bump(subject, now).await,
        }
    }

    async fn remove(&self, subject: &SubjectId, entry: &IndexEntry, now: Time) -> Result<(), SharedError> {
        match &self.0 {
            Kind::Memory(store) => memory_index(store)?.remove(subject, entry, now).await.map_err(never),
            Kind::Other(store) => store.remove(subject, entry, now).await,
        }
    }
}
