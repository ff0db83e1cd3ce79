//! Makes proofs, right ones and wrong ones.

use base64ct::{Base64UrlUnpadded, Encoding};
use session_core::device::Es256;
use sha2::{Digest, Sha256};

/// Signatures of keys that are one byte, 64 times.
#[derive(Clone, Copy, Debug)]
pub struct Toy;

impl Toy {
    fn sign(key: u8, hash: &[u8; 32]) -> [u8; 64] {
        let mut signature = [0; 64];
        for (place, byte) in signature.iter_mut().zip(hash.iter().chain(hash)) {
            *place = byte ^ key;
        }
        signature
    }
}

impl Es256 for Toy {
    fn verify(&self, key: &[u8; 64], hash: &[u8; 32], signature: &[u8; 64]) -> bool {
        key.iter().all(|byte| *byte == key[0]) && *signature == Self::sign(key[0], hash)
    }
}

/// What goes into a proof. Each field can be spoiled.
#[derive(Clone, Debug)]
pub struct Proof {
    /// The key that signs.
    pub signs: u8,
    /// The key that is registered.
    pub registers: Option<u8>,
    /// The challenge that is answered.
    pub challenge: String,
    /// The algorithm.
    pub algorithm: &'static str,
    /// The type.
    pub kind: &'static str,
}

impl Proof {
    /// Of a registration.
    #[must_use]
    pub fn registration(key: u8, challenge: &str) -> Self {
        Self { registers: Some(key), ..Self::refresh(key, challenge) }
    }

    /// Of a refresh.
    #[must_use]
    pub fn refresh(key: u8, challenge: &str) -> Self {
        Self { signs: key, registers: None, challenge: challenge.into(), algorithm: "ES256", kind: "dbsc+jwt" }
    }

    /// The value of the header, as Chromium writes it.
    #[must_use]
    pub fn text(&self) -> String {
        let Self { signs, registers, challenge, algorithm, kind } = self;
        let jwk = registers.map(|key| {
            let half = Base64UrlUnpadded::encode_string(&[key; 32]);
            format!("\"jwk\":{{\"crv\":\"P-256\",\"kty\":\"EC\",\"x\":\"{half}\",\"y\":\"{half}\"}},")
        });
        let head = format!("{{\"alg\":\"{algorithm}\",{}\"typ\":\"{kind}\"}}", jwk.unwrap_or_default());
        let body = format!("{{\"jti\":\"{challenge}\"}}");
        let [head, body] = [head, body].map(|part| Base64UrlUnpadded::encode_string(part.as_bytes()));
        let signed = format!("{head}.{body}");
        let signature = Toy::sign(*signs, &Sha256::digest(&signed).into());
        format!("{signed}.{}", Base64UrlUnpadded::encode_string(&signature))
    }
}
