//! An entry in the cache: a record, its version, and since when it is known.

use std::time::Duration;

use session_core::environment::Time;
use session_core::record::Stamp;
use session_core::store::Version;

const FORMAT: u8 = 1;
const HEAD_LEN: usize = 20;

/// A record, its version in the durable store, and since when it is known.
///
/// ```text
///  0 1  format = 1; a cache may keep its leases under other numbers
///  1 6  when the durable store was about to be asked, little-endian milliseconds
///  7 1  0
///  8 8  the durable store's version, little-endian
/// 16 4  FNV-1a of the record, little-endian: a truncated record would be a session that cannot be read
/// 20    the record
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CacheEntry<'a> {
    /// The time just before the durable store was asked.
    pub since: Time,
    /// The version that an update has to name.
    pub version: Version,
    /// The record.
    pub record: &'a [u8],
}

impl<'a> CacheEntry<'a> {
    /// Bytes before the record.
    pub const HEAD_LEN: usize = HEAD_LEN;
    /// Where the version stands (8 bytes, little-endian), for caches that compare it themselves.
    pub const VERSION_AT: usize = 8;

    /// Reads an entry. Returns `None` for anything else.
    #[must_use]
    pub fn of(bytes: &'a [u8]) -> Option<Self> {
        let (head, record) = bytes.split_first_chunk::<{ HEAD_LEN }>()?;
        let [FORMAT, a, b, c, d, e, f, 0, version @ .., g, h, i, j] = *head else { return None };
        if u32::from_le_bytes([g, h, i, j]) != checksum(record) {
            return None;
        }
        let since = Time::from_millis(u64::from_le_bytes([a, b, c, d, e, f, 0, 0]));
        Some(Self { since, version: Version(u64::from_le_bytes(version)), record })
    }

    /// Returns the version in an entry's bytes, or `None` for anything else.
    #[must_use]
    pub fn version_of(bytes: &'a [u8]) -> Option<Version> {
        Self::of(bytes).map(|entry| entry.version)
    }

    /// Returns the bytes that a cache stores.
    #[must_use]
    pub fn bytes(&self) -> Vec<u8> {
        let [a, b, c, d, e, f, ..] = self.since.millis().to_le_bytes();
        let mut bytes = Vec::with_capacity(HEAD_LEN + self.record.len());
        bytes.extend([FORMAT, a, b, c, d, e, f, 0]);
        bytes.extend(self.version.0.to_le_bytes());
        bytes.extend(checksum(self.record).to_le_bytes());
        bytes.extend(self.record);
        bytes
    }

    /// Returns whether the entry can be served at `now` without asking the durable store. A record that seems to have
    /// expired may have been touched there.
    pub(crate) fn trusted(&self, now: Time, trust: Duration) -> bool {
        let age = now.since(self.since).max(self.since.since(now));
        age < trust && Stamp::of(self.record).is_some_and(|stamp| stamp.live(now))
    }
}

fn checksum(record: &[u8]) -> u32 {
    record.iter().fold(0x811c_9dc5, |hash, byte| (hash ^ u32::from(*byte)).wrapping_mul(0x0100_0193))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let entry =
            CacheEntry { since: Time::from_millis(0x0102_0304_0506), version: Version(u64::MAX - 1), record: b"abc" };
        let bytes = entry.bytes();
        assert_eq!(CacheEntry::of(&bytes), Some(entry));
        assert_eq!(bytes[CacheEntry::VERSION_AT..][..8], (u64::MAX - 1).to_le_bytes());
        assert_eq!(CacheEntry::version_of(&bytes), Some(Version(u64::MAX - 1)));
    }

    #[test]
    fn anything_else_is_no_entry() {
        let bytes = CacheEntry { since: Time::ZERO, version: Version(7), record: b"" }.bytes();
        assert!((0..CacheEntry::HEAD_LEN).all(|len| CacheEntry::of(&bytes[..len]).is_none()));
        for at in [0, 7] {
            let mut other = bytes.clone();
            other[at] ^= 2;
            assert_eq!(CacheEntry::of(&other), None);
        }
        let whole = CacheEntry { since: Time::ZERO, version: Version(7), record: b"a record of some length" }.bytes();
        assert!((0..whole.len()).all(|len| CacheEntry::of(&whole[..len]).is_none()));
    }
}
