//! The key ring: the first key signs, at most two more only verify.
//!
//! Every use has its own subkey, HMAC-SHA256(key, "session-core/1 " ‖ use ‖ 0 ‖ cookie name), followed by 0 and the
//! application's name if it has one. A value made for one purpose, cookie name or application is therefore rejected for
//! any other.

use core::fmt;

use zeroize::Zeroize;

use crate::base::hmac::{Hmac, sha256};

/// Keys a ring can hold.
pub(crate) const RING: usize = 3;

/// Signing keys of 32 random bytes each, made for example with `openssl rand -hex 32`.
///
/// To replace a key, first deploy the new one as verify-only on every node, then let it sign. Remove the old one after
/// the absolute lifetime of sessions.
///
/// ```
/// use session_core::{KeyError, Keys};
///
/// fn keys(new: &[u8; 32], old: &[u8; 32]) -> Result<Keys, KeyError> {
///     Ok(Keys::new(new)?.and_verify(old)?.application("shop"))
/// }
/// ```
#[derive(Clone)]
pub struct Keys {
    keys: [[u8; 32]; RING],
    len: usize,
    application: &'static str,
}

/// Why a key was rejected. `Debug`, which `unwrap` prints, gives the same text as `Display`.
#[derive(Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum KeyError {
    /// The bytes follow a pattern and are not random.
    Pattern,
    /// The ring already holds three keys.
    TooMany,
}

impl fmt::Display for KeyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Pattern => "the signing key is not random: create 32 bytes with `openssl rand -hex 32`",
            Self::TooMany => "too many signing keys: use at most three, so remove the oldest",
        })
    }
}

impl fmt::Debug for KeyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl core::error::Error for KeyError {}

impl Keys {
    /// Creates a ring of one key, which signs.
    ///
    /// # Errors
    /// [`KeyError::Pattern`] for bytes with fewer than eight distinct values or in even steps.
    pub fn new(signing: &[u8; 32]) -> Result<Self, KeyError> {
        Self { keys: [[0; 32]; RING], len: 0, application: "" }.and_verify(signing)
    }

    /// Adds a key that only verifies: an old key, or the one that will sign after the next deployment.
    ///
    /// # Errors
    /// [`KeyError::Pattern`] as for [`new`](Self::new), [`KeyError::TooMany`] for a fourth key.
    pub fn and_verify(mut self, key: &[u8; 32]) -> Result<Self, KeyError> {
        if is_pattern(key) {
            return Err(KeyError::Pattern);
        }
        *self.keys.get_mut(self.len).ok_or(KeyError::TooMany)? = *key;
        self.len += 1;
        Ok(self)
    }

    /// Sets the application's name, which separates applications that share keys and a cookie name.
    ///
    /// The keys then open nothing of an application with another name: no cookie, no CSRF token, no data sealed at rest
    /// and no cache entry. Without a name, only the cookie's name and the store separate applications; see
    /// `docs/security.md` in the repository. Changing the name ends all sessions.
    #[must_use]
    pub const fn application(mut self, name: &'static str) -> Self {
        self.application = name;
        self
    }

    /// Returns the application's name, or an empty text without one.
    #[must_use]
    pub const fn application_name(&self) -> &'static str {
        self.application
    }

    /// Derives a key for a purpose of the application's own from each key of the ring, the signing one first. A derived
    /// key reveals nothing about the ring's keys or about keys for other purposes.
    pub fn derive<'k>(&'k self, purpose: &'k str) -> impl Iterator<Item = [u8; 32]> + 'k {
        let keys = self.keys.iter().take(self.len);
        let application = self.application;
        keys.map(move |key| {
            let purpose = purpose.as_bytes();
            Hmac::new(key).mac(&[b"session-core/1 derived\0", purpose, before(application), application.as_bytes()])
        })
    }
}

/// The separator before an application's name; empty without one.
const fn before(application: &str) -> &'static [u8] {
    if application.is_empty() { &[] } else { &[0] }
}

impl Keys {
    /// Names the application and its cookie to browsers. Not keyed.
    pub(crate) fn device_application(&self, cookie_name: &str) -> [u8; 32] {
        let (name, end) = (cookie_name.as_bytes(), before(self.application));
        sha256(&[b"session-core/1 device application\0", name, end, self.application.as_bytes()])
    }

    /// Derives the subkeys for a use, a cookie name and an application, the signing one first.
    pub(crate) fn subkeys(&self, usage: &[u8], cookie_name: &str) -> [Option<[u8; 32]>; RING] {
        let mut subkeys = [None; RING];
        for (place, key) in subkeys.iter_mut().zip(self.keys.iter().take(self.len)) {
            *place = Some(subkey(&Hmac::new(key), usage, cookie_name, self.application));
        }
        subkeys
    }
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Keys({} redacted)", self.len)
    }
}

impl Drop for Keys {
    fn drop(&mut self) {
        self.keys.zeroize();
    }
}

fn is_pattern(key: &[u8; 32]) -> bool {
    let mut seen = [false; 256];
    let distinct =
        key.iter().filter(|byte| !seen.get_mut(usize::from(**byte)).is_some_and(|s| core::mem::replace(s, true)));
    let few = distinct.count() < 8;
    let step = |pair: &[u8]| matches!(pair, [a, b] if b.wrapping_sub(*a) == key[1].wrapping_sub(key[0]));
    few || key.windows(2).all(step)
}

/// The subkeys of a ring for one cookie name.
#[derive(Clone)]
pub(crate) struct Ring {
    signing: Subkeys,
    older: [Option<Subkeys>; RING - 1],
}

