//! Cookie values of the right form: base64url(handle 8 ‖ secret 16 ‖ tag 8). The tag is no MAC, which no dialogue notices.

use std::hash::{DefaultHasher, Hash, Hasher};

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// What a cookie value says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Token {
    pub(crate) handle: u64,
    pub(crate) secret: u128,
}

impl Token {
    pub(crate) fn text(self, key: &str) -> String {
        let mut bytes = self.handle.to_be_bytes().to_vec();
        bytes.extend(self.secret.to_be_bytes());
        bytes.extend(self.tag(key).to_be_bytes());
        to_base64url(&bytes)
    }

    /// A value that was made with this key; without one, any of the right form.
    pub(crate) fn open(text: &[u8], key: Option<&str>, canonical: bool) -> Option<Self> {
        if text.len() != 43 {
            return None;
        }
        let (bytes, bits) = decoded(text)?;
        let token = Self {
            handle: u64::from_be_bytes(bytes[..8].try_into().ok()?),
            secret: u128::from_be_bytes(bytes[8..24].try_into().ok()?),
        };
        let signed = key.is_none_or(|key| token.tag(key).to_be_bytes() == bytes[24..]);
        (signed && (bits == 0 || !canonical)).then_some(token)
    }

    fn tag(self, key: &str) -> u64 {
        let mut hasher = DefaultHasher::new();
        (key, self.handle, self.secret).hash(&mut hasher);
        hasher.finish()
    }
}

pub(crate) fn to_base64url(bytes: &[u8]) -> String {
    let mut text = String::new();
    for three in bytes.chunks(3) {
        let word = three.iter().fold(0_u32, |word, &b| word << 8 | u32::from(b)) << (8 * (3 - three.len()));
        (0..=three.len()).for_each(|at| text.push(ALPHABET[(word >> (18 - 6 * at)) as usize & 63] as char));
    }
    text
}

/// The bytes of a text that is as it would be written.
pub(crate) fn from_base64url(text: &str) -> Option<Vec<u8>> {
    decoded(text.as_bytes()).map(|(bytes, _)| bytes).filter(|bytes| to_base64url(bytes) == text)
}

/// The bytes, and the bits that are left.
fn decoded(text: &[u8]) -> Option<(Vec<u8>, u32)> {
    let (mut bytes, mut bits, mut held) = (Vec::new(), 0_u32, 0);
    for c in text {
        bits = bits << 6 | ALPHABET.iter().position(|a| a == c)? as u32;
        held += 6;
        if held >= 8 {
            held -= 8;
            bytes.push((bits >> held) as u8);
            bits &= (1 << held) - 1;
        }
    }
    Some((bytes, bits))
}
