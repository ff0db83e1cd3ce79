//! Makes proofs, right ones and wrong ones.

use base64ct::{Base64UrlUnpadded, Encoding};
use session_core::device::Es256;
use sha2::{Digest, Sha256};

/// Keys of devices, which have numbers here.
pub trait DeviceKeys {
    /// The public key, x and y.
    fn public(&self, key: u8) -> [u8; 64];

    /// Its signature, r and s.
    fn sign(&self, key: u8, message: &[u8]) -> [u8; 64];
}

/// Signatures that take no time: a key is its number, 64 times.
#[derive(Clone, Copy, Debug)]
pub struct Toy;

impl Toy {
    fn sign_hash(key: u8, hash: &[u8; 32]) -> [u8; 64] {
        let mut signature = [0; 64];
        for (place, byte) in signature.iter_mut().zip(hash.iter().chain(hash)) {
            *place = byte ^ key;
        }
        signature
    }
}

impl DeviceKeys for Toy {
    fn public(&self, key: u8) -> [u8; 64] {
        [key; 64]
    }

    fn sign(&self, key: u8, message: &[u8]) -> [u8; 64] {
        Self::sign_hash(key, &Sha256::digest(message).into())
    }
}

impl Es256 for Toy {
    fn verify(&self, key: &[u8; 64], hash: &[u8; 32], signature: &[u8; 64]) -> bool {
        key.iter().all(|byte| *byte == key[0]) && *signature == Self::sign_hash(key[0], hash)
    }
}

/// Real signatures, as a browser makes them.
#[cfg(feature = "p256")]
#[derive(Clone, Copy, Debug)]
pub struct P256Keys;

#[cfg(feature = "p256")]
impl P256Keys {
    fn key(key: u8) -> p256::ecdsa::SigningKey {
        p256::ecdsa::SigningKey::from_slice(&[key.max(1); 32]).expect("less than the order of the curve")
    }
}

#[cfg(feature = "p256")]
impl DeviceKeys for P256Keys {
    fn public(&self, key: u8) -> [u8; 64] {
        let point = Self::key(key).verifying_key().to_sec1_point(false);
        point.as_bytes()[1..].try_into().expect("x and y")
    }

    fn sign(&self, key: u8, message: &[u8]) -> [u8; 64] {
        use p256::ecdsa::signature::Signer;
        let signature: p256::ecdsa::Signature = Self::key(key).sign(message);
        signature.to_bytes().into()
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

    /// The value of the header, as Chromium writes it, with a [toy](Toy) signature.
    #[must_use]
    pub fn text(&self) -> String {
        self.signed_with(&Toy)
    }

    /// The same with signatures of these keys.
    #[must_use]
    pub fn signed_with(&self, keys: &impl DeviceKeys) -> String {
        let Self { signs, registers, challenge, algorithm, kind } = self;
        let jwk = registers.map(|key| {
            let (key, half) = (keys.public(key), Base64UrlUnpadded::encode_string);
            format!(
                "\"jwk\":{{\"crv\":\"P-256\",\"kty\":\"EC\",\"x\":\"{}\",\"y\":\"{}\"}},",
                half(&key[..32]),
                half(&key[32..])
            )
        });
        let head = format!("{{\"alg\":\"{algorithm}\",{}\"typ\":\"{kind}\"}}", jwk.unwrap_or_default());
        let body = format!("{{\"jti\":\"{challenge}\"}}");
        let [head, body] = [head, body].map(|part| Base64UrlUnpadded::encode_string(part.as_bytes()));
        let signed = format!("{head}.{body}");
        let signature = keys.sign(*signs, signed.as_bytes());
        format!("{signed}.{}", Base64UrlUnpadded::encode_string(&signature))
    }
}
