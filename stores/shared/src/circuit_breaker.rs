//! Stops contacting a server that keeps failing, so that operations fail immediately instead of waiting for their
//! timeout.
//!
//! ```text
//! closed ── max_failures in a row ──▶ open ── pause ──▶ half open: one operation tries, the others are rejected
//!   ▲                                  ▲                     │
//!   └───────────── success ────────────┼─────────────────────┤
//!                                      └────── failure ──────┘
//! ```

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::connection_options::ConnectionOptions;

/// The circuit breaker of one server. The caller decides which errors are failures, and passes the time.
#[derive(Debug)]
pub struct CircuitBreaker {
    max_failures: u32,
    pause: Duration,
    /// How long an operation that tries may take.
    operation_timeout: Duration,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// Failures in a row.
    failures: u32,
    /// Operations are rejected until then; `None` if the circuit is closed.
    rejects_until: Option<Instant>,
}

impl CircuitBreaker {
    /// Returns a closed circuit.
    #[must_use]
    pub fn new(options: &ConnectionOptions) -> Self {
        Self {
            max_failures: options.max_failures(),
            pause: options.pause(),
            operation_timeout: options.operation_timeout(),
            state: Mutex::default(),
        }
    }

    /// Returns whether an operation may contact the server. After the pause one operation may, and the others are
    /// rejected until it ends. If its future is dropped, another one may try after the operation timeout.
    pub fn admits(&self, now: Instant) -> bool {
        let mut state = self.state();
        match state.rejects_until {
            None => true,
            Some(until) if now < until => false,
            Some(_) => {
                state.rejects_until = Some(now + self.operation_timeout);
                true
            }
        }
    }

    /// Closes the circuit after an answer from the server.
    pub fn succeeded(&self) {
        *self.state() = State::default();
    }

    /// Counts a failure, and opens the circuit after enough failures in a row.
    pub fn failed(&self, now: Instant) {
        let mut state = self.state();
        state.failures = state.failures.saturating_add(1);
        if state.failures >= self.max_failures {
            state.rejects_until = Some(now + self.pause);
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAUSE: Duration = Duration::from_secs(1);
    const TIMEOUT: Duration = Duration::from_secs(5);

    fn circuit() -> (CircuitBreaker, Instant) {
        let options = ConnectionOptions::new().with_max_failures(3).with_pause(PAUSE).with_operation_timeout(TIMEOUT);
        (CircuitBreaker::new(&options), Instant::now())
    }

    #[test]
    fn a_circuit_opens_tries_once_and_closes_st10() {
        let (circuit, start) = circuit();
        for _ in 0..3 {
            assert!(circuit.admits(start));
            circuit.failed(start);
        }
        let after = start + PAUSE;
        assert!(!circuit.admits(start) && !circuit.admits(after - Duration::from_nanos(1)), "open for the pause");
        assert!(circuit.admits(after), "one operation tries");
        assert!(!circuit.admits(after), "the others are rejected meanwhile");
        circuit.failed(after);
        assert!(!circuit.admits(after), "one failure opens it again");
        let later = after + PAUSE;
        assert!(circuit.admits(later));
        circuit.succeeded();
        assert!(circuit.admits(later) && circuit.admits(later), "closed");
        circuit.failed(later);
        circuit.failed(later);
        assert!(circuit.admits(later), "failures are counted from zero again");
    }

    #[test]
    fn only_failures_in_a_row_count_st10() {
        let (circuit, start) = circuit();
        for _ in 0..9 {
            circuit.failed(start);
            circuit.failed(start);
            circuit.succeeded();
        }
        assert!(circuit.admits(start));
    }

    #[test]
    fn a_try_that_was_dropped_is_followed_by_another_st10() {
        let (circuit, start) = circuit();
        (0..3).for_each(|_| circuit.failed(start));
        let tried = start + PAUSE;
        assert!(circuit.admits(tried));
        assert!(!circuit.admits(tried + TIMEOUT - Duration::from_nanos(1)));
        assert!(circuit.admits(tried + TIMEOUT));
    }

    #[test]
    fn a_circuit_that_never_opens() {
        let circuit = CircuitBreaker::new(&ConnectionOptions::new().with_max_failures(u32::MAX));
        let start = Instant::now();
        (0..1_000).for_each(|_| circuit.failed(start));
        assert!(circuit.admits(start));
    }
}
