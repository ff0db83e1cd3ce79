//! A store that really waits: requests that run at the same time on one thread, and some that are given up half-way.

use core_tests::life_cycle::KEY;
use session_core::environment::Time;
use session_core::policy::{Policy, SET_COOKIE_LEN};
use session_core::store::{DeleteCondition, Handle, Load, Outcome, Store, Version};
use session_core::subject::{Added, Epoch, IndexEntry, Listing, SubjectId, SubjectIndex};
use session_core::testing::{ManualClock, ScriptedRng, run};
use session_core::{Error, Keys, RequestState, Session, Sessions};
use session_store_memory::MemoryStore;
use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};

type Site = Sessions<Waiting, ManualClock>;
type Work<'a> = Session<'a, Waiting, ManualClock, &'a mut ScriptedRng, &'a mut RequestState<[u8; 256]>>;

fn site() -> Site {
    Sessions::new(Waiting(MemoryStore::new()), ManualClock::new(), &Keys::new(&KEY).unwrap(), Policy::PLAIN_HTTP)
}

/// One request; returns what the handler says and the new cookie.
async fn request<T>(
    site: &Site,
    seed: u64,
    cookie: Option<&str>,
    handler: impl AsyncFnOnce(&mut Work<'_>) -> Result<T, Error>,
) -> Result<(T, Option<String>), Error> {
    let mut exchange = RequestState::new([0; 256], [0; 256]);
    let mut rng = ScriptedRng::new(seed << 32);
    let mut session = Session::new(site, &mut exchange, &mut rng);
    session.load(cookie.map(str::as_bytes).into_iter()).await?;
    session.activity();
    let said = handler(&mut session).await?;
    session.commit().await?;
    let mut line = [0; SET_COOKIE_LEN];
    let set_cookie = session.set_cookie(&mut line)?;
    Ok((said, set_cookie.and_then(|line| line.split(';').next()).map(str::to_owned)))
}

async fn increment(session: &mut Work<'_>) -> Result<u32, Error> {
    session.update_with("n", |n: Option<u32>| n.unwrap_or(0) + 1).await
}

async fn sign_in(session: &mut Work<'_>) -> Result<(), Error> {
    let attempt = session.begin_login("ann").await?;
    session.login(attempt).await
}

fn begin(site: &Site) -> String {
    run(request(site, 1, None, async |session| session.set("n", &0_u32))).unwrap().1.unwrap()
}

/// What is there under `n`, and who is signed in.
fn state(site: &Site, cookie: &str) -> (Option<u32>, Option<String>) {
    let read = async |session: &mut Work<'_>| Ok((session.get("n")?, session.subject().map(str::to_owned)));
    run(request(site, 2, Some(cookie), read)).unwrap().0
}

/// Polls a future at most so often, then drops it.
fn give_up<F: Future>(future: F, polls: usize) -> Option<F::Output> {
    polled(pin!(future), polls)
}

#[test]
fn a_hundred_interleaved_increments_are_all_kept_st3() {
    let site = &site();
    let cookie = &*begin(site);
    let mut requests: Vec<Pin<Box<dyn Future<Output = _>>>> = vec![];
    for seed in 3..103 {
        requests.push(Box::pin(async move { request(site, seed, Some(cookie), increment).await }));
    }
    let mut context = Context::from_waker(Waker::noop());
    let (mut values, mut turn) = (vec![], 0_usize);
    while !requests.is_empty() {
        // another order in every round
        turn = (turn * 31 + 17) % requests.len();
        if let Poll::Ready(said) = requests[turn].as_mut().poll(&mut context) {
            values.push(said.unwrap().0);
            drop(requests.swap_remove(turn));
        }
    }
    values.sort_unstable();
    assert!(values.iter().copied().eq(1..=100), "each is told its own number: {values:?}");
    assert_eq!(state(site, cookie).0, Some(100));
}

/// A request that is dropped while it waits did its change whole or not at all, and the next one works (ST1).
#[test]
fn a_request_that_is_given_up_leaves_all_or_nothing_st1() {
    let mut done = [0; 2];
    for polls in 0..12 {
        let site = site();
        let cookie = begin(&site);
        give_up(request(&site, 3, Some(&cookie), increment), polls);
        let (n, _) = state(&site, &cookie);
        assert!(n == Some(0) || n == Some(1), "{polls}: {n:?}");
        done[n.unwrap() as usize] += 1;
        assert_eq!(run(request(&site, 4, Some(&cookie), increment)).unwrap().0, n.unwrap() + 1);
    }
    assert!(done[0] > 1 && done[1] > 1, "{done:?}");
}

/// What a verb that was dropped at its write has done is not known: its session is not used again in this request.
#[test]
fn after_a_verb_that_was_given_up_the_session_is_not_used_st1() {
    let mut unknown = 0;
    for polls in 0..8 {
        let site = site();
        let cookie = begin(&site);
        let handler = async |session: &mut Work<'_>| {
            let done = give_up(increment(session), polls).is_some();
            Ok((done, increment(session).await))
        };
        let (done, again) = match run(request(&site, 3, Some(&cookie), handler)) {
            Ok((said, _)) => said,
            Err(why) => (false, Err(why)),
        };
        match again {
            Ok(told) => assert_eq!((told, state(&site, &cookie).0), (1 + u32::from(done), Some(told)), "{polls}"),
            Err(why) => assert_eq!((why, state(&site, &cookie).0 <= Some(1)), (Error::Indeterminate, true), "{polls}"),
        }
        unknown += u32::from(again.is_err());
    }
    assert!(unknown > 0);
}

