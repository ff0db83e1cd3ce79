//! A server, as an adapter makes one of the core.

use std::cell::{Cell, RefCell};
use std::time::Duration;

use session_core::device::{DeviceKeys, DeviceProof, DeviceReply, EndpointPath};
use session_core::environment::Time;
use session_core::events::{Event, Observer};
use session_core::policy::{Policy, SET_COOKIE_LEN};
use session_core::store::{DeleteCondition, Handle, Load, Outcome, Store, Version};
use session_core::testing::{ManualClock, ScriptedRng, run};
use session_core::{Keys, RequestState, Session, Sessions};
use session_store_memory::MemoryStore;

use super::proof::Toy;
use crate::life_cycle::KEY;

/// A store that counts what it is asked, and that can be down.
pub struct Counting {
    inner: MemoryStore,
    /// How often it was asked.
    pub calls: Cell<usize>,
    /// It does not answer.
    pub down: Cell<bool>,
}

/// It is down.
#[derive(Debug)]
pub struct Down;

impl std::fmt::Display for Down {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("down")
    }
}

impl Counting {
    fn asked(&self) -> Result<&MemoryStore, Down> {
        self.calls.set(self.calls.get() + 1);
        if self.down.get() { Err(Down) } else { Ok(&self.inner) }
    }
}

impl Store for Counting {
    type Error = Down;
    type Index = <MemoryStore as Store>::Index;

    fn index(&self) -> Option<&Self::Index> {
        self.inner.index()
    }

    async fn load(&self, key: &Handle, now: Time, into: &mut [u8]) -> Result<Load, Down> {
        self.asked()?.load(key, now, into).await.map_err(|_| Down)
    }

    async fn create(&self, key: &Handle, record: &[u8], now: Time) -> Result<Outcome, Down> {
        self.asked()?.create(key, record, now).await.map_err(|_| Down)
    }

    async fn update(
        &self,
        key: &Handle,
        seen: Version,
        record: &[u8],
        now: Time,
        there: &mut [u8],
    ) -> Result<Outcome, Down> {
        self.asked()?.update(key, seen, record, now, there).await.map_err(|_| Down)
    }

    async fn touch(&self, key: &Handle, now: Time) -> Result<Outcome, Down> {
        self.asked()?.touch(key, now).await.map_err(|_| Down)
    }

    async fn delete(&self, key: &Handle, condition: DeleteCondition, now: Time) -> Result<Outcome, Down> {
        self.asked()?.delete(key, condition, now).await.map_err(|_| Down)
    }
}

/// Everything that was reported, as text.
#[derive(Default)]
pub struct Told(RefCell<Vec<String>>);

impl Observer for &Told {
    fn observe(&self, event: &Event<'_>) {
        let why = event.reason().map(|why| format!(": {why}")).unwrap_or_default();
        self.0.borrow_mut().push(format!("{}{why}", event.name()));
    }
}

/// What a handler does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Visit {
    /// Says who is signed in.
    Who,
    /// Stores something.
    Write,
    /// Signs somebody in.
    SignIn(&'static str),
    /// Signs out.
    SignOut,
}

/// An answer of the application.
#[derive(Clone, Debug)]
pub struct Answer {
    /// Who was signed in when the request came; an error if there was no session to be had.
    pub who: Result<Option<String>, session_core::Error>,
    /// What the cookies proved.
    pub proof: DeviceProof,
    /// What was stored, which is who stored it.
    pub data: Option<String>,
    /// Values of `Set-Cookie`.
    pub cookies: Vec<String>,
    /// `Secure-Session-Registration`.
    pub registration: Option<String>,
}

/// An application on one node.
pub struct Site {
    /// Stands until it is moved.
    pub clock: ManualClock,
    /// Where sessions are.
    pub store: Counting,
    told: Told,
    policy: Policy,
    device: DeviceKeys,
    keys: Keys,
    rng: RefCell<ScriptedRng>,
}

/// How long a proof holds.
const LIFETIME: Duration = Duration::from_secs(600);

