//! Limits the rate of events that a client can provoke at will.

use std::hash::{BuildHasher, RandomState};
use std::sync::{Arc, Mutex, PoisonError};

use session_core::environment::{Clock, Time};
use session_core::events::{Event, Observer};

use crate::watches::Watches;

/// The number of events of one kind that are reported per minute.
const BURST: u32 = 10;
const MINUTE: u64 = 60_000;
/// Sessions share this number of places, so that events provoked with one session hide those of few others.
const PLACES: usize = 256;

/// An observer that receives events at a limited rate, by the time of a clock.
pub(crate) struct Limited<C> {
    observer: Arc<dyn Observer + Send + Sync>,
    clock: C,
    counts: Arc<Counts>,
    /// Tasks that wait for the end of a session. They receive every event.
    watches: Arc<Watches>,
}

/// The events within a minute, shared by all sources of the same observer.
pub(crate) struct Counts {
    hasher: RandomState,
    places: Mutex<[Place; PLACES]>,
}

#[derive(Clone, Copy)]
struct Place {
    since: Time,
    told: u32,
    left_out: u32,
    name: &'static str,
}

impl Counts {
    pub(crate) fn new() -> Self {
        let none = Place { since: Time::ZERO, told: 0, left_out: 0, name: "" };
        Self { hasher: RandomState::new(), places: Mutex::new([none; PLACES]) }
    }

    /// Counts an event. Returns whether it exceeds the limit, and how many were left out in the last full minute.
    fn count(&self, event: &Event<'_>, now: Time) -> (bool, Option<(&'static str, u32)>) {
        // events that concern no session are one kind, whatever cookie an attacker sends
        let id = if matches!(event, Event::Unknown(_)) { None } else { event.log_id() };
        let at = self.hasher.hash_one((event.name(), id)) as usize % PLACES;
        let mut places = self.places.lock().unwrap_or_else(PoisonError::into_inner);
        let place = &mut places[at];
        let mut before = None;
        if now.since(place.since).as_millis() >= u128::from(MINUTE) || now < place.since {
            before = Some((place.name, place.left_out)).filter(|(_, left_out)| *left_out > 0);
            *place = Place { since: now, told: 0, left_out: 0, name: event.name() };
        }
        if place.told < BURST {
            place.told += 1;
            return (false, before);
        }
        (place.left_out, place.name) = (place.left_out.saturating_add(1), event.name());
        (true, before)
    }
}

/// Whether a client can cause the event as often as it sends requests. A failed login does not count, because an audit
/// needs each: the application limits the attempts.
const fn can_be_provoked(event: &Event<'_>) -> bool {
    matches!(
        event,
        Event::Forged
            | Event::CookiesIgnored
            | Event::PlainHttp
            | Event::Unknown(_)
            | Event::Expired(..)
            | Event::PastGrace(..)
            | Event::Replaced(..)
            | Event::Mismatch(..)
            | Event::Unproven(..)
            | Event::ProofRefused(..)
            | Event::ProofSkipped(..)
            | Event::CsrfFailed(..)
            | Event::CrossSite
            | Event::Corrupt(_)
            | Event::Unreadable(..)
            | Event::Conflict(_)
    )
}

impl<C: Clock> Limited<C> {
    pub(crate) fn new(
        observer: Arc<dyn Observer + Send + Sync>,
        clock: C,
        counts: Arc<Counts>,
        watches: Arc<Watches>,
    ) -> Self {
        Self { observer, clock, counts, watches }
    }
}

impl<C: Clock> Observer for Limited<C> {
    fn observe(&self, event: &Event<'_>) {
        if !can_be_provoked(event) {
            self.watches.tell(event);
            return self.observer.observe(event);
        }
        let (excess, before) = self.counts.count(event, self.clock.now());
        if let Some((name, count)) = before {
            self.observer.observe(&Event::LeftOut(name, count));
        }
        if excess { self.observer.observe_excess(event) } else { self.observer.observe(event) }
    }

    fn ignores(&self) -> bool {
        self.observer.ignores() && self.watches.is_empty()
    }
}
