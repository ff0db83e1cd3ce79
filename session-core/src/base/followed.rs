//! The keys that a request tracks one by one: those that it read or changed.

/// What was done with a key.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Kind {
    /// No key yet, neither here nor in any later place.
    Free,
    /// No longer tracked.
    Gone,
    /// Read.
    Read,
    /// Written or removed.
    Write,
    /// Written without regard to the current value.
    Blind,
    /// Written by a function that runs again on the newer record.
    Rerun,
}

impl Kind {
    /// Whether another key can take its place.
    pub(crate) const fn is_free(self) -> bool {
        matches!(self, Self::Free | Self::Gone)
    }
}

/// A key that a request read or changed. `S` is what the codec remembers about a value that was read.
#[repr(Rust, packed(4))] // 20 bytes each instead of 24, on devices
pub struct FollowedKey<S> {
    pub(crate) key: u64,
    /// Fingerprint of the entry that was loaded.
    pub(crate) base: u64,
    pub(crate) kind: Kind,
    /// The content's fingerprint when the value was read from that entry.
    pub(crate) said: Option<S>,
}

impl<S> FollowedKey<S> {
    /// An unused slot.
    pub const FREE: Self = Self { key: 0, base: 0, kind: Kind::Free, said: None };

    pub(crate) fn is(&self, key: u64) -> bool {
        self.key == key && !self.kind.is_free()
    }
}

impl<S: Copy> Copy for FollowedKey<S> {}

impl<S: Copy> Clone for FollowedKey<S> {
    fn clone(&self) -> Self {
        *self
    }
}

/// Slots for tracked keys: an array on a device, a growing list where there is a heap.
pub trait FollowedKeys<S>: AsRef<[FollowedKey<S>]> + AsMut<[FollowedKey<S>]> {
    /// The initial value, without any key.
    const NEW: Self;

    /// Adds slots and keeps the current ones. Returns `false` if there is no room for more.
    fn grow(&mut self) -> bool {
        false
    }
}

impl<S: Copy, const N: usize> FollowedKeys<S> for [FollowedKey<S>; N] {
    const NEW: Self = [FollowedKey::FREE; N];
}
