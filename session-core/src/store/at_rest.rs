//! A store wrapper that seals the data of records. A reader of the medium learns the signed-in subjects and their
//! times, but nothing about the sessions' data. A writer to the medium can neither change nor create a record that is
//! accepted.
//!
//! ```text
//! … head, subject, label unchanged | nonce[24] | tag[16] | ciphertext of the data
//! ```
//! The cipher is XChaCha20-Poly1305 as for sealed cookies, with its own subkey. Everything before the data and the
//! handle are authenticated, except `last_seen`, which stores change themselves. The nonce is a MAC of all this and of
//! the data. Each writer puts a random version into the head, so the nonce repeats only for identical bytes.

use core::sync::atomic::{AtomicU8, Ordering};

use crate::base::environment::{Buffer, Time};
use crate::base::hmac::Hmac;
use crate::base::keys::{Keys, Ring, Subkeys};
use crate::base::names::{Handle, Version};
use crate::record::layout::{self, IDLE_AT, LAST_SEEN_AT};
use crate::record::values;
use crate::store::contract::{DeleteCondition, Found, Load, Outcome, Store};
use crate::wire::sealed::{NONCE, TAG, cipher, decrypt, encrypt};

/// Used instead of a cookie's name, which it cannot be.
const PURPOSE: &str = "data at rest";
/// The purpose of the cipher.
const DATA: &[u8] = b"data at rest";

/// Any store, with the data of its records sealed. Each record takes 40 bytes more.
///
/// The first key of the ring seals, the others open, and each write seals again. A record that no key opens is reported
/// as corrupt and ignored. It does not detect an older copy of a record that an attacker has put back into the medium.
///
/// There is no fallback to unsealed data, so adding this wrapper ends all existing sessions, with a
/// [warning](Store::warning). To keep them, use [`accepting_unsealed`](Self::accepting_unsealed) for as long as the
/// longest session lasts. While the nodes of an application are deployed one after the other, those without the wrapper
/// reject sealed records: deploy [`writing_unsealed`](Self::writing_unsealed) to all of them first.
///
/// Do not wrap the store of [sealed](crate::Sessions::sealed) sessions. It has no data, and its mark of all sessions is
/// rarely written: when the key that sealed it is removed, all requests fail.
///
/// Errors, dropped futures and power loss have the same effects as in the wrapped store.
pub struct AtRest<S, B> {
    store: S,
    ring: Ring,
    room: B,
    unsealed: Unsealed,
    /// How far the warning of unsealed records is.
    warning: AtomicU8,
}

/// What happens with records that are not sealed.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Unsealed {
    Rejected,
    Accepted,
    Written,
}

const REJECTED_ONE: u8 = 1;
const WARNED: u8 = 2;

impl<S, B> AtRest<S, B> {
    /// Creates the wrapper around `store`. `room` is a buffer that is cloned for each write. It must hold a record and
    /// 40 bytes more, otherwise a write returns [`Outcome::TooLarge`].
    pub fn new(store: S, keys: &Keys, room: B) -> Self {
        let (ring, warning) = (Ring::new(keys, PURPOSE), AtomicU8::new(0));
        Self { store, ring, room, unsealed: Unsealed::Rejected, warning }
    }

    /// Also reads records that are not sealed, and seals them when it writes them.
    ///
    /// An attacker who can write to the medium can create and change sessions until this is removed.
    #[must_use]
    pub fn accepting_unsealed(self) -> Self {
        Self { unsealed: Unsealed::Accepted, ..self }
    }

    /// Reads sealed and unsealed records, and seals none: before the first node seals, or before the last one stops.
    #[must_use]
    pub fn writing_unsealed(self) -> Self {
        Self { unsealed: Unsealed::Written, ..self }
    }

    /// Returns the same wrapper around another store.
    #[must_use]
    pub fn around<T>(&self, store: T) -> AtRest<T, B>
    where
        B: Clone,
    {
        let (ring, room, unsealed) = (self.ring.clone(), self.room.clone(), self.unsealed);
        AtRest { store, ring, room, unsealed, warning: AtomicU8::new(0) }
    }