impl Site {
    /// With this policy on top of the usual one.
    ///
    /// # Panics
    /// Not for what a test passes.
    #[must_use]
    pub fn new(change: impl FnOnce(Policy) -> Policy) -> Self {
        let policy = change(Policy::SECURE.device_bound(LIFETIME).expect("a __Host- cookie"));
        let keys = Keys::new(&KEY).expect("random enough");
        let path = EndpointPath::new("/dbsc").expect("a path");
        Self {
            clock: ManualClock::at(Time::from_millis(1_764_460_800_000)),
            store: Counting { inner: MemoryStore::new(), calls: Cell::new(0), down: Cell::new(false) },
            told: Told::default(),
            policy,
            device: DeviceKeys::new(&keys, policy, path).expect("the policy binds"),
            keys,
            rng: RefCell::new(ScriptedRng::new(1)),
        }
    }

    /// What was reported since the last time this was asked.
    pub fn told(&self) -> Vec<String> {
        self.told.0.take()
    }

    /// How often the store was asked since the last time this was asked.
    pub fn calls(&self) -> usize {
        self.store.calls.replace(0)
    }

    fn sessions(&self) -> Sessions<&Counting, &ManualClock, &Told> {
        Sessions::new(&self.store, &self.clock, &self.keys, self.policy).observed(&self.told)
    }

    /// Ends all sessions of a subject.
    ///
    /// # Panics
    /// If the store is down.
    pub fn revoke(&self, subject: &str) {
        run(self.sessions().revoke_all(subject)).expect("the store works");
    }

    /// Which sessions of a subject are bound.
    ///
    /// # Panics
    /// If the store is down.
    #[must_use]
    pub fn bound(&self, subject: &str) -> Vec<bool> {
        let mut bound = Vec::new();
        let list = self.sessions();
        run(list.list(subject, [0; 1_024], |info| bound.push(info.device_bound))).expect("the store works");
        bound
    }

    /// A request to the application.
    pub fn visit(&self, cookie: &str, visit: Visit) -> Answer {
        let sessions = self.sessions();
        let mut state = RequestState::new([0; 1_024], [0; 1_024]);
        let mut rng = self.rng.borrow_mut();
        let mut session = Session::new(&sessions, &mut state, &mut *rng);
        let (proof, cookies) = (DeviceProof::Unbound, vec![]);
        let mut answer = Answer { who: Ok(None), proof, data: None, cookies, registration: None };
        if let Err(error) = run(session.load([cookie.as_bytes()].into_iter())) {
            answer.who = Err(error);
            return answer;
        }
        answer.proof = session.check_device(&self.device, [cookie.as_bytes()].into_iter());
        session.activity();
        answer.who = Ok(session.subject().map(str::to_owned));
        answer.data = session.get("n").ok().flatten();
        let done = match visit {
            Visit::Who => Ok(()),
            Visit::Write => session.set("n", answer.who.as_ref().ok().and_then(Option::as_deref).unwrap_or_default()),
            Visit::SignIn(subject) => {
                if let DeviceProof::Missing(unproven) = answer.proof {
                    run(sessions.end_unproven(unproven)).expect("the store works");
                }
                run(session.begin_login(subject)).and_then(|attempt| run(session.login(attempt)))
            }
            Visit::SignOut => run(session.logout()),
        };
        if let Err(error) = done.and_then(|()| run(session.commit())) {
            answer.who = Err(error);
        }
        let set_cookie = session.set_cookie(&mut [0; SET_COOKIE_LEN]).ok().flatten().map(str::to_owned);
        answer.cookies.extend(set_cookie);
        answer.registration = session.device_registration(&self.device).map(|header| header.as_str().to_owned());
        answer
    }

    /// A registration: a `POST` to the endpoint.
    pub fn register(&self, cookie: &str, proof: Option<&str>) -> DeviceReply {
        let sessions = self.sessions();
        let mut state = RequestState::new([0; 1_024], [0; 1_024]);
        let mut rng = self.rng.borrow_mut();
        let mut session = Session::new(&sessions, &mut state, &mut *rng);
        if run(session.load([cookie.as_bytes()].into_iter())).is_err() {
            return DeviceReply::Unavailable;
        }
        session.check_device(&self.device, [cookie.as_bytes()].into_iter());
        run(session.register_device(&self.device, &Toy, proof.map(str::as_bytes)))
    }

    /// A refresh: a `POST` to the endpoint with an identifier.
    pub fn refresh(&self, cookie: &str, query: &[u8], proof: Option<&[u8]>) -> DeviceReply {
        let sessions = self.sessions();
        let mut rng = self.rng.borrow_mut();
        let (device, room, lines) = (&self.device, [0; 1_024], [cookie.as_bytes()].into_iter());
        run(sessions.refresh_device(device, &Toy, room, &mut *rng, query, proof, lines))
    }
}
