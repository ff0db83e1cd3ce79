//! The marks of sealed sessions: logins, logouts and revocations at the same time, in random orders of their store calls,
//! with calls that fail and answers that are lost.

use core_tests::life_cycle::KEY;
use session_core::environment::Time;
use session_core::policy::Policy;
use session_core::store::{DeleteCondition, Handle, Load, Outcome, Store, Version};
use session_core::subject::NoIndex;
use session_core::testing::{ManualClock, ScriptedRng, run};
use session_core::{Error, Keys, RequestState, Session, Sessions};
use session_store_memory::MemoryStore;
use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

struct Chance(Cell<u64>);

impl Chance {
    fn below(&self, most: u64) -> u64 {
        self.0.set(self.0.get().wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407));
        (self.0.get() >> 33) % most
    }
}

/// Waits before each call, and loses answers.
struct Slow<'a> {
    inner: MemoryStore,
    chance: &'a Chance,
    faults: Cell<u64>,
    lost: Cell<u32>,
    step: Cell<u32>,
}

enum Fate {
    Answered,
    Lost,
    Failed,
}

impl Slow<'_> {
    async fn wait(&self) -> Fate {
        let mut waited = false;
        poll_fn(|_| if std::mem::replace(&mut waited, true) { Poll::Ready(()) } else { Poll::Pending }).await;
        self.step.set(self.step.get() + 1);
        let faults = self.faults.get();
        if faults == 0 || self.chance.below(100) >= faults {
            return Fate::Answered;
        }
        self.lost.set(self.lost.get() + 1);
        if self.chance.below(2) == 0 { Fate::Lost } else { Fate::Failed }
    }
}

macro_rules! call {
    ($self:ident, $call:expr) => {
        match $self.wait().await {
            Fate::Failed => Err("failed"),
            Fate::Lost => {
                let _ = $call.await;
                Err("lost")
            }
            Fate::Answered => $call.await.map_err(|_| "never"),
        }
    };
}

impl Store for Slow<'_> {
    type Error = &'static str;
    type Index = NoIndex;

    fn index(&self) -> Option<&NoIndex> {
        None
    }

    async fn load(&self, key: &Handle, now: Time, into: &mut [u8]) -> Result<Load, &'static str> {
        call!(self, self.inner.load(key, now, into))
    }

    async fn create(&self, key: &Handle, record: &[u8], now: Time) -> Result<Outcome, &'static str> {
        call!(self, self.inner.create(key, record, now))
    }

    async fn update(
        &self,
        key: &Handle,
        seen: Version,
        record: &[u8],
        now: Time,
        there: &mut [u8],
    ) -> Result<Outcome, &'static str> {
        call!(self, self.inner.update(key, seen, record, now, there))
    }

    async fn touch(&self, key: &Handle, now: Time) -> Result<Outcome, &'static str> {
        call!(self, self.inner.touch(key, now))
    }

    async fn delete(&self, key: &Handle, condition: DeleteCondition, now: Time) -> Result<Outcome, &'static str> {
        call!(self, self.inner.delete(key, condition, now))
    }
}

