//! Checks whether a request is for this device, or for a name that an attacker's DNS server resolves to its address.

/// Returns whether the value of a `Host` header is one of `names` or an IP address. Case, a port and a trailing dot do
/// not matter.
///
/// Answer all other requests with 421 (Misdirected Request) before doing anything else. Otherwise a page of
/// `evil.example`, whose name an attacker later resolves to the device (DNS rebinding), has the same origin as the
/// device and can read everything. An IP address always passes, because no DNS server is involved.
///
/// ```
/// # use session_embedded::is_named;
/// for host in ["oven.local", "OVEN.local.:8080", "192.168.1.7", "192.168.1.7:80", "[fe80::1]:80"] {
///     assert!(is_named(host.as_bytes(), ["oven.local"]), "{host}");
/// }
/// for host in ["evil.example", "oven.local.evil.example", "", "oven.local:", "oven.local:x", "evil.example:80"] {
///     assert!(!is_named(host.as_bytes(), ["oven.local"]), "{host}");
/// }
/// ```
#[must_use]
pub fn is_named<'n>(host: &[u8], names: impl IntoIterator<Item = &'n str>) -> bool {
    let (host, port) = match host.iter().rposition(|byte| *byte == b':') {
        // an address contains colons as well
        Some(colon) if !host.ends_with(b"]") => host.split_at_checked(colon).unwrap_or_default(),
        _ => (host, &b":0"[..]),
    };
    if port.len() < 2 || !port.iter().skip(1).all(u8::is_ascii_digit) {
        return false;
    }
    // a browser treats a host of digits and dots as an address or as invalid, and DNS names have no brackets
    let is_address = !host.is_empty() && host.iter().all(|byte| byte.is_ascii_digit() || *byte == b'.')
        || host.starts_with(b"[") && host.ends_with(b"]");
    let host = host.strip_suffix(b".").unwrap_or(host);
    is_address || !host.is_empty() && names.into_iter().any(|name| host.eq_ignore_ascii_case(name.as_bytes()))
}
