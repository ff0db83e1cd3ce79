//! How long and how often a database is asked.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::SqlError;

/// How much a store asks of its database, and how long it waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// Connections at most; default 16. SQLite has one more, which alone writes.
    pub connections: usize,
    /// For a new connection; default 1 s.
    pub connect: Duration,
    /// For a statement, from waiting for a connection to the answer; default 3 s. PostgreSQL is told to break off by itself
    /// what takes longer. An operation is one statement, and two after a conflict.
    pub response: Duration,
    /// After so many failures in a row the database is left alone; default 3.
    pub failures: u32,
    /// For how long it is left alone; default 1 s. Then one operation tries.
    pub pause: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 16,
            connect: Duration::from_secs(1),
            response: Duration::from_secs(3),
            failures: 3,
            pause: Duration::from_secs(1),
        }
    }
}

/// Spares a database that is down, and those who would wait for it.
#[derive(Default)]
pub(crate) struct Circuit(Mutex<State>);

#[derive(Default)]
struct State {
    failures: u32,
    open_until: Option<Instant>,
}

impl Circuit {
    /// Asks to go on. After a pause the first one may, and the others when it came back with an answer.
    pub(crate) fn enter(&self, limits: &Limits) -> Result<(), SqlError> {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        match state.open_until {
            Some(until) if now < until => Err(SqlError::Resting),
            Some(_) => {
                // whoever tries may be dropped: the next one goes after another pause
                state.open_until = now.checked_add(limits.pause);
                Ok(())
            }
            None => Ok(()),
        }
    }

    /// The database answered, or not.
    pub(crate) fn note(&self, outage: bool, limits: &Limits) {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if !outage {
            *state = State::default();
            return;
        }
        state.failures = state.failures.saturating_add(1);
        if state.failures >= limits.failures {
            state.open_until = Instant::now().checked_add(limits.pause);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_circuit_opens_and_lets_one_try_st10() {
        let limits = Limits { pause: Duration::from_secs(3600), ..Limits::default() };
        let circuit = Circuit::default();
        for _ in 0..3 {
            assert_eq!(circuit.enter(&limits), Ok(()));
            circuit.note(true, &limits);
        }
        assert_eq!(circuit.enter(&limits), Err(SqlError::Resting));
        // the pause is over
        circuit.0.lock().unwrap().open_until = Some(Instant::now());
        assert_eq!(circuit.enter(&limits), Ok(()));
        assert_eq!(circuit.enter(&limits), Err(SqlError::Resting), "one tries, the others wait for it");
        circuit.note(false, &limits);
        assert_eq!((circuit.enter(&limits), circuit.enter(&limits)), (Ok(()), Ok(())));
    }

    #[test]
    fn failures_with_answers_between_them_do_not_count() {
        let (limits, circuit) = (Limits::default(), Circuit::default());
        for outage in [true, true, false, true, true] {
            circuit.note(outage, &limits);
        }
        assert_eq!(circuit.enter(&limits), Ok(()));
    }
}
