//! Reads cookies and records by docs/spec.md, without the library's help, so that a mistake in it is not believed.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::ops::Range;

use base64ct::{Base64UrlUnpadded, Encoding};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// The signing key of all explorations.
pub(crate) const KEY: [u8; 32] = *b"explorer key: 32 bytes, no more!";
/// The cookie's name under the plain-http policy.
pub(crate) const COOKIE: &str = "id";

pub(crate) type HandleBytes = [u8; 8];
pub(crate) type Verifier = [u8; 16];

/// A cookie value taken apart.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(crate) struct Cookie {
    pub(crate) handle: HandleBytes,
    pub(crate) verifier: Verifier,
}

impl Cookie {
    /// Takes a value apart that the library sent. The same few come in every path.
    pub(crate) fn open(value: &str) -> Self {
        thread_local! {
            static OPENED: RefCell<BTreeMap<String, Cookie>> = const { RefCell::new(BTreeMap::new()) };
        }
        OPENED.with_borrow_mut(|opened| {
            opened.get(value).copied().unwrap_or_else(|| {
                let cookie = Self::open_anew(value);
                opened.insert(value.to_owned(), cookie);
                cookie
            })
        })
    }

    fn open_anew(value: &str) -> Self {
        let mut buffer = [0; 64];
        let bytes = Base64UrlUnpadded::decode(value, &mut buffer).expect("the library sends base64url");
        let subkey = hmac(&KEY, &[b"session-core/1 token\0", COOKIE.as_bytes()]);
        let signed = hmac(&subkey, &[&bytes[..24]]);
        assert_eq!((bytes.len(), &bytes[24..]), (32, &signed[..8]), "the library sends a value of the specified form");
        Self { handle: fixed(bytes, 0), verifier: fixed(&signed, 8) }
    }
}

fn hmac(key: &[u8], parts: &[&[u8]]) -> [u8; 32] {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("any length");
    parts.iter().for_each(|part| mac.update(part));
    mac.finalize().into_bytes().into()
}

/// A record as the specification reads it.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(crate) struct Record {
    pub(crate) version: u64,
    pub(crate) login: u32,
    pub(crate) last_seen: u64,
    pub(crate) idle: u64,
    pub(crate) ends: u64,
    pub(crate) verifier: Verifier,
    pub(crate) created: u64,
    /// The verifier before the last renewal and the end of its grace.
    pub(crate) previous: Option<(Verifier, u64)>,
    pub(crate) subject: Option<String>,
    pub(crate) data: BTreeMap<String, Vec<u8>>,
}

impl Record {
    /// Reads what the library stored.
    pub(crate) fn parse(bytes: &[u8]) -> Self {
        assert_eq!(bytes[0], 2, "format 2");
        let flags = bytes[1];
        let mut at = 60;
        let mut take = |len: usize| -> Range<usize> {
            at += len;
            at - len..at
        };
        let previous = (flags & 1 != 0).then(|| {
            let at = take(38).start;
            (fixed(bytes, at), u48(bytes, at + 16))
        });
        // a login leaves 0: the cookie before it opens nothing
        let previous = previous.filter(|(_, until)| *until > 0);
        if flags & 2 != 0 {
            take(8);
        }
        if flags & 4 != 0 {
            take(8);
        }
        let subject = (flags & 8 != 0).then(|| {
            take(6);
            let len = bytes[take(1).start];
            String::from_utf8(bytes[take(len.into())].to_vec()).expect("a subject is text")
        });
        if flags & 16 != 0 {
            let len = bytes[take(1).start];
            take(len.into());
        }
        if flags & 128 != 0 {
            take(64 + 6);
        }
        let mut data = BTreeMap::new();
        while take(0).start < bytes.len() {
            let len = bytes[take(1).start];
            let key = String::from_utf8(bytes[take(len.into())].to_vec()).expect("a key is text");
            let mut len = 0;
            for shift in (0..28).step_by(7) {
                let byte = bytes[take(1).start];
                len |= usize::from(byte & 0x7f) << shift;
                if byte < 0x80 {
                    break;
                }
            }
            data.insert(key, bytes[take(len)].to_vec());
        }
        Self {
            version: Self::version(bytes),
            login: u32::from_le_bytes(fixed(bytes, 10)),
            last_seen: Self::last_seen(bytes),
            idle: u48(bytes, 20),
            ends: u48(bytes, 26),
            verifier: fixed(bytes, 32),
            created: u48(bytes, 48),
            previous,
            subject,
            data,
        }
    }

    /// Whether the cookie opens this record.
    pub(crate) fn accepts(&self, cookie: &Cookie, now: u64) -> bool {
        self.live(now) && (self.verifier == cookie.verifier || self.in_grace(cookie, now))
    }

    /// Whether the cookie is the one before the last renewal, within its grace.
    pub(crate) fn in_grace(&self, cookie: &Cookie, now: u64) -> bool {
        self.previous.is_some_and(|(verifier, until)| verifier == cookie.verifier && now < until)
    }

    pub(crate) fn live(&self, now: u64) -> bool {
        (self.idle == 0 || now < self.last_seen + self.idle) && (self.ends == 0 || now < self.ends)
    }

    /// Whether the record with these bytes is alive, without a look at the rest of it.
    pub(crate) fn is_live(bytes: &[u8], now: u64) -> bool {
        let (idle, ends) = (u48(bytes, 20), u48(bytes, 26));
        (idle == 0 || now < Self::last_seen(bytes) + idle) && (ends == 0 || now < ends)
    }

    pub(crate) fn last_seen(bytes: &[u8]) -> u64 {
        u48(bytes, 14)
    }

    pub(crate) fn version(bytes: &[u8]) -> u64 {
        u64::from_le_bytes(fixed(bytes, 2))
    }

    /// The counter that the programs increment.
    pub(crate) fn counter(&self) -> u64 {
        // behind the digest of type and content
        let varint = self.data.get("n").and_then(|value| value.get(4..)).unwrap_or_default();
        varint.iter().rev().fold(0, |sum, byte| sum << 7 | u64::from(byte & 0x7f))
    }
}

fn fixed<const N: usize>(bytes: &[u8], at: usize) -> [u8; N] {
    bytes[at..at + N].try_into().expect("as long as said")
}

fn u48(bytes: &[u8], at: usize) -> u64 {
    let low: [u8; 6] = fixed(bytes, at);
    low.iter().rev().fold(0, |sum, byte| sum << 8 | u64::from(*byte))
}
