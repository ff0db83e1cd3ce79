//! The keys that a request tracks: a few in place, more on the heap.

use session_core::environment::{FollowedKey, FollowedKeys};

/// Keys that need no heap.
const INLINE: usize = 8;
/// Beyond this number, further keys count as one, because each access searches the list.
const MOST: usize = 4_096;

/// Slots for the keys that a request tracks. Up to eight need no heap. The list grows to at most 4,096 keys.
pub struct KeyList(Place);

#[allow(clippy::large_enum_variant)] // a few keys without an allocation are its purpose
enum Place {
    Inline([FollowedKey<u64>; INLINE]),
    Heap(Vec<FollowedKey<u64>>),
}

impl AsRef<[FollowedKey<u64>]> for KeyList {
    fn as_ref(&self) -> &[FollowedKey<u64>] {
        match &self.0 {
            Place::Inline(keys) => keys,
            Place::Heap(keys) => keys,
        }
    }
}

impl AsMut<[FollowedKey<u64>]> for KeyList {
    fn as_mut(&mut self) -> &mut [FollowedKey<u64>] {
        match &mut self.0 {
            Place::Inline(keys) => keys,
            Place::Heap(keys) => keys,
        }
    }
}

impl FollowedKeys<u64> for KeyList {
    const NEW: Self = Self(Place::Inline([FollowedKey::FREE; INLINE]));

    fn grow(&mut self) -> bool {
        let len = self.as_ref().len();
        if len < MOST {
            let mut more = Vec::with_capacity(2 * len);
            more.extend_from_slice(self.as_ref());
            more.resize(2 * len, FollowedKey::FREE);
            self.0 = Place::Heap(more);
        }
        len < MOST
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_grows_up_to_its_limit() {
        let mut list = KeyList::NEW;
        let sizes: Vec<_> = std::iter::from_fn(|| list.grow().then(|| list.as_ref().len())).collect();
        assert_eq!(sizes, [16, 32, 64, 128, 256, 512, 1024, 2048, 4096]);
    }
}
