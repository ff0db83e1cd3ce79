//! Device-bound sessions: the verifier of signatures, and the state for one ring of keys.

use std::iter;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use session_core::Keys;
use session_core::device::{DeviceKeys, EndpointPath, Es256};
use session_core::policy::Policy;

/// Verifies signatures in software, with the crate `p256`.
#[cfg(feature = "p256")]
#[derive(Clone, Copy, Debug, Default)]
pub struct P256;

#[cfg(feature = "p256")]
impl Es256 for P256 {
    fn verify(&self, key: &[u8; 64], hash: &[u8; 32], signature: &[u8; 64]) -> bool {
        use p256::ecdsa::signature::hazmat::PrehashVerifier;
        use p256::ecdsa::{Signature, VerifyingKey};

        // a point that is not compressed
        let mut point = [4; 65];
        point[1..].copy_from_slice(key);
        match (VerifyingKey::from_sec1_bytes(&point), Signature::from_slice(signature)) {
            (Ok(key), Ok(signature)) => key.verify_prehash(hash, &signature).is_ok(),
            _ => false,
        }
    }
}

/// Any verifier.
pub(crate) type AnyEs256 = Arc<dyn Es256 + Send + Sync>;

/// The path of the endpoint, and its verifier of signatures.
#[derive(Clone)]
pub(crate) struct Endpoint {
    pub(crate) path: EndpointPath,
    pub(crate) es256: AnyEs256,
}

/// The state of device-bound sessions for one ring of keys.
pub(crate) struct Device {
    pub(crate) keys: DeviceKeys,
    pub(crate) es256: AnyEs256,
    /// Sign-ins that were asked for a key before the first request reached the endpoint.
    unanswered: AtomicU32,
}

/// A request has come to the endpoint.
const ANSWERED: u32 = u32::MAX;
/// While no browser has called the endpoint, this number of sign-ins is reported, then ten times as many, and so on.
const SUSPICIOUS: u32 = 20;

impl Device {
    /// `None` if the policy does not bind sessions to devices.
    pub(crate) fn new(endpoint: &Endpoint, keys: &Keys, policy: Policy) -> Option<Self> {
        let Endpoint { path, es256 } = endpoint;
        let keys = DeviceKeys::new(keys, policy, *path)?;
        Some(Self { keys, es256: es256.clone(), unanswered: AtomicU32::new(0) })
    }

    /// A request has come to the endpoint.
    pub(crate) fn answered(&self) {
        self.unanswered.store(ANSWERED, Ordering::Relaxed);
    }

    /// Counts a sign-in that was asked for a key. Returns a warning after many of them without a call of the endpoint.
    pub(crate) fn asked(&self) -> Option<String> {
        let count = |asked: u32| asked.checked_add(1).filter(|asked| *asked < ANSWERED);
        let asked = self.unanswered.fetch_update(Ordering::Relaxed, Ordering::Relaxed, count).ok()? + 1;
        let tells = iter::successors(Some(SUSPICIOUS), |limit| limit.checked_mul(10)).any(|limit| limit == asked);
        let path = self.keys.path();
        tells.then(|| {
            format!(
                "{asked} sign-ins were asked for a key, and no browser has called the endpoint: check that the browsers \
                 can bind sessions, that they accept the certificate, and that POST {path} reaches the session layer \
                 with the headers Secure-Session-Response and Sec-Fetch-Mode"
            )
        })
    }
}

/// Names of headers, in lower case.
pub mod names {
    /// Requests a key from the browser.
    pub const REGISTRATION: &str = "secure-session-registration";
    /// A challenge for the next proof.
    pub const CHALLENGE: &str = "secure-session-challenge";
    /// A proof.
    pub const RESPONSE: &str = "secure-session-response";
    /// Carries the session's identifier in a refresh.
    pub const ID: &str = "sec-secure-session-id";
    /// States why a browser sends no proof.
    pub const SKIPPED: &str = "secure-session-skipped";
}
