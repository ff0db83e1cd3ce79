//! What comes on the serial line, without a board.

#[path = "../../../../examples/firmware/src/line.rs"]
mod line;

use line::{Line, cidr, ipv4};

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
