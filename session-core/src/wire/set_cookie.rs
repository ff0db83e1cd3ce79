//! Writes a `Set-Cookie` value (RFC 6265bis, 4.1) into the caller's buffer. It never has `Expires`, because a device
//! has no wall clock, and `Max-Age` takes precedence (CK8).

use crate::base::bytes::fill;
use crate::base::environment::quotient;
use crate::base::error::Error;
use crate::base::policy::{Cookie, Policy, UNTIL_BROWSER_CLOSES};

/// Octets of name and value together that browsers keep (CK7).
pub(crate) const LONGEST_PAIR: usize = 4096;

/// The cookie with `value`, kept by the browser for `max_age` seconds.
pub(crate) fn issue<'b>(policy: &Policy, value: &[u8], max_age: u32, into: &'b mut [u8]) -> Result<&'b str, Error> {
    issue_with(policy, value.len(), max_age, into, |place| {
        place.copy_from_slice(value);
        Some(())
    })
}

/// The same with a value of `len` characters that `write` puts in place.
pub(crate) fn issue_with<'b>(
    policy: &Policy,
    len: usize,
    max_age: u32,
    into: &'b mut [u8],
    write: impl FnOnce(&mut [u8]) -> Option<()>,
) -> Result<&'b str, Error> {
    let (pair, have) = (policy.cookie.name.len() + len, into.len());
    if pair > LONGEST_PAIR {
        return Err(Error::TooLarge { need: pair, have: LONGEST_PAIR });
    }
    let text = text(&policy.cookie, len, max_age, into, write);
    text.ok_or_else(|| Error::TooLarge { need: policy.set_cookie_len(len), have })
}

/// Writes the whole text; `None` if there is no room. It does not use `core::fmt`, which takes two kilobytes.
fn text<'b>(
    cookie: &Cookie,
    len: usize,
    max_age: u32,
    into: &'b mut [u8],
    write: impl FnOnce(&mut [u8]) -> Option<()>,
) -> Option<&'b str> {
    let have = into.len();
    let rest = fill(fill(into, cookie.name.as_bytes())?, b"=")?;
    let (place, mut rest) = rest.split_at_mut_checked(len)?;
    write(place)?;
    let mut digits = [0; DIGITS];
    let max_age = if max_age == UNTIL_BROWSER_CLOSES { &[] } else { decimal(max_age, &mut digits) };
    for attribute in cookie.attributes(max_age) {
        rest = fill(rest, attribute)?;
    }
    let left = rest.len();
    core::str::from_utf8(into.get(..have - left)?).ok()
}

/// Removes the cookie: the same name, path, domain and attributes (LC4).
pub(crate) fn remove<'b>(policy: &Policy, into: &'b mut [u8]) -> Result<&'b str, Error> {
    issue(policy, &[], 0, into)
}

/// The digits of the largest number that [`decimal`] writes.
pub(super) const DIGITS: usize = 10;

/// A number in decimal.
pub(super) fn decimal(number: u32, digits: &mut [u8; DIGITS]) -> &[u8] {
    let (mut left, mut first) = (number, DIGITS);
    for digit in digits.iter_mut().rev() {
        let tens = quotient::<10>(left);
        *digit = b'0' + (left - 10 * tens) as u8;
        (left, first) = (tens, first - 1);
        if left == 0 {
            break;
        }
    }
    digits.get(first..).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::environment::Time;
    use crate::base::policy::{Lifetimes, SET_COOKIE_LEN, SameSite, SecureCookie};

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
    fn the_length_is_that_of_the_longest_text() {
        let of_a_domain = SecureCookie::domain("example.org").unwrap().same_site(SameSite::None).partitioned();
        let of_a_domain = Policy::secure(of_a_domain, Lifetimes::DEFAULT).unwrap();
        for policy in [Policy::SECURE, Policy::PLAIN_HTTP, of_a_domain] {
            let mut buffer = [0; SET_COOKIE_LEN];
            let longest = issue(&policy, b"v", policy.max_age(0, Time::ZERO), &mut buffer).unwrap();
            assert_eq!(longest.len(), policy.set_cookie_len(1), "{longest}");
        }
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
