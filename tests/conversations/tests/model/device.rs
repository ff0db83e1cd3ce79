//! Sessions that are bound to devices. What is handed out is written down, where the real ones sign it.

use core_tests::devices::{DeviceKeys, P256Keys};

use super::Reply;
use super::sessions::{Bug, Found, Record, Sessions};
use super::token::{Token, from_base64url, to_base64url};

/// What a request to the endpoint says.
#[derive(Default)]
pub(crate) struct Asked {
    pub(crate) handle: Option<String>,
    pub(crate) no_cors: bool,
    pub(crate) same_origin: bool,
    pub(crate) refreshes: bool,
    pub(crate) proof: Option<String>,
}

/// What something that was handed out is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Use {
    Registration,
    Refresh,
    Bound,
    Url,
}

/// What was handed out.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Issued {
    usage: Use,
    handle: u64,
    login: u64,
    at: u64,
    key: Option<[u8; 64]>,
}

impl Issued {
    fn is(&self, usage: Use, handle: u64) -> bool {
        self.usage == usage && self.handle == handle
    }
}

const MINUTE: u64 = 60_000;

/// A JWT: the key that it registers, the challenge, and whether the key, or one of those in `keys`, has signed it.
struct Proof {
    registers: Option<[u8; 64]>,
    challenge: String,
    signer: Option<[u8; 64]>,
}

impl Proof {
    fn read(text: &str) -> Option<Self> {
        let text = text.strip_prefix('"').and_then(|text| text.strip_suffix('"')).unwrap_or(text);
        let (signed, signature) = text.rsplit_once('.')?;
        let (head, body) = signed.split_once('.')?;
        let plain = |part: &str| String::from_utf8(from_base64url(part)?).ok();
        let (head, body, signature) = (plain(head)?, plain(body)?, from_base64url(signature)?);
        let jwk = head.strip_prefix("{\"alg\":\"ES256\",")?.strip_suffix("\"typ\":\"dbsc+jwt\"}")?;
        let member = |name: &str| from_base64url(jwk.split_once(&format!("\"{name}\":\""))?.1.split('"').next()?);
        let registers = match jwk {
            "" => None,
            _ => Some([member("x")?, member("y")?].concat().try_into().ok()?),
        };
        let challenge = body.strip_prefix("{\"jti\":\"")?.strip_suffix("\"}")?.to_owned();
        // signatures are made without chance: whoever has the key makes the same one again
        let signer = (1..=9).find(|key| P256Keys.sign(*key, signed.as_bytes())[..] == signature);
        Some(Self { registers, challenge, signer: signer.map(|key| P256Keys.public(key)) })
    }
}

impl Sessions {
    fn hand_out(&mut self, usage: Use, handle: u64, record: &Record) -> String {
        let long = [self.secret().to_be_bytes(), self.secret().to_be_bytes()].concat();
        let text = to_base64url(&long[..if usage == Use::Url { 16 } else { 22 }]);
        let key = record.device.map(|(key, _)| key);
        self.issued.insert(text.clone(), Issued { usage, handle, login: record.login, at: self.now(), key });
        text
    }

    /// What is left of a session without the proof that it needs.
    pub(crate) fn proven(&self, found: Found, cookies: &[Vec<u8>]) -> Found {
        let (Found::Live(token), Some(record)) = (found, self.record(&found)) else { return found };
        if self.device_bound == 0 || self.has(Bug::ProofNotAsked) {
            return found;
        }
        let age = self.now() - record.created;
        let Some((key, _)) = record.device else {
            let overdue = self.required && !self.has(Bug::RequirementForgotten) && age >= 2 * MINUTE;
            return if overdue && record.subject.is_some() { Found::None } else { found };
        };
        let name = format!("{}-b=", self.cookie_name);
        let values =
            cookies.iter().filter_map(|cookie| std::str::from_utf8(cookie.trim_ascii()).ok()?.strip_prefix(&name));
        let holds = |issued: &Issued| {
            (issued.is(Use::Bound, token.handle) && issued.key == Some(key)
                || issued.usage == Use::Bound && self.has(Bug::ProofOfAnySession))
                && (self.now() < issued.at + self.device_bound + 5_000 || self.has(Bug::ProofHoldsForever))
        };
        let proven = values.filter_map(|value| self.issued.get(value)).any(holds);
        if proven || age < MINUTE.min(self.device_bound) { found } else { Found::None }
    }

    /// The session that a login finds without its proof is over.
    pub(crate) fn unproven_ends(&mut self, whole: &Found, found: &Found) {
        if let (Found::Live(token), Found::None) = (whole, found)
            && !self.has(Bug::UnprovenSurvivesLogin)
        {
            self.records.remove(&token.handle);
        }
    }

    /// The answer to a login asks for a key.
    pub(crate) fn ask_for_key(&mut self, reply: Reply) -> Reply {
        let made = reply.cookie.as_ref().and_then(|(text, _)| Token::open(text.as_bytes(), Some(&self.key), true));
        let record = made.and_then(|token| Some((token.handle, self.records.get(&token.handle)?.clone())));
        match record.filter(|_| self.device_bound > 0) {
            Some((handle, record)) => {
                let registration = Some(self.hand_out(Use::Registration, handle, &record));
                Reply { registration, ..reply }
            }
            None => reply,
        }
    }

