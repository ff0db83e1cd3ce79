//! Reads lines of the serial line, and the addresses in them. It needs no board, so it is tested on the host.

use core::mem::{replace, take};
use core::net::Ipv4Addr;

/// A line of at most `BYTES` bytes. It ends with CR, LF or both, because terminals send any of them.
pub(crate) struct Line<const BYTES: usize> {
    bytes: [u8; BYTES],
    length: usize,
    last: u8,
}

impl<const BYTES: usize> Line<BYTES> {
    pub(crate) const fn new() -> Self {
        Self { bytes: [0; BYTES], length: 0, last: 0 }
    }

    /// Takes the next byte. Returns whether the line ends with it.
    pub(crate) fn ends_with(&mut self, byte: u8) -> bool {
        let last = replace(&mut self.last, byte);
        if matches!(byte, b'\r' | b'\n') {
            return (last, byte) != (b'\r', b'\n');
        }
        if let Some(place) = self.bytes.get_mut(self.length) {
            *place = byte;
        }
        self.length = self.length.saturating_add(1);
        false
    }

    /// Returns the line that has ended, and begins the next one. A line that is too long or no text is none that the
    /// device knows.
    pub(crate) fn text(&mut self) -> &str {
        let length = take(&mut self.length);
        self.bytes.get(..length).and_then(|line| str::from_utf8(line).ok()).unwrap_or("?")
    }
}

/// Returns the address of one device. The network stack panics if it is to be at another address, such as that of a group,
/// and a device that panics at each start hears no line that corrects it.
pub(crate) fn ipv4(text: &str) -> Option<Ipv4Addr> {
    let address: Ipv4Addr = text.parse().ok()?;
    // 0.0.0.0/8, groups, and all that is reserved, with the broadcast address
    (1..224).contains(&address.octets()[0]).then_some(address)
}

/// Returns an address and the length of its network's prefix.
pub(crate) fn cidr(text: &str) -> Option<(Ipv4Addr, u8)> {
    let (address, prefix) = text.split_once('/')?;
    let prefix = prefix.parse().ok().filter(|prefix| *prefix <= 32)?;
    ipv4(address).map(|address| (address, prefix))
}
