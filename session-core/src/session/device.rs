//! A session bound to a key in the device that signed in, as seen from a request with the session's cookie.

use core::ops::DerefMut;

use rand_core::TryCryptoRng;

use super::view::Session;
use crate::base::environment::{Buffer, Clock, Time};
use crate::base::error::Error;
use crate::base::events::{Event, LogId, Observer};
use crate::driver::device::{DeviceReply, Unproven};
use crate::driver::mode::Mode;
use crate::protocol::state::RequestState;
use crate::store::contract::Store;
use crate::wire::device::{DeviceKeys, Header};
use crate::wire::proof::{Es256, Proof};

/// What a request's cookies prove about the device that its session is bound to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeviceProof {
    /// There is no session, or it is not bound.
    Unbound,
    /// The device proved at this time that it holds the key.
    Proven(Time),
    /// The session signed in a moment ago and needs no proof yet.
    Settling,
    /// There is no valid proof, and the request has no session. Before a login in this request, end the session with
    /// [`end_unproven`](crate::Sessions::end_unproven).
    Missing(Unproven),
}

impl<'a, S, C, R, B, Q, O, M> Session<'a, S, C, R, Q, O, M>
where
    S: Store,
    C: Clock,
    R: TryCryptoRng,
    B: Buffer + 'a,
    Q: DerefMut<Target = RequestState<B>>,
    O: Observer,
    M: Mode,
{
    /// Checks the proof of a device-bound session. Call it after [`load`](Self::load), with the same header lines.
    ///
    /// Without a valid proof the request has no session from here on, and a write creates a new one. The browser keeps
    /// its cookies. Calls no store.
    pub fn check_device<'h>(
        &mut self,
        device: &DeviceKeys,
        cookie_lines: impl Iterator<Item = &'h [u8]>,
    ) -> DeviceProof {
        let bound = self.request.handle().zip(self.request.record().and_then(|record| record.device()));
        let proven = bound.and_then(|(handle, (key, _))| device.proven_at(handle, key, cookie_lines));
        let proof = self.device_proof(device, proven);
        if let DeviceProof::Missing(_) = proof {
            if let Some(id) = self.log_id() {
                let age = proven.map(|proven| self.sessions.now().since(proven).as_secs() as u32);
                self.sessions.observe(&Event::Unproven(id, self.subject(), age));
            }
            self.request.disown();
        }
        proof
    }

    /// Returns what a proof of then is worth now, for a session that is looked at after its request. Changes and reports
    /// nothing.
    #[must_use]
    pub fn device_proof(&self, device: &DeviceKeys, proven: Option<Time>) -> DeviceProof {
        let (Some(handle), Some(record)) = (self.request.handle(), self.request.record()) else {
            return DeviceProof::Unbound;
        };
        let (now, signed_in) = (self.sessions.now(), record.created());
        match (record.has_device(), proven) {
            (false, _) if record.subject().is_none() || !device.is_overdue(signed_in, now) => DeviceProof::Unbound,
            (true, Some(proven)) if device.holds(proven, now) => DeviceProof::Proven(proven),
            (true, _) if device.settling(signed_in, now) => DeviceProof::Settling,
            _ => DeviceProof::Missing(Unproven::new(handle, record.login())),
        }
    }

    /// Returns the `Secure-Session-Registration` value of the response, which asks the browser for a key. Returns
    /// `None` unless this request signed in and the session is not bound yet.
    #[must_use]
    pub fn device_registration(&self, device: &DeviceKeys) -> Option<Header> {
        let (handle, record) = self.request.signed_in_here().filter(|(_, record)| !record.has_device())?;
        Some(device.registration(handle, record.login(), self.sessions.now()))
    }

    /// Answers a registration: a `POST` to the endpoint without a `Sec-Secure-Session-Id` header. Call it after
    /// [`load`](Self::load). `proof` is the value of the `Secure-Session-Response` header.
    ///
    /// A session is bound only once. A repeated proof, whose response was lost, is answered again unless the policy
    /// accepts each proof only once. If the future is dropped, the session was bound or not, and the browser can repeat
    /// the proof.
    pub async fn register_device(
        &mut self,
        device: &DeviceKeys,
        es256: &impl Es256,
        proof: Option<&[u8]>,
    ) -> DeviceReply {
        let id = self.log_id();
        let registered = self.register(device, es256, proof.unwrap_or_default()).await;
        match registered {
            Ok((reply, LogId(handle))) => {
                self.sessions.observe(&Event::DeviceBound(LogId(handle), self.subject()));
                reply
            }
            Err(Ok(why)) => {
                self.sessions.observe(&Event::ProofRefused(id, &why));
                DeviceReply::Refused
            }
            Err(Err(_)) => DeviceReply::Unavailable,
        }
    }

    async fn register(
        &mut self,
        device: &DeviceKeys,
        es256: &impl Es256,
        proof: &[u8],
    ) -> Result<(DeviceReply, LogId), Result<&'static str, Error>> {
        let signed_in = self.request.handle().zip(self.request.record()).filter(|_| self.request.is_live());
        let signed_in = signed_in.filter(|(_, record)| record.subject().is_some());
        let Some((handle, record)) = signed_in else {
            return Err(Ok("no subject is signed in"));
        };
        if self.sessions.mode.abilities().lives_in_cookie {
            return Err(Ok("sealed sessions cannot be bound"));
        }
        let login = record.login();
        if proof.is_empty() {
            return Err(Ok("the proof is missing: check that no proxy removes Secure-Session headers"));
        }
        let proof = Proof::read(proof).ok_or(Ok("the proof is malformed"))?;
        let key = *proof.key().ok_or(Ok("the proof contains no key"))?;
        if !device.is_registration(proof.challenge(), handle, login, self.sessions.now()) {
            return Err(Ok("the challenge is not of this sign-in or is too old"));
        }
        let another = Err(Ok("the session is bound to another key"));
        if record.device().is_some_and(|(bound, _)| *bound != key) {
            return another;
        }
        if record.has_device() && device.devices().single_use {
            return Err(Ok("the proof was used before"));
        }
        if !proof.is_signed_by(&key, es256) {
            return Err(Ok("the signature does not match the key in the proof"));
        }
        if !record.has_device() {
            let mut taken = false;
            let stored = self
                .update(|record, changes| {
                    taken = record.login() != login || record.device().is_some_and(|(bound, _)| *bound != key);
                    if taken {
                        return Err(Error::Conflict);
                    }
                    record.set_device(&key, Time::ZERO)?;
                    changes.set_dirty();
                    Ok(())
                })
                .await;
            match stored {
                Err(Error::Conflict) if taken => return another,
                stored => stored.map_err(Err)?,
            }
        }
        let now = self.sessions.now();
        let reply = DeviceReply::Proven {
            cookie: device.bound_cookie(handle, &key, now),
            challenge: device.challenge(handle, now),
            instructions: Some(device.instructions(handle)),
        };
        Ok((reply, LogId(handle)))
    }
}