    /// Answers a request to the endpoint.
    pub(crate) fn prove(&mut self, asked: &Asked, cookies: &[Vec<u8>]) -> String {
        let by_browser = asked.no_cors && asked.same_origin || self.has(Bug::ScriptsRegister);
        let proven = match by_browser {
            false => Err(401),
            true if asked.refreshes => self.refresh(asked, cookies),
            true => self.register(asked, cookies),
        };
        let (status, lines, body) = match proven {
            Ok((handle, instructions)) => {
                let record = self.records[&handle].clone();
                let (bound, challenge) =
                    (self.hand_out(Use::Bound, handle, &record), self.hand_out(Use::Refresh, handle, &record));
                let age = self.device_bound / 1_000;
                let name = &self.cookie_name;
                let cookie =
                    format!("Set-Cookie: {name}-b={bound}; Max-Age={age}; Path=/; HttpOnly; SameSite=Lax; Secure\r\n");
                let challenge = format!("Secure-Session-Challenge: \"{challenge}\";id=\"app\"\r\n");
                (200, cookie + &challenge, instructions)
            }
            Err(403) => {
                let named = asked.handle.as_ref().and_then(|handle| self.issued.get(handle).copied());
                let handle = named.map_or(0, |named| named.handle);
                let challenge = self.hand_out(Use::Refresh, handle, &Record::default());
                (403, format!("Secure-Session-Challenge: \"{challenge}\";id=\"app\"\r\n"), None)
            }
            Err(status) => (status, String::new(), None),
        };
        let kind = if body.is_some() { "Content-Type: application/json\r\n" } else { "" };
        let body = body.unwrap_or_default();
        let length = body.len();
        format!("HTTP/1.1 {status} x\r\nCache-Control: no-store\r\nContent-Length: {length}\r\n{kind}{lines}\r\n{body}")
    }

    const fn outage(&self) -> u16 {
        if matches!(self.bug, Some(Bug::OutageIsFinal)) { 401 } else { 503 }
    }

    fn register(&mut self, asked: &Asked, cookies: &[Vec<u8>]) -> Result<(u64, Option<String>), u16> {
        if self.down {
            return Err(self.outage());
        }
        let whole = self.begin(cookies);
        let found = self.proven(whole, cookies);
        let (Found::Live(token), Some(record)) = (found, self.record(&found)) else { return Err(401) };
        let proof = asked.proof.as_deref().and_then(Proof::read).ok_or(401_u16)?;
        let key = proof.registers.ok_or(401_u16)?;
        let issued = self.issued.get(&proof.challenge).copied().ok_or(401_u16)?;
        let of_login = issued.is(Use::Registration, token.handle) && issued.login == record.login;
        let of_login = of_login || issued.usage == Use::Registration && self.has(Bug::RegisteredForAnyLogin);
        let late = self.now() >= issued.at + 2 * MINUTE && !self.has(Bug::RegisteredLate);
        let signed = proof.signer == Some(key) || self.has(Bug::SignatureNotVerified);
        let another = record.device.is_some_and(|(bound, _)| bound != key) && !self.has(Bug::KeyReplaced);
        let again = record.device.is_some() && self.single_use && !self.has(Bug::ProofReplayed);
        if record.subject.is_none() || !of_login || late || !signed || another || again {
            return Err(401);
        }
        let mut record = record;
        record.device = Some((key, 0));
        let name = self.hand_out(Use::Url, token.handle, &record);
        self.records.insert(token.handle, record);
        Ok((token.handle, Some(format!("{{\"refresh_url\":\"/device-session?s={name}\"}}"))))
    }

    fn refresh(&mut self, asked: &Asked, cookies: &[Vec<u8>]) -> Result<(u64, Option<String>), u16> {
        let named = asked.handle.as_ref().and_then(|handle| self.issued.get(handle).copied());
        let Issued { handle, .. } = named.filter(|named| named.usage == Use::Url).ok_or(401_u16)?;
        let proof = Proof::read(asked.proof.as_ref().ok_or(403_u16)?).ok_or(401_u16)?;
        if proof.registers.is_some() {
            return Err(401);
        }
        let issued = self.issued.get(&proof.challenge).copied();
        let fresh =
            |issued: &Issued| issued.is(Use::Refresh, handle) && self.now() < issued.at + self.device_bound + MINUTE;
        let at = match issued.filter(fresh) {
            Some(issued) => issued.at,
            None if self.has(Bug::ChallengeNotVerified) => self.now(),
            None => return Err(403),
        };
        if self.down {
            return Err(self.outage());
        }
        let named = self.begin(cookies);
        let cookie =
            if let Found::Live(token) | Found::Stale { token, .. } = named { Some(token.handle) } else { None };
        let another = cookie.is_some_and(|cookie| cookie != handle) && !self.has(Bug::ProofOfAnothersCookie);
        if another || cookie.is_none() && self.has(Bug::ProofNeedsTheCookie) {
            return Err(401);
        }
        let (single_use, now, replays) = (self.single_use, self.now(), self.has(Bug::ProofReplayed));
        let (active, any) = (self.has(Bug::ProofIsActivity), self.has(Bug::SignatureNotVerified));
        let live = self.records.get(&handle).is_some_and(|record| self.live(record));
        let record = self.records.get_mut(&handle).filter(|_| live).ok_or(401_u16)?;
        let (key, used) = record.device.ok_or(401_u16)?;
        if proof.signer != Some(key) && !any {
            return Err(401);
        }
        if single_use && at <= used && !replays {
            return Err(403);
        }
        record.device = Some((key, at));
        if active {
            record.last_seen = now;
        }
        Ok((handle, None))
    }
}
