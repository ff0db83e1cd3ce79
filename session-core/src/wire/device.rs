//! Device-bound sessions: the values that go to the browser and come back, created and checked without state.
//!
//! ```text
//! bound cookie  base64url( t[6] ‖ MAC("b", handle ‖ t ‖ key of the device)[..16] )        NAME-b, proves and names nothing
//! challenge     base64url( t[6] ‖ MAC("r", handle ‖ t ‖ login number)[..16] )             to register a key
//!               base64url( t[6] ‖ MAC("c", handle ‖ t)[..16] )                            to prove possession of it
//! refresh URL   PATH?s= base64url( handle[8] ‖ MAC("u", handle)[..8] )
//! identifier    base64url( SHA-256(name of cookie and application)[..8] )                  one for the application
//! ```
//! `t` is big-endian milliseconds. The identifier is the same for all sessions, so that the registration of a later
//! session replaces the one before: of two for one cookie, browsers refresh whichever sorts first.

use core::fmt;

use crate::base::bytes::fill;
use crate::base::environment::{Time, seconds};
use crate::base::hmac::Hmac;
use crate::base::keys::{Keys, RING};
use crate::base::names::Handle;
use crate::base::policy::{Devices, LONGEST_NAME, Policy, PolicyError};
use crate::wire::base64url::{self, text_len};
use crate::wire::cookie_header::{MAX_CANDIDATES, candidates};
use crate::wire::set_cookie::{DIGITS, decimal};
use crate::wire::token::same;

/// The suffix of the name of the cookie that proves.
const SUFFIX: &[u8] = b"-b";
/// How long the challenge of a sign-in is valid for a registration, in milliseconds.
const REGISTRATION: u64 = 2 * 60_000;
/// How long a session needs no proof after its sign-in, at most the lifetime of a proof. Requests that were sent before
/// the registration was complete carry none.
const SETTLING: u64 = 60_000;
/// How much longer a challenge is valid than the proof that it came with.
const LATER: u64 = 60_000;
/// How far the clock of the node that made a value may be ahead of this one, in milliseconds (TM1).
const AHEAD: u64 = 60_000;
/// How long a cookie may be in transit, in milliseconds.
const ON_ITS_WAY: u64 = 5_000;

/// The purpose of a value.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Use {
    Bound = b'b' as isize,
    Registration = b'r' as isize,
    Refresh = b'c' as isize,
    Url = b'u' as isize,
}

/// A short text without a heap.
#[derive(Clone, Copy)]
pub struct Text<const N: usize> {
    bytes: [u8; N],
    len: usize,
}

impl<const N: usize> Text<N> {
    /// Every caller has room for its parts: names, paths and attributes are bounded.
    fn of(parts: &[&[u8]]) -> Self {
        let mut text = Self { bytes: [0; N], len: 0 };
        for part in parts {
            if text.bytes.get_mut(text.len..).and_then(|rest| fill(rest, part)).is_some() {
                text.len += part.len();
            }
        }
        text
    }

    /// Returns the text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.bytes.get(..self.len).and_then(|bytes| core::str::from_utf8(bytes).ok()).unwrap_or_default()
    }
}

impl<const N: usize> fmt::Debug for Text<N> {
    /// Prints nothing of the text: some of these texts grant access.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Text(..)")
    }
}

/// The value of a header.
pub type Header = Text<512>;
/// The session instructions, in JSON.
pub type Instructions = Text<1_024>;

/// Bytes of a value with a time in it.
const STAMPED: usize = 22;
type Stamped = [u8; text_len(STAMPED)];
/// Bytes of a session's name in a URL.
const NAMED: usize = 16;

/// The path of the endpoint where device-bound sessions are registered and proven, on this origin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EndpointPath(&'static str);

