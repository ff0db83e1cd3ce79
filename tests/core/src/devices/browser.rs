//! A browser that does with device-bound sessions what Chromium was seen to do.

use std::collections::BTreeMap;

use session_core::device::DeviceReply;
use session_core::environment::Clock;

use super::proof::Proof;
use super::site::{Answer, Site, Visit};

/// What goes wrong in a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Nothing.
    None,
    /// The registration is never sent, for instance because no signature is left.
    NotRegistered,
    /// The registration's answer is lost.
    RegistrationLost,
    /// The refresh's answer is lost once; the browser sends the same proof again.
    RefreshLost,
    /// The endpoint cannot reach its store.
    EndpointDown,
}

/// The browser's side of a device-bound session.
#[derive(Clone, Debug)]
struct Bound {
    key: u8,
    query: String,
    challenge: Option<String>,
}

/// A browser of one person.
#[derive(Clone, Debug, Default)]
pub struct Browser {
    /// Values, and when they are over.
    jar: BTreeMap<String, (String, u64)>,
    bound: Option<Bound>,
    keys: u8,
    /// The last proof of a refresh.
    pub sent: Option<String>,
    /// How often it signed.
    pub signatures: usize,
}

fn between<'t>(text: &'t str, before: &str, after: &str) -> Option<&'t str> {
    Some(text.split_once(before)?.1.split_once(after)?.0)
}

impl Browser {
    /// The Cookie header.
    #[must_use]
    pub fn cookies(&self, site: &Site) -> String {
        let now = site.clock.now().millis();
        let live = self.jar.iter().filter(|(_, (_, until))| *until > now);
        live.map(|(name, (value, _))| format!("{name}={value}")).collect::<Vec<_>>().join("; ")
    }

    /// The query of its refresh URL.
    #[must_use]
    pub fn query(&self) -> Option<&str> {
        self.bound.as_ref().map(|bound| bound.query.as_str())
    }

    /// It has lost its key.
    pub fn forget_key(&mut self) {
        self.bound = None;
    }

    /// Whether it has a key.
    #[must_use]
    pub fn has_key(&self) -> bool {
        self.bound.is_some()
    }

    /// Takes the cookie of an answer.
    pub fn receive(&mut self, site: &Site, set_cookie: &str) {
        let (pair, attributes) = set_cookie.split_once("; ").unwrap_or((set_cookie, ""));
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let seconds: u64 = attributes
            .split("; ")
            .find_map(|attribute| attribute.strip_prefix("Max-Age=")?.parse().ok())
            .unwrap_or_default();
        let until = site.clock.now().millis() + seconds * 1_000;
        self.jar.insert(name.to_owned(), (value.to_owned(), until));
    }

    /// A request of a page, and what comes before and after it.
    pub fn visit(&mut self, site: &Site, visit: Visit, fault: Fault) -> Answer {
        if self.bound.is_some() && !self.cookies(site).contains("__Host-id-b=") {
            self.refresh(site, fault);
        }
        let answer = site.visit(&self.cookies(site), visit);
        answer.cookies.iter().for_each(|cookie| self.receive(site, cookie));
        if let Some(registration) = &answer.registration
            && fault != Fault::NotRegistered
        {
            self.register(site, registration, fault);
        }
        answer
    }

    fn register(&mut self, site: &Site, registration: &str, fault: Fault) {
        let challenge = between(registration, "challenge=\"", "\"").unwrap_or_default();
        self.keys += 1;
        self.signatures += 1;
        let (key, proof) = (self.keys, Proof::registration(self.keys, challenge).text());
        let reply = site.register(&self.cookies(site), Some(&proof));
        if fault == Fault::RegistrationLost {
            return;
        }
        if let DeviceReply::Proven { cookie, challenge, instructions: Some(instructions) } = reply {
            let query = between(instructions.as_str(), "\"refresh_url\":\"/dbsc?", "\"").unwrap_or_default();
            let challenge = between(challenge.as_str(), "\"", "\"").map(str::to_owned);
            self.bound = Some(Bound { key, query: query.to_owned(), challenge });
            self.receive(site, cookie.as_str());
        }
    }

    /// Proves, with at most four challenges.
    pub fn refresh(&mut self, site: &Site, fault: Fault) {
        let mut loses = fault == Fault::RefreshLost;
        site.store.down.set(fault == Fault::EndpointDown);
        for _ in 0..4 {
            let Some(bound) = &mut self.bound else { break };
            let proof = bound.challenge.as_ref().map(|challenge| Proof::refresh(bound.key, challenge).text());
            self.signatures += usize::from(proof.is_some());
            self.sent = proof.clone().or(self.sent.take());
            let cookies = {
                let now = site.clock.now().millis();
                let live = self.jar.iter().filter(|(_, (_, until))| *until > now);
                live.map(|(name, (value, _))| format!("{name}={value}")).collect::<Vec<_>>().join("; ")
            };
            let ask = || site.refresh(&cookies, bound.query.as_bytes(), proof.as_ref().map(String::as_bytes));
            let mut reply = ask();
            if std::mem::take(&mut loses) {
                reply = ask();
            }
            match reply {
                DeviceReply::Proven { cookie, challenge, .. } => {
                    bound.challenge = between(challenge.as_str(), "\"", "\"").map(str::to_owned);
                    self.receive(site, cookie.as_str());
                    break;
                }
                DeviceReply::Challenge(challenge) => {
                    bound.challenge = between(challenge.as_str(), "\"", "\"").map(str::to_owned);
                }
                DeviceReply::Refused => self.bound = None,
                DeviceReply::Unavailable => break,
            }
        }
        site.store.down.set(false);
    }
}
