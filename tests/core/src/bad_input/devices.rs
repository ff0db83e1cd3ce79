//! Any bytes at the endpoint of device-bound sessions.

use session_core::device::{DeviceReply, Proof as Read};

use crate::devices::{Browser, Fault, Proof, Site, Visit};

/// A bound session, what proves it, and an unbound one.
struct Place {
    site: Site,
    query: String,
    proof: String,
    unbound: String,
}

thread_local! {
    static PLACE: Place = Place::new();
}

impl Place {
    fn new() -> Self {
        let site = Site::new(|policy| policy);
        let (mut bound, mut unbound) = (Browser::default(), Browser::default());
        bound.visit(&site, Visit::SignIn("ann"), Fault::None);
        unbound.visit(&site, Visit::SignIn("bob"), Fault::NotRegistered);
        let query = bound.query().expect("it was registered").to_owned();
        let DeviceReply::Challenge(challenge) = site.refresh("", query.as_bytes(), None) else {
            panic!("no challenge");
        };
        let challenge = challenge.as_str().split('"').nth(1).unwrap_or_default();
        let proof = Proof::refresh(1, challenge).text();
        let unbound = unbound.cookies(&site);
        Self { site, query, proof, unbound }
    }
}

/// Sends `data` as query, proof and Cookie header of a refresh, separated by line feeds, and its proof as one of a
/// registration. A byte 1 stands for a genuine query, 2 for a genuine proof, 3 for the cookie of a session without a device.
///
/// # Panics
/// If another query than the genuine one costs a store call, or another proof than the genuine one proves or registers
/// anything.
pub fn device(data: &[u8]) {
    PLACE.with(|place| place.send(data));
}

/// Inputs for [`device`].
#[must_use]
pub fn device_seeds() -> Vec<Vec<u8>> {
    let registration = Proof::registration(1, "AAABoifuQasfMLpx3mpnrrva2E1nd6").text();
    let seeds = [&b"\x01\n\x02\n"[..], b"\x01\n\"\x02\"\n\x03", b"s=x\n\x02\n", b"\x01\n\n", registration.as_bytes()];
    let mut seeds: Vec<Vec<u8>> = seeds.into_iter().map(<[u8]>::to_vec).collect();
    seeds.push(format!("\u{1}\n{registration}\n\u{3}").into_bytes());
    seeds
}

impl Place {
    fn send(&self, data: &[u8]) {
        let mut text = Vec::new();
        for byte in data {
            match byte {
                1 => text.extend_from_slice(self.query.as_bytes()),
                2 => text.extend_from_slice(self.proof.as_bytes()),
                3 => text.extend_from_slice(self.unbound.as_bytes()),
                _ => text.push(*byte),
            }
        }
        let mut parts = text.split(|byte| *byte == b'\n');
        let mut next = || parts.next().unwrap_or_default();
        let (query, proof) = (next(), next());
        let cookies = String::from_utf8_lossy(next()).into_owned();
        self.site.calls();
        let reply = self.site.refresh(&cookies, query, Some(proof));
        let ours = query == self.query.as_bytes();
        let inner = proof.strip_prefix(b"\"").and_then(|rest| rest.strip_suffix(b"\"")).unwrap_or(proof);
        let genuine = inner == self.proof.as_bytes();
        match reply {
            DeviceReply::Proven { .. } => assert!(ours && genuine, "proven by something else"),
            DeviceReply::Challenge(_) => assert!(ours),
            DeviceReply::Refused => {}
            DeviceReply::Unavailable => panic!("the store works"),
        }
        assert!(self.site.calls() <= usize::from(ours), "a store call for nothing");
        let proof_of_registration = String::from_utf8_lossy(proof).into_owned();
        let reply = self.site.register(&self.unbound, Some(&proof_of_registration));
        assert!(matches!(reply, DeviceReply::Refused), "no challenge was given out for it");
        self.site.told();
        let _ = Read::read(data);
    }
}
