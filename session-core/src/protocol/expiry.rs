//! When a session has expired: the only comparisons of times with limits.

use crate::base::environment::{Buffer, Time};
use crate::base::keys::Ring;
use crate::base::policy::Policy;
use crate::record::layout::{Previous, Record};
use crate::wire::token::{Token, same};

/// After this time, in milliseconds, no answer with an old cookie can be in transit, and such a cookie counts as
/// unknown.
pub(crate) const SETTLED: u64 = 60_000;

/// What a well-signed cookie is worth against the record of its handle.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Idle for too long or past the absolute end.
    Expired,
    /// The session's cookie.
    Current,
    /// The cookie before the last renewal, within the grace.
    Grace,
    /// The same, after the grace.
    PastGrace,
    /// An older one.
    Replaced,
}

/// Applies after every load and every reload (protocol rule 1).
pub(crate) fn accept<B: Buffer>(token: &Token, record: &Record<B>, policy: &Policy, now: Time) -> Verdict {
    if expired(record, policy, now) { Verdict::Expired } else { worth(token, record, now) }
}

/// The same regardless of the limits. Unless it is `Replaced`, the cookie may end the session as its own.
pub(crate) fn worth<B: Buffer>(token: &Token, record: &Record<B>, now: Time) -> Verdict {
    if same(record.verifier(), &token.verifier) {
        return Verdict::Current;
    }
    match record.previous() {
        Some(previous) if renewed(&previous, token) => {
            if now < previous.grace_until {
                Verdict::Grace
            } else {
                Verdict::PastGrace
            }
        }
        _ => Verdict::Replaced,
    }
}

/// Whether it was a renewal that replaced this cookie last.
fn renewed(previous: &Previous<'_>, token: &Token) -> bool {
    previous.grace_until > Time::ZERO && same(previous.verifier, &token.verifier)
}

/// The cookie with which a login has just replaced this one, for another login of the same subject (protocol rule 15).
pub(crate) fn successor<B: Buffer>(
    token: &Token,
    record: &Record<B>,
    subject: &str,
    now: Time,
    ring: &Ring,
) -> Option<Token> {
    let previous = record.previous()?;
    let same_subject = record.subject().is_some_and(|(signed_in, _)| signed_in == subject);
    if previous.grace_until > Time::ZERO
        || !same_subject
        || !unsettled(record, now)
        || !same(previous.verifier, &token.verifier)
    {
        return None;
    }
    token.next(previous.sealed_next, record.verifier(), ring)
}

/// How far the clock of the record's writer may be ahead of this one, in milliseconds (TM1).
const AHEAD: u64 = 60_000;

/// The record's own limits and, unless they are the session's own, the current policy's. A shortened policy applies at
/// once, a lengthened one from the next write, and its absolute end, for a signed-in subject, from the next login. A
/// record from the future has expired: a clock that was ahead must not give a session more time than its limits.
pub(crate) fn expired<B: Buffer>(record: &Record<B>, policy: &Policy, now: Time) -> bool {
    let (stamp, created, limits) = (record.stamp(), record.created(), &policy.limits);
    let ahead = now.millis() + AHEAD;
    stamp.last_seen.millis() > ahead
        || created.millis() > ahead
        || !stamp.live(now)
        || !record.own_lifetimes()
            && (now.past(stamp.last_seen, limits.idle_of(stamp.login)) || now.past(created, limits.absolute))
}

/// Whether the cookie changed so recently that an answer with the old one may still be in transit.
pub(crate) fn unsettled<B: Buffer>(record: &Record<B>, now: Time) -> bool {
    !now.past(record.rotated_at(), SETTLED)
}

/// Whether the cookie has reached the age of renewal and no grace is running (protocol rule 2). Only the holder of the
/// current cookie renews it: the holder of the one before could not seal the next one for the holder of the current one.
pub(crate) fn renewal_due<B: Buffer>(token: &Token, record: &Record<B>, policy: &Policy, now: Time) -> bool {
    now.past(record.rotated_at(), policy.limits.renew_after)
        && same(record.verifier(), &token.verifier)
        && record.previous().is_none_or(|previous| now >= previous.grace_until)
}

/// Whether the last activity is so old that it must be recorded again.
pub(crate) fn touch_due<B: Buffer>(record: &Record<B>, policy: &Policy, now: Time) -> bool {
    now.millis_since(record.last_seen()) >= policy.limits.touch_every
}