impl EndpointPath {
    /// Creates the path exactly as browsers request it.
    ///
    /// # Errors
    /// [`PolicyError::EndpointPath`] unless it begins with `/` and has at most 128 letters, digits or characters of
    /// `-._~/`.
    pub fn new(path: &'static str) -> Result<Self, PolicyError> {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte);
        let rooted = path.starts_with('/') && !path.starts_with("//") && path.len() <= 128;
        if rooted && path.bytes().all(plain) { Ok(Self(path)) } else { Err(PolicyError::EndpointPath) }
    }

    /// Returns the path.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        self.0
    }
}

/// The keys and settings of an application's device-bound sessions.
pub struct DeviceKeys {
    macs: [Option<Hmac>; RING],
    name: Text<LONGEST_NAME>,
    identifier: [u8; text_len(8)],
    path: EndpointPath,
    policy: Policy,
}

impl DeviceKeys {
    /// Derives the keys. Returns `None` if the policy does not bind sessions to devices.
    #[must_use]
    pub fn new(keys: &Keys, policy: Policy, path: EndpointPath) -> Option<Self> {
        if policy.devices.lifetime == 0 {
            return None;
        }
        let macs = keys.subkeys(b"device", policy.cookie_name()).map(|key| key.map(|k| Hmac::new(&k)));
        let mut made =
            Self { macs, name: Text::of(&[policy.cookie_name().as_bytes(), SUFFIX]), identifier: [0; _], path, policy };
        // not keyed: browsers forget a session whose identifier changes, and keys do
        let application = keys.device_application(policy.cookie_name());
        encode(&mut made.identifier, &[application.first_chunk::<8>().unwrap_or(&[0; 8])]);
        Some(made)
    }

    fn signing(&self) -> Option<&Hmac> {
        self.macs.first()?.as_ref()
    }

