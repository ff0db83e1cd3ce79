//! What is explored: where it starts, who asks for what, how often things go wrong.

use std::fmt;
use std::time::Duration;

use session_core::policy::{Lifetimes, PlainCookie, Policy, PolicyError};

use crate::protocol::monitor::{ABSOLUTE, IDLE, TOUCH_EVERY};
use crate::protocol::request::Verb;
use crate::protocol::world::{Kind, State};

/// Clock steps, each across a limit.
pub(crate) const JUMPS: [(Duration, &str); 5] = [
    (Duration::from_secs(31), "past the grace"),
    (Duration::from_secs(61), "past the minute in which an old answer may be under way"),
    (Duration::from_secs(101), "past the age of renewal"),
    (Duration::from_secs(301), "past the idle timeout"),
    (Duration::from_secs(3), "past the patience with which a request tries again"),
];
/// The one of them that matters only after a fault.
pub(crate) const PATIENCE: usize = 4;

/// The explored lifetimes.
pub(crate) fn policy(renew_after: Duration) -> Result<Policy, PolicyError> {
    let lifetimes = Lifetimes {
        idle: Some(Duration::from_millis(IDLE)),
        absolute: Some(Duration::from_millis(ABSOLUTE)),
        renew_after: Some(renew_after),
        grace: Duration::from_secs(30),
        touch_every: Some(Duration::from_millis(TOUCH_EVERY)),
        ..Lifetimes::DEFAULT
    };
    Policy::plain_http(PlainCookie::new(), lifetimes)
}

/// The age at which the explored cookies are renewed.
pub(crate) const RENEW_AFTER: Duration = Duration::from_secs(100);
/// An age within the grace, which construction refuses.
pub(crate) const RENEW_WITHIN_GRACE: Duration = Duration::from_secs(20);

/// Whose jar a request takes its cookie from.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(crate) enum Holder {
    /// The browser.
    Browser = 0,
    /// A second party who holds the cookie of before the last step of the start: planted, stolen, or a second tab's.
    Second = 1,
}

/// Where the requests begin.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(crate) enum Beginning {
    /// Nobody has a cookie.
    Nothing,
    /// A session without a subject, its cookie in both jars.
    Anonymous,
    /// A session of subject a; the second party holds the cookie from before the login.
    SignedIn,
    /// The same a while later: the cookie is due for renewal.
    Due,
    /// The cookie was renewed a moment ago; the second party holds the one before.
    InGrace,
    /// A session close to the end of its absolute lifetime, in both jars.
    NearItsEnd,
}

impl Beginning {
    pub(crate) const ALL: [Self; 6] =
        [Self::Nothing, Self::Anonymous, Self::SignedIn, Self::Due, Self::InGrace, Self::NearItsEnd];
}

/// The store, clock and jars at the beginning.
#[derive(Clone)]
pub(crate) struct Start {
    pub(crate) state: State,
    pub(crate) now: u64,
    pub(crate) jars: [Option<String>; 2],
}

/// Requests that happen at the same time.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(crate) struct Scenario {
    pub(crate) kind: Kind,
    pub(crate) beginning: Beginning,
    pub(crate) requests: Vec<(Verb, Holder)>,
    /// Store calls that fail or lose their answer, and requests that crash, in all.
    pub(crate) faults: u8,
    /// Steps of the clock.
    pub(crate) jumps: u8,
}

impl Scenario {
    /// One request, undisturbed.
    pub(crate) fn quiet(verb: Verb, holder: Holder) -> Self {
        let (kind, beginning) = (Kind::Memory, Beginning::Nothing);
        Self { kind, beginning, requests: vec![(verb, holder)], faults: 0, jumps: 0 }
    }
}

impl fmt::Display for Scenario {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { kind, beginning, requests, faults, jumps } = self;
        write!(f, "{beginning:?}, store like {kind:?}, {faults} faults, {jumps} steps of the clock")?;
        requests.iter().try_for_each(|(verb, holder)| write!(f, ", {verb:?} by {holder:?}"))
    }
}

