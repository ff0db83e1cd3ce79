//! What store URLs have in common.

use std::net::IpAddr;

/// Returns whether a URL's host is this machine: a loopback address, `localhost`, or the path of a socket. Traffic to
/// it does not leave the machine.
#[must_use]
pub fn is_this_host(host: &str) -> bool {
    let host = host.trim_start_matches('[').trim_end_matches(']');
    host.starts_with('/')
        || host.eq_ignore_ascii_case("localhost")
        || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// Decodes the percent-encoded bytes of a part of a URL, such as `%40`. Returns `None` if the result is not UTF-8.
#[must_use]
pub fn percent_decoded(text: &str) -> Option<String> {
    let mut parts = text.split('%');
    let mut bytes = parts.next()?.as_bytes().to_vec();
    for part in parts {
        let (digits, rest) = part.split_at_checked(2)?;
        // `from_str_radix` would accept a sign
        let hex = digits.bytes().all(|digit| digit.is_ascii_hexdigit());
        bytes.push(u8::from_str_radix(digits, 16).ok().filter(|_| hex)?);
        bytes.extend(rest.as_bytes());
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_host_and_others() {
        for this in ["localhost", "LOCALHOST", "127.0.0.1", "127.8.9.1", "::1", "[::1]", "/run/a.sock"] {
            assert!(is_this_host(this), "{this}");
        }
        for other in ["", "127.1", "10.0.0.1", "[fe80::1]", "db.example", "localhost.example"] {
            assert!(!is_this_host(other), "{other}");
        }
    }

    #[test]
    fn what_percent_signs_stand_for() {
        assert_eq!(percent_decoded("a%40%C3%a4 b").as_deref(), Some("a@ä b"));
        assert_eq!(percent_decoded("").as_deref(), Some(""));
        for bad in ["%", "%4", "%4x", "%+4", "a%ff", "%ä"] {
            assert_eq!(percent_decoded(bad), None, "{bad}");
        }
    }
}