    /// Returns the path of the endpoint.
    #[must_use]
    pub const fn path(&self) -> &'static str {
        self.path.as_str()
    }

    /// Returns the name of the cookie that confirms a proof.
    #[must_use]
    pub fn cookie_name(&self) -> &str {
        self.name.as_str()
    }

    pub(crate) const fn devices(&self) -> &Devices {
        &self.policy.devices
    }

    fn stamped(&self, usage: Use, handle: Handle, rest: &[u8], now: Time) -> Stamped {
        let (t, mut text) = (stamp(now), [0; _]);
        if let Some(mac) = self.signing() {
            encode(&mut text, &[&t, &tag(mac, usage, handle, &t, rest)]);
        }
        text
    }

    /// The time at which one of our keys made this value; `None` if none did.
    fn made_at(&self, text: &[u8], usage: Use, handle: Handle, rest: &[u8]) -> Option<Time> {
        let mut raw = [0; STAMPED];
        (base64url::decode_into(text, &mut raw)? == STAMPED).then_some(())?;
        let (t, mac) = (raw.first_chunk::<6>()?, raw.last_chunk::<16>()?);
        let ours = self.macs.iter().flatten().any(|key| same(&tag(key, usage, handle, t, rest), mac));
        let [a, b, c, d, e, f] = *t;
        ours.then(|| Time::from_millis(u64::from_be_bytes([0, 0, a, b, c, d, e, f])))
    }

    // ---- the cookie that proves ----------------------------------------------------------------------------------

    /// The `Set-Cookie` value that a proof is answered with.
    pub(crate) fn bound_cookie(&self, handle: Handle, key: &[u8; 64], now: Time) -> Header {
        let value = self.stamped(Use::Bound, handle, key, now);
        self.set_cookie(&value, seconds(self.devices().lifetime.into()) as u32)
    }

    /// Returns the `Set-Cookie` value that removes the proof, so that the browser has to prove its key again before its
    /// next request.
    #[must_use]
    pub fn removal(&self) -> Header {
        self.set_cookie(&[], 0)
    }

    fn set_cookie(&self, value: &[u8], max_age: u32) -> Header {
        let mut digits = [0; DIGITS];
        let [a, b, c, d, e, f, g, h, i, j] = self.policy.cookie.attributes(decimal(max_age, &mut digits));
        Text::of(&[self.cookie_name().as_bytes(), b"=", value, a, b, c, d, e, f, g, h, i, j])
    }

    /// The time of the device's last proof according to the request's cookies: the latest of the first eight of the
    /// name.
    pub(crate) fn proven_at<'h>(
        &self,
        handle: Handle,
        key: &[u8; 64],
        cookie_lines: impl Iterator<Item = &'h [u8]>,
    ) -> Option<Time> {
        let values = cookie_lines.flat_map(|line| candidates(line, self.cookie_name())).take(MAX_CANDIDATES);
        values.filter_map(|value| self.made_at(value, Use::Bound, handle, key)).max()
    }

    /// Whether a proof of that time is still valid.
    pub(crate) fn holds(&self, proven: Time, now: Time) -> bool {
        fresh(proven, now, u64::from(self.devices().lifetime) + ON_ITS_WAY)
    }

    /// Whether a session needs no proof yet.
    pub(crate) fn settling(&self, signed_in: Time, now: Time) -> bool {
        fresh(signed_in, now, SETTLING.min(self.devices().lifetime.into()))
    }

    /// Whether the policy requires that a session of this age is bound.
    pub(crate) fn is_overdue(&self, signed_in: Time, now: Time) -> bool {
        self.devices().required && !fresh(signed_in, now, REGISTRATION)
    }

    // ---- registration --------------------------------------------------------------------------------------------

    /// The value of `Secure-Session-Registration`, which asks the browser for a key.
    pub(crate) fn registration(&self, handle: Handle, login: u32, now: Time) -> Header {
        let challenge = self.stamped(Use::Registration, handle, &login.to_be_bytes(), now);
        Text::of(&[b"(ES256);path=\"", self.path().as_bytes(), b"\";challenge=\"", &challenge, b"\""])
    }

    /// Whether a challenge was made for the registration of this login, not too long ago.
    pub(crate) fn is_registration(&self, challenge: &[u8], handle: Handle, login: u32, now: Time) -> bool {
        let made = self.made_at(challenge, Use::Registration, handle, &login.to_be_bytes());
        made.is_some_and(|made| fresh(made, now, REGISTRATION))
    }

    /// The instructions for a browser that has registered a key. Any site may cause a refresh; otherwise a link from
    /// another site or a mail would arrive without a proof once that has expired.
    pub(crate) fn instructions(&self, handle: Handle) -> Instructions {
        let mut name = [0; text_len(NAMED)];
        if let Some(mac) = self.signing() {
            encode(&mut name, &[handle.as_bytes(), &url_tag(mac, handle)]);
        }
        let [.., path, of_path, domain, of_domain, only, same_site, secure, partitioned] =
            self.policy.cookie.attributes(b"");
        let path = path.strip_prefix(b"; ").unwrap_or(path);
        Text::of(&[
            b"{\"session_identifier\":\"",
            &self.identifier,
            b"\",\"refresh_url\":\"",
            self.path().as_bytes(),
            b"?s=",
            &name,
            b"\",\"scope\":{\"include_site\":false},\"allowed_refresh_initiators\":[\"*\"],\"credentials\":[{\"type\":\"cookie\",\"name\":\"",
            self.cookie_name().as_bytes(),
            b"\",\"attributes\":\"",
            path,
            of_path,
            domain,
            of_domain,
            only,
            same_site,
            secure,
            partitioned,
            b"\"}]}",
        ])
    }

    // ---- refresh -------------------------------------------------------------------------------------------------

    /// The session that the query of a refresh URL names, and whether the current signing key signed it. `None` if none
    /// of our keys did.
    pub(crate) fn named(&self, query: &[u8]) -> Option<(Handle, bool)> {
        let mut raw = [0; NAMED];
        (base64url::decode_into(query.strip_prefix(b"s=")?, &mut raw)? == NAMED).then_some(())?;
        let (handle, mac) = (Handle::from_bytes(*raw.first_chunk()?), raw.last_chunk::<8>()?);
        let key = self.macs.iter().flatten().position(|key| same(&url_tag(key, handle), mac))?;
        Some((handle, key == 0))
    }

    /// The value of `Secure-Session-Challenge`, for the next proof.
    pub(crate) fn challenge(&self, handle: Handle, now: Time) -> Header {
        let challenge = self.stamped(Use::Refresh, handle, &[], now);
        Text::of(&[b"\"", &challenge, b"\";id=\"", &self.identifier, b"\""])
    }

    /// Whether a challenge was made for a proof of this session, and when; not too long ago. A browser keeps one for as
    /// long as the previous proof is valid.
    pub(crate) fn is_refresh(&self, challenge: &[u8], handle: Handle, now: Time) -> Option<Time> {
        let made = self.made_at(challenge, Use::Refresh, handle, &[])?;
        fresh(made, now, u64::from(self.devices().lifetime) + LATER).then_some(made)
    }
}

