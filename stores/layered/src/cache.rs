//! What the layered store asks of a cache.

use std::fmt::{Debug, Display};
use std::time::Duration;

use session_core::store::{Handle, Version};

/// A cache that several nodes share. It may lose any entry at any time; what it may not do is bring one back. It is never
/// the authority, and its errors reach no client: they cost time.
///
/// Entries are bytes to it, but for the version in them ([`CacheEntry::version_of`](crate::CacheEntry::version_of)). An entry has
/// to be one value under one key, on one server that is always the same for a key: a key that moves to another server
/// when one is down comes back later as it was.
///
/// If a future is dropped, its operation has happened, has not, or will. An error says as little.
pub trait Cache: Send + Sync {
    /// The medium's failure; it holds no entry and no key.
    type Error: Display + Debug + Send;
    /// The right to fill one place, as long as nobody else has changed or emptied it since.
    type Lease: Send;

    /// What is there. If nothing is, the place is taken, so that everything that is written there or removed from there
    /// between this call and [`fill`](Self::fill) ends the lease, also what removes nothing but the lease.
    fn look(&self, key: &Handle) -> impl Future<Output = Result<Look<Self::Lease>, Self::Error>> + Send;

    /// Puts an entry into the place of a lease, if that is as the lease left it, for at least `keep`; otherwise does
    /// nothing. The comparison has to be with what the lease saw **in the same life of the server**: numbers that begin
    /// again when it is started again are only worth something over the same connection.
    fn fill(
        &self,
        lease: Self::Lease,
        entry: &[u8],
        keep: Duration,
    ) -> impl Future<Output = Result<(), Self::Error>> + Send;

    /// Puts `entry` into the place of the one that has the version `seen`. Whatever else is there, a lease too, is removed.
    /// `Ok` means: no older entry is there any more, and no lease from before this call will be filled.
    fn replace(
        &self,
        key: &Handle,
        seen: Version,
        entry: &[u8],
        keep: Duration,
    ) -> impl Future<Output = Result<(), Self::Error>> + Send;

    /// Removes whatever is there, a lease too. `Ok` means: it is gone.
    fn remove(&self, key: &Handle) -> impl Future<Output = Result<(), Self::Error>> + Send;

    /// Waits, by the timer of the runtime that this cache needs anyway.
    fn pause(&self, span: Duration) -> impl Future<Output = ()> + Send;
}

/// What a cache has under a key.
#[derive(Debug)]
pub enum Look<L> {
    /// An entry, and the right to put another one in its place.
    Found(Vec<u8>, L),
    /// Nothing; the place is now ours to fill.
    Leased(L),
    /// Nothing; somebody else has the lease.
    Taken,
}