/// All sets of `requests` requests, from all beginnings, over each kind of store. Those that list or revoke, and
/// logins at a cap, have faults or clock steps; both only if this is to be the `whole`.
pub(crate) fn all(requests: usize, faults: u8, jumps: u8, whole: bool) -> Vec<Scenario> {
    let both = Verb::ALL.iter().flat_map(|verb| [(*verb, Holder::Browser), (*verb, Holder::Second)]);
    // an administrator is no browser
    let one_holder = |verb| matches!(verb, Verb::EndA | Verb::Upgrade);
    let each: Vec<_> = both.filter(|(verb, holder)| !one_holder(*verb) || *holder == Holder::Browser).collect();
    let mut sets: Vec<Vec<(Verb, Holder)>> = vec![Vec::new()];
    for _ in 0..requests {
        // in ascending order, so that no set comes twice
        let longer = |set: &Vec<(Verb, Holder)>| {
            let last = set.last().copied();
            let set = set.clone();
            let next = each.iter().filter(move |next| last.is_none_or(|last| last <= **next));
            next.map(move |next| [&set[..], &[*next]].concat()).collect::<Vec<_>>()
        };
        sets = sets.iter().flat_map(longer).collect();
    }
    let mut scenarios = Vec::new();
    for kind in [Kind::Capped, Kind::CappedAtTwo, Kind::Memory, Kind::Cache] {
        for beginning in Beginning::ALL.into_iter().filter(|beginning| matters(kind, *beginning)) {
            // without a cookie both parties are the same
            let same = beginning == Beginning::Nothing;
            let sets = sets.iter().filter(|set| !same || set.iter().all(|(_, holder)| *holder == Holder::Browser));
            let sets =
                sets.filter(|set| set.iter().all(|(verb, _)| offered(kind, *verb)) && meet(set) && at_cap(kind, set));
            for set in sets {
                let scenario = |faults, jumps| Scenario { kind, beginning, requests: set.clone(), faults, jumps };
                let halved = lists(set) || kind.cap() > 0 || set.iter().any(|(verb, _)| *verb == Verb::Upgrade);
                if whole || faults == 0 || jumps == 0 || !halved {
                    scenarios.push(scenario(faults, jumps));
                } else {
                    scenarios.extend([scenario(faults, 0), scenario(0, jumps)]);
                }
            }
        }
    }
    // the smallest first
    scenarios.sort_by_key(|scenario: &Scenario| scenario.faults + scenario.jumps);
    scenarios
}

/// A store that cannot list refuses what needs it; with a cap, what has to do with it is looked at.
fn offered(kind: Kind, verb: Verb) -> bool {
    match kind {
        Kind::Memory => true,
        Kind::Cache => !verb.revokes() && !matches!(verb, Verb::List | Verb::Upgrade),
        Kind::Capped | Kind::CappedAtTwo => {
            matches!(verb, Verb::Read | Verb::Increment | Verb::LoginA | Verb::Logout | Verb::List) || verb.revokes()
        }
    }
}

fn lists(set: &[(Verb, Holder)]) -> bool {
    set.iter().any(|(verb, _)| verb.revokes() || *verb == Verb::List)
}

/// Whoever lists or revokes looks at no value: with those that change one, one of them is explored.
fn meet(set: &[(Verb, Holder)]) -> bool {
    let of_values = |verb: Verb| {
        use Verb::{Clear, Flash, Peek, Remove, Same, TakeFlash, Upgrade};
        matches!(verb, Peek | Same | Remove | Flash | TakeFlash | Clear | Upgrade)
    };
    !lists(set) || !set.iter().any(|(verb, _)| of_values(*verb))
}

/// A cap above one is counted in the same way, so that only those are explored that count.
fn at_cap(kind: Kind, set: &[(Verb, Holder)]) -> bool {
    kind != Kind::CappedAtTwo || set.iter().any(|(verb, _)| verb.signs_in())
}

fn matters(kind: Kind, beginning: Beginning) -> bool {
    match kind {
        Kind::Memory | Kind::Cache => true,
        Kind::Capped => matches!(beginning, Beginning::Nothing | Beginning::Anonymous | Beginning::SignedIn),
        Kind::CappedAtTwo => matches!(beginning, Beginning::Nothing | Beginning::SignedIn),
    }
}
