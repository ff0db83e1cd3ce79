//! What the layered store asks of a cache.

use std::fmt::{Debug, Display};
use std::time::{Duration, Instant};

use session_core::store::{Handle, Version};

/// A cache that several nodes share. It may lose any entry at any time, but it must not bring one back. It is never the
/// authority, and its errors reach no client: they cost time.
///
/// An entry is bytes to the cache, except for the version in it
/// ([`CacheEntry::version_of`](crate::CacheEntry::version_of)). It has to be one value under one key, and a key always
/// has the same server: a key that moved to another server while its own was down would come back later as it was.
///
/// If a future is dropped, its operation has happened, has not, or will happen. The same holds after an error.
pub trait Cache: Send + Sync {
    /// The medium's failure; it holds no entry and no key.
    type Error: Display + Debug + Send;
    /// The right to fill one place, until another node changes or empties it.
    type Lease: Send;

    /// Looks for an entry. If there is none, takes the place: each write and each removal between this call and
    /// [`fill`](Self::fill) ends the lease, even a removal that removes nothing but the lease.
    fn look(&self, key: &Handle) -> impl Future<Output = Result<Look<Self::Lease>, Self::Error>> + Send;

    /// Puts an entry into the place of a lease for at least `keep`, if the place is as the lease left it. Otherwise
    /// does nothing. Returns whether it did. The comparison has to hold **within one life of the server**: numbers that begin again when the
    /// server restarts may only be compared over the same connection.
    fn fill(
        &self,
        lease: Self::Lease,
        entry: &[u8],
        keep: Duration,
    ) -> impl Future<Output = Result<bool, Self::Error>> + Send;

    /// Replaces the entry that has the version `seen` by `entry`. Removes anything else that is there, including a
    /// lease. After `Ok` no older entry is there, and no lease from before this call will be filled.
    fn replace(
        &self,
        key: &Handle,
        seen: Version,
        entry: &[u8],
        keep: Duration,
    ) -> impl Future<Output = Result<(), Self::Error>> + Send;

    /// Removes what is there, including a lease.
    fn remove(&self, key: &Handle) -> impl Future<Output = Result<(), Self::Error>> + Send;

    /// Waits, by the timer of the runtime that this cache needs.
    fn pause(&self, span: Duration) -> impl Future<Output = ()> + Send;

    /// Returns what the operator should know of the cache, once, as [`Store::warning`](session_core::store::Store::warning)
    /// does.
    fn warning(&self) -> Option<&'static str> {
        None
    }

    /// Returns the time by the clock of [`pause`](Self::pause), which never goes back.
    fn now(&self) -> Instant;
}

/// What a cache holds under a key.
#[derive(Debug)]
pub enum Look<L> {
    /// An entry, and the right to put another one in its place.
    Found(Vec<u8>, L),
    /// Nothing; the caller may fill the place.
    Leased(L),
    /// Nothing; another request has the lease.
    Taken,
}
