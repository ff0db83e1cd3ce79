//! The tasks of this process that wait for the end of a session. The events of an end wake them.

use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use futures_util::task::AtomicWaker;
use session_core::events::{Event, LogId};

/// All watches of an application in this process. An event checks each of them, which takes microseconds for thousands.
/// Sessions end much less often than they are used.
#[derive(Default)]
pub(crate) struct Watches {
    signals: Mutex<HashMap<usize, Arc<Signal>>>,
    /// The number of signals, which observers read at each request.
    count: AtomicUsize,
}

impl Watches {
    pub(crate) fn is_empty(&self) -> bool {
        self.count.load(Ordering::SeqCst) == 0
    }

    /// Notifies the watches whose session this event may have ended.
    pub(crate) fn tell(&self, event: &Event<'_>) {
        let (id, subject, everybody) = match *event {
            // the logout of a sealed session ends all of its subject's, as a mismatch does
            Event::Ended(id, subject) | Event::Revoked(id, subject, _) => (Some(id), subject, false),
            Event::LoggedIn(id, _) => (Some(id), None, false),
            Event::OthersRevoked(_, subject) | Event::AllRevoked(subject) => (None, Some(subject), false),
            Event::EverybodyRevoked => (None, None, true),
            _ => return,
        };
        if self.is_empty() {
            return;
        }
        let concerns = |signal: &&Arc<Signal>| {
            let same_subject = subject.is_some() && signal.subject.as_deref() == subject;
            everybody || same_subject || Some(signal.id) == id
        };
        // woken after the lock is released, because a waker may drop a watch
        let signals = self.signals.lock().unwrap_or_else(PoisonError::into_inner);
        let told: Vec<_> = signals.values().filter(concerns).cloned().collect();
        drop(signals);
        told.iter().for_each(|signal| signal.tell());
    }
}

struct Signal {
    id: LogId,
    subject: Option<Arc<str>>,
    told: AtomicBool,
    waker: AtomicWaker,
}

impl Signal {
    fn tell(&self) {
        self.told.store(true, Ordering::SeqCst);
        self.waker.wake();
    }
}

/// A place among the watches, for one task that waits.
pub(crate) struct Place {
    signal: Arc<Signal>,
    watches: Arc<Watches>,
}

impl Place {
    pub(crate) fn new(watches: &Arc<Watches>, id: LogId, subject: Option<Arc<str>>) -> Self {
        let signal = Arc::new(Signal { id, subject, told: AtomicBool::new(false), waker: AtomicWaker::new() });
        let mut signals = watches.signals.lock().unwrap_or_else(PoisonError::into_inner);
        signals.insert(Arc::as_ptr(&signal).addr(), signal.clone());
        watches.count.store(signals.len(), Ordering::SeqCst);
        drop(signals);
        Self { signal, watches: watches.clone() }
    }

    pub(crate) fn subject(&self) -> Option<&str> {
        self.signal.subject.as_deref()
    }

    /// Returns whether it was notified since the last call.
    pub(crate) fn was_told(&self) -> bool {
        self.signal.told.swap(false, Ordering::SeqCst)
    }

    /// Waits until it is notified, without consuming the notification.
    pub(crate) fn poll_told(&self, context: &mut Context<'_>) -> Poll<()> {
        self.signal.waker.register(context.waker());
        if self.signal.told.load(Ordering::SeqCst) { Poll::Ready(()) } else { Poll::Pending }
    }
}

impl Clone for Place {
    /// Makes another place, because a place wakes one task. It is told at once: an event before it was there may not have
    /// reached this one yet.
    fn clone(&self) -> Self {
        let place = Self::new(&self.watches, self.signal.id, self.signal.subject.clone());
        place.signal.told.store(true, Ordering::SeqCst);
        place
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut signals = self.watches.signals.lock().unwrap_or_else(PoisonError::into_inner);
        signals.remove(&Arc::as_ptr(&self.signal).addr());
        self.watches.count.store(signals.len(), Ordering::SeqCst);
    }
}

impl fmt::Debug for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.signal.id.fmt(f)
    }
}