/// What was asked for, between which steps of the store, and what came of it.
#[derive(Debug)]
enum Event {
    Login { subject: &'static str, from: u32, begun: u32, to: u32, result: Result<String, Error> },
    Revoke { subject: Option<&'static str>, from: u32, to: u32, result: Result<(), Error> },
    Logout { subject: &'static str, from: u32, to: u32, result: Result<(), Error> },
}

/// SE7: a sign-out ends every login that was complete before it, and every login that began before it and completed after
/// it. Nothing else ends or rejects a login, unless a call failed.
#[test]
fn marks_hold_in_any_order_of_calls_se7() {
    let (mut held, mut again) = (0, 0);
    for seed in 0..6_000_u64 {
        let chance = Chance(Cell::new(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1));
        (0..5).for_each(|_| _ = chance.below(2));
        let store = Slow {
            inner: MemoryStore::new(),
            chance: &chance,
            faults: Cell::new([0, 0, 15, 40][chance.below(4) as usize]),
            lost: Cell::new(0),
            step: Cell::new(0),
        };
        let clock = ManualClock::at(Time::from_millis(1 << 40));
        let keys = Keys::new(&KEY).unwrap();
        let sessions = Sessions::sealed(&store, &clock, &keys, Policy::SECURE);
        let history = RefCell::new(Vec::<Event>::new());
        let cookie_of = |set: Option<&str>| set.map(|set| set.split(';').next().unwrap().to_owned());
        let login = |subject: &'static str, seed: u64| {
            let (sessions, history, store) = (&sessions, &history, &store);
            async move {
                let mut exchange = RequestState::new([0; 512], [0; 512]);
                let mut session = Session::new(sessions, &mut exchange, ScriptedRng::new(seed));
                let from = store.step.get();
                let mut begun = from;
                let done = async {
                    let attempt = session.begin_login(subject).await?;
                    begun = store.step.get();
                    session.login(attempt).await?;
                    session.commit().await
                }
                .await;
                let mut into = [0; 1024];
                let result = done.map(|()| cookie_of(session.set_cookie(&mut into).unwrap()).unwrap());
                history.borrow_mut().push(Event::Login { subject, from, begun, to: store.step.get(), result });
            }
        };
        let revoke = |subject: Option<&'static str>| {
            let (sessions, history, store) = (&sessions, &history, &store);
            async move {
                let from = store.step.get();
                let result = match subject {
                    Some(subject) => sessions.revoke_all(subject).await.map(drop),
                    None => sessions.end_all().await,
                };
                history.borrow_mut().push(Event::Revoke { subject, from, to: store.step.get(), result });
            }
        };
        let logout = |at: usize, seed: u64| {
            let (sessions, history, store) = (&sessions, &history, &store);
            async move {
                let cookie = history
                    .borrow()
                    .iter()
                    .filter_map(|event| match event {
                        Event::Login { subject, result: Ok(cookie), .. } => Some((*subject, cookie.clone())),
                        _ => None,
                    })
                    .nth(at);
                let Some((subject, cookie)) = cookie else { return };
                let mut exchange = RequestState::new([0; 512], [0; 512]);
                let mut session = Session::new(sessions, &mut exchange, ScriptedRng::new(seed));
                let from = store.step.get();
                let result = async {
                    session.load(std::iter::once(cookie.as_bytes())).await?;
                    if session.subject().is_none() {
                        return Err(Error::NotSignedIn);
                    }
                    session.logout().await?;
                    session.commit().await
                }
                .await;
                history.borrow_mut().push(Event::Logout { subject, from, to: store.step.get(), result });
            }
        };
        let subjects = ["ann", "bob"];
        let mut tasks: Vec<Pin<Box<dyn Future<Output = ()> + '_>>> = Vec::new();
        let count = 2 + chance.below(5);
        for at in 0..count {
            let subject = subjects[(chance.below(4) == 0) as usize];
            let task: Pin<Box<dyn Future<Output = ()> + '_>> = match chance.below(8) {
                0..=3 => Box::pin(login(subject, seed * 31 + at)),
                4 | 5 => Box::pin(revoke(Some(subject))),
                6 => Box::pin(revoke(None)),
                _ => Box::pin(logout(chance.below(2) as usize, seed * 31 + at + 17)),
            };
            tasks.push(task);
        }
        // some begin later
        let mut active: Vec<_> = Vec::new();
        while !tasks.is_empty() || !active.is_empty() {
            if !tasks.is_empty() && (active.is_empty() || chance.below(6) == 0) {
                active.push(tasks.remove(0));
            }
            if chance.below(20) == 0 {
                clock.advance(Duration::from_millis(1));
            }
            let at = chance.below(active.len() as u64) as usize;
            if active[at].as_mut().poll(&mut Context::from_waker(Waker::noop())).is_ready() {
                drop(active.remove(at));
            }
        }
        drop(active);
        drop(tasks);
        let faulty = store.lost.get() > 0;
        store.faults.set(0);
        let history = history.take();
        for event in &history {
            let Event::Login { subject, from, begun, to, result } = event else { continue };
            let ends = |all: bool| {
                history
                    .iter()
                    .filter_map(move |event| match event {
                        Event::Revoke { subject: of, from, to, result } if of.is_none_or(|of| of == *subject) => {
                            Some((*from, *to, result.is_ok()))
                        }
                        Event::Logout { subject: of, from, to, result } if of == subject => {
                            Some((*from, *to, result.is_ok()))
                        }
                        _ => None,
                    })
                    .filter(move |(.., ok)| all || *ok)
            };
            let told = |why: &str| panic!("seed {seed}: {why}\n{event:?}\n{history:#?}");
            match result {
                Ok(cookie) => {
                    let mut exchange = RequestState::new([0; 512], [0; 512]);
                    let mut session = Session::new(&sessions, &mut exchange, ScriptedRng::new(9));
                    run(session.load(std::iter::once(cookie.as_bytes()))).unwrap();
                    let valid = session.subject() == Some(*subject);
                    held += u32::from(valid);
                    if valid
                        && ends(false)
                            .any(|(end_from, end_to, _)| end_from >= *to || end_from >= *begun && end_to < *to)
                    {
                        told("valid after a sign-out");
                    }
                    if !valid && !ends(true).any(|(_, end_to, _)| end_to >= *from) {
                        told("over without a sign-out");
                    }
                }
                Err(Error::SignInAgain) => {
                    again += 1;
                    // two logins at once after a sign-out may not both hold
                    if !faulty && ends(true).next().is_none() {
                        told("rejected without a sign-out");
                    }
                }
                Err(Error::Unavailable | Error::Indeterminate) if faulty => {}
                Err(error) => told(&format!("{error:?}")),
            }
        }
        let failed = |event: &Event| matches!(event, Event::Revoke { result: Err(_), .. });
        assert!(faulty || !history.iter().any(failed), "seed {seed}: {history:#?}");
    }
    assert!(held > 1_000 && again > 100, "{held} held, {again} rejected");
}
