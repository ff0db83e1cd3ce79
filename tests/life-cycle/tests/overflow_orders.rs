//! Sessions that travel in their cookies while they fit: every order of the store calls of two requests on one session, and
//! a fault at each of their writes. What was stored cannot lose to a copy from before (LC11), who is logged out stays so
//! (LC3), a login voids the cookies from before (LC2), and what is stored loses no update (ST3).

use base64ct::{Base64UrlUnpadded, Encoding};
use life_cycle::keys;
use session_core::environment::Time;
use session_core::mode::Overflowing;
use session_core::policy::Policy;
use session_core::store::{DeleteCondition, Found, Handle, Load, Outcome, Store, Version};
use session_core::subject::{NoIndex, SubjectId};
use session_core::testing::{ManualClock, ScriptedRng, run};
use session_core::{Error, RequestState, Session, Sessions};
use session_store_memory::MemoryStore;
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

const LARGE: usize = 3_200;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Verb {
    Read,
    /// Adds one to a number.
    Count,
    /// Sets a value under a key of its own.
    Set(&'static str),
    Grow,
    Shrink,
    Login,
    Rotate,
    Logout,
}

const VERBS: [Verb; 8] =
    [Verb::Read, Verb::Count, Verb::Set("a"), Verb::Grow, Verb::Shrink, Verb::Login, Verb::Rotate, Verb::Logout];

/// What becomes of a write.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Grant {
    Pass,
    LoseAnswer,
    Fail,
}

/// A store in memory at which each call on a session's record waits for its turn.
struct Gate {
    inner: MemoryStore,
    /// Versions that count touches, too, and conflicts that bring no record: as in memcached.
    counts: bool,
    touches: RefCell<BTreeMap<Handle, u64>>,
    grant: Cell<Option<Grant>>,
    /// Whether the call that waits is a write.
    writes: Cell<bool>,
    open: Cell<bool>,
}

#[derive(Debug)]
struct Lost;

impl std::fmt::Display for Lost {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("no answer")
    }
}

impl Gate {
    /// The version that the medium shows for the record's own, and back.
    fn turn(&self, key: &Handle, version: Version) -> Version {
        Version(version.0 ^ self.touches.borrow().get(key).copied().unwrap_or(0))
    }

    async fn pass<T, E>(
        &self,
        key: &Handle,
        writes: bool,
        call: impl Future<Output = Result<T, E>>,
    ) -> Result<T, Lost> {
        let cut_off = ["", "ann"].iter().any(|subject| SubjectId::of(subject).as_bytes()[..8] == key.as_bytes()[..]);
        let mut waited = cut_off || self.open.get();
        let grant = std::future::poll_fn(|_| {
            if waited {
                return Poll::Ready(self.grant.take().filter(|_| !cut_off).unwrap_or(Grant::Pass));
            }
            (waited, _) = (true, self.writes.set(writes));
            Poll::Pending
        })
        .await;
        if grant == Grant::Fail {
            return Err(Lost);
        }
        let done = call.await.map_err(|_| Lost);
        if grant == Grant::Pass { done } else { Err(Lost) }
    }
}

impl Store for &Gate {
    type Error = Lost;
    type Index = NoIndex;

    fn index(&self) -> Option<&NoIndex> {
        None
    }

    async fn load(&self, key: &Handle, now: Time, into: &mut [u8]) -> Result<Load, Lost> {
        let load = self.pass(key, false, self.inner.load(key, now, into)).await?;
        Ok(match load {
            Load::Found(found) => Load::Found(Found { version: self.turn(key, found.version), ..found }),
            other => other,
        })
    }

    async fn create(&self, key: &Handle, record: &[u8], now: Time) -> Result<Outcome, Lost> {
        self.pass(key, true, self.inner.create(key, record, now)).await
    }

    async fn update(
        &self,
        key: &Handle,
        seen: Version,
        record: &[u8],
        now: Time,
        there: &mut [u8],
    ) -> Result<Outcome, Lost> {
        let update = async {
            let done = self.inner.update(key, self.turn(key, seen), record, now, there).await;
            done.map(|outcome| match outcome {
                Outcome::Applied(version) => Outcome::Applied(self.turn(key, version)),
                Outcome::Conflict(_) if self.counts => Outcome::Conflict(None),
                outcome => outcome,
            })
        };
        self.pass(key, true, update).await
    }

