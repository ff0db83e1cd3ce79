//! The limits of a store: sessions, visitors' sessions, and bytes. Each is reserved before a session is added and
//! released after it is removed, so the limits are never exceeded.

use crate::lock::Lock;

/// Up to this many sessions a store is one shard, and its policy is exact.
const EXACT: usize = 1024;
/// Above that, a create in a full store checks this many sessions for an expired or evictable one.
pub(crate) const LOOKS: usize = 1024;
/// The default limit of the bytes of records.
pub(crate) const MAX_BYTES: usize = 256 << 20;

/// The limit of sessions.
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

/// The default number of anonymous sessions among this many: three quarters, rounded up.
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

/// Space that a shard has freed and the store has not counted yet.
#[derive(Default)]
pub(crate) struct Freed {
    pub(crate) sessions: usize,
    /// Below 0: a signed-in session became anonymous.
    pub(crate) anonymous: isize,
    pub(crate) bytes: usize,
}

impl Freed {
    pub(crate) const fn nothing(&self) -> bool {
        self.sessions == 0 && self.anonymous == 0 && self.bytes == 0
    }
}
