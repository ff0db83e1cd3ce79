//! Reads lines of the serial line, and the orders and addresses in them. It needs no board, so it is tested on the host.

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

/// A configuration item: its key, and a check that says what its value has to be.
pub(crate) type Item = (&'static str, fn(&str) -> Result<(), &'static str>);

/// What a line demands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Order<'l> {
    /// A key and its value.
    Set(&'l str, &'l str),
    /// A key.
    Unset(&'l str),
}

/// Reads `set KEY VALUE` or `unset KEY`; `None` if the line is neither, or no item has this key. A value is the rest of the
/// line, blanks included, and an error never repeats it: it may be a password.
pub(crate) fn order(line: &str, mut items: impl Iterator<Item = Item>) -> Option<Result<Order<'_>, &'static str>> {
    let (verb, rest) = line.split_once(' ')?;
    let (key, value) = rest.split_once(' ').map_or((rest, None), |(key, value)| (key, Some(value)));
    let (_, check) = items.find(|(known, _)| *known == key)?;
    match (verb, value) {
        ("set", Some(value)) => Some(check(value).map(|()| Order::Set(key, value))),
        ("unset", None) => Some(Ok(Order::Unset(key))),
        _ => None,
    }
}

/// Checks the address of one device.
pub(crate) fn is_ipv4(text: &str) -> Result<(), &'static str> {
    ipv4(text).map(drop).ok_or("not an address, as in 192.168.1.1")
}

/// Checks an address with its network's prefix.
pub(crate) fn is_cidr(text: &str) -> Result<(), &'static str> {
    cidr(text).map(drop).ok_or("not an address; address needs its prefix, as in 192.168.1.20/24")
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