    async fn touch(&self, key: &Handle, now: Time) -> Result<Outcome, Lost> {
        let touch = async {
            if self.counts {
                *self.touches.borrow_mut().entry(*key).or_default() += 1;
            }
            self.inner.touch(key, now).await
        };
        self.pass(key, true, touch).await
    }

    async fn delete(&self, key: &Handle, condition: DeleteCondition, now: Time) -> Result<Outcome, Lost> {
        self.pass(key, true, self.inner.delete(key, condition, now)).await
    }
}

type Server<'g> = Sessions<&'g Gate, &'g ManualClock, (), Overflowing>;
type Jar = Option<String>;

/// What the client is told, and its cookie after that.
type Answer = (Result<(), Error>, Jar);

async fn serve(server: &Server<'_>, verb: Verb, cookie: Jar, seed: u64) -> Answer {
    let mut exchange = RequestState::new([0; 4_096], [0; 4_096]);
    let mut session = Session::new(server, &mut exchange, ScriptedRng::new(seed));
    session.activity();
    let line = cookie.clone().unwrap_or_default();
    if let Err(error) = session.load(core::iter::once(line.as_bytes())).await {
        return (Err(error), cookie);
    }
    let done = match verb {
        Verb::Read => session.get::<u32>("n").map(drop),
        Verb::Count => session.update_with("n", |n: Option<u32>| n.unwrap_or(0) + 1).await.map(drop),
        Verb::Set(key) => session.set(key, &1_u32),
        Verb::Grow => session.set("large", "x".repeat(LARGE).as_str()),
        Verb::Shrink => session.remove("large"),
        Verb::Login => match session.begin_login("ann").await {
            Ok(attempt) => session.login(attempt).await,
            Err(error) => Err(error),
        },
        Verb::Rotate => session.rotate().await,
        Verb::Logout => session.logout().await,
    };
    let committed = session.commit().await;
    let mut buffer = vec![0; session.set_cookie_len()];
    let jar = match session.set_cookie(&mut buffer) {
        Ok(None) => cookie,
        Ok(Some(set)) => {
            let pair = set.split(';').next().unwrap_or_default();
            (!pair.ends_with('=')).then(|| pair.to_owned())
        }
        Err(error) => return (Err(error), cookie),
    };
    (done.and(committed), jar)
}

/// What a cookie shows: the number, who is signed in, and which keys there are.
type View = Option<(u32, Option<String>, Vec<String>)>;

fn view(server: &Server<'_>, cookie: &Jar) -> View {
    let mut exchange = RequestState::new([0; 4_096], [0; 4_096]);
    let mut session = Session::new(server, &mut exchange, ScriptedRng::new(9));
    run(session.load(core::iter::once(cookie.as_deref().unwrap_or_default().as_bytes()))).ok()?;
    let keys = session.keys().map(str::to_owned).collect();
    session.exists().then(|| {
        let number = session.get::<u32>("n").ok().flatten().unwrap_or(0);
        (number, session.subject().map(str::to_owned), keys)
    })
}

fn handle(cookie: &Jar) -> Option<[u8; 8]> {
    let (_, value) = cookie.as_ref()?.split_once('=')?;
    Base64UrlUnpadded::decode_vec(value.get(..64)?).ok()?.last_chunk().copied()
}

fn shows(view: &View, verb: Verb) -> bool {
    let Some((_, subject, keys)) = view else { return verb == Verb::Logout };
    let has = |key: &str| keys.iter().any(|there| there == key);
    match verb {
        Verb::Read | Verb::Rotate | Verb::Count => true,
        Verb::Set(key) => has(key),
        Verb::Grow => has("large"),
        Verb::Shrink => !has("large"),
        Verb::Login => subject.is_some(),
        Verb::Logout => false,
    }
}

struct Scenario {
    before: &'static [Verb],
    /// Which of the cookies from before each request has; 0 is the last one.
    ages: [usize; 2],
    verbs: [Verb; 2],
    counts: bool,
}

/// One order of events: which request goes on, and what becomes of the write at which it stands.
type Path = Vec<(usize, Grant)>;