/// The subkeys of one key.
#[derive(Clone)]
pub(crate) struct Subkeys {
    pub(crate) token: Hmac,
    seal: [u8; 32],
    csrf: [u8; 32],
}

impl Ring {
    pub(crate) fn new(keys: &Keys, cookie_name: &str) -> Self {
        let Keys { keys: [signing, one, two], len, application } = keys;
        let older = |place, key| (place < *len).then(|| Subkeys::new(key, cookie_name, application));
        Self { signing: Subkeys::new(signing, cookie_name, application), older: [older(1, one), older(2, two)] }
    }

    /// The subkeys that sign, at place 0.
    pub(crate) const fn signing(&self) -> &Subkeys {
        &self.signing
    }

    /// The subkeys at a place in the ring.
    pub(crate) fn at(&self, place: usize) -> Option<&Subkeys> {
        if place == 0 { Some(&self.signing) } else { self.older.get(place - 1)?.as_ref() }
    }

    /// All subkeys with their places.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (usize, &Subkeys)> {
        (0..RING).map_while(|place| Some((place, self.at(place)?)))
    }
}

fn subkey(key: &Hmac, usage: &[u8], cookie_name: &str, application: &str) -> [u8; 32] {
    let name = cookie_name.as_bytes();
    key.mac(&[b"session-core/1 ", usage, &[0], name, before(application), application.as_bytes()])
}

impl Subkeys {
    fn new(key: &[u8; 32], cookie_name: &str, application: &str) -> Self {
        let key = Hmac::new(key);
        let subkey = |usage: &[u8]| subkey(&key, usage, cookie_name, application);
        Self { token: Hmac::new(&subkey(b"token")), seal: subkey(b"seal"), csrf: subkey(b"csrf") }
    }

    pub(crate) fn seal(&self) -> Hmac {
        Hmac::new(&self.seal)
    }

    pub(crate) fn csrf(&self) -> Hmac {
        Hmac::new(&self.csrf)
    }
}

impl Drop for Subkeys {
    fn drop(&mut self) {
        self.seal.zeroize();
        self.csrf.zeroize();
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) const A: [u8; 32] = *b"\x8e\x1f\x0a\x93kd\xc5\x11q\x99\xfe\x02\x5b\xa0\xd7\x3cN\x60\x18\xe9\x77\xb2\x44\x05\x9a\xcd\x31\xf6\x88\x2e\x53\xbf";
    pub(crate) const B: [u8; 32] = *b"\x01\xf4\x9c\x2d\x66\xaa\x7e\x13\xd0\x58\x3b\xe7\x91\x0c\x45\xf2\x2a\x86\x6d\xbe\x19\xc8\x70\x54\xe3\x37\x9f\x0b\xad\x62\xd8\x41";

    #[test]
    fn patterns_are_refused_em7() {
        assert_eq!(Keys::new(&[0; 32]).err(), Some(KeyError::Pattern));
        assert_eq!(Keys::new(&[0xff; 32]).err(), Some(KeyError::Pattern));
        assert_eq!(Keys::new(&core::array::from_fn(|i| i as u8)).err(), Some(KeyError::Pattern));
        assert_eq!(Keys::new(&core::array::from_fn(|i| (i % 7) as u8)).err(), Some(KeyError::Pattern));
        assert!(Keys::new(&A).is_ok());
    }

    #[test]
    fn three_keys_at_most() {
        let three = Keys::new(&A).unwrap().and_verify(&B).unwrap().and_verify(&A).unwrap();
        assert_eq!(three.and_verify(&B).err(), Some(KeyError::TooMany));
    }

    #[test]
    fn each_key_and_purpose_derives_another_key() {
        let ring = Keys::new(&A).unwrap().and_verify(&B).unwrap();
        let all: std::vec::Vec<_> = ring.derive("one").chain(ring.derive("two")).collect();
        assert_eq!(all.len(), 4);
        for (i, one) in all.iter().enumerate() {
            assert!(all.iter().skip(i + 1).all(|other| other != one) && ![A, B].contains(one));
        }
        let subkeys = Subkeys::new(&A, "one", "");
        assert!(![subkeys.seal, subkeys.csrf].contains(&all[0]));
    }

    #[test]
    fn every_application_has_its_own_keys_se9() {
        let keys = |name| Keys::new(&A).unwrap().application(name);
        let derived = |name| keys(name).derive("one").next().unwrap();
        let sealed = |name| Ring::new(&keys(name), "id").signing().seal;
        let names = ["", "shop", "shop2"];
        for (i, one) in names.iter().enumerate() {
            for other in names.iter().skip(i + 1) {
                assert!(derived(one) != derived(other) && sealed(one) != sealed(other), "{one:?} {other:?}");
            }
        }
        assert_eq!(derived(""), Keys::new(&A).unwrap().derive("one").next().unwrap());
    }

    #[test]
    fn every_use_and_cookie_name_has_its_own_subkey() {
        let [a, a2, b] = [(&A, "id"), (&A, "id2"), (&B, "id")].map(|(key, name)| Subkeys::new(key, name, ""));
        let all = [a.seal, a.csrf, a2.seal, b.seal];
        for (i, one) in all.iter().enumerate() {
            assert!(all.iter().skip(i + 1).all(|other| other != one));
        }
        let macs = [a, a2, b].map(|subkeys| subkeys.token.mac(&[b"x"]));
        assert!(macs[0] != macs[1] && macs[0] != macs[2] && macs[0] != Hmac::new(&all[0]).mac(&[b"x"]));
    }
}
