//! What edge-http 0.8 must not be shown. Reads the head of a request as it streams by, byte for byte.
//!
//! edge-http panics at a `Content-Length` that is no number. It takes a body whose length it does not understand
//! (`Transfer-Encoding: gzip, chunked`, a length that is not text) for no body, and of several lengths the last one, so that a
//! body becomes the next request. And it waits without end for CR LF CR LF where its parser takes LF LF for the end of a head.

/// Where in a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum At {
    /// In a name that has so many bytes in common with these.
    Name { length: Option<u8>, encoding: Option<u8> },
    /// Before the digits of a `Content-Length`, between them, and after.
    Length { number: Option<u64>, over: bool },
    /// In a `Transfer-Encoding`, with so many bytes in common with `chunked`.
    Encoding { matched: u8, over: bool },
    /// In what does not matter here.
    Else,
}

const LENGTH: &[u8] = b"content-length";
const ENCODING: &[u8] = b"transfer-encoding";
const CHUNKED: &[u8] = b"chunked";
const LINE_BEGIN: At = At::Name { length: Some(0), encoding: Some(0) };

/// The head so far.
#[derive(Debug)]
pub(crate) struct Head {
    at: At,
    previous: u8,
    /// Bytes of CR LF CR LF that were seen last.
    ending: u8,
    begun: bool,
    has_length: bool,
    chunked: bool,
    bad: bool,
}

/// What a byte means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// The head goes on.
    More,
    /// It was the last byte of a head.
    End,
    /// It was the last byte of a head that edge-http must not be shown, or such a head would never end.
    Refused,
}

impl Head {
    pub(crate) const fn new() -> Self {
        Self { at: LINE_BEGIN, previous: 0, ending: 0, begun: false, has_length: false, chunked: false, bad: false }
    }

    /// Whether a byte of it was seen.
    pub(crate) const fn is_begun(&self) -> bool {
        self.begun
    }

    /// Whether a chunked body follows.
    pub(crate) const fn is_chunked(&self) -> bool {
        self.chunked
    }

    /// Reads the next byte.
    pub(crate) fn push(&mut self, byte: u8) -> Step {
        self.begun = true;
        let bare = byte == b'\n' && self.previous != b'\r';
        self.ending = match (self.ending, byte) {
            (0 | 2, b'\r') => self.ending + 1,
            (1 | 3, b'\n') => self.ending + 1,
            (_, b'\r') => 1,
            _ => 0,
        };
        self.previous = byte;
        if bare {
            return Step::Refused;
        }
        if byte == b'\n' {
            self.end_line();
        } else if byte != b'\r' {
            self.within_line(byte);
        }
        match (self.ending, self.bad) {
            (4, false) => Step::End,
            (4, true) => Step::Refused,
            _ => Step::More,
        }
    }

    fn end_line(&mut self) {
        match self.at {
            At::Length { number, .. } => self.bad |= number.is_none(),
            At::Encoding { matched, .. } => {
                self.chunked = true;
                self.bad |= usize::from(matched) != CHUNKED.len();
            }
            At::Name { .. } | At::Else => {}
        }
        self.at = LINE_BEGIN;
    }

    fn within_line(&mut self, byte: u8) {
        self.at = match self.at {
            At::Name { length, encoding } if byte == b':' => {
                let is = |name: &[u8], matched: Option<u8>| matched.is_some_and(|n| usize::from(n) == name.len());
                let ours = is(LENGTH, length) || is(ENCODING, encoding);
                // one says how long the body is; two may say different things
                self.bad |= ours && self.has_length;
                self.has_length |= ours;
                match (is(LENGTH, length), is(ENCODING, encoding)) {
                    (true, _) => At::Length { number: None, over: false },
                    (_, true) => At::Encoding { matched: 0, over: false },
                    _ => At::Else,
                }
            }
            At::Name { length, encoding } => match (longer(LENGTH, length, byte), longer(ENCODING, encoding, byte)) {
                (None, None) => At::Else,
                (length, encoding) => At::Name { length, encoding },
            },
            At::Length { number, over } => match byte {
                b' ' | b'\t' => At::Length { number, over: number.is_some() },
                b'0'..=b'9' if !over => {
                    let shifted = number.unwrap_or(0).checked_mul(10);
                    let number = shifted.and_then(|n| n.checked_add(u64::from(byte - b'0')));
                    self.bad |= number.is_none();
                    At::Length { number, over }
                }
                _ => self.refuse(),
            },
            At::Encoding { matched, over } => match byte {
                b' ' | b'\t' => At::Encoding { matched, over: matched > 0 },
                _ if over => self.refuse(),
                _ => longer(CHUNKED, Some(matched), byte)
                    .map_or_else(|| self.refuse(), |m| At::Encoding { matched: m, over }),
            },
            At::Else => At::Else,
        };
    }

