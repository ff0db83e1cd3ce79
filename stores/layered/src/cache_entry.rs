//! An entry in the cache: a record, its version, and the time since when it is known, all authenticated.

use std::fmt;
use std::time::Duration;

use hmac::{Hmac, KeyInit, Mac};
use session_core::Keys;
use session_core::environment::Time;
use session_core::record::Stamp;
use session_core::store::{Handle, Version};
use sha2::Sha256;

const FORMAT: u8 = 2;
const OPEN_LEN: usize = 16;
const TAG_LEN: usize = 16;
/// The purpose of the derived keys.
const PURPOSE: &str = "session-store-layered cache";

/// The bytes of an entry, as far as a cache has to understand them.
///
/// ```text
///  0 1  format = 2; a cache may keep its leases under other numbers
///  1 6  when the durable store was about to be asked, little-endian milliseconds
///  7 1  0
///  8 8  the durable store's version, little-endian
/// 16 16 the first half of HMAC-SHA256(key, handle ‖ bytes 0 to 15 ‖ record)
/// 32    the record
/// ```
///
/// The key is derived from the application's signing key, so that an entry counts only if a node of this application
/// wrote it, for this handle.
#[derive(Clone, Copy, Debug)]
pub struct CacheEntry;

impl CacheEntry {
    /// The length of the head before the record.
    pub const HEAD_LEN: usize = OPEN_LEN + TAG_LEN;
    /// The value of the first byte.
    pub const FORMAT: u8 = FORMAT;
    /// The offset of the version (8 bytes, little-endian), for caches that compare it themselves.
    pub const VERSION_AT: usize = 8;

    /// Returns the version in an entry, or `None` for other bytes. The entry is not authenticated: a cache compares
    /// versions only to replace an entry.
    #[must_use]
    pub fn version_of(bytes: &[u8]) -> Option<Version> {
        split(bytes).map(|(head, ..)| version(head))
    }
}

/// An entry that a node of this application wrote.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Entry<'a> {
    /// The time just before the durable store was asked.
    pub(crate) since: Time,
    /// The version that an update has to name.
    pub(crate) version: Version,
    /// The record.
    pub(crate) record: &'a [u8],
}

impl Entry<'_> {
    /// Returns whether the entry can be served at `now` without asking the durable store. A record that seems to have
    /// expired may have been touched there.
    pub(crate) fn trusted(&self, now: Time, trust: Duration) -> bool {
        let age = now.since(self.since).max(self.since.since(now));
        age < trust && Stamp::of(self.record).is_some_and(|stamp| stamp.live(now))
    }
}

/// The kind of bytes under a handle.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Opened<'a> {
    /// An entry of this application.
    Entry(Entry<'a>),
    /// Neither this nor written by an earlier release: forged, truncated, of another handle, or under a key that this
    /// node does not know.
    Rejected,
    /// Of another format.
    Foreign,
}

/// The keys that authenticate entries: the first one writes, all are accepted.
pub(crate) struct CacheKeys(Vec<Hmac<Sha256>>);

impl CacheKeys {
    pub(crate) fn new(keys: &Keys) -> Self {
        Self(keys.derive(PURPOSE).filter_map(|key| Hmac::new_from_slice(&key).ok()).collect())
    }

    /// Reads the cache's bytes under `handle`.
    pub(crate) fn open<'a>(&self, handle: &Handle, bytes: &'a [u8]) -> Opened<'a> {
        if bytes.first() != Some(&FORMAT) {
            return Opened::Foreign;
        }
        let Some((head, tag, record)) = split(bytes) else { return Opened::Rejected };
        let genuine = |key| mac(key, handle, head, record).verify_truncated_left(tag).is_ok();
        if !self.0.iter().any(genuine) {
            return Opened::Rejected;
        }
        let [_, a, b, c, d, e, f, ..] = *head;
        let since = Time::from_millis(u64::from_le_bytes([a, b, c, d, e, f, 0, 0]));
        Opened::Entry(Entry { since, version: version(head), record })
    }

    /// Returns the bytes that the cache stores under `handle`.
    pub(crate) fn seal(&self, handle: &Handle, entry: &Entry<'_>) -> Vec<u8> {
        let [a, b, c, d, e, f, ..] = entry.since.millis().to_le_bytes();
        let [g, h, i, j, k, l, m, n] = entry.version.0.to_le_bytes();
        let head = [FORMAT, a, b, c, d, e, f, 0, g, h, i, j, k, l, m, n];
        let tag = self.0.first().map(|key| mac(key, handle, &head, entry.record).finalize().into_bytes());
        let mut bytes = Vec::with_capacity(CacheEntry::HEAD_LEN + entry.record.len());
        bytes.extend(head);
        // a ring has a key
        bytes.extend(tag.iter().flatten().take(TAG_LEN));
        bytes.extend(entry.record);
        bytes
    }
}

