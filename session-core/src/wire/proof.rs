//! The proof of a device: a JWT that a browser signs with the key of a device-bound session.
//!
//! The parser is strict and accepts what Chromium sends: no whitespace, no repeated member, ES256 only. It accepts any
//! bytes, never panics or allocates, and takes linear time. Nothing in a proof is trusted before its signature is
//! verified, which is a separate step after the cheaper checks.

use crate::base::hmac::sha256;
use crate::wire::base64url;

/// Verifies P-256 signatures with SHA-256, as in a JWT with algorithm ES256.
pub trait Es256 {
    /// Returns whether `signature` is the signature of `key` for a message with this SHA-256 hash. `signature` is r and
    /// s, `key` is x and y, of 32 bytes each. The point may not be on the curve. Accept signatures with a high s:
    /// browsers create as many of them as of the others.
    fn verify(&self, key: &[u8; 64], hash: &[u8; 32], signature: &[u8; 64]) -> bool;
}

impl<E: Es256 + ?Sized> Es256 for &E {
    fn verify(&self, key: &[u8; 64], hash: &[u8; 32], signature: &[u8; 64]) -> bool {
        (**self).verify(key, hash, signature)
    }
}

/// Characters of the longest proof that is accepted. Chromium's take 190 to 370.
const LONGEST: usize = 1_536;
/// Bytes of the longest header or payload in it.
const PART: usize = 512;
/// Characters of the longest challenge.
const CHALLENGE: usize = 64;

/// A proof, parsed and not yet verified.
#[derive(Clone, Copy)]
pub struct Proof<'p> {
    signed: &'p [u8],
    signature: [u8; 64],
    key: Option<[u8; 64]>,
    challenge: [u8; CHALLENGE],
    challenge_len: usize,
}

impl<'p> Proof<'p> {
    /// Parses the value of a `Secure-Session-Response` header, bare as Chromium sends it or in quotes as in the draft.
    /// Returns `None` if it is no proof.
    #[must_use]
    pub fn read(value: &'p [u8]) -> Option<Self> {
        let value = value.get(..LONGEST.min(value.len())).filter(|start| start.len() == value.len())?;
        let token = if let [b'"', inner @ .., b'"'] = value { inner } else { value };
        let dot = |text: &[u8]| text.iter().position(|byte| *byte == b'.');
        let head_len = dot(token)?;
        let (head, rest) = (token.get(..head_len)?, token.get(head_len + 1..)?);
        let body_len = dot(rest)?;
        let (body, signature) = (rest.get(..body_len)?, rest.get(body_len + 1..)?);
        let signed = token.get(..head_len + 1 + body_len)?;
        let mut proof = Self { signed, signature: [0; 64], key: None, challenge: [0; CHALLENGE], challenge_len: 0 };
        (base64url::decode_into(signature, &mut proof.signature)? == 64).then_some(())?;
        let mut part = [0; PART];
        let [algorithm, kind, jwk] = members(decoded(head, &mut part)?, [b"alg", b"typ", b"jwk"])?;
        if algorithm? != Json::Text(b"ES256") || kind? != Json::Text(b"dbsc+jwt") {
            return None;
        }
        proof.key = match jwk {
            None => None,
            Some(Json::Object(jwk)) => Some(key(jwk)?),
            Some(_) => return None,
        };
        let [Some(Json::Text(challenge))] = members(decoded(body, &mut part)?, [b"jti"])? else {
            return None;
        };
        proof.challenge.get_mut(..challenge.len())?.copy_from_slice(challenge);
        proof.challenge_len = challenge.len();
        Some(proof)
    }

    /// Returns the key in the proof itself, which only a registration has.
    #[must_use]
    pub const fn key(&self) -> Option<&[u8; 64]> {
        self.key.as_ref()
    }

    /// Returns the challenge that the proof claims to answer.
    #[must_use]
    pub fn challenge(&self) -> &[u8] {
        self.challenge.get(..self.challenge_len).unwrap_or_default()
    }

    /// Returns whether the proof is signed by `key`.
    #[must_use]
    pub fn is_signed_by(&self, key: &[u8; 64], es256: &impl Es256) -> bool {
        es256.verify(key, &sha256(&[self.signed]), &self.signature)
    }
}

fn decoded<'b>(text: &[u8], into: &'b mut [u8; PART]) -> Option<&'b [u8]> {
    let len = base64url::decode_into(text, into)?;
    into.get(..len)
}