/// A login that is dropped while it waits gives nobody a cookie, and can be repeated (LC2).
#[test]
fn a_login_that_is_given_up_signs_nobody_in_lc2() {
    let mut dead = 0;
    for polls in 0..12 {
        let site = site();
        let cookie = begin(&site);
        let answer = give_up(request(&site, 3, Some(&cookie), sign_in), polls);
        assert_eq!(state(&site, &cookie).1, None, "{polls}");
        if answer.is_none() {
            // the cookie may be dead, if the login was stored
            dead += usize::from(state(&site, &cookie).0.is_none());
            let repeated = run(request(&site, 4, Some(&cookie), sign_in)).unwrap().1.unwrap();
            assert_eq!(state(&site, &repeated).1.as_deref(), Some("ann"), "{polls}");
        }
    }
    assert!(dead > 0);
}

/// A logout that is dropped while it waits ended the session or did not, and can be repeated (LC3, LC4).
#[test]
fn a_logout_that_is_given_up_can_be_repeated_lc4() {
    let mut ended = [0; 2];
    for polls in 0..8 {
        let site = site();
        let cookie = begin(&site);
        give_up(request(&site, 3, Some(&cookie), async |session| session.logout().await), polls);
        ended[usize::from(state(&site, &cookie).0.is_none())] += 1;
        run(request(&site, 4, Some(&cookie), async |session| session.logout().await)).unwrap();
        assert_eq!(state(&site, &cookie), (None, None), "{polls}");
        assert!(site.store().0.is_empty());
    }
    assert!(ended[0] > 1 && ended[1] > 1, "{ended:?}");
}

/// A session that was revoked ends none that began after its revoker was told so, wherever its own request stood then
/// (LC9, protocol rule 9).
#[test]
fn who_was_revoked_ends_nobody_newer_lc9() {
    let mut refused = 0;
    for (begun, asked) in (0..8).flat_map(|begun| (0..24).map(move |asked| (begun, asked))) {
        let site = site();
        let thief = run(request(&site, 1, None, sign_in)).unwrap().1.unwrap();
        let mut ending = pin!(site.revoke_all("ann"));
        let told = polled(ending.as_mut(), begun);
        let mut others = pin!(request(&site, 2, Some(&thief), async |session| session.revoke_others().await));
        let answered = polled(others.as_mut(), asked);
        told.unwrap_or_else(|| run(ending)).unwrap();
        let owner = run(request(&site, 3, None, sign_in)).unwrap().1.unwrap();
        refused += usize::from(answered.unwrap_or_else(|| run(others)).is_err());
        assert_eq!(state(&site, &owner).1.as_deref(), Some("ann"), "{begun} {asked}");
    }
    assert!(refused > 0);
}

/// Polls a future so many times, or until it is ready.
fn polled<F: Future>(mut future: Pin<&mut F>, times: usize) -> Option<F::Output> {
    let mut context = Context::from_waker(Waker::noop());
    (0..times).find_map(|_| match future.as_mut().poll(&mut context) {
        Poll::Ready(output) => Some(output),
        Poll::Pending => None,
    })
}

/// A store whose every operation waits twice: before its work and after it.
struct Waiting(MemoryStore);

async fn wait() {
    let mut waited = false;
    poll_fn(|_| if std::mem::replace(&mut waited, true) { Poll::Ready(()) } else { Poll::Pending }).await;
}

async fn waiting<T>(work: impl Future<Output = T>) -> T {
    wait().await;
    let answer = work.await;
    wait().await;
    answer
}

impl Store for Waiting {
    type Error = <MemoryStore as Store>::Error;
    type Index = Self;

    fn index(&self) -> Option<&Self> {
        Some(self)
    }

    async fn load(&self, key: &Handle, now: Time, into: &mut [u8]) -> Result<Load, Self::Error> {
        waiting(self.0.load(key, now, into)).await
    }

    async fn create(&self, key: &Handle, record: &[u8], now: Time) -> Result<Outcome, Self::Error> {
        waiting(self.0.create(key, record, now)).await
    }

    async fn update(
        &self,
        key: &Handle,
        seen: Version,
        record: &[u8],
        now: Time,
        there: &mut [u8],
    ) -> Result<Outcome, Self::Error> {
        waiting(self.0.update(key, seen, record, now, there)).await
    }

    async fn touch(&self, key: &Handle, now: Time) -> Result<Outcome, Self::Error> {
        waiting(self.0.touch(key, now)).await
    }

    async fn delete(&self, key: &Handle, condition: DeleteCondition, now: Time) -> Result<Outcome, Self::Error> {
        waiting(self.0.delete(key, condition, now)).await
    }
}

impl SubjectIndex for Waiting {
    type Error = <MemoryStore as SubjectIndex>::Error;

    async fn list(
        &self,
        subject: &SubjectId,
        after: u64,
        now: Time,
        into: &mut [IndexEntry],
    ) -> Result<Listing, Self::Error> {
        waiting(self.0.list(subject, after, now, into)).await
    }

    async fn add(&self, subject: &SubjectId, seen: Epoch, entry: &IndexEntry, now: Time) -> Result<Added, Self::Error> {
        waiting(self.0.add(subject, seen, entry, now)).await
    }

    async fn bump(&self, subject: &SubjectId, now: Time) -> Result<Listing, Self::Error> {
        waiting(self.0.bump(subject, now)).await
    }

    async fn remove(&self, subject: &SubjectId, entry: &IndexEntry, now: Time) -> Result<(), Self::Error> {
        waiting(self.0.remove(subject, entry, now)).await
    }
}
