//! A store of any kind behind one type, so that handlers and applications have no type parameter for it.

use std::fmt::{self, Debug, Display};
use std::pin::Pin;
use std::sync::Arc;

use session_core::environment::Time;
use session_core::store::{DeleteCondition, Handle, Load, Outcome, Store, Version};
use session_core::subject::{Added, Epoch, IndexEntry, Listing, SubjectId, SubjectIndex};
use session_core::{AtRest, Keys};
use session_store_memory::MemoryStore;

use crate::space::RecordBuffer;

/// Any store, for any number of threads. The memory store is called directly; others through boxed futures, which is
/// little beside a network.
#[derive(Clone)]
pub struct SharedStore(Kind);

#[derive(Clone)]
enum Kind {
    Memory(Arc<MemoryStore>),
    Other(Arc<dyn ErasedStore>),
}

/// What a store failed with, in words; it is told to the observer only.
#[derive(Debug)]
pub struct SharedError(String);

impl Display for SharedError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for SharedError {}

impl SharedError {
    /// From the error of a store.
    pub fn new(why: impl Display) -> Self {
        Self(why.to_string())
    }

    /// Of a store that was asked to list and cannot; the core does not ask it.
    #[must_use]
    pub fn no_index() -> Self {
        Self("this store cannot list sessions".into())
    }
}

/// A future of a store, boxed.
pub type Boxed<'a, T> = Pin<Box<dyn Future<Output = Result<T, SharedError>> + Send + 'a>>;

/// A [`Store`] whose futures are boxed and `Send`. [`shared!`](crate::shared) implements it for a store of a known type,
/// because only there the compiler can see that the futures are `Send`.
#[allow(missing_docs)] // the methods are those of `Store`
pub trait ErasedStore: Send + Sync {
    fn touch_is_free(&self) -> bool;
    fn load<'a>(&'a self, key: &'a Handle, now: Time, into: &'a mut [u8]) -> Boxed<'a, Load>;
    fn create<'a>(&'a self, key: &'a Handle, record: &'a [u8], now: Time) -> Boxed<'a, Outcome>;
    fn update<'a>(
        &'a self,
        key: &'a Handle,
        seen: Version,
        record: &'a [u8],
        now: Time,
        there: &'a mut [u8],
    ) -> Boxed<'a, Outcome>;
    fn touch<'a>(&'a self, key: &'a Handle, now: Time) -> Boxed<'a, Outcome>;
    fn delete<'a>(&'a self, key: &'a Handle, condition: DeleteCondition, now: Time) -> Boxed<'a, Outcome>;
    fn check(&self, now: Time) -> Boxed<'_, ()>;
    fn end_all(&self, now: Time) -> Boxed<'_, bool>;
    fn count(&self, now: Time) -> Boxed<'_, Option<u64>>;
    fn remove_expired(&self, most: usize, now: Time) -> Boxed<'_, Option<usize>>;
    fn has_index(&self) -> bool;
    fn list<'a>(
        &'a self,
        subject: &'a SubjectId,
        after: u64,
        now: Time,
        into: &'a mut [IndexEntry],
    ) -> Boxed<'a, Listing>;
    fn add<'a>(&'a self, subject: &'a SubjectId, seen: Epoch, entry: &'a IndexEntry, now: Time) -> Boxed<'a, Added>;
    fn bump<'a>(&'a self, subject: &'a SubjectId, now: Time) -> Boxed<'a, Listing>;
    fn remove<'a>(&'a self, subject: &'a SubjectId, entry: &'a IndexEntry, now: Time) -> Boxed<'a, ()>;
}

