//! Every order of what can happen to a browser of two people and a thief, over the code that ships.

use std::time::Duration;

use session_core::Error;
use session_core::device::{DeviceProof, DeviceReply};
use session_core::environment::Clock;
use session_core::policy::{Lifetimes, Policy, SecureCookie};

use super::{Browser, Fault, Proof, Site, Visit};

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
    /// The same, which stores something and takes its answer.
    OtherTabWrites,
    /// A thief copies all cookies, and the last proof that was sent.
    Steal,
    /// The thief signs in, over what was stolen.
    ThiefSignsIn,
    /// Ten minutes and some go by: every proof is over.
    Lapse,
    /// Half a minute goes by.
    Wait,
    /// All sessions of a person are ended elsewhere.
    Revoke(&'static str),
    /// The browser loses its key.
    LoseKey,
}

const STEPS: [Step; 20] = [
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
    Step::OtherTabWrites,
    Step::Steal,
    Step::ThiefSignsIn,
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
    proof: Option<String>,
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
    /// The thief has signed in, over a session of the browser perhaps.
    disturbed: bool,
    /// Each proof counts once.
    single_use: bool,
}

impl Life {
    fn new(single_use: bool) -> Self {
        let change = if single_use { |_| bound().single_use_proofs() } else { |_| bound() };
        let (site, browser) = (Site::new(change), Browser::default());
        Self { site, browser, person: None, may_be_out: false, thief: None, before: None, disturbed: false, single_use }
    }

    fn now(&self) -> u64 {
        self.site.clock.now().millis()
    }

    fn visit(&mut self, visit: Visit, fault: Fault) -> Result<Option<String>, String> {
        let bound_before = self.browser.has_key();
        let mut old = self.browser.clone();
        let answer = self.browser.visit(&self.site, visit, fault);
        if let (Some(data), Ok(Some(who))) = (&answer.data, &answer.who)
            && !["", who].contains(&data.as_str())
        {
            return Err(format!("{who} reads what {data} has stored"));
        }
        if matches!(visit, Visit::SignIn(_) | Visit::SignOut) {
            // not even with the key: that session is over
            old.refresh(&self.site, Fault::None);
            let left = self.site.visit(&old.cookies(&self.site), Visit::Who).who;
            if matches!(left, Ok(Some(_))) {
                return Err(format!("after {visit:?} the session of before is still {left:?}"));
            }
        }
        let who = match answer.who {
            // the thief has signed in over the same session
            Err(Error::CookieReplaced) if self.disturbed => None,
            who => who.map_err(|error| format!("{error}"))?,
        };
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
            Step::OtherTabWrites => {
                if let Some((cookies, person)) = &self.before {
                    let answer = self.site.visit(cookies, Visit::Write);
                    // it came late: what it wrote was refused
                    let who = answer.who.unwrap_or(None);
                    if who.is_some() && who.as_deref() != *person {
                        return Err(format!("another tab is {who:?} and was {person:?}"));
                    }
                    for cookie in &answer.cookies {
                        // the session of a visitor takes the place of what is there
                        self.browser.receive(&self.site, cookie);
                        self.may_be_out |= self.person.is_some();
                    }
                }
            }
            Step::Steal => {
                let query = self.browser.query().map(str::to_owned);
                let (cookies, owner) = (self.browser.cookies(&self.site), self.person);
                self.thief = Some(Copy { cookies, query, proof: self.browser.sent.clone(), owner, at: self.now() });
            }
            Step::ThiefSignsIn => {
                if let Some(copy) = &mut self.thief {
                    let mut thief = Browser::default();
                    let answer = self.site.visit(&copy.cookies, Visit::SignIn("eve"));
                    answer.cookies.iter().for_each(|cookie| thief.receive(&self.site, cookie));
                    self.disturbed = true;
                    (copy.cookies, copy.owner) = (thief.cookies(&self.site), Some("eve"));
                    // who signs in over a session ends it, as who signs out of it
                    self.may_be_out |= self.person.is_some();
                }
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
        if matches!(self.site.register(&copy.cookies, Some(&proof)), DeviceReply::Proven { .. }) {
            return Err("the thief has registered a key".into());
        }
        if let (Some(query), Some(proof), true) = (&copy.query, &copy.proof, self.single_use)
            && let DeviceReply::Proven { .. } =
                self.site.refresh(&copy.cookies, query.as_bytes(), Some(proof.as_bytes()))
        {
            return Err("the thief has used a proof again".into());
        }
        if let Some(query) = &copy.query
            && let DeviceReply::Challenge(challenge) = self.site.refresh(&copy.cookies, query.as_bytes(), None)
        {
            let challenge = challenge.as_str().split('"').nth(1).unwrap_or_default().to_owned();
            let proof = Proof::refresh(99, &challenge).text();
            let reply = self.site.refresh(&copy.cookies, query.as_bytes(), Some(proof.as_bytes()));
            if matches!(reply, DeviceReply::Proven { .. }) {
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

/// Without an idle limit: lives are long, and this is not about that.
fn bound() -> Policy {
    let lifetimes = Lifetimes { idle: None, ..Lifetimes::DEFAULT };
    let policy = Policy::secure(SecureCookie::host(), lifetimes).and_then(|policy| policy.device_bound(LIFETIME));
    policy.expect("a __Host- cookie")
}

/// Lives every order of so many things to its end, each on a site of its own; with `single_use`, each proof counts once. Gives
/// how many there were.
///
/// # Errors
/// The first order that breaks a promise, with how.
pub fn every_order(length: u32, single_use: bool) -> Result<usize, String> {
    let orders = STEPS.len().pow(length);
    for number in 0..orders {
        let order: Vec<Step> = (0..length).map(|at| STEPS[number / STEPS.len().pow(at) % STEPS.len()]).collect();
        let mut life = Life::new(single_use);
        let lived = order.iter().try_for_each(|step| life.step(*step)).and_then(|()| life.end());
        if let Err(why) = lived {
            return Err(format!("{why}\nafter {order:#?}\n{:#?}", life.site.told()));
        }
    }
    Ok(orders)
}