/// Whether it is less than `span` milliseconds old, and not from the future.
fn fresh(made: Time, now: Time, span: u64) -> bool {
    made.millis() <= now.millis() + AHEAD && now.millis() < made.millis() + span
}

fn stamp(now: Time) -> [u8; 6] {
    let [_, _, t @ ..] = now.millis().to_be_bytes();
    t
}

fn tag(key: &Hmac, usage: Use, handle: Handle, t: &[u8], rest: &[u8]) -> [u8; 16] {
    let mac = key.mac(&[&[usage as u8], handle.as_bytes(), t, rest]);
    mac.first_chunk().copied().unwrap_or_default()
}

fn url_tag(key: &Hmac, handle: Handle) -> [u8; 8] {
    let mac = tag(key, Use::Url, handle, &[], &[]);
    mac.first_chunk().copied().unwrap_or_default()
}

/// Writes the parts into `text`, which has the length of their text.
fn encode(text: &mut [u8], parts: &[&[u8]]) {
    let len = parts.iter().map(|part| part.len()).sum::<usize>();
    let start = text.len().saturating_sub(len);
    let mut rest = text.get_mut(start..).unwrap_or_default();
    for part in parts {
        rest = match fill(rest, part) {
            Some(rest) => rest,
            None => return,
        };
    }
    base64url::encode_in_place(text, len);
}

#[cfg(test)]
mod tests {
    use core::time::Duration;

    use super::*;
    use crate::base::keys::tests as keys;
    use crate::base::policy::SecureCookie;

    fn policy() -> Policy {
        Policy::SECURE.device_bound(Duration::from_secs(600)).unwrap()
    }

    fn device_keys(keys: &Keys) -> DeviceKeys {
        DeviceKeys::new(keys, policy(), EndpointPath::new("/dbsc").unwrap()).unwrap()
    }

    const ONE: Handle = Handle::from_bytes(*b"handle 1");
    const TWO: Handle = Handle::from_bytes(*b"handle 2");
    const NOW: Time = Time::from_millis(1_764_460_800_000);

    fn later(millis: u64) -> Time {
        Time::from_millis(NOW.millis() + millis)
    }