/// A public key as a JSON Web Key.
fn key(jwk: &[u8]) -> Option<[u8; 64]> {
    let [kind, curve, x, y] = members(jwk, [b"kty", b"crv", b"x", b"y"])?;
    if kind? != Json::Text(b"EC") || curve? != Json::Text(b"P-256") {
        return None;
    }
    let (Json::Text(x), Json::Text(y)) = (x?, y?) else { return None };
    let mut key = [0; 64];
    let (first, second) = key.split_at_mut(32);
    let whole = base64url::decode_into(x, first)? == 32 && base64url::decode_into(y, second)? == 32;
    whole.then_some(key)
}

/// A JSON value, parsed as far as necessary.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Json<'j> {
    /// The text between the quotes, including escapes.
    Text(&'j [u8]),
    /// An object without nested objects, including its braces.
    Object(&'j [u8]),
    /// A number, `true`, `false` or `null`.
    Other,
}

/// Returns the members of these names of an object without whitespace; `None` for anything else, including a repeated
/// name.
fn members<'j, const N: usize>(json: &'j [u8], names: [&[u8]; N]) -> Option<[Option<Json<'j>>; N]> {
    let mut found = [None; N];
    let end = walk(json, true, &mut |name, value| {
        let place = names.iter().zip(&mut found).find(|(wanted, _)| **wanted == name);
        place.is_none_or(|(_, place)| place.replace(value).is_none())
    })?;
    (end == json.len()).then_some(found)
}

/// Passes each member of the object at the start of `json` to `each` while that returns `true`. Returns where the
/// object ends.
fn walk<'j>(json: &'j [u8], nests: bool, each: &mut dyn FnMut(&'j [u8], Json<'j>) -> bool) -> Option<usize> {
    (*json.first()? == b'{').then_some(())?;
    let mut at = 1;
    loop {
        let (name, after) = text(json, at)?;
        (*json.get(after)? == b':').then_some(())?;
        let start = after + 1;
        let (value, end) = match *json.get(start)? {
            b'"' => {
                let (text, end) = text(json, start)?;
                (Json::Text(text), end)
            }
            b'{' if nests => {
                let inner = json.get(start..)?;
                let len = walk(inner, false, &mut |_, _| true)?;
                (Json::Object(inner.get(..len)?), start + len)
            }
            b'-' | b'0'..=b'9' | b'a'..=b'z' => {
                let plain = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'+');
                let len = json.get(start..)?.iter().take_while(|byte| plain(byte)).count();
                (Json::Other, start + len)
            }
            _ => return None,
        };
        each(name, value).then_some(())?;
        match *json.get(end)? {
            b',' => at = end + 1,
            b'}' => return Some(end + 1),
            _ => return None,
        }
    }
}