/// Plays a scenario along `path` and then always the first choice; what else could have happened at each point after it.
fn play(scenario: &Scenario, path: &Path) -> (Path, Vec<Path>) {
    let gate = Gate {
        inner: MemoryStore::new(),
        counts: scenario.counts,
        touches: RefCell::default(),
        grant: Cell::new(None),
        writes: Cell::new(false),
        open: Cell::new(true),
    };
    let clock = ManualClock::at(Time::from_millis(1_000_000));
    let server: Server<'_> = Sessions::overflowing(&gate, &clock, &keys(), Policy::SECURE);
    let (mut cookies, mut seed) = (vec![None], 1);
    for verb in scenario.before {
        let (told, jar) = run(serve(&server, *verb, cookies.last().cloned().flatten(), seed));
        assert_eq!(told, Ok(()));
        (seed, _) = (seed + 1, cookies.push(jar));
    }
    // a touch is due
    clock.advance(Duration::from_secs(61));
    let start = view(&server, cookies.last().unwrap());
    gate.open.set(false);
    let sent: [Jar; 2] = core::array::from_fn(|id| cookies[cookies.len() - 1 - scenario.ages[id]].clone());
    let mut requests: Vec<Pin<Box<dyn Future<Output = Answer> + '_>>> = (0..2)
        .map(|id| Box::pin(serve(&server, scenario.verbs[id], sent[id].clone(), 100 + id as u64)) as Pin<Box<_>>)
        .collect();
    let mut answers: [Option<Answer>; 2] = [None, None];
    // whether a request has asked the store for its session after the other one was over; the last to end
    let (mut looked_after, mut last) = ([false; 2], 0);
    let mut waits: [Option<bool>; 2] = [None; 2];
    let (mut taken, mut others, mut faults) = (Path::new(), Vec::new(), 0);
    while answers.iter().any(Option::is_none) {
        let mut choices = Path::new();
        for id in (0..2).filter(|id| answers[*id].is_none()) {
            choices.push((id, Grant::Pass));
            if faults == 0 && waits[id] == Some(true) {
                choices.extend([(id, Grant::LoseAnswer), (id, Grant::Fail)]);
            }
        }
        let choice = path.get(taken.len()).copied().unwrap_or(choices[0]);
        if taken.len() >= path.len() {
            others.extend(choices[1..].iter().map(|other| [&taken[..], &[*other]].concat()));
        }
        let (id, grant) = choice;
        taken.push(choice);
        faults += usize::from(grant != Grant::Pass);
        looked_after[id] |= waits[id].is_some() && answers[1 - id].is_some();
        gate.grant.set(waits[id].is_some().then_some(grant));
        match requests[id].as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Pending => waits[id] = Some(gate.writes.get()),
            Poll::Ready(answer) => (answers[id], last) = (Some(answer), id),
        }
    }
    drop(requests);
    gate.open.set(true);
    gate.grant.set(None);
    cookies.extend(answers.iter().map(|answer| answer.as_ref().unwrap().1.clone()));
    let told = answers.clone().map(|answer| answer.unwrap().0);
    // a session that was begun after the end of this one is another
    let own = handle(&cookies[cookies.len() - 3]);
    let views = cookies.iter().map(|cookie| view(&server, cookie).filter(|_| handle(cookie) == own));
    let views: Vec<View> = views.collect();
    if let Some(broken) = judge(scenario, &start, &told, &views, looked_after, last, faults > 0) {
        let mut story = String::new();
        for (id, grant) in &taken {
            write!(story, " {id}{}", if *grant == Grant::Pass { String::new() } else { format!(" {grant:?}") })
                .unwrap();
        }
        let Scenario { before, ages, verbs, counts } = scenario;
        panic!(
            "{broken}\nafter {before:?}, {verbs:?} with cookies {ages:?} ({counts}) in the order{story}: {told:?}\n{views:#?}"
        );
    }
    (taken, others)
}