    /// Returns the wrapped store.
    pub const fn inner(&self) -> &S {
        &self.store
    }

    /// Opens the record in the first `len` bytes in place. Returns its length.
    fn open(&self, key: &Handle, bytes: &mut [u8], len: usize) -> Option<usize> {
        let bytes = bytes.get_mut(..len)?;
        let data_at = layout::data_at(bytes)?;
        let (head, body) = bytes.split_at_mut_checked(data_at)?;
        if self.open_body(key, head, body).is_some() {
            return Some(len - NONCE - TAG);
        }
        if !values::check(body) {
            return None;
        }
        if self.unsealed == Unsealed::Rejected {
            // two steps, because the smallest processors have no single one; at worst the warning is given twice
            if self.warning.load(Ordering::Relaxed) == 0 {
                self.warning.store(REJECTED_ONE, Ordering::Relaxed);
            }
            return None;
        }
        Some(len)
    }

    /// Opens what follows the head of a record, and moves the data to the front.
    fn open_body(&self, key: &Handle, head: &[u8], body: &mut [u8]) -> Option<()> {
        let (nonce, rest) = body.split_first_chunk_mut::<NONCE>()?;
        let (tag, data) = rest.split_first_chunk_mut::<TAG>()?;
        let opens = |keys: &Subkeys, data: &mut [u8]| {
            let head = mac(keys, b"head at rest", key, head, &[]);
            decrypt(&cipher(keys, DATA), nonce, &head, data, tag)
        };
        self.ring.iter().find(|(_, keys)| opens(keys, data))?;
        body.copy_within(NONCE + TAG.., 0);
        Some(())
    }

    /// Writes the sealed form of a record into `room`.
    fn seal<'r>(&self, key: &Handle, record: &[u8], room: &'r mut [u8]) -> Option<&'r [u8]> {
        let (head, data) = record.split_at_checked(layout::data_at(record)?)?;
        let keys = self.ring.signing();
        let sealed = room.get_mut(..record.len() + NONCE + TAG)?;
        let (head_place, rest) = sealed.split_at_mut_checked(head.len())?;
        let (nonce_place, rest) = rest.split_first_chunk_mut::<NONCE>()?;
        let (tag_place, data_place) = rest.split_first_chunk_mut::<TAG>()?;
        head_place.copy_from_slice(head);
        data_place.copy_from_slice(data);
        *nonce_place = *mac(keys, b"nonce at rest", key, head, data).first_chunk()?;
        let head = mac(keys, b"head at rest", key, head, &[]);
        *tag_place = encrypt(&cipher(keys, DATA), nonce_place, &head, data_place)?.into();
        Some(sealed)
    }
}

/// A MAC of what does not change while the record is stored.
fn mac(keys: &Subkeys, purpose: &[u8], key: &Handle, head: &[u8], data: &[u8]) -> [u8; 32] {
    let (before, after) = (head.get(..LAST_SEEN_AT).unwrap_or_default(), head.get(IDLE_AT..).unwrap_or_default());
    Hmac::new(&keys.seal().mac(&[purpose])).mac(&[key.as_bytes(), before, after, data])
}

impl<S: Store, B: Buffer + Clone> Store for AtRest<S, B> {
    type Error = S::Error;
    type Index = S::Index;

    fn index(&self) -> Option<&S::Index> {
        self.store.index()
    }

    fn touch_is_free(&self) -> bool {
        self.store.touch_is_free()
    }

    fn never_waits(&self) -> bool {
        self.store.never_waits()
    }

