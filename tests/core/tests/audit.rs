//! Who did what, and why: what an audit needs of the events (LC19), and what an attacker makes of them (QU4).

use std::cell::RefCell;
use std::time::Duration;

use core_tests::life_cycle::keys;
use session_core::environment::Time;
use session_core::events::{Event, Observer};
use session_core::mode::{Mode, Stored};
use session_core::policy::{Mismatch, Policy};
use session_core::testing::{ManualClock, ScriptedRng, run};
use session_core::{Error, RequestState, Session, Sessions};
use session_store_memory::MemoryStore;

/// The name of an event, its subject and its cause or reason.
type Told = (&'static str, String, String);

#[derive(Default)]
struct Audit(RefCell<Vec<Told>>);

impl Observer for Audit {
    fn observe(&self, event: &Event<'_>) {
        let why = event.cause().map(|cause| cause.name().to_owned());
        let why = why.or_else(|| event.reason().map(|reason| reason.to_string())).unwrap_or_default();
        // event.name() lives as long as the program
        self.0.borrow_mut().push((event.name(), event.subject().unwrap_or("-").to_owned(), why));
    }
}

impl Audit {
    fn take(&self) -> Vec<Told> {
        self.0.take()
    }
}

struct App<M = Stored> {
    sessions: Sessions<MemoryStore, ManualClock, &'static Audit, M>,
    audit: &'static Audit,
    seed: RefCell<u64>,
}

type View<'a, M> =
    Session<'a, MemoryStore, ManualClock, ScriptedRng, &'a mut RequestState<[u8; 1024]>, &'static Audit, M>;

impl App {
    fn new(policy: Policy) -> Self {
        let clock = ManualClock::at(Time::from_millis(1_000_000));
        Self::of(Sessions::new(MemoryStore::new(), clock, &keys(), policy))
    }
}

impl<M: Mode> App<M> {
    fn of(sessions: Sessions<MemoryStore, ManualClock, (), M>) -> Self {
        let audit: &'static Audit = Box::leak(Box::default());
        Self { sessions: sessions.observed(audit), audit, seed: RefCell::new(1) }
    }

    /// A request with the cookie of a browser, which then has that of the answer. Returns what was told.
    fn visit(&self, jar: &mut String, handler: impl FnOnce(&mut View<'_, M>)) -> Vec<Told> {
        *self.seed.borrow_mut() += 1;
        let (mut one, mut two) = (RequestState::new([0; 1024], [0; 1024]), [0; 4096]);
        let mut session = Session::new(&self.sessions, &mut one, ScriptedRng::new(*self.seed.borrow()));
        run(session.load(core::iter::once(jar.as_bytes()))).unwrap();
        handler(&mut session);
        run(session.commit()).unwrap();
        if let Some(set) = session.set_cookie(&mut two).unwrap() {
            *jar = set.split(';').next().unwrap_or_default().to_owned();
        }
        self.told()
    }

    fn sign_in(&self, jar: &mut String, subject: &str) -> Vec<Told> {
        self.visit(jar, |session| {
            let attempt = run(session.begin_login(subject)).unwrap();
            run(session.login(attempt)).unwrap();
        })
    }

    fn wait(&self, seconds: u64) {
        self.sessions.clock().advance(Duration::from_secs(seconds));
    }

    fn told(&self) -> Vec<Told> {
        self.audit.take()
    }
}

fn told(name: &'static str, subject: &str, why: &str) -> Told {
    (name, subject.to_owned(), why.to_owned())
}

#[test]
fn who_signed_in_and_out_lc19() {
    let app = App::new(Policy::SECURE);
    let mut jar = String::new();
    assert_eq!(app.sign_in(&mut jar, "ann"), [told("created", "-", ""), told("logged_in", "ann", "")]);
    assert_eq!(app.visit(&mut jar, |session| run(session.logout()).unwrap()), [told("ended", "ann", "")]);
    let mut visitor = String::new();
    app.visit(&mut visitor, |session| session.set("n", &1_u32).unwrap());
    assert_eq!(app.visit(&mut visitor, |session| run(session.logout()).unwrap()), [told("ended", "-", "")]);
    let failed = |session: &mut View<'_, Stored>| {
        session.login_failed(Some("ann"), &"wrong password");
        session.login_failed(None, &"no such account");
    };
    let expected = [told("login_failed", "ann", "wrong password"), told("login_failed", "-", "no such account")];
    assert_eq!(app.visit(&mut String::new(), failed), expected);
}

/// A right password that came too late is a failed login as well, whether or not the application says anything.
#[test]
fn a_login_that_was_overtaken_is_told_lc19() {
    let app = App::new(Policy::SECURE);
    let late = Error::SignInAgain.to_string();
    let overtaken = app.visit(&mut String::new(), |session| {
        let attempt = run(session.begin_login("ann")).unwrap();
        run(app.sessions.revoke_all("ann")).unwrap();
        app.told();
        assert_eq!(run(session.login(attempt)), Err(Error::SignInAgain));
    });
    assert_eq!(overtaken, [told("login_failed", "ann", &late)]);
    let slow = app.visit(&mut String::new(), |session| {
        let attempt = run(session.begin_login("ann")).unwrap();
        app.wait(600);
        assert_eq!(run(session.login(attempt)), Err(Error::SignInAgain));
    });
    assert_eq!(slow, [told("login_failed", "ann", &late)]);
    let clock = ManualClock::at(Time::from_millis(1_000_000));
    let sealed = App::of(Sessions::sealed(MemoryStore::new(), clock, &keys(), Policy::SECURE));
    let overtaken = sealed.visit(&mut String::new(), |session| {
        let attempt = run(session.begin_login("ann")).unwrap();
        run(sealed.sessions.revoke_all("ann")).unwrap();
        sealed.told();
        assert_eq!(run(session.login(attempt)), Err(Error::SignInAgain));
    });
    assert_eq!(overtaken, [told("login_failed", "ann", &late)]);
}

#[test]
fn whose_cookie_changed_lc19() {
    let app = App::new(Policy::SECURE);
    let mut jar = String::new();
    app.sign_in(&mut jar, "ann");
    assert_eq!(app.visit(&mut jar, |session| run(session.rotate()).unwrap()), [told("rotated", "ann", "")]);
    for _ in 0..2 {
        app.wait(29 * 60);
        app.visit(&mut jar, |session| session.activity());
    }
    app.wait(10 * 60);
    assert_eq!(app.visit(&mut jar, |session| session.activity()), [told("renewed", "ann", "")]);
}

#[test]
fn whose_sessions_were_revoked_and_why_lc19() {
    let app = App::new(Policy::SECURE.max_sessions(2));
    let mut jars: [String; 4] = Default::default();
    for jar in &mut jars[..2] {
        app.sign_in(jar, "ann");
    }
    // the cap
    let beyond = app.sign_in(&mut jars[2], "ann");
    assert_eq!(beyond[1..], [told("logged_in", "ann", ""), told("revoked", "ann", "cap")]);
    // one, by its owner
    let mut names = Vec::new();
    app.visit(&mut jars[2], |session| {
        run(session.list(|info| names.push((info.id.to_string(), info.current)))).unwrap();
    });
    let other = names.iter().find(|(_, current)| !current).unwrap().0.clone();
    let one = app.visit(&mut jars[2], |session| assert_eq!(run(session.revoke(&other)), Ok(true)));
    assert_eq!(one, [told("revoked", "ann", "chosen")]);
    // all others
    app.sign_in(&mut jars[3], "ann");
    let others = app.visit(&mut jars[3], |session| assert_eq!(run(session.revoke_others()), Ok(1)));
    assert_eq!(others, [told("revoked", "ann", "others"), told("others_revoked", "ann", "")]);
    // everywhere, by its owner
    app.sign_in(&mut jars[2], "ann");
    let everywhere = app.visit(&mut jars[3], |session| assert_eq!(run(session.revoke_all()), Ok(2)));
    let expected = [told("revoked", "ann", "others"), told("others_revoked", "ann", ""), told("ended", "ann", "")];
    assert_eq!(everywhere, expected);
    // all, by an administrator
    app.sign_in(&mut jars[0], "ann");
    assert_eq!(run(app.sessions.revoke_all("ann")), Ok(1));
    assert_eq!(app.told(), [told("revoked", "ann", "all"), told("all_revoked", "ann", "")]);
    assert_eq!(run(app.sessions.revoke_all("nobody")), Ok(0));
    assert_eq!(app.told(), [told("all_revoked", "nobody", "")], "an act is told, whatever it finds");
    run(app.sessions.end_all()).unwrap();
    assert_eq!(app.told(), [told("everybody_revoked", "-", "")]);
}

/// In sealed mode nobody counts sessions, and the act is told all the same.
#[test]
fn whose_sealed_sessions_were_revoked_lc19() {
    let clock = ManualClock::at(Time::from_millis(1_000_000));
    let sessions = Sessions::sealed(MemoryStore::new(), clock, &keys(), Policy::SECURE);
    let app = App::of(sessions);
    let mut jar = String::new();
    app.sign_in(&mut jar, "ann");
    assert_eq!(run(app.sessions.revoke_all("ann")), Ok(0));
    assert_eq!(app.told(), [told("all_revoked", "ann", "")]);
    app.sign_in(&mut jar, "ann");
    assert_eq!(app.visit(&mut jar, |session| run(session.logout()).unwrap()), [told("ended", "ann", "")]);
    run(app.sessions.end_all()).unwrap();
    assert_eq!(app.told(), [told("everybody_revoked", "-", "")]);
}

#[test]
fn bindings_and_refused_tokens_name_the_subject_lc19() {
    let app = App::new(Policy::SECURE.on_mismatch(Mismatch::End));
    let mut jar = String::new();
    app.sign_in(&mut jar, "ann");
    assert_eq!(app.visit(&mut jar, |session| run(session.bind(b"home")).unwrap()), [told("bound", "ann", "")]);
    assert_eq!(app.visit(&mut jar, |session| run(session.bind(b"home")).unwrap()), [], "it was bound to that");
    assert_eq!(app.visit(&mut jar, |session| assert!(!session.csrf_ok("x"))), [told("csrf_failed", "ann", "")]);
    assert_eq!(app.visit(&mut String::new(), |session| assert!(!session.csrf_ok("x"))), [told("csrf_failed", "-", "")]);
    let away = app.visit(&mut jar, |session| assert_eq!(run(session.check_binding(b"away")), Ok(false)));
    assert_eq!(away, [told("mismatch", "ann", ""), told("revoked", "ann", "mismatch")]);
}

/// Where a thief and the owner both present what only one can have, an event tells, and the policy may end the session.
#[test]
fn a_cookie_that_two_have_is_told_lc13_lc19() {
    for (policy, ends) in [(Policy::SECURE, false), (Policy::SECURE.end_on_reuse(), true)] {
        let app = App::new(policy);
        let mut owner = String::new();
        app.sign_in(&mut owner, "ann");
        // the thief uses the stolen cookie so steadily that he renews it first
        let mut thief = owner.clone();
        for _ in 0..121 {
            app.wait(30);
            app.visit(&mut thief, |session| session.activity());
        }
        assert_ne!(thief, owner, "he has the renewed one");
        app.wait(60);
        let seen = app.visit(&mut owner, |session| session.activity());
        assert_eq!(seen[0], told("past_grace", "ann", ""), "the owner comes with the old one");
        assert_eq!(seen.get(1), ends.then(|| told("revoked", "ann", "reuse")).as_ref());
        // the owner signs in again, which leaves the thief's session alone, unless the policy ended it
        let mut alive = false;
        app.visit(&mut thief, |session| alive = session.exists());
        assert_eq!(alive, !ends);
    }
    // a thief who comes with a cookie from before the owner's login
    let app = App::new(Policy::SECURE);
    let mut owner = String::new();
    app.sign_in(&mut owner, "ann");
    let mut thief = owner.clone();
    app.sign_in(&mut owner, "ann");
    assert_eq!(app.visit(&mut thief, |_| ()), [told("replaced", "ann", "")]);
}

/// What an attacker can send eight of is one event of a request.
#[test]
fn what_can_be_provoked_is_told_once_a_request_qu4() {
    let app = App::new(Policy::SECURE);
    let mut jar = String::new();
    app.sign_in(&mut jar, "ann");
    let ended = jar.clone();
    app.visit(&mut jar, |session| run(session.logout()).unwrap());
    let many = |value: &str, times: usize| vec![value; times].join("; ");
    assert_eq!(app.visit(&mut many("__Host-id=x", 8), |_| ()), [told("forged", "-", "")]);
    assert_eq!(app.visit(&mut many(&ended, 8), |_| ()), [told("unknown", "-", "")]);
    let both = format!("{}; {}", many("__Host-id=x", 4), many(&ended, 4));
    assert_eq!(app.visit(&mut both.clone(), |_| ()), [told("forged", "-", ""), told("unknown", "-", "")]);
}
