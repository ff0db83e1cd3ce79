//! The refresh of a device-bound session: a proof that comes by itself, mostly without the session's cookie (TR3).

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

/// How often a proof that counts once is written again after another writer was faster.
const WRITES: u8 = 5;

/// What the endpoint answers. Never with a redirect or another status: browsers end their session at nearly all of them.
// lives as long as an answer is made
#[allow(clippy::large_enum_variant)]
#[derive(Clone, Copy, Debug)]
pub enum DeviceReply {
    /// 200 with these `Set-Cookie` and `Secure-Session-Challenge`, and the instructions as the body or an empty one.
    Proven {
        /// The cookie that proves.
        cookie: Header,
        /// The challenge for the next proof.
        challenge: Header,
        /// The session instructions, unless the browser has them.
        instructions: Option<Instructions>,
    },
    /// 403 with this `Secure-Session-Challenge`: the browser signs it and asks again.
    Challenge(Header),
    /// 401: the browser forgets the key, and the user signs in again.
    Refused,
    /// 503: the browser keeps the key and asks again later.
    Unavailable,
}

/// A session whose cookie came without the proof that it needs, by the login that it is of.
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
    /// Prints what logs name the session by.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Unproven({})", LogId(self.handle))
    }
}

/// What a proof that is refused leads to.
enum Refusal {
    /// Another proof may do: this answers a challenge that was too old, not ours, or used.
    Again(&'static str),
    /// None will.
    Final(&'static str),
    /// The store failed, or has changed too often meanwhile.
    Later,
}

impl From<Error> for Refusal {
    fn from(_: Error) -> Self {
        Self::Later
    }
}

impl<S: Store, C: Clock, O: Observer, M: Mode> Sessions<S, C, O, M> {
    /// Answers a refresh: a `POST` to the endpoint with `Sec-Secure-Session-Id`. `query` is what follows `?` in its URL,
    /// `proof` the value of its `Secure-Session-Response`. `room` is for one record, which may grow. `rng` is used for proofs
    /// that count once.
    ///
    /// Calls the store only for a query that our keys signed, with a proof that answers a challenge of ours: once, and once
    /// more to write down that the proof was used. It is no activity of the session.
    #[allow(clippy::too_many_arguments)] // all of a request
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
            self.observe(&Event::ProofRefused(None, &"the URL names no session of ours"));
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
                    // a URL of an older key is replaced by one of today's
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

    /// Ends a session whose cookie came without its proof: to be called before a login over it, which gives the browser
    /// another cookie. Nobody would sign out of it any more. A login of that session since then is left alone.
    pub async fn end_unproven(&self, unproven: Unproven) -> Result<(), Error> {
        let Unproven { handle, login } = unproven;
        let ended = self.context.store.delete(&handle, DeleteCondition::Login(login), self.now()).await;
        if matches!(self.context.heard(ended)?, Outcome::Applied(_)) {
            self.observe(&Event::Revoked(LogId(handle), None, Cause::BindingLost));
        }
        Ok(())
    }

    #[allow(clippy::too_many_arguments)] // all of a request
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
        let proof = Proof::read(proof).ok_or(Refusal::Final("it is no proof"))?;
        if proof.key().is_some() {
            return Err(Refusal::Final("it registers a key"));
        }
        let made = device.is_refresh(proof.challenge(), handle, self.now());
        let made = made.ok_or(Refusal::Again("its challenge is not ours, or too old"))?;
        if self.is_another(handle, cookie_lines) {
            return Err(Refusal::Final("the cookie names another session"));
        }
        let mut seen = self.load_live(handle, room).await?.ok_or(Refusal::Final("there is no such session"))?;
        let Some((key, _)) = room.device() else { return Err(Refusal::Final("the session is bound to no device")) };
        let key = *key;
        if !proof.is_signed_by(&key, es256) {
            return Err(Refusal::Final("the signature is not of the session's device"));
        }
        if !device.devices().single_use {
            return Ok(key);
        }
        for _ in 0..WRITES {
            // a record that was loaded anew may be of another key only if it is another session
            let Some((_, proven)) = room.device().filter(|(bound, _)| **bound == key) else {
                return Err(Refusal::Final("the session is bound to another device"));
            };
            if made <= proven {
                return Err(Refusal::Again("it was used before"));
            }
            room.set_device(&key, made)?;
            room.set_version(self.draw(rng)?.version());
            let written = self.context.store.update(&handle, seen, room.bytes(), self.now(), &mut []).await;
            match self.context.heard(written)? {
                Outcome::Applied(_) => return Ok(key),
                Outcome::Missing => return Err(Refusal::Final("there is no such session")),
                Outcome::Full | Outcome::TooLarge { .. } => return Err(Refusal::Later),
                Outcome::Conflict(_) => {}
            }
            seen = self.load_live(handle, room).await?.ok_or(Refusal::Final("there is no such session"))?;
        }
        Err(Refusal::Later)
    }

    /// Whether the request's cookies name a session of ours, and not this one: then another user has signed in since.
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
