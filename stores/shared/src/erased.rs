//! Stores whose futures are boxed and `Send`, and the macro that makes them.

use std::pin::Pin;

// the macro needs all of these where it is used
pub use crate::error::SharedError;
pub use crate::store::SharedStore;
pub use session_core::Keys;
pub use session_core::environment::Time;
pub use session_core::store::{DeleteCondition, Handle, Load, Outcome, Store, Version};
pub use session_core::subject::{Added, Epoch, IndexEntry, Listing, SubjectId, SubjectIndex};

/// A store's boxed future.
pub type Boxed<'a, T> = Pin<Box<dyn Future<Output = Result<T, SharedError>> + Send + 'a>>;

/// A [`Store`] whose futures are boxed and `Send`. The compiler can see that futures are `Send` only for a known store
/// type, so [`shared!`](crate::shared) implements this trait type by type.
#[allow(missing_docs)] // the methods are those of `Store`
pub trait ErasedStore: Send + Sync {
    fn touch_is_free(&self) -> bool;
    fn warning(&self) -> Option<&'static str>;
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
    /// `None` if the store uses no keys of the application.
    fn with_keys(&self, _: &Keys) -> Option<SharedStore> {
        None
    }
}

/// Lets a store become a [`SharedStore`](crate::SharedStore). Call it where the store is defined: `shared!(MyStore);`,
/// or `shared!([T: Bound] MyStore<T>);` if the store has type parameters. A store that uses the application's keys, or
/// contains a store that may, adds a function for [`SharedStore::with_keys`](crate::SharedStore::with_keys):
/// `shared!(MyStore, |store, keys| …);`.
#[macro_export]
macro_rules! shared {
    ([$($parameters:tt)*] $store:ty $(, $with_keys:expr)?) => {
        const _: () = {
            use $crate::erased::*;

            impl<$($parameters)*> ErasedStore for $store {
                fn touch_is_free(&self) -> bool {
                    Store::touch_is_free(self)
                }
                fn warning(&self) -> Option<&'static str> {
                    Store::warning(self)
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
                $(fn with_keys(&self, keys: &Keys) -> Option<SharedStore> {
                    let with_keys: fn(&Self, &Keys) -> Self = $with_keys;
                    Some(with_keys(self, keys).into())
                })?
            }
        };
    };
    ($store:ty $(, $with_keys:expr)?) => {
        $crate::shared!([] $store $(, $with_keys)?);
    };
}
