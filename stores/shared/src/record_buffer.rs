//! Room for one record: in place for small records, on the heap for larger ones.

use std::fmt::{self, Debug};

use session_core::environment::Buffer;

/// Bytes that need no heap.
const INLINE: usize = 256;
/// The largest record. Larger data does not belong in a session.
const LARGEST: usize = 1 << 20;

/// A buffer for one record that grows on demand to at most 1 MB. Up to 256 bytes it needs no heap.
#[derive(Clone)]
pub struct RecordBuffer(Place);

#[derive(Clone)]
#[allow(clippy::large_enum_variant)] // small records without an allocation are its purpose
enum Place {
    Inline([u8; INLINE]),
    Heap(Vec<u8>),
}

impl Drop for Place {
    fn drop(&mut self) {
        self.wipe();
    }
}

impl Place {
    /// Overwrites the record, which is a user's data and hidden in a sealed cookie.
    fn wipe(&mut self) {
        let bytes: &mut [u8] = match self {
            Self::Inline(bytes) => bytes,
            Self::Heap(bytes) => bytes,
        };
        bytes.fill(0);
        // so that the compiler does not remove writes that nothing reads
        std::hint::black_box(bytes);
    }
}

impl RecordBuffer {
    /// An empty buffer.
    pub const NEW: Self = Self(Place::Inline([0; INLINE]));

    /// Empties the buffer and overwrites every byte of the record in the memory that it used.
    pub fn wipe(&mut self) {
        match &mut self.0 {
            Place::Inline(_) => self.0.wipe(),
            Place::Heap(_) => *self = Self::NEW,
        }
    }
}

impl Debug for RecordBuffer {
    /// Prints no record.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RecordBuffer(..)")
    }
}

impl AsRef<[u8]> for RecordBuffer {
    fn as_ref(&self) -> &[u8] {
        match &self.0 {
            Place::Inline(bytes) => bytes,
            Place::Heap(bytes) => bytes,
        }
    }
}

impl AsMut<[u8]> for RecordBuffer {
    fn as_mut(&mut self) -> &mut [u8] {
        match &mut self.0 {
            Place::Inline(bytes) => bytes,
            Place::Heap(bytes) => bytes,
        }
    }
}

impl Buffer for RecordBuffer {
    type Codec = session_core::codec::Cbor;
    type Keys = crate::key_list::KeyList;

    fn grow(&mut self, need: usize) -> bool {
        if need > self.as_ref().len() && need <= LARGEST {
            let mut larger = Vec::with_capacity(need.next_power_of_two());
            larger.extend_from_slice(self.as_ref());
            larger.resize(need.next_power_of_two(), 0);
            self.0 = Place::Heap(larger);
        }
        need <= self.as_ref().len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wiped_buffer_is_a_new_one() {
        for len in [INLINE, INLINE + 1] {
            let mut buffer = RecordBuffer::NEW;
            assert!(buffer.grow(len));
            buffer.as_mut().fill(7);
            buffer.wipe();
            assert!(matches!(buffer.0, Place::Inline(_)) && buffer.as_ref() == [0; INLINE]);
        }
    }

    #[test]
    fn a_buffer_grows_and_keeps_its_bytes() {
        let mut buffer = RecordBuffer::NEW;
        buffer.as_mut()[..3].copy_from_slice(b"abc");
        assert!(buffer.grow(256) && matches!(buffer.0, Place::Inline(_)));
        assert!(buffer.grow(257) && buffer.as_ref().len() == 512 && buffer.as_ref().starts_with(b"abc"));
        assert!(!buffer.grow(LARGEST + 1) && buffer.as_ref().len() == 512);
    }
}