    fn refuse(&mut self) -> At {
        self.bad = true;
        At::Else
    }
}

/// How much of `name` is matched with one more byte.
fn longer(name: &[u8], matched: Option<u8>, byte: u8) -> Option<u8> {
    let matched = matched?;
    name.get(usize::from(matched)).is_some_and(|next| next.eq_ignore_ascii_case(&byte)).then(|| matched + 1)
}

#[cfg(test)]
mod tests {
    extern crate std;
    use std::format;

    use super::*;

    /// What the last of these bytes means; none before it ends the head.
    fn read(head: &str) -> Step {
        let mut reader = Head::new();
        let mut last = Step::More;
        for (at, byte) in head.bytes().enumerate() {
            assert_eq!(last, Step::More, "ended before byte {at} of {head:?}");
            last = reader.push(byte);
        }
        last
    }

    #[test]
    fn heads_that_pass() {
        for lines in [
            "",
            "Host: a\r\n",
            "Content-Length: 0\r\n",
            "content-LENGTH:\t 18446744073709551615 \t\r\n",
            "Content-Length: 007\r\n",
            "Transfer-Encoding: Chunked \r\n",
            "X-Content-Length: zz\r\nContent-Lengths: zz\r\nContent: zz\r\nTransfer-Encoding-2: zz\r\n",
            "Trailer: Content-Length: zz\r\n",
            "Content-Lengtransfer-encoding: zz\r\n",
            "a: b\rc\r\n", // edge-http's parser refuses it
        ] {
            assert_eq!(read(&format!("GET / HTTP/1.1\r\n{lines}\r\n")), Step::End, "{lines:?}");
        }
        assert_eq!(read("\r\nGET / HTTP/1.1\r\n\r\n"), Step::End);
        assert_eq!(read("\r\n\r\n"), Step::End);
        assert_eq!(read("GET / HTTP/1.1\r\n\r\r\n"), Step::More);
    }

    #[test]
    fn heads_that_are_refused() {
        for lines in [
            "Content-Length: zz",
            "Content-Length:",
            "Content-Length: \t",
            "Content-Length: -1",
            "Content-Length: +1",
            "Content-Length: 1 1",
            "Content-Length: 0x10",
            "Content-Length: 1, 1",
            "CONTENT-length: 18446744073709551616",
            "Content-Length: 99999999999999999999999999999999",
            "Content-Length: \u{661}",
            "Content-Length: 1\r\nContent-Length: 1",
            "Content-Length: 1\r\nHost: a\r\nTransfer-Encoding: chunked",
            "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
            "Transfer-Encoding: gzip, chunked",
            "Transfer-Encoding: chunkedd",
            "Transfer-Encoding: chunke",
            "Transfer-Encoding:",
        ] {
            assert_eq!(read(&format!("POST / HTTP/1.1\r\n{lines}\r\n\r\n")), Step::Refused, "{lines:?}");
        }
        assert_eq!(read("GET / HTTP/1.1\n"), Step::Refused);
        assert_eq!(read("GET / HTTP/1.1\r\nHost: a\r\n\n"), Step::Refused);
        assert_eq!(read("\n"), Step::Refused);
    }
}