/// Lets a store be given to `Sessions`: `session_std::shared!(MyStore);` where it is defined, and
/// `session_std::shared!([T: Bound] MyStore<T>);` if it has parameters.
#[macro_export]
macro_rules! shared {
    ([$($parameters:tt)*] $store:ty) => {
        const _: () = {
            use $crate::erased::*;

            impl<$($parameters)*> ErasedStore for $store {
                fn touch_is_free(&self) -> bool {
                    Store::touch_is_free(self)
                }
                fn load<'a>(&'a self, key: &'a Handle, now: Time, into: &'a mut [u8]) -> Boxed<'a, Load> {
                    Box::pin(async move { Store::load(self, key, now, into).await.map_err(SharedError::new) })
                }
                fn create<'a>(&'a self, key: &'a Handle, record: &'a [u8], now: Time) -> Boxed<'a, Outcome> {
                    Box::pin(async move { Store::create(self, key, record, now).await.map_err(SharedError::new) })
                }
                fn update<'a>(
                    &'a self,
                    key: &'a Handle,
                    seen: Version,
                    record: &'a [u8],
                    now: Time,
                    there: &'a mut [u8],
                ) -> Boxed<'a, Outcome> {
                    Box::pin(async move {
                        Store::update(self, key, seen, record, now, there).await.map_err(SharedError::new)
                    })
                }
                fn touch<'a>(&'a self, key: &'a Handle, now: Time) -> Boxed<'a, Outcome> {
                    Box::pin(async move { Store::touch(self, key, now).await.map_err(SharedError::new) })
                }
                fn delete<'a>(&'a self, key: &'a Handle, condition: DeleteCondition, now: Time) -> Boxed<'a, Outcome> {
                    Box::pin(async move { Store::delete(self, key, condition, now).await.map_err(SharedError::new) })
                }
                fn check(&self, now: Time) -> Boxed<'_, ()> {
                    Box::pin(async move { Store::check(self, now).await.map_err(SharedError::new) })
                }
                fn end_all(&self, now: Time) -> Boxed<'_, bool> {
                    Box::pin(async move { Store::end_all(self, now).await.map_err(SharedError::new) })
                }
                fn count(&self, now: Time) -> Boxed<'_, Option<u64>> {
                    Box::pin(async move { Store::count(self, now).await.map_err(SharedError::new) })
                }
                fn remove_expired(&self, most: usize, now: Time) -> Boxed<'_, Option<usize>> {
                    Box::pin(async move { Store::remove_expired(self, most, now).await.map_err(SharedError::new) })
                }
                fn has_index(&self) -> bool {
                    Store::index(self).is_some()
                }
                fn list<'a>(
                    &'a self,
                    subject: &'a SubjectId,
                    after: u64,
                    now: Time,
                    into: &'a mut [IndexEntry],
                ) -> Boxed<'a, Listing> {
                    Box::pin(async move {
                        let index = Store::index(self).ok_or_else(SharedError::no_index)?;
                        SubjectIndex::list(index, subject, after, now, into).await.map_err(SharedError::new)
                    })
                }
                fn add<'a>(
                    &'a self,
                    subject: &'a SubjectId,
                    seen: Epoch,
                    entry: &'a IndexEntry,
                    now: Time,
                ) -> Boxed<'a, Added> {
                    Box::pin(async move {
                        let index = Store::index(self).ok_or_else(SharedError::no_index)?;
                        SubjectIndex::add(index, subject, seen, entry, now).await.map_err(SharedError::new)
                    })
                }
                fn bump<'a>(&'a self, subject: &'a SubjectId, now: Time) -> Boxed<'a, Listing> {
                    Box::pin(async move {
                        let index = Store::index(self).ok_or_else(SharedError::no_index)?;
                        SubjectIndex::bump(index, subject, now).await.map_err(SharedError::new)
                    })
                }
                fn remove<'a>(&'a self, subject: &'a SubjectId, entry: &'a IndexEntry, now: Time) -> Boxed<'a, ()> {
                    Box::pin(async move {
                        let index = Store::index(self).ok_or_else(SharedError::no_index)?;
                        SubjectIndex::remove(index, subject, entry, now).await.map_err(SharedError::new)
                    })
                }
            }
        };
    };
    ($store:ty) => {
        $crate::shared!([] $store);
    };
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
    /// The same, with the data of its records sealed by the first of `keys` and opened by each: see [`AtRest`]. Take other
    /// keys than those of the cookies if other people have them.
    #[must_use]
    pub fn sealed_at_rest(self, keys: &Keys) -> Self {
        Self::from(AtRest::new(self, keys, RecordBuffer::NEW))
    }
}

crate::shared!(AtRest<SharedStore, RecordBuffer>);

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

#[doc(hidden)] // what `shared!` needs in the crate where it is used
pub mod erased {
    pub use super::{Boxed, ErasedStore, SharedError};
    pub use session_core::environment::Time;
    pub use session_core::store::{DeleteCondition, Handle, Load, Outcome, Store, Version};
    pub use session_core::subject::{Added, Epoch, IndexEntry, Listing, SubjectId, SubjectIndex};
}
