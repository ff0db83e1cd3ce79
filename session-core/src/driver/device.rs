//! The refresh of a device-bound session: a request that the browser sends on its own to prove its key, usually without
//! the session's cookie.

use core::fmt;

use rand_core::TryCryptoRng;

use super::mode::Mode;
use super::sessions::Sessions;
use crate::base::environment::{Buffer, Clock};
use crate::base::error::Error;
use crate::base::events::{Cause, Event, LogId, Observer};
use crate::base::names::{Handle, Version};
use crate::protocol::expiry;
use crate::record::layout::Record;
use crate::store::contract::{DeleteCondition, Load, Outcome, Store};
use crate::wire::cookie_header::{MAX_CANDIDATES, candidates};
use crate::wire::device::{DeviceKeys, Header, Instructions};
use crate::wire::proof::{Es256, Proof};
use crate::wire::token::Token;

/// How often a single-use proof is written again after another writer was faster.
const WRITES: u8 = 5;

/// The response of the endpoint. Send no other status and no redirect: browsers end their session for nearly all of
/// them.
// exists only while an answer is made
#[allow(clippy::large_enum_variant)]
#[derive(Clone, Copy, Debug)]
pub enum DeviceReply {
    /// 200 with these `Set-Cookie` and `Secure-Session-Challenge` headers. The body is the instructions, or empty
    /// without them.
    Proven {
        /// The cookie that confirms the proof.
        cookie: Header,
        /// The challenge for the next proof.
        challenge: Header,
        /// The session instructions, unless the browser already has them.
        instructions: Option<Instructions>,
    },
    /// 403 with this `Secure-Session-Challenge` header. The browser signs the challenge and repeats the request.
    Challenge(Header),
    /// 401. The browser deletes the key, and the user signs in again.
    Refused,
    /// 503. The browser keeps the key and retries later.
    Unavailable,
}

/// A session whose cookie arrived without the proof that it needs, as of a certain login.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Unproven {
    handle: Handle,
    login: u32,
}

impl Unproven {
    pub(crate) const fn new(handle: Handle, login: u32) -> Self {
        Self { handle, login }
    }
}

impl fmt::Debug for Unproven {
    /// Prints the name of the session in logs.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Unproven({})", LogId(self.handle))
    }
}

