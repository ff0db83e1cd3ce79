//! Opens when Redis fails, so that requests are refused at once instead of waiting for their time limit; lets one try
//! from time to time.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// So many failures in a row open it; a connection that cannot be made does so at once.
const FAILURES: u32 = 3;

pub(crate) struct Circuit(Mutex<State>);

#[derive(Clone, Copy, Default)]
struct State {
    failures: u32,
    /// Refused until then; `None`: closed.
    opens: Option<Instant>,
}

impl Circuit {
    pub(crate) const fn new() -> Self {
        Self(Mutex::new(State { failures: 0, opens: None }))
    }

    /// Whether a request may try. When the pause is over one of them does, and the others are refused for as long as that
    /// one may take.
    pub(crate) fn lets_pass(&self, limit: Duration) -> bool {
        let mut state = self.state();
        match state.opens {
            None => true,
            Some(until) if Instant::now() < until => false,
            Some(_) => {
                state.opens = Some(Instant::now() + limit);
                true
            }
        }
    }

    pub(crate) fn answered(&self) {
        *self.state() = State::default();
    }

    pub(crate) fn failed(&self, pause: Duration, connected: bool) {
        let mut state = self.state();
        state.failures = state.failures.saturating_add(1);
        if !connected || state.failures >= FAILURES || state.opens.is_some() {
            state.opens = Some(Instant::now() + pause);
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: Duration = Duration::from_secs(2);
    const PAUSE: Duration = Duration::from_secs(1);

    #[tokio::test(start_paused = true)]
    async fn opens_tries_and_closes_st10() {
        let circuit = Circuit::new();
        circuit.failed(PAUSE, true);
        circuit.failed(PAUSE, true);
        circuit.answered();
        circuit.failed(PAUSE, true);
        circuit.failed(PAUSE, true);
        assert!(circuit.lets_pass(LIMIT), "an answer in between");
        circuit.failed(PAUSE, true);
        assert!(!circuit.lets_pass(LIMIT), "three in a row");
        tokio::time::advance(PAUSE).await;
        assert!(circuit.lets_pass(LIMIT), "one tries");
        assert!(!circuit.lets_pass(LIMIT), "while the others are refused");
        circuit.failed(PAUSE, true);
        assert!(!circuit.lets_pass(LIMIT), "it failed again");
        tokio::time::advance(PAUSE).await;
        assert!(circuit.lets_pass(LIMIT));
        circuit.answered();
        assert!(circuit.lets_pass(LIMIT) && circuit.lets_pass(LIMIT), "closed");
    }

    #[tokio::test(start_paused = true)]
    async fn a_try_that_was_dropped_is_followed_by_another_st10() {
        let circuit = Circuit::new();
        circuit.failed(PAUSE, false);
        assert!(!circuit.lets_pass(LIMIT), "no connection: at once");
        tokio::time::advance(PAUSE).await;
        assert!(circuit.lets_pass(LIMIT) && !circuit.lets_pass(LIMIT));
        tokio::time::advance(LIMIT).await;
        assert!(circuit.lets_pass(LIMIT));
    }
}
