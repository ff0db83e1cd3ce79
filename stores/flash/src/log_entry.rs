//! An entry of the log, without its payload.
//!
//! ```text
//! entry  n u16  | not n u16 | ff...  ‖  body of n bytes | ff...
//! body   kind u8 | name 8 | number u32 | [gone 8] | payload | crc u32
//! ```

use session_core::store::Handle;

/// The meaning of an entry.
pub(crate) mod kind {
    /// A session's record; name: its handle, number: its place in its subject's list, 0 = none.
    pub(crate) const RECORD: u8 = 1;
    /// The same, replacing the session `gone`.
    pub(crate) const REPLACING: u8 = 2;
    /// Last seen (payload), name: the handle.
    pub(crate) const TOUCH: u8 = 3;
    /// The session of this name is deleted.
    pub(crate) const DELETE: u8 = 4;
    /// All sessions before are deleted.
    pub(crate) const END_ALL: u8 = 5;
    /// The subjects' epoch (name).
    pub(crate) const EPOCH: u8 = 6;
    /// The time persisted ahead (name), and its offset to a wall clock's (payload), see clock.rs.
    pub(crate) const TIME: u8 = 7;
    /// An item of the application; number: which.
    pub(crate) const ITEM: u8 = 8;
    /// This page is valid, and no page below `number` is.
    pub(crate) const OPENED: u8 = 9;
    /// The session of this name has place `number` in its subject's list.
    pub(crate) const LISTED: u8 = 10;
}

const GONE: usize = 8;
const MIN_HEAD: usize = 1 + 8 + 4;
/// Bytes of the longest head.
pub(crate) const MAX_HEAD: usize = MIN_HEAD + GONE;
/// Bytes of the checksum.
pub(crate) const CRC: usize = 4;

/// An entry's body without its payload.
#[derive(Clone, Copy, Default)]
pub(crate) struct LogEntry {
    pub(crate) kind: u8,
    pub(crate) name: [u8; 8],
    pub(crate) number: u32,
    /// Of `REPLACING` only.
    pub(crate) gone: [u8; GONE],
}

/// An entry that was found.
pub(crate) struct FoundEntry {
    pub(crate) entry: LogEntry,
    /// Where it begins.
    pub(crate) at: u32,
    /// Bytes of its payload. The buffer has as many of them as it holds.
    pub(crate) len: usize,
}

impl LogEntry {
    /// Returns an entry about a session.
    pub(crate) fn of(kind: u8, session: &Handle) -> Self {
        Self { kind, name: *session.as_bytes(), ..Self::default() }
    }

    /// Returns the number of bytes before the payload.
    pub(crate) const fn head(kind: u8) -> usize {
        MIN_HEAD + if kind == kind::REPLACING { GONE } else { 0 }
    }

    /// Returns the longest head; of most kinds only the first [`head`](Self::head) bytes count.
    pub(crate) fn bytes(&self) -> [u8; MAX_HEAD] {
        let mut bytes = [0; MAX_HEAD];
        let fields = [&[self.kind][..], &self.name, &self.number.to_le_bytes(), &self.gone];
        bytes.iter_mut().zip(fields.into_iter().flatten()).for_each(|(place, byte)| *place = *byte);
        bytes
    }

    pub(crate) fn parse(bytes: [u8; MAX_HEAD]) -> Self {
        let [kind, n, a, m, e, f, g, h, i, p, q, r, s, gone @ ..] = bytes;
        Self { kind, name: [n, a, m, e, f, g, h, i], number: u32::from_le_bytes([p, q, r, s]), gone }
    }
}

/// Returns the bytes that say a body's length.
pub(crate) fn length_bytes(body: usize) -> [u8; 4] {
    let [low, high] = u16::try_from(body).unwrap_or(0).to_le_bytes();
    [low, high, !low, !high]
}

/// Reads the length of a body, if it was written to its end: of each two bits, one is 0.
pub(crate) fn length(unit: &[u8]) -> Option<usize> {
    let (&[a, b, c, d], padding) = unit.split_first_chunk::<4>()?;
    let whole = a == !c && b == !d && padding.iter().all(|byte| *byte == 0xff);
    Some(usize::from(u16::from_le_bytes([a, b]))).filter(|len| whole && *len >= MIN_HEAD + CRC)
}
