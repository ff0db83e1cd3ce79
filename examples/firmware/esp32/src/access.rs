//! What may be the name and the password of an access point. It needs no board, so it is tested on the host.

use super::line::Item;

/// The configuration items of a device with Wi-Fi.
pub(crate) const ITEMS: [Item; 2] = [("ssid", is_name), ("password", is_password)];

/// Checks a name.
pub(crate) fn is_name(text: &str) -> Result<(), &'static str> {
    (1..=32).contains(&text.len()).then_some(()).ok_or("the name of an access point has 1 to 32 bytes")
}

/// Checks a password of WPA. The radio would take a shorter one, and then fail without a reason.
pub(crate) fn is_password(text: &str) -> Result<(), &'static str> {
    let key = text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    (key || (8..=63).contains(&text.len())).then_some(()).ok_or(
        "the password of an access point has 8 to 63 bytes, or is a key of 64 hexadecimal digits; \
         an open one has none",
    )
}
