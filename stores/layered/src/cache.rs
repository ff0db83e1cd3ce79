//! What the layered store asks of a cache.

use std::fmt::{Debug, Display};
use std::time::{Duration, Instant};

use session_core::store::{Handle, Version};

/// A cache that several nodes share. It may lose any entry at any time, but must never bring one back. It is never the
/// authority, and its errors do not reach clients: they only cost time.
///
/// An entry is opaque bytes except for its version ([`CacheEntry::version_of`](crate::CacheEntry::version_of)). It must
/// be one value under one key, and a key must always be on the same server. A key that moves to another server during
/// an outage would reappear later with its old value.
///
/// If a future is dropped, or after an error, its operation was applied, was not, or will be later.
pub trait Cache: Send + Sync {
    /// The error of the medium. It contains no entry and no key.
    type Error: Display + Debug + Send;
    /// The right to fill one key's place, until another node changes or removes it.
    type Lease: Send;

    /// Looks up an entry. If there is none, takes a lease on its place. Every write and every removal between this call
    /// and [`fill`](Self::fill) ends the lease, even a removal that removes nothing else.
    fn look(&self, key: &Handle) -> impl Future<Output = Result<Look<Self::Lease>, Self::Error>> + Send;

    /// Stores an entry in the place of a lease for at least `keep`, if the place is unchanged since. Otherwise does
    /// nothing. Returns whether the entry was stored.
    ///
    /// The comparison must hold **within one life of the server**: numbers that start again when the server restarts
    /// may be compared only on the same connection.
    fn fill(
        &self,
        lease: Self::Lease,
        entry: &[u8],
        keep: Duration,
    ) -> impl Future<Output = Result<bool, Self::Error>> + Send;

    /// Replaces the entry with version `seen` by `entry`, and removes anything else under the key, including a lease.
    /// After `Ok`, no older entry exists, and no lease from before this call can be filled.
    fn replace(
        &self,
        key: &Handle,
        seen: Version,
        entry: &[u8],
        keep: Duration,
    ) -> impl Future<Output = Result<(), Self::Error>> + Send;

    /// Removes the entry or lease under the key.
    fn remove(&self, key: &Handle) -> impl Future<Output = Result<(), Self::Error>> + Send;

    /// Waits, using the timer of the cache's runtime.
    fn pause(&self, span: Duration) -> impl Future<Output = ()> + Send;

    /// Returns a condition of the cache that the operator should know, once, as
    /// [`Store::warning`](session_core::store::Store::warning) does.
    fn warning(&self) -> Option<&'static str> {
        None
    }

    /// Returns the time of the clock that [`pause`](Self::pause) uses. It never goes back.
    fn now(&self) -> Instant;
}

/// What a cache contains under a key.
#[derive(Debug)]
pub enum Look<L> {
    /// An entry, and the right to replace it.
    Found(Vec<u8>, L),
    /// Nothing. The caller may fill the place.
    Leased(L),
    /// Nothing. Another request has the lease.
    Taken,
}