impl fmt::Debug for CacheKeys {
    /// Prints no key.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CacheKeys({} redacted)", self.0.len())
    }
}

fn mac(key: &Hmac<Sha256>, handle: &Handle, head: &[u8; OPEN_LEN], record: &[u8]) -> Hmac<Sha256> {
    key.clone().chain_update(handle.as_bytes()).chain_update(head).chain_update(record)
}

fn version(head: &[u8; OPEN_LEN]) -> Version {
    Version(head.last_chunk().copied().map(u64::from_le_bytes).unwrap_or_default())
}

/// Returns the open part of the head, the tag and the record.
fn split(bytes: &[u8]) -> Option<(&[u8; OPEN_LEN], &[u8], &[u8])> {
    let (head, rest) = bytes.split_first_chunk::<OPEN_LEN>()?;
    let (tag, record) = rest.split_at_checked(TAG_LEN)?;
    let [FORMAT, _, _, _, _, _, _, 0, ..] = head else { return None };
    Some((head, tag, record))
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: [u8; 32] = *b"0a1b2c3d4e5f6g7h8i9jkQlWmEnRoTpY";
    const B: [u8; 32] = *b"zX9cV8bN7mQ6wE5rT4yU3iO2pA1sD0fG";
    const ONE: Handle = Handle::from_bytes(*b"a handle");
    const OTHER: Handle = Handle::from_bytes(*b"b handle");

    fn keys(first: [u8; 32], others: &[[u8; 32]]) -> CacheKeys {
        let ring = others.iter().fold(Keys::new(&first).unwrap(), |ring, key| ring.and_verify(key).unwrap());
        CacheKeys::new(&ring)
    }

    fn entry() -> Entry<'static> {
        let (since, version) = (Time::from_millis(0x0102_0304_0506), Version(u64::MAX - 1));
        Entry { since, version, record: b"a record of some length" }
    }

    #[test]
    fn what_is_written_is_read() {
        let keys = keys(A, &[]);
        let bytes = keys.seal(&ONE, &entry());
        assert_eq!(keys.open(&ONE, &bytes), Opened::Entry(entry()));
        assert_eq!(bytes.len(), CacheEntry::HEAD_LEN + entry().record.len());
        assert_eq!(bytes[CacheEntry::VERSION_AT..][..8], (u64::MAX - 1).to_le_bytes());
        assert_eq!(CacheEntry::version_of(&bytes), Some(Version(u64::MAX - 1)));
    }

    #[test]
    fn an_entry_counts_whole_and_under_its_own_handle_only_st15() {
        let keys = keys(A, &[]);
        let bytes = keys.seal(&ONE, &entry());
        assert_eq!(keys.open(&OTHER, &bytes), Opened::Rejected);
        for at in 0..bytes.len() {
            for bit in 0..8 {
                let mut other = bytes.clone();
                other[at] ^= 1 << bit;
                let expected = if at == 0 { Opened::Foreign } else { Opened::Rejected };
                assert_eq!(keys.open(&ONE, &other), expected, "bit {bit} of byte {at}");
            }
            let expected = if at == 0 { Opened::Foreign } else { Opened::Rejected };
            assert_eq!(keys.open(&ONE, &bytes[..at]), expected, "truncated to {at} bytes");
        }
        assert_eq!(keys.open(&ONE, &[&bytes[..], b"longer"].concat()), Opened::Rejected);
    }

    #[test]
    fn the_ring_is_accepted_and_other_keys_are_not_st15() {
        let bytes = keys(A, &[]).seal(&ONE, &entry());
        assert_eq!(keys(B, &[]).open(&ONE, &bytes), Opened::Rejected);
        assert_eq!(keys(B, &[A]).open(&ONE, &bytes), Opened::Entry(entry()));
        assert_ne!(keys(B, &[A]).seal(&ONE, &entry()), bytes);
    }
}
