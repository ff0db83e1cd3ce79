//! Every order of what can happen to a browser of two people and a thief, over the code that ships.

use std::time::Duration;

use core_tests::devices::{Browser, Fault, Proof, Site, Visit};
use session_core::device::DeviceProof;
use session_core::environment::Clock;
use session_core::policy::{Lifetimes, Policy, SecureCookie};

/// One thing that happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    /// A person signs in, over whatever is there.
    SignIn(&'static str, Fault),
    /// A page is asked for.
    Visit(Fault),
    /// A page stores something.
    Write(Fault),
    SignOut(Fault),
    /// Another tab sends a request with the cookies of a while ago, and takes no answer.
    OtherTab,
    /// A thief copies all cookies.
    Steal,
    /// Ten minutes and some go by: every proof is over.
    Lapse,
    /// Half a minute goes by.
    Wait,
    /// All sessions of a person are ended elsewhere.
    Revoke(&'static str),
    /// The browser loses its key.
    LoseKey,
}

const STEPS: [Step; 18] = [
    Step::SignIn("ann", Fault::None),
    Step::SignIn("ann", Fault::NotRegistered),
    Step::SignIn("ann", Fault::RegistrationLost),
    Step::SignIn("bob", Fault::None),
    Step::SignIn("bob", Fault::NotRegistered),
    Step::SignIn("bob", Fault::EndpointDown),
    Step::Visit(Fault::None),
    Step::Visit(Fault::RefreshLost),
    Step::Visit(Fault::EndpointDown),
    Step::Write(Fault::EndpointDown),
    Step::SignOut(Fault::None),
    Step::SignOut(Fault::EndpointDown),
    Step::OtherTab,
    Step::Steal,
    Step::Lapse,
    Step::Wait,
    Step::Revoke("ann"),
    Step::LoseKey,
];

const LIFETIME: Duration = Duration::from_secs(600);
const LAPSE: u64 = 606;
/// How long a proof holds, a cookie may be on its way, in milliseconds.
const HOLDS: u64 = 605_000;

/// What a copy of cookies was when it was made.
struct Copy {
    cookies: String,
    query: Option<String>,
    owner: Option<&'static str>,
    at: u64,
}

/// A life, and what has to be true of it.
struct Life {
    site: Site,
    browser: Browser,
    /// Who signed in in the browser last, and has not signed out.
    person: Option<&'static str>,
    /// The session has ended, or the browser may have lost it.
    may_be_out: bool,
    thief: Option<Copy>,
    /// The cookies of the step before.
    before: Option<(String, Option<&'static str>)>,
}

impl Life {
    fn new(change: fn(Policy) -> Policy) -> Self {
        let (site, browser) = (Site::new(change), Browser::default());
        Self { site, browser, person: None, may_be_out: false, thief: None, before: None }
    }

    fn now(&self) -> u64 {
        self.site.clock.now().millis()
    }

    fn visit(&mut self, visit: Visit, fault: Fault) -> Result<Option<String>, String> {
        let bound_before = self.browser.has_key();
        let answer = self.browser.visit(&self.site, visit, fault);
        let who = answer.who.map_err(|error| format!("{error}"))?;
        if who.is_some() && who.as_deref() != self.person {
            return Err(format!("{who:?} where {:?} signed in", self.person));
        }
        let faultless =
            matches!(fault, Fault::None | Fault::NotRegistered | Fault::RefreshLost | Fault::RegistrationLost);
        if faultless && !self.may_be_out && who.as_deref() != self.person {
            return Err(format!("signed out, with a key: {bound_before}"));
        }
        Ok(who)
    }

    fn step(&mut self, step: Step) -> Result<(), String> {
        let before = (self.browser.cookies(&self.site), self.person);
        match step {
            Step::SignIn(person, fault) => {
                self.visit(Visit::SignIn(person), fault)?;
                self.person = Some(person);
                // a lost answer leaves a session that is bound, and a browser that does not know it
                self.may_be_out = fault == Fault::RegistrationLost;
            }
            Step::Visit(fault) => _ = self.visit(Visit::Who, fault)?,
            Step::Write(fault) => {
                if self.visit(Visit::Write, fault)?.is_none() && self.person.is_some() {
                    // a request without a proof made a visitor's session, and its cookie is the browser's
                    self.may_be_out = true;
                }
            }
            Step::SignOut(fault) => {
                self.visit(Visit::SignOut, fault)?;
                (self.person, self.may_be_out) = (None, false);
            }
            Step::OtherTab => {
                if let Some((cookies, person)) = &self.before {
                    let who = self.site.visit(cookies, Visit::Who).who.map_err(|error| error.to_string())?;
                    if who.is_some() && who.as_deref() != *person {
                        return Err(format!("another tab is {who:?} and was {person:?}"));
                    }
                }
            }
            Step::Steal => {
                let query = self.browser.query().map(str::to_owned);
                let (cookies, owner) = (self.browser.cookies(&self.site), self.person);
                self.thief = Some(Copy { cookies, query, owner, at: self.now() });
            }
            Step::Lapse => self.site.clock.advance(Duration::from_secs(LAPSE)),
            Step::Wait => self.site.clock.advance(Duration::from_secs(30)),
            Step::Revoke(person) => {
                self.site.revoke(person);
                self.may_be_out |= self.person == Some(person);
            }
            Step::LoseKey => {
                self.browser.forget_key();
                self.may_be_out |= self.person.is_some();
            }
        }
        self.before = Some(before);
        self.check_thief()
    }

    /// After every step the thief tries what a thief can.
    fn check_thief(&self) -> Result<(), String> {
        let Some(copy) = &self.thief else { return Ok(()) };
        let answer = self.site.visit(&copy.cookies, Visit::Who);
        let who = answer.who.map_err(|error| error.to_string())?;
        if who.is_some() && who.as_deref() != copy.owner {
            return Err(format!("the thief of {:?} is {who:?}", copy.owner));
        }
        if who.is_some() && answer.proof != DeviceProof::Unbound && self.now() >= copy.at + HOLDS {
            return Err(format!("the thief has been {who:?} for {} ms", self.now() - copy.at));
        }
        // a key of the thief's own
        let proof = Proof::registration(99, "AAABoifuQasfMLpx3mpnrrva2E1nd6").text();
        if matches!(self.site.register(&copy.cookies, Some(&proof)), session_core::device::DeviceReply::Proven { .. }) {
            return Err("the thief has registered a key".into());
        }
        if let Some(query) = &copy.query
            && let session_core::device::DeviceReply::Challenge(challenge) =
                self.site.refresh(&copy.cookies, query.as_bytes(), None)
        {
            let challenge = challenge.as_str().split('"').nth(1).unwrap_or_default().to_owned();
            let proof = Proof::refresh(99, &challenge).text();
            let reply = self.site.refresh(&copy.cookies, query.as_bytes(), Some(proof.as_bytes()));
            if matches!(reply, session_core::device::DeviceReply::Proven { .. }) {
                return Err("the thief has proven another key".into());
            }
        }
        Ok(())
    }

    /// Whatever has happened, who signs in is in, and stays in.
    fn end(&mut self) -> Result<(), String> {
        self.step(Step::SignIn("ann", Fault::None))?;
        self.step(Step::Visit(Fault::None))?;
        self.step(Step::Lapse)?;
        self.step(Step::Visit(Fault::None))?;
        self.step(Step::SignOut(Fault::None))?;
        self.step(Step::Lapse)?;
        self.step(Step::Visit(Fault::None))
    }
}

fn search(change: fn(Policy) -> Policy, length: u32) -> usize {
    let mut lives = 0;
    for number in 0..STEPS.len().pow(length) {
        let order: Vec<Step> = (0..length).map(|at| STEPS[number / STEPS.len().pow(at) % STEPS.len()]).collect();
        let mut life = Life::new(change);
        let lived = order.iter().try_for_each(|step| life.step(*step)).and_then(|()| life.end());
        if let Err(why) = lived {
            panic!("{why}\nafter {order:#?}\n{:#?}", life.site.told());
        }
        lives += 1;
    }
    lives
}

/// Without an idle limit: lives are long, and this is not about that.
fn bound(_: Policy) -> Policy {
    let lifetimes = Lifetimes { idle: None, ..Lifetimes::DEFAULT };
    Policy::secure(SecureCookie::host(), lifetimes).and_then(|policy| policy.device_bound(LIFETIME)).unwrap()
}

/// Never another person's session, for the thief never longer than the lifetime, nobody locked out for good.
#[test]
fn every_order_of_four_things_tr3() {
    assert_eq!(search(bound, 4), 104_976);
}

/// The same with proofs that count once.
#[test]
fn every_order_of_three_things_with_proofs_that_count_once_tr3() {
    assert_eq!(search(|policy| bound(policy).single_use_proofs(), 3), 5_832);
}
