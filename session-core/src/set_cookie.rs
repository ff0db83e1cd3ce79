//! Writes a `Set-Cookie` value (RFC 6265bis, 4.1) into the caller's buffer. Never `Expires`: a device has no wall clock,
//! and `Max-Age` wins over it anyway (CK8).

use crate::environment::quotient;
use crate::error::Error;
use crate::policy::{Policy, SameSite};

/// Octets of name and value together that browsers keep (CK7).
pub(crate) const LONGEST_PAIR: usize = 4096;

/// The cookie with `value`, kept by the browser for `max_age` seconds.
pub(crate) fn issue<'b>(policy: &Policy, value: &[u8], max_age: u64, into: &'b mut [u8]) -> Result<&'b str, Error> {
    issue_with(policy, value.len(), max_age, into, |place| {
        place.copy_from_slice(value);
        Ok(())
    })
}

/// The same with a value of `len` characters that `fill` writes in place.
pub(crate) fn issue_with<'b>(
    policy: &Policy,
    len: usize,
    max_age: u64,
    into: &'b mut [u8],
    fill: impl FnOnce(&mut [u8]) -> Result<(), Error>,
) -> Result<&'b str, Error> {
    let pair = policy.name.len() + len;
    if pair > LONGEST_PAIR {
        return Err(Error::TooLarge { need: pair, have: LONGEST_PAIR });
    }
    let too_large = Error::TooLarge { need: policy.set_cookie_len(len), have: into.len() };
    let mut text = Text { into, len: 0 };
    text.push(policy.name).and_then(|()| text.push("=")).ok_or(too_large)?;
    fill(text.room(len).ok_or(too_large)?)?;
    let written = attributes(&mut text, policy, max_age);
    let Text { into, len } = text;
    let text = written.and_then(|()| into.get(..len)).and_then(|text| core::str::from_utf8(text).ok());
    text.ok_or(too_large)
}

/// Takes the cookie back: the same name, path, domain and attributes (LC4).
pub(crate) fn remove<'b>(policy: &Policy, into: &'b mut [u8]) -> Result<&'b str, Error> {
    issue(policy, &[], 0, into)
}

fn attributes(text: &mut Text<'_>, policy: &Policy, max_age: u64) -> Option<()> {
    text.push("; Max-Age=")?;
    text.push_number(max_age)?;
    let (domain, name) = policy.domain.map_or(("", ""), |name| ("; Domain=", name));
    let same_site = match policy.same_site {
        SameSite::Lax => "Lax",
        SameSite::Strict => "Strict",
        SameSite::None => "None",
    };
    let secure = if policy.secure { "; Secure" } else { "" };
    let partitioned = if policy.partitioned { "; Partitioned" } else { "" };
    for part in ["; Path=", policy.path, domain, name, "; HttpOnly; SameSite=", same_site, secure, partitioned] {
        text.push(part)?;
    }
    Some(())
}

/// A buffer that is written like a string; without `core::fmt`, which weighs two kilobytes.
struct Text<'b> {
    into: &'b mut [u8],
    len: usize,
}

impl Text<'_> {
    fn push(&mut self, more: &str) -> Option<()> {
        self.push_bytes(more.as_bytes())
    }

    fn push_bytes(&mut self, more: &[u8]) -> Option<()> {
        self.room(more.len())?.copy_from_slice(more);
        Some(())
    }

    /// The next so many bytes, for somebody else to write.
    fn room(&mut self, len: usize) -> Option<&mut [u8]> {
        let place = self.into.get_mut(self.len..)?.get_mut(..len)?;
        self.len += len;
        Some(place)
    }

    /// Up to `u32::MAX`, in decimal.
    fn push_number(&mut self, number: u64) -> Option<()> {
        let mut rest = u32::try_from(number).ok()?;
        let mut digits = [b'0'; 10];
        let mut first = digits.len();
        for (at, digit) in digits.iter_mut().enumerate().rev() {
            let tens = quotient::<10>(rest);
            *digit = b'0' + (rest - 10 * tens) as u8;
            rest = tens;
            first = at;
            if rest == 0 {
                break;
            }
        }
        self.push_bytes(digits.get(first..)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::{Lifetimes, SET_COOKIE_LEN, SecureCookie};

    #[test]
    fn the_defaults_word_by_word_ck5() {
        let mut buffer = [0; SET_COOKIE_LEN];
        let secure = issue(&Policy::SECURE, b"v", 60, &mut buffer);
        assert_eq!(secure, Ok("__Host-id=v; Max-Age=60; Path=/; HttpOnly; SameSite=Lax; Secure"));
        let plain = issue(&Policy::PLAIN_HTTP, b"v", 60, &mut buffer);
        assert_eq!(plain, Ok("id=v; Max-Age=60; Path=/; HttpOnly; SameSite=Lax"));
    }

    #[test]
    fn every_attribute_once_ck2_and_the_same_for_the_removal_lc4() {
        let cookie = SecureCookie::domain("example.org").unwrap().path("/app").unwrap();
        let cookie = cookie.same_site(SameSite::None).partitioned();
        let policy = Policy::secure(cookie, Lifetimes::DEFAULT).unwrap();
        let attributes = "; Path=/app; Domain=example.org; HttpOnly; SameSite=None; Secure; Partitioned";
        let mut buffer = [0; SET_COOKIE_LEN];
        let set = issue(&policy, b"v", 60, &mut buffer).unwrap();
        assert_eq!(set.strip_prefix("__Secure-id=v; Max-Age=60"), Some(attributes));
        let removed = remove(&policy, &mut buffer).unwrap();
        assert_eq!(removed.strip_prefix("__Secure-id=; Max-Age=0"), Some(attributes));
    }

    #[test]
    fn too_small_a_buffer_is_an_error_with_both_sizes_ck7() {
        let need = Policy::SECURE.set_cookie_len(1);
        for have in 0..60 {
            let mut buffer = [0; 60];
            assert_eq!(issue(&Policy::SECURE, b"v", 60, &mut buffer[..have]), Err(Error::TooLarge { need, have }));
        }
    }

    #[test]
    fn name_and_value_take_at_most_4096_octets_ck7() {
        let mut buffer = [0; 5_000];
        let value = &[b'x'; 4_095];
        assert!(issue(&Policy::PLAIN_HTTP, &value[..4_094], 1, &mut buffer).is_ok());
        let too_large = Error::TooLarge { need: 4_097, have: 4_096 };
        assert_eq!(issue(&Policy::PLAIN_HTTP, value, 1, &mut buffer), Err(too_large));
    }
}