fn judge(
    scenario: &Scenario,
    start: &View,
    told: &[Result<(), Error>; 2],
    views: &[View],
    looked_after: [bool; 2],
    last: usize,
    faults: bool,
) -> Option<String> {
    let verbs = scenario.verbs;
    let done = |verb| (0..2).any(|id| verbs[id] == verb && told[id].is_ok());
    let (from_before, own) = views.split_at(views.len() - 2);
    for (id, told) in told.iter().enumerate() {
        let known = [Error::Conflict, Error::Ended, Error::CookieReplaced];
        let lost = [Error::Indeterminate, Error::Unavailable];
        if told.is_err_and(|why| !(known.contains(&why) || faults && lost.contains(&why))) {
            return Some(format!("request {id} says {told:?}"));
        }
        if verbs[1 - id] == Verb::Read && *told == Err(Error::Conflict) {
            return Some(format!("request {id} has a conflict with one that reads"));
        }
    }
    let signs_in = verbs.contains(&Verb::Login);
    if done(Verb::Logout) && !signs_in && views.iter().any(Option::is_some) {
        return Some("logged out, and a cookie shows the session".into());
    }
    let anew = if done(Verb::Login) { Some("login") } else { done(Verb::Rotate).then_some("rotation") };
    if let Some(what) = anew.filter(|_| start.is_some())
        && from_before.iter().any(Option::is_some)
    {
        return Some(format!("a cookie from before the {what} shows a session"));
    }
    let there: Vec<_> = views.iter().flatten().collect();
    let stored = there.iter().any(|(.., keys)| keys.iter().any(|key| key == "large"));
    if stored && !signs_in && there.windows(2).any(|pair| pair[0] != pair[1]) {
        return Some("the session is in the store, and cookies show different ones".into());
    }
    let ends = [Verb::Logout, Verb::Login, Verb::Rotate];
    let (own_verb, other) = (verbs[last], verbs[1 - last]);
    // who sets what is there, or removes what is not, has done nothing
    let idle = |verb| [Verb::Grow, Verb::Shrink].contains(&verb);
    let nothing = idle(own_verb) && idle(other);
    if told[last].is_ok() && looked_after[last] && !ends.contains(&other) && start.is_some() && !nothing {
        if !shows(&own[last], own_verb) {
            return Some(format!("{own_verb:?} was done last, and is lost"));
        }
        if told[1 - last].is_ok() && own_verb != Verb::Logout && other != own_verb {
            let stays_stored = scenario.before.contains(&Verb::Grow) && !scenario.before.contains(&Verb::Shrink);
            if stays_stored && !shows(&own[last], other) {
                return Some(format!("{other:?} was done in the store, and {own_verb:?} lost it"));
            }
        }
    }
    let counted = (0..2).filter(|id| verbs[*id] == Verb::Count && told[*id].is_ok()).count() as u32;
    let large = start.as_ref().is_some_and(|(.., keys)| keys.contains(&"large".to_owned()));
    if large && counted > 0 && !verbs.iter().any(|verb| ends.contains(verb) || *verb == Verb::Shrink) {
        let before = start.as_ref().map_or(0, |(number, ..)| *number);
        let exact = there.iter().all(|(number, ..)| *number == before + counted);
        let at_least = there.iter().all(|(number, ..)| *number >= before + counted);
        if if faults { !at_least } else { !exact } {
            return Some(format!("{counted} increments of {before}"));
        }
    }
    None
}

/// Plays every order; how many there were.
fn explore(scenario: &Scenario) -> usize {
    let (mut open, mut played) = (vec![Path::new()], 0);
    while let Some(path) = open.pop() {
        let (_, others) = play(scenario, &path);
        open.extend(others);
        played += 1;
    }
    played
}

fn explore_all(before: &'static [Verb], ages: &[[usize; 2]]) {
    let mut played = 0;
    for first in VERBS {
        for second in VERBS {
            let second = if second == Verb::Set("a") { Verb::Set("b") } else { second };
            for ages in ages {
                if ages[0] == ages[1]
                    && VERBS.iter().position(|verb| *verb == second).is_some_and(|at| VERBS[..at].contains(&first))
                {
                    continue;
                }
                for counts in [false, true] {
                    played += explore(&Scenario { before, ages: *ages, verbs: [first, second], counts });
                }
            }
        }
    }
    println!("after {before:?}: {played} orders");
    assert!(played > 1_000);
}

#[test]
fn of_a_small_session_lc2_lc3_lc11() {
    explore_all(&[Verb::Count], &[[0, 0]]);
}

#[test]
fn of_a_stored_session_lc2_lc3_lc11_st3() {
    explore_all(&[Verb::Count, Verb::Grow], &[[0, 0], [0, 1]]);
}

#[test]
fn of_one_that_has_moved_back_lc2_lc3_lc11() {
    explore_all(&[Verb::Count, Verb::Grow, Verb::Shrink, Verb::Count], &[[0, 0], [0, 2]]);
}

#[test]
fn of_one_that_is_signed_in_lc2_lc3_lc11() {
    explore_all(&[Verb::Count, Verb::Login, Verb::Count], &[[0, 0], [0, 1]]);
}