    fn between<'t>(text: &'t str, before: &str, after: &str) -> &'t str {
        text.split_once(before).unwrap().1.split_once(after).unwrap().0
    }

    #[test]
    fn off_unless_the_policy_says_so_tr3() {
        let keys = Keys::new(&keys::A).unwrap();
        assert!(DeviceKeys::new(&keys, Policy::SECURE, EndpointPath::new("/dbsc").unwrap()).is_none());
    }

    #[test]
    fn what_cannot_work_cannot_be_built_tr3() {
        let minutes = Duration::from_secs(600);
        assert_eq!(Policy::PLAIN_HTTP.device_bound(minutes).err(), Some(PolicyError::NoDeviceCookie));
        let of = |cookie| Policy::secure(cookie, crate::base::policy::Lifetimes::DEFAULT).unwrap();
        for cookie in [SecureCookie::domain("a.example").unwrap(), SecureCookie::host().partitioned()] {
            assert_eq!(of(cookie).device_bound(minutes).err(), Some(PolicyError::NoDeviceCookie));
        }
        for wrong in [0, 999, 86_400_001] {
            let wrong = Policy::SECURE.device_bound(Duration::from_millis(wrong));
            assert_eq!(wrong.err(), Some(PolicyError::DeviceLifetime));
        }
        for path in ["", "dbsc", "//a.example", "/a\"b", "/a b", "/a?b", "/\u{e9}", "/a;b", "/a%20b"] {
            assert_eq!(EndpointPath::new(path).err(), Some(PolicyError::EndpointPath), "{path}");
        }
    }

    #[test]
    fn the_texts_word_by_word_tr3() {
        let device = device_keys(&Keys::new(&keys::A).unwrap());
        let bound = device.bound_cookie(ONE, &[7; 64], NOW);
        let (value, attributes) = bound.as_str().strip_prefix("__Host-id-b=").unwrap().split_once("; ").unwrap();
        assert_eq!((value.len(), attributes), (30, "Max-Age=600; Path=/; HttpOnly; SameSite=Lax; Secure"));
        let removal = device.removal();
        assert_eq!(removal.as_str(), "__Host-id-b=; Max-Age=0; Path=/; HttpOnly; SameSite=Lax; Secure");
        let registration = device.registration(ONE, 1, NOW);
        let challenge = between(registration.as_str(), "(ES256);path=\"/dbsc\";challenge=\"", "\"");
        assert_eq!(challenge.len(), 30);
        let instructions = device.instructions(ONE);
        let identifier = between(instructions.as_str(), "identifier\":\"", "\"");
        let named = between(instructions.as_str(), "/dbsc?s=", "\"");
        let expected = std::format!(
            r#"{{"session_identifier":"{identifier}","refresh_url":"/dbsc?s={named}","scope":{{"include_site":false}},"allowed_refresh_initiators":["*"],"credentials":[{{"type":"cookie","name":"__Host-id-b","attributes":"Path=/; HttpOnly; SameSite=Lax; Secure"}}]}}"#
        );
        assert_eq!(instructions.as_str(), expected);
        let next = device.challenge(ONE, NOW);
        assert_eq!(between(next.as_str(), "\"", "\"").len(), 30);
        assert!(next.as_str().ends_with(&std::format!(";id=\"{identifier}\"")));
    }

    /// The longest name, path and attributes fit.
    #[test]
    fn no_text_is_cut_tr3() {
        const NAME: &[u8; 254] = &{
            let mut name = [b'x'; 254];
            let prefix = b"__Host-";
            let mut at = 0;
            while at < prefix.len() {
                name[at] = prefix[at];
                at += 1;
            }
            name
        };
        const PATH: &[u8; 128] = &{
            let mut path = [b'x'; 128];
            path[0] = b'/';
            path
        };
        let cookie = SecureCookie::host().named(core::str::from_utf8(NAME).unwrap()).unwrap();
        let policy =
            Policy::secure(cookie.same_site(crate::policy::SameSite::Strict), crate::policy::Lifetimes::DEFAULT);
        let policy = policy.unwrap().device_bound(Duration::from_secs(86_400)).unwrap();
        let path = EndpointPath::new(core::str::from_utf8(PATH).unwrap()).unwrap();
        let device = DeviceKeys::new(&Keys::new(&keys::A).unwrap(), policy, path).unwrap();
        assert!(device.bound_cookie(ONE, &[7; 64], NOW).as_str().ends_with("; Secure"));
        assert!(device.instructions(ONE).as_str().ends_with("Secure\"}]}"));
        assert!(device.registration(ONE, u32::MAX, NOW).as_str().ends_with('"'));
    }

    #[test]
    fn a_proof_holds_for_its_session_key_and_time_tr3() {
        let device = device_keys(&Keys::new(&keys::A).unwrap());
        let cookie = device.bound_cookie(ONE, &[7; 64], NOW);
        let line = cookie.as_str().split(';').next().unwrap().as_bytes();
        let proven = |handle, key: &[u8; 64]| device.proven_at(handle, key, [line].into_iter());
        assert_eq!(proven(ONE, &[7; 64]), Some(NOW));
        assert_eq!(proven(TWO, &[7; 64]), None, "another session");
        assert_eq!(proven(ONE, &[8; 64]), None, "another key");
        assert!(device.holds(NOW, later(604_999)) && !device.holds(NOW, later(605_000)));
        assert!(device.holds(later(60_000), NOW) && !device.holds(later(60_001), NOW), "a clock that was ahead");
        // no byte of it can be changed, and no other value of ours is one
        let value = line.strip_prefix(b"__Host-id-b=").unwrap();
        for at in 0..value.len() {
            let mut other = std::vec::Vec::from(line);
            let place = line.len() - value.len() + at;
            other[place] ^= 1;
            assert_eq!(device.proven_at(ONE, &[7; 64], [&other[..]].into_iter()), None);
        }
        let challenge = device.challenge(ONE, NOW);
        let line = std::format!("__Host-id-b={}", between(challenge.as_str(), "\"", "\""));
        assert_eq!(device.proven_at(ONE, &[7; 64], [line.as_bytes()].into_iter()), None);
    }

    #[test]
    fn a_challenge_is_for_its_session_login_and_time_tr3() {
        let device = device_keys(&Keys::new(&keys::A).unwrap());
        let text = device.registration(ONE, 3, NOW);
        let challenge = between(text.as_str(), "challenge=\"", "\"").as_bytes();
        assert!(device.is_registration(challenge, ONE, 3, later(119_999)));
        assert!(!device.is_registration(challenge, ONE, 3, later(120_000)));
        assert!(!device.is_registration(challenge, ONE, 4, NOW), "another login");
        assert!(!device.is_registration(challenge, TWO, 3, NOW), "another session");
        assert_eq!(device.is_refresh(challenge, ONE, NOW), None, "another use");
        let text = device.challenge(ONE, NOW);
        let challenge = between(text.as_str(), "\"", "\"").as_bytes();
        assert_eq!(device.is_refresh(challenge, ONE, later(659_999)), Some(NOW));
        assert_eq!(device.is_refresh(challenge, ONE, later(660_000)), None);
        assert_eq!(device.is_refresh(challenge, TWO, NOW), None, "another session");
        assert!(!device.is_registration(challenge, ONE, 0, NOW), "another use");
    }

    #[test]
    fn an_older_key_still_verifies_and_another_one_does_not_tr3() {
        let [old, both, other] = [
            Keys::new(&keys::A).unwrap(),
            Keys::new(&keys::B).unwrap().and_verify(&keys::A).unwrap(),
            Keys::new(&keys::B).unwrap(),
        ];
        let [old, both, other] = [old, both, other].map(|keys| device_keys(&keys));
        let instructions = old.instructions(ONE);
        let query = std::format!("s={}", between(instructions.as_str(), "?s=", "\""));
        assert!(old.named(query.as_bytes()) == Some((ONE, true)));
        assert!(both.named(query.as_bytes()) == Some((ONE, false)), "to be replaced by one of the newer key");
        assert!(other.named(query.as_bytes()).is_none());
        for bad in ["", "s=", "s", "x=1", &query[1..], &query[..query.len() - 1], "s=AAAAAAAAAAAAAAAAAAAAAA"] {
            assert!(old.named(bad.as_bytes()).is_none(), "{bad}");
        }
        let challenge = old.challenge(ONE, NOW);
        let challenge = between(challenge.as_str(), "\"", "\"").as_bytes();
        assert!(both.is_refresh(challenge, ONE, NOW).is_some() && other.is_refresh(challenge, ONE, NOW).is_none());
    }
}
