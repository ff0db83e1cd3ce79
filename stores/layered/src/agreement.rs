//! What all nodes agree on through the durable store: whether the cache may be trusted.
//!
//! A node that cannot send a change to the cache records that here, waits until every other node has read it, and then
//! works without the cache for as long as it repeats the record.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use session_core::record::{FORMAT, LOGIN_AT, MIN_LEN, VERSION_AT};
use session_core::store::{Handle, Version};

/// The place of the agreement in the durable store.
pub(crate) const PLACE: Handle = Handle::from_bytes(*b"layered\0");
/// Bytes of it.
pub(crate) const LEN: usize = MIN_LEN;
/// A record with its own lifetimes and a login number is no visitor's, so that no store evicts it first.
const FLAGS: u8 = 32;
const BELIEVED: u8 = 1;
const DISTRUSTED: u8 = 2;

/// The place of a distrust's number, instead of a verifier.
const NUMBER_AT: usize = 32;

/// Returns the agreement as a record: the cache is trusted, or this distrust continues, or without a number a new one
/// begins. It does not expire.
pub(crate) fn record(believed: bool, number: Option<u64>) -> Result<[u8; LEN], getrandom::Error> {
    let mut record = [0; LEN];
    (record[0], record[1], record[LOGIN_AT]) = (FORMAT, FLAGS, if believed { BELIEVED } else { DISTRUSTED });
    // a version that no other node uses, even after the record was lost
    let mut version = [0; 8];
    getrandom::fill(&mut version)?;
    record[VERSION_AT..VERSION_AT + 8].copy_from_slice(&version);
    record[NUMBER_AT..NUMBER_AT + 8].copy_from_slice(&number.map_or(version, u64::to_le_bytes));
    Ok(record)
}

/// Returns whether a record states that the cache is trusted. Any other bytes do not.
pub(crate) fn believes(record: &[u8; LEN]) -> bool {
    record[0] == FORMAT && record[LOGIN_AT] == BELIEVED
}

/// Returns the number of a distrust.
pub(crate) fn number(record: &[u8; LEN]) -> u64 {
    record[NUMBER_AT..].first_chunk().copied().map(u64::from_le_bytes).unwrap_or_default()
}

/// This node's knowledge of the agreement. All times are by its own clock.
#[derive(Default)]
pub(crate) struct Agreement(Mutex<Known>);

#[derive(Debug, Default)]
pub(crate) struct Known {
    /// The time just before the durable store was last asked, and whether it stated that the cache is trusted.
    pub(crate) asked: Option<(Instant, bool)>,
    /// The version of a distrust, and when this node first saw it.
    pub(crate) distrust: Option<(Version, Instant)>,
    /// While this node does not reach the cache.
    pub(crate) outage: Option<Outage>,
}

/// A distrust that this node has declared.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Outage {
    /// Its number, which stays the same until the cache is trusted again.
    pub(crate) number: u64,
    /// From this time no node trusts the cache.
    pub(crate) from: Instant,
    /// When this node tries the cache again.
    pub(crate) retry: Instant,
    /// Until then no other node may end the distrust.
    pub(crate) until: Instant,
}

/// The condition that a change waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    /// For the cache.
    Cache,
    /// For other nodes to read that the cache is not trusted.
    Waits(Instant),
    /// For nothing: no node trusts the cache.
    Without,
}

impl Agreement {
    pub(crate) fn known(&self) -> MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Known {
    /// Returns the condition for a change from before `now`. One caller in each `trust` is sent to the cache.
    pub(crate) fn standing(&mut self, now: Instant, trust: Duration) -> Standing {
        match &mut self.outage {
            Some(Outage { from, until, .. }) if now < *from && now < *until => Standing::Waits(*from),
            Some(Outage { retry, until, .. }) if now < *until => {
                if now < *retry {
                    return Standing::Without;
                }
                *retry = now + trust;
                Standing::Cache
            }
            _ => Standing::Cache,
        }
    }
}

impl std::fmt::Debug for Agreement {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.known().fmt(f)
    }
}