/// How a rejected proof is answered.
enum Refusal {
    /// Another proof may be accepted: this one answers a challenge that is too old, foreign or used.
    Again(&'static str),
    /// No other proof will be accepted.
    Final(&'static str),
    /// The store failed, or the record changed too often.
    Later,
}

impl From<Error> for Refusal {
    fn from(_: Error) -> Self {
        Self::Later
    }
}

impl<S: Store, C: Clock, O: Observer, M: Mode> Sessions<S, C, O, M> {
    /// Answers a refresh: a `POST` to the endpoint with a `Sec-Secure-Session-Id` header.
    ///
    /// - `room` is a buffer for one record, which may grow.
    /// - `rng` is used only if each proof counts once.
    /// - `query` is the part of the URL after `?`.
    /// - `proof` is the value of the `Secure-Session-Response` header.
    ///
    /// The store is called only for a query that our keys signed and a proof that answers one of our challenges: once,
    /// and once more to record a proof that counts once. A refresh is no activity of the session. If the future is
    /// dropped, the proof may have been recorded, and the browser needs a new one.
    #[allow(clippy::too_many_arguments)] // the whole request
    pub async fn refresh_device<'h, B: Buffer>(
        &self,
        device: &DeviceKeys,
        es256: &impl Es256,
        room: B,
        rng: &mut impl TryCryptoRng,
        query: &[u8],
        proof: Option<&[u8]>,
        cookie_lines: impl Iterator<Item = &'h [u8]>,
    ) -> DeviceReply {
        let Some((handle, current)) = device.named(query) else {
            self.observe(&Event::ProofRefused(None, &"the URL is not signed by our keys"));
            return DeviceReply::Refused;
        };
        let Some(proof) = proof else {
            return DeviceReply::Challenge(device.challenge(handle, self.now()));
        };
        let mut room = Record::new(room);
        let why = match self.prove(device, es256, &mut room, rng, handle, proof, cookie_lines).await {
            Ok(key) => {
                self.observe(&Event::DeviceProven(LogId(handle)));
                let now = self.now();
                return DeviceReply::Proven {
                    cookie: device.bound_cookie(handle, &key, now),
                    challenge: device.challenge(handle, now),
                    // a URL of an older key is replaced
                    instructions: (!current).then(|| device.instructions(handle)),
                };
            }
            Err(why) => why,
        };
        let (reply, why) = match why {
            Refusal::Again(why) => (DeviceReply::Challenge(device.challenge(handle, self.now())), why),
            Refusal::Final(why) => (DeviceReply::Refused, why),
            Refusal::Later => return DeviceReply::Unavailable,
        };
        self.observe(&Event::ProofRefused(Some(LogId(handle)), &why));
        reply
    }

    /// Ends a session whose cookie arrived without its proof. Call it before a login over that session: the login
    /// replaces the cookie, and no browser could sign out of the old session afterwards. If that session has signed in
    /// again since, it is left alone.
    ///
    /// # Errors
    /// On error the session may still be valid.
    pub async fn end_unproven(&self, unproven: Unproven) -> Result<(), Error> {
        let Unproven { handle, login } = unproven;
        let ended = self.context.store.delete(&handle, DeleteCondition::Login(login), self.now()).await;
        if matches!(self.context.heard(ended)?, Outcome::Applied(_)) {
            self.observe(&Event::Revoked(LogId(handle), None, Cause::BindingLost));
        }
        Ok(())
    }

    #[allow(clippy::too_many_arguments)] // the whole request
    async fn prove<'h, B: Buffer>(
        &self,
        device: &DeviceKeys,
        es256: &impl Es256,
        room: &mut Record<B>,
        rng: &mut impl TryCryptoRng,
        handle: Handle,
        proof: &[u8],
        cookie_lines: impl Iterator<Item = &'h [u8]>,
    ) -> Result<[u8; 64], Refusal> {
        let proof = Proof::read(proof).ok_or(Refusal::Final("the proof is malformed"))?;
        if proof.key().is_some() {
            return Err(Refusal::Final("the proof of a refresh must not contain a key"));
        }
        let made = device.is_refresh(proof.challenge(), handle, self.now());
        let made = made.ok_or(Refusal::Again("the challenge is not ours or is too old"))?;
        if self.is_another(handle, cookie_lines) {
            return Err(Refusal::Final("the cookie names another session"));
        }
        let mut seen = self.load_live(handle, room).await?.ok_or(Refusal::Final("the session does not exist"))?;
        let Some((key, _)) = room.device() else { return Err(Refusal::Final("the session is not bound to a device")) };
        let key = *key;
        if !proof.is_signed_by(&key, es256) {
            return Err(Refusal::Final("the signature is not by the session's device"));
        }
        if !device.devices().single_use {
            return Ok(key);
        }
        for _ in 0..WRITES {
            // a reloaded record has another key only if it is another session
            let Some((_, proven)) = room.device().filter(|(bound, _)| **bound == key) else {
                return Err(Refusal::Final("the session is bound to another device"));
            };
            if made <= proven {
                return Err(Refusal::Again("the proof was used before"));
            }
            room.set_device(&key, made)?;
            room.set_version(self.draw(rng)?.version());
            let written = self.context.store.update(&handle, seen, room.bytes(), self.now(), &mut []).await;
            match self.context.heard(written)? {
                Outcome::Applied(_) => return Ok(key),
                Outcome::Missing => return Err(Refusal::Final("the session does not exist")),
                Outcome::Full | Outcome::TooLarge { .. } => return Err(Refusal::Later),
                Outcome::Conflict(_) => {}
            }
            seen = self.load_live(handle, room).await?.ok_or(Refusal::Final("the session does not exist"))?;
        }
        Err(Refusal::Later)
    }

    /// Whether the request's cookies name another valid session: then another user has signed in since.
    fn is_another<'h>(&self, handle: Handle, cookie_lines: impl Iterator<Item = &'h [u8]>) -> bool {
        let values = cookie_lines.flat_map(|line| candidates(line, self.policy().cookie_name())).take(MAX_CANDIDATES);
        let mut another = false;
        for token in values.filter_map(|value| Token::open(value, self.ring())) {
            if token.handle() == handle {
                return false;
            }
            another = true;
        }
        another
    }

    /// Loads a session that has not ended; `None` if there is none. Returns the version that an update must name.
    pub(crate) async fn load_live<B: Buffer>(
        &self,
        handle: Handle,
        room: &mut Record<B>,
    ) -> Result<Option<Version>, Error> {
        loop {
            let load = self.context.store.load(&handle, self.now(), room.buffer()).await;
            match self.context.heard(load)? {
                Load::Found(found) => {
                    let now = self.now();
                    let live = room.adopt(found.len).is_ok() && !expiry::expired(room, self.policy(), now);
                    return Ok(live.then_some(found.version));
                }
                Load::Missing => return Ok(None),
                Load::TooLarge { size } => room.make_room(size)?,
            }
        }
    }
}
