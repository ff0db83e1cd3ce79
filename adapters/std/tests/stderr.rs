//! What a program that observes nothing hears of a store that is away: one line on stderr. Each case is a process of its
//! own, this test run again.

use std::process::Command;

use session_core::environment::Time;
use session_core::store::{DeleteCondition, Handle, Load, Outcome, Store, Version};
use session_core::subject::NoIndex;
use session_core::testing::run;
use session_std::{Error, Request, Sessions, keys, shared};

/// A store that nobody can reach.
#[derive(Clone, Copy)]
struct Away;

const WHY: &str = "connection refused";

impl Store for Away {
    type Error = &'static str;
    type Index = NoIndex;

    fn index(&self) -> Option<&NoIndex> {
        None
    }

    async fn load(&self, _: &Handle, _: Time, _: &mut [u8]) -> Result<Load, &'static str> {
        Err(WHY)
    }

    async fn create(&self, _: &Handle, _: &[u8], _: Time) -> Result<Outcome, &'static str> {
        Err(WHY)
    }

    async fn update(&self, _: &Handle, _: Version, _: &[u8], _: Time, _: &mut [u8]) -> Result<Outcome, &'static str> {
        Err(WHY)
    }

    async fn touch(&self, _: &Handle, _: Time) -> Result<Outcome, &'static str> {
        Err(WHY)
    }

    async fn delete(&self, _: &Handle, _: DeleteCondition, _: Time) -> Result<Outcome, &'static str> {
        Err(WHY)
    }
}

shared!(Away);

/// The variable that says what the process is to do.
const ROLE: &str = "SESSION_STD_TEST_ROLE";

/// Sends three requests, each of which is told 503.
fn program(role: &str) {
    let sessions = Sessions::new(Away, keys::generated());
    let sessions = if role == "silent" { sessions.observed(()) } else { sessions };
    for _ in 0..3 {
        let request = Request::new(sessions.clone());
        let session = run(request.session([].into_iter(), true)).unwrap();
        session.set("n", &1_u32).unwrap();
        assert_eq!(run(request.finish()).error.map(Error::status), Some(503));
    }
}

#[test]
fn a_store_that_is_away_is_heard_without_an_observer_st10() {
    if let Ok(role) = std::env::var(ROLE) {
        return program(&role);
    }
    for (role, expected) in [("default", &["session: session store failed: connection refused"][..]), ("silent", &[])] {
        let mut again = Command::new(std::env::current_exe().unwrap());
        again.args(["--exact", "a_store_that_is_away_is_heard_without_an_observer_st10", "--nocapture"]);
        let ran = again.env(ROLE, role).output().unwrap();
        assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
        let text = String::from_utf8(ran.stderr).unwrap();
        let lines: Vec<&str> = text.lines().filter(|line| line.contains("session")).collect();
        assert_eq!(lines, expected, "{role}");
    }
}
