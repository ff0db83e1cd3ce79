//! What comes on the serial line, without a board.

#[path = "../../../../examples/firmware/esp32/src/access.rs"]
mod access;
#[path = "../../../../examples/firmware/src/line.rs"]
mod line;

use line::{Item, Line, Order, cidr, ipv4, is_cidr, is_ipv4, order};

/// The lines in these bytes.
fn lines(bytes: &[u8]) -> Vec<String> {
    let mut line = Line::<8>::new();
    let mut lines = Vec::new();
    for byte in bytes {
        if line.ends_with(*byte) {
            lines.push(line.text().to_owned());
        }
    }
    lines
}

/// EM9: a terminal sends CR, LF or both at the end of a line. Each is one line, so that the line that releases the flash is the
/// one after `hold`, and none is missing.
#[test]
fn a_line_ends_as_any_terminal_ends_it_em8_em9() {
    for end in ["\r", "\n", "\r\n"] {
        assert_eq!(lines(format!("hold{end}{end}set{end}").as_bytes()), ["hold", "", "set"], "{end:?}");
    }
    assert_eq!(lines(b"a\n\rb\r\r\n\n"), ["a", "", "b", "", ""]);
    assert_eq!(lines(b"12345678\r123456789\rhold\r"), ["12345678", "?", "hold"]);
    assert_eq!(lines(&[&[b'a'; 1000][..], b"\n\xff\xc0\nab\0\x08\n\x1b[A"].concat()), ["?", "?", "ab\0\x08"]);
}

/// EM9: an address at which the network stack panics is none, or the device would panic at each start.
#[test]
fn no_address_on_the_serial_line_stops_the_device_em9() {
    for text in ["192.168.1.20", "10.0.0.1", "1.0.0.0", "223.255.255.255"] {
        assert_eq!(ipv4(text), Some(text.parse().unwrap()));
        assert_eq!(cidr(&format!("{text}/24")), Some((text.parse().unwrap(), 24)));
    }
    for text in ["255.255.255.255", "224.0.0.251", "239.1.2.3", "0.0.0.0", "0.0.0.9", "240.0.0.1", "", "10.0.0", "home"]
    {
        assert_eq!((ipv4(text), cidr(&format!("{text}/24"))), (None, None), "{text}");
    }
    for text in ["10.0.0.9", "10.0.0.9/", "10.0.0.9/33", "10.0.0.9/256", "10.0.0.9/-1", "10.0.0.9/24/1", "/24"] {
        assert_eq!(cidr(text), None, "{text}");
    }
}

/// EM9: an order is for an item that the board has, with a value that it can use. Nothing that the device says repeats a value.
#[test]
fn orders_on_the_serial_line_are_checked_and_never_repeated_em9() {
    let board: [Item; 2] = [("address", is_cidr), ("gateway", is_ipv4)];
    let items = || board.into_iter().chain(access::ITEMS);
    assert_eq!(order("set ssid My home", items()), Some(Ok(Order::Set("ssid", "My home"))));
    assert_eq!(order("set password  a b  c ", items()), Some(Ok(Order::Set("password", " a b  c "))));
    assert_eq!(order("unset password", items()), Some(Ok(Order::Unset("password"))));
    assert_eq!(order("set address 10.0.0.9/24", items()), Some(Ok(Order::Set("address", "10.0.0.9/24"))));
    for line in ["", "set", "set ssid", "unset", "unset ssid home", "unset home", "set home a", "Set ssid a", "ssid a"]
    {
        assert_eq!(order(line, items()), None, "{line}");
    }
    for (line, secret) in [
        ("set password secret", "secret"),
        ("set gateway secret", "secret"),
        ("set address secret/24", "secret"),
        ("set ssid ", "\n"),
    ] {
        let why = order(line, items()).expect("an order").expect_err(line);
        assert!(!why.contains(secret), "{why}");
    }
    assert_eq!(order("set password secret", board.into_iter()), None, "a board without Wi-Fi has no such item");
}

/// EM9: the radio is given no password that WPA does not know. It would take one, and fail without a reason.
#[test]
fn a_wifi_password_has_a_length_that_wpa_knows_em9() {
    let (_, name) = access::ITEMS[0];
    let (_, password) = access::ITEMS[1];
    for good in [8, 9, 62, 63] {
        assert_eq!(password(&"x".repeat(good)), Ok(()), "{good}");
    }
    assert_eq!(password(&"0123456789abcdefABCDEF0123456789".repeat(2)), Ok(()), "a key");
    for bad in [String::new(), "x".into(), "x".repeat(7), "x".repeat(64), "0".repeat(65), "\u{e4}bc".into()] {
        let why = password(&bad).expect_err(&bad);
        assert!(why.contains("8 to 63") && why.contains("64 hexadecimal"), "{why}");
    }
    assert!(name("home").is_ok() && name(&"x".repeat(32)).is_ok());
    assert!(name("").is_err() && name(&"x".repeat(33)).is_err());
}