    fn warning(&self) -> Option<&'static str> {
        if self.warning.load(Ordering::Relaxed) == REJECTED_ONE {
            self.warning.store(WARNED, Ordering::Relaxed);
            return Some(
                "a session that is not encrypted at rest was rejected: if encryption is new, accept unencrypted sessions \
                 for a while (begin_sealing_at_rest); otherwise check who can write to the store",
            );
        }
        self.store.warning()
    }

    async fn load(&self, key: &Handle, now: Time, into: &mut [u8]) -> Result<Load, S::Error> {
        // bytes that no key opens are no record, which the core reports
        match self.store.load(key, now, into).await? {
            Load::Found(Found { len, version }) => {
                Ok(Load::Found(Found { len: self.open(key, into, len).unwrap_or_default(), version }))
            }
            // the record fits, but its seal does not
            Load::TooLarge { size } if size.saturating_sub(NONCE + TAG) <= into.len() => {
                let mut room = self.room.clone();
                room.grow(size);
                let room = room.as_mut();
                let load = self.store.load(key, now, room).await?;
                let Load::Found(Found { len, version }) = load else { return Ok(load) };
                let len = self.open(key, room, len).unwrap_or_default();
                let places = into.get_mut(..len).zip(room.get(..len));
                let Some((place, record)) = places else { return Ok(Load::TooLarge { size: len }) };
                place.copy_from_slice(record);
                Ok(Load::Found(Found { len, version }))
            }
            Load::TooLarge { size } => Ok(Load::TooLarge { size: size.saturating_sub(NONCE + TAG) }),
            Load::Missing => Ok(Load::Missing),
        }
    }

    async fn create(&self, key: &Handle, record: &[u8], now: Time) -> Result<Outcome, S::Error> {
        if self.unsealed == Unsealed::Written {
            return self.store.create(key, record, now).await;
        }
        let mut room = self.room.clone();
        room.grow(record.len() + NONCE + TAG);
        let too_large = no_room(record, room.as_ref());
        match self.seal(key, record, room.as_mut()) {
            Some(sealed) => self.store.create(key, sealed, now).await.map(without_seal),
            None => Ok(too_large),
        }
    }

    async fn update(
        &self,
        key: &Handle,
        seen: Version,
        record: &[u8],
        now: Time,
        there: &mut [u8],
    ) -> Result<Outcome, S::Error> {
        let outcome = if self.unsealed == Unsealed::Written {
            self.store.update(key, seen, record, now, there).await?
        } else {
            let mut room = self.room.clone();
            room.grow(record.len() + NONCE + TAG);
            let too_large = no_room(record, room.as_ref());
            let Some(sealed) = self.seal(key, record, room.as_mut()) else { return Ok(too_large) };
            without_seal(self.store.update(key, seen, sealed, now, there).await?)
        };
        Ok(match outcome {
            Outcome::Conflict(Some(Found { len, version })) => {
                Outcome::Conflict(self.open(key, there, len).map(|len| Found { len, version }))
            }
            other => other,
        })
    }

    async fn touch(&self, key: &Handle, now: Time) -> Result<Outcome, S::Error> {
        self.store.touch(key, now).await
    }

    async fn delete(&self, key: &Handle, condition: DeleteCondition, now: Time) -> Result<Outcome, S::Error> {
        self.store.delete(key, condition, now).await
    }

    async fn check(&self, now: Time) -> Result<(), S::Error> {
        self.store.check(now).await
    }

    async fn end_all(&self, now: Time) -> Result<bool, S::Error> {
        self.store.end_all(now).await
    }

    async fn count(&self, now: Time) -> Result<Option<u64>, S::Error> {
        self.store.count(now).await
    }

    async fn remove_expired(&self, most: usize, now: Time) -> Result<Option<usize>, S::Error> {
        self.store.remove_expired(most, now).await
    }
}

/// The outcome for a record whose sealed form does not fit.
fn no_room(record: &[u8], room: &[u8]) -> Outcome {
    without_seal(Outcome::TooLarge { need: record.len() + NONCE + TAG, have: room.len() })
}

/// Converts sizes to those of unsealed records.
fn without_seal(outcome: Outcome) -> Outcome {
    match outcome {
        Outcome::TooLarge { need, have } => {
            Outcome::TooLarge { need: need.saturating_sub(NONCE + TAG), have: have.saturating_sub(NONCE + TAG) }
        }
        other => other,
    }
}
