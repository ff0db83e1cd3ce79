//! How much a store keeps: sessions, those of visitors among them, and bytes. Each is reserved before a session is put in
//! and released after it went, so there is never more.

use crate::lock::Lock;

/// Up to this many sessions a store is one shard, and its policy is exact.
const EXACT: usize = 1024;
/// Above, a create at a full store looks at this many sessions for one that is over or may go.
pub(crate) const LOOKS: usize = 1024;
/// Bytes of records that a store keeps if the program says nothing.
pub(crate) const MAX_BYTES: usize = 256 << 20;

/// Sessions that there may be.
pub(crate) struct Places {
    pub(crate) sessions: usize,
    pub(crate) anonymous: usize,
    kept: Lock<Kept>,
}

#[derive(Default)]
struct Kept {
    sessions: usize,
    anonymous: usize,
}

impl Places {
    pub(crate) const fn new(sessions: usize) -> Self {
        Self { sessions, anonymous: most_anonymous(sessions), kept: Lock::new(Kept { sessions: 0, anonymous: 0 }) }
    }

    pub(crate) const fn exact(&self) -> bool {
        self.sessions <= EXACT
    }

    pub(crate) fn reserve(&self, anonymous: bool) -> bool {
        self.kept.with(|kept| {
            let room = kept.sessions < self.sessions && (!anonymous || kept.anonymous < self.anonymous);
            kept.sessions += usize::from(room);
            kept.anonymous += usize::from(room && anonymous);
            room
        })
    }

    pub(crate) fn release(&self, sessions: usize, anonymous: isize) {
        self.kept.with(|kept| {
            kept.sessions = kept.sessions.saturating_sub(sessions);
            kept.anonymous = kept.anonymous.saturating_add_signed(anonymous.saturating_neg());
        });
    }
}

/// How many of so many sessions may be anonymous if the program says nothing: three of four, rounded up.
pub(crate) const fn most_anonymous(sessions: usize) -> usize {
    sessions - sessions / 4
}

/// Bytes of all records.
pub(crate) struct Bytes {
    pub(crate) most: usize,
    #[cfg(feature = "std")]
    kept: core::sync::atomic::AtomicUsize,
    #[cfg(not(feature = "std"))]
    kept: core::cell::Cell<usize>,
}

impl Bytes {
    pub(crate) const fn new(most: usize) -> Self {
        Self {
            most,
            #[cfg(feature = "std")]
            kept: core::sync::atomic::AtomicUsize::new(0),
            #[cfg(not(feature = "std"))]
            kept: core::cell::Cell::new(0),
        }
    }

    pub(crate) fn reserve(&self, bytes: usize) -> bool {
        self.change(|kept| kept.checked_add(bytes).filter(|sum| *sum <= self.most))
    }

    pub(crate) fn release(&self, bytes: usize) {
        self.change(|kept| Some(kept.saturating_sub(bytes)));
    }

    #[cfg(feature = "std")]
    pub(crate) fn kept(&self) -> usize {
        self.kept.load(core::sync::atomic::Ordering::Relaxed)
    }

    /// Only the sum matters, and no other memory is ordered by it.
    #[cfg(feature = "std")]
    fn change(&self, change: impl Fn(usize) -> Option<usize>) -> bool {
        use core::sync::atomic::Ordering::Relaxed;
        self.kept.fetch_update(Relaxed, Relaxed, change).is_ok()
    }

    #[cfg(not(feature = "std"))]
    pub(crate) fn kept(&self) -> usize {
        self.kept.get()
    }

    #[cfg(not(feature = "std"))]
    fn change(&self, change: impl Fn(usize) -> Option<usize>) -> bool {
        let changed = change(self.kept.get());
        changed.inspect(|kept| self.kept.set(*kept)).is_some()
    }
}

/// What a shard has given back until the store takes note.
#[derive(Default)]
pub(crate) struct Freed {
    pub(crate) sessions: usize,
    /// Below 0: a session that was signed in is not any more.
    pub(crate) anonymous: isize,
    pub(crate) bytes: usize,
}

impl Freed {
    pub(crate) const fn nothing(&self) -> bool {
        self.sessions == 0 && self.anonymous == 0 && self.bytes == 0
    }
}