/// The text at `at` and the bytes after it.
fn text(json: &[u8], at: usize) -> Option<(&[u8], usize)> {
    let inner = json.get(at..)?.strip_prefix(b"\"")?;
    let mut escaped = false;
    let len = inner.iter().position(|byte| {
        let ends = *byte == b'"' && !escaped;
        escaped = *byte == b'\\' && !escaped;
        ends
    })?;
    Some((inner.get(..len)?, at + len + 2))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::format;
    use std::string::String;
    use std::vec::Vec;

    /// Accepts every signature.
    struct Gullible;

    impl Es256 for Gullible {
        fn verify(&self, _: &[u8; 64], _: &[u8; 32], _: &[u8; 64]) -> bool {
            true
        }
    }

    fn base64(bytes: &[u8]) -> String {
        let mut text = std::vec![0; base64url::text_len(bytes.len())];
        let start = text.len() - bytes.len();
        text[start..].copy_from_slice(bytes);
        base64url::encode_in_place(&mut text, bytes.len());
        String::from_utf8(text).unwrap()
    }

    fn token(head: &str, body: &str) -> String {
        format!("{}.{}.{}", base64(head.as_bytes()), base64(body.as_bytes()), base64(&[7; 64]))
    }

    const HEAD: &str = r#"{"alg":"ES256","typ":"dbsc+jwt"}"#;
    const BODY: &str = r#"{"jti":"AAABoifuQasfMLpx3mpnrrva2E"}"#;

    fn head_with_key() -> String {
        let (x, y) = (base64(&[1; 32]), base64(&[2; 32]));
        format!(r#"{{"alg":"ES256","jwk":{{"crv":"P-256","kty":"EC","x":"{x}","y":"{y}"}},"typ":"dbsc+jwt"}}"#)
    }

    #[test]
    fn a_proof_is_taken_apart_bare_and_in_quotes_tr3() {
        let bare = token(HEAD, BODY);
        for value in [bare.clone(), format!("\"{bare}\"")] {
            let proof = Proof::read(value.as_bytes()).unwrap();
            assert!(proof.key().is_none() && proof.challenge() == b"AAABoifuQasfMLpx3mpnrrva2E");
            assert!(proof.is_signed_by(&[0; 64], &Gullible));
        }
        let with_key = token(&head_with_key(), BODY);
        let key = *Proof::read(with_key.as_bytes()).unwrap().key().unwrap();
        assert!(key[..32] == [1; 32] && key[32..] == [2; 32]);
    }

    /// Members that later browsers may add are skipped, because members are found by name.
    #[test]
    fn other_members_are_skipped_tr3() {
        for more in [r#","iat":1764460800"#, r#","aud":"https:\/\/a.example\"}","#, r#","a":{"b":-1.5e+3,"c":null}"#] {
            let more = more.trim_end_matches(',');
            let body = BODY.replace('}', &format!("{more}}}"));
            assert!(Proof::read(token(HEAD, &body).as_bytes()).is_some(), "{body}");
        }
    }

    #[test]
    fn what_is_no_proof_is_refused_tr3() {
        let key = head_with_key();
        let heads = [
            "",
            "{}",
            "{",
            "[]",
            "null",
            r#"{"alg":"none","typ":"dbsc+jwt"}"#,
            r#"{"alg":"RS256","typ":"dbsc+jwt"}"#,
            r#"{"alg":"ES256","typ":"jwt"}"#,
            r#"{"alg":"ES256"}"#,
            r#"{"alg":"ES256","alg":"ES256","typ":"dbsc+jwt"}"#,
            r#"{"alg":"ES256","typ":"dbsc+jwt",}"#,
            r#"{"alg":"ES256","typ":"dbsc+jwt"} "#,
            r#"{"alg":"ES256","typ":"dbsc+jwt"}}"#,
            r#"{ "alg":"ES256","typ":"dbsc+jwt"}"#,
            r#"{"alg":"ES256","typ":"dbsc+jwt","jwk":"x"}"#,
            r#"{"alg":"ES256","typ":"dbsc+jwt","jwk":{}}"#,
            r#"{"alg":"ES256","typ":"dbsc+jwt","a":[1]}"#,
            r#"{"alg":"ES256","typ":"dbsc+jwt","a":{"b":{"c":1}}}"#,
            r#"{"\u0061lg":"ES256","typ":"dbsc+jwt"}"#,
            &key.replace("EC\"", "OKP\""),
            &key.replace("P-256", "P-384"),
            &key.replace("\"y\":", "\"x\":"),
            &key.replace("\"AQEB", "\"AQ"),
        ];
        for head in heads {
            assert!(Proof::read(token(head, BODY).as_bytes()).is_none(), "{head}");
        }
        let long = format!(r#"{{"jti":"{}"}}"#, "A".repeat(CHALLENGE + 1));
        for body in ["", "{}", r#"{"jti":1}"#, r#"{"jti":{}}"#, r#"{"jti":"A","jti":"A"}"#, &long] {
            assert!(Proof::read(token(HEAD, body).as_bytes()).is_none(), "{body}");
        }
        let good = token(HEAD, BODY);
        for bad in ["", ".", "..", "\"", "\"\"", &good[..good.len() - 1], &format!("{good}."), &format!("{good}A")] {
            assert!(Proof::read(bad.as_bytes()).is_none(), "{bad}");
        }
        let long = BODY.replace('}', &format!(r#","a":"{}"}}"#, "x".repeat(PART)));
        assert!(Proof::read(token(HEAD, &long).as_bytes()).is_none(), "longer than is looked at");
        assert!(Proof::read(&[b'A'; LONGEST + 1]).is_none());
    }

    #[test]
    fn any_bytes_tr3() {
        let mut state = 1_u32;
        let mut next = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            state >> 8
        };
        let good = token(&head_with_key(), BODY);
        for _ in 0..20_000 {
            let mut bytes = Vec::from(good.as_bytes());
            for _ in 0..next() % 4 {
                let at = next() as usize % bytes.len();
                bytes[at] = next() as u8;
            }
            bytes.truncate(next() as usize % (bytes.len() + 1));
            let _ = Proof::read(&bytes);
            let json: Vec<u8> = (0..next() % 60).map(|_| b"{}\"\\:,a1.jti-"[next() as usize % 13]).collect();
            let _ = members(&json, [b"jti", b"a"]);
        }
    }
}
