//! Room for one record: inside the request, and on the heap when it has to be larger.

use session_core::environment::Buffer;

/// Bytes that need no heap.
const INLINE: usize = 256;
/// The largest record: what is larger does not belong into a session.
const LARGEST: usize = 1 << 20;

#[derive(Clone)]
#[allow(clippy::large_enum_variant)] // a record in place, without an allocation, is its purpose
pub(crate) enum RecordBuffer {
    Inline([u8; INLINE]),
    Heap(Vec<u8>),
}

impl RecordBuffer {
    pub(crate) const NEW: Self = Self::Inline([0; INLINE]);
}

impl AsRef<[u8]> for RecordBuffer {
    fn as_ref(&self) -> &[u8] {
        match self {
            Self::Inline(bytes) => bytes,
            Self::Heap(bytes) => bytes,
        }
    }
}

impl AsMut<[u8]> for RecordBuffer {
    fn as_mut(&mut self) -> &mut [u8] {
        match self {
            Self::Inline(bytes) => bytes,
            Self::Heap(bytes) => bytes,
        }
    }
}

impl Buffer for RecordBuffer {
    fn grow(&mut self, need: usize) -> bool {
        if need > self.as_ref().len() && need <= LARGEST {
            let mut larger = vec![0; need.next_power_of_two()];
            larger[..self.as_ref().len()].copy_from_slice(self.as_ref());
            *self = Self::Heap(larger);
        }
        need <= self.as_ref().len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn room_grows_and_keeps_what_is_there() {
        let mut space = RecordBuffer::NEW;
        space.as_mut()[..3].copy_from_slice(b"abc");
        assert!(space.grow(256) && matches!(space, RecordBuffer::Inline(_)));
        assert!(space.grow(257) && space.as_ref().len() == 512 && space.as_ref().starts_with(b"abc"));
        assert!(!space.grow(LARGEST + 1) && space.as_ref().len() == 512);
    }
}
