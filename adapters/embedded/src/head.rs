//! A strict reader of request heads, byte by byte as they arrive. It rejects what an HTTP/1.1 server must not accept
//! (RFC 9112).
//!
//! Servers on microcontrollers read heads less carefully than necessary. Of two lengths they use one, they take a body
//! that they do not understand for the next request, or they skip a byte that must not occur. If two readers disagree
//! about where a request ends, an attacker can bypass whatever is between them.

/// The relevant names, in lower case, and the name of a chunked body.
const LENGTH: &[u8] = b"content-length";
const ENCODING: &[u8] = b"transfer-encoding";
const HOST: &[u8] = b"host";
const CHUNKED: &[u8] = b"chunked";

/// One byte longer than the longest relevant name, so that a longer name matches none.
const WORD: usize = ENCODING.len() + 1;

/// The head of a request, as far as it was read.
#[derive(Clone, Copy, Debug)]
pub struct Head {
    at: At,
    /// The beginning of the name or value, in lower case.
    word: [u8; WORD],
    used: usize,
    /// The value has ended, and blanks follow it.
    over: bool,
    previous: u8,
    length: Option<u64>,
    chunked: bool,
    host: bool,
    /// Of HTTP/1.0.
    old: bool,
}

/// Where in the head.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum At {
    /// Before the request, or after an empty line before it.
    Before {
        empty: bool,
    },
    Method,
    Target,
    Version,
    /// The result of a byte.
    Name,
    /// In the value of a line of this kind.
    Value(Kind),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Length,
    Encoding,
    Other,
}

/// How far a byte brings a head.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Progress {
    /// The head continues.
    More,
    /// This was the last byte of the head.
    End,
    /// A request cannot have this byte here. Nothing that follows on this connection can be understood.
    Refused,
}

/// Why a request is rejected before the application sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Refusal {
    /// It is not an HTTP/1.1 request, or its end is ambiguous.
    NotUnderstood,
    /// Its head does not fit into the server's buffer.
    TooLarge,
    /// Its body is chunked, which the server cannot read.
    NotSupported,
}

impl Refusal {
    /// Returns the whole response. Close the connection after it.
    #[must_use]
    pub const fn answer(self) -> &'static [u8] {
        match self {
            Self::NotUnderstood => {
                b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Type: text/plain\r\n\r\n\
                  the request cannot be understood\n"
            }
            Self::TooLarge => {
                b"HTTP/1.1 431 Request Header Fields Too Large\r\nConnection: close\r\nContent-Type: text/plain\r\n\r\n\
                  the head of the request is too large\n"
            }
            Self::NotSupported => {
                b"HTTP/1.1 501 Not Implemented\r\nConnection: close\r\nContent-Type: text/plain\r\n\r\n\
                  a body in chunks cannot be read here: send its length\n"
            }
        }
    }
}

impl Default for Head {
    fn default() -> Self {
        Self::new()
    }
}

impl Head {
    /// Creates a reader that expects a request.
    #[must_use]
    pub const fn new() -> Self {
        let at = At::Before { empty: false };
        Self {
            at,
            word: [0; WORD],
            used: 0,
            over: false,
            previous: 0,
            length: None,
            chunked: false,
            host: false,
            old: false,
        }
    }

    /// Returns whether it has read at least one byte.
    #[must_use]
    pub const fn is_begun(&self) -> bool {
        self.previous != 0 || !matches!(self.at, At::Before { empty: false })
    }

    /// Returns whether a chunked body follows.
    #[must_use]
    pub const fn is_chunked(&self) -> bool {
        self.chunked
    }

    /// Returns the length of the body that follows, if it is not chunked.
    #[must_use]
    pub const fn length(&self) -> u64 {
        match self.length {
            Some(length) => length,
            None => 0,
        }
    }

    /// Reads the next byte.
    #[inline(never)] // a board contains it once
    pub fn push(&mut self, byte: u8) -> Progress {
        let step = match (self.previous, byte) {
            (b'\r', b'\n') => self.end_line(),
            // a lone carriage return or line feed does not end a line, although other parsers may accept it
            (b'\r', _) | (_, b'\n') => None,
            (_, b'\r') => Some(Progress::More),
            _ => self.within_line(byte).then_some(Progress::More),
        };
        self.previous = byte;
        step.unwrap_or(Progress::Refused)
    }

    fn within_line(&mut self, byte: u8) -> bool {
        match self.at {
            At::Before { .. } => {
                self.at = At::Method;
                is_of_name(byte)
            }
            At::Method if byte == b' ' => self.begin(At::Target),
            At::Method => is_of_name(byte),
            At::Target if byte == b' ' => self.previous != b' ' && self.begin(At::Version),
            At::Target => byte.is_ascii_graphic(),
            At::Version => self.keep(byte),
            At::Name if byte == b':' => self.end_name(),
            At::Name => is_of_name(byte) && self.keep(byte.to_ascii_lowercase()),
            At::Value(kind) => {
                let blank = byte == b' ' || byte == b'\t';
                let fits = match kind {
                    // it may be surrounded by blanks, and nothing follows them
                    Kind::Length | Kind::Encoding if blank => {
                        self.over = self.used > 0;
                        true
                    }
                    Kind::Length | Kind::Encoding if self.over => false,
                    Kind::Length => self.count(byte),
                    Kind::Encoding => self.keep(byte.to_ascii_lowercase()),
                    Kind::Other => true,
                };
                fits && (blank || !byte.is_ascii_control())
            }
        }
    }

    fn begin(&mut self, at: At) -> bool {
        (self.at, self.used, self.over) = (at, 0, false);
        true
    }

    /// Keeps a byte of the name or value if it is relevant.
    fn keep(&mut self, byte: u8) -> bool {
        if let Some(place) = self.word.get_mut(self.used) {
            *place = byte;
            self.used += 1;
        }
        true
    }

    fn word(&self) -> &[u8] {
        self.word.get(..self.used).unwrap_or_default()
    }

    /// Counts a digit of the length.
    fn count(&mut self, byte: u8) -> bool {
        let length = self.length.unwrap_or(0).checked_mul(10).and_then(|ten| ten.checked_add(u64::from(byte & 15)));
        // more than any memory, and servers that add to it would overflow
        self.length = length.filter(|length| *length <= isize::MAX as u64);
        byte.is_ascii_digit() && self.length.is_some() && self.keep(byte)
    }

    fn end_name(&mut self) -> bool {
        let kind = match self.word() {
            b"" => return false,
            LENGTH => Kind::Length,
            ENCODING => Kind::Encoding,
            HOST if self.host => return false,
            word => {
                self.host |= word == HOST;
                Kind::Other
            }
        };
        // one gives the length of the body; two may differ
        let second = kind != Kind::Other && (self.length.is_some() || self.chunked);
        self.begin(At::Value(kind));
        !second
    }

    /// The effect of the end of this line; `None` if no line ends here.
    fn end_line(&mut self) -> Option<Progress> {
        match self.at {
            At::Before { empty } => {
                // one empty line before a request is tolerated (RFC 9112, 2.2)
                self.at = At::Before { empty: true };
                return (!empty).then_some(Progress::More);
            }
            At::Name if self.used == 0 => return Some(Progress::End),
            At::Version => {
                self.old = self.word() == b"HTTP/1.0";
                if !self.old && self.word() != b"HTTP/1.1" {
                    return None;
                }
            }
            At::Value(Kind::Encoding) => {
                self.chunked = true;
                if self.old || self.word() != CHUNKED {
                    return None;
                }
            }
            At::Value(Kind::Length) => _ = self.length?,
            At::Value(Kind::Other) => {}
            At::Method | At::Target | At::Name => return None,
        }
        self.begin(At::Name);
        Some(Progress::More)
    }
}

/// The characters of header names and methods (RFC 9110, 5.6.2).
const fn is_of_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || matches!(
            byte,
            b'!' | b'#' | b'$' | b'%' | b'&' | b'\'' | b'*' | b'+' | b'-' | b'.' | b'^' | b'_' | b'`' | b'|' | b'~'
        )
}

/// The beginning of a response, byte by byte: whether it switches to another protocol, after which the connection is no
/// longer HTTP.
#[derive(Clone, Copy, Debug, Default)]
pub struct Answer {
    seen: u8,
    other: bool,
}

/// `x` stands for any digit.
const SWITCHES: &[u8] = b"HTTP/x.x 101";

impl Answer {
    /// Creates a reader that expects a response.
    #[must_use]
    pub const fn new() -> Self {
        Self { seen: 0, other: false }
    }

    /// Reads the next bytes.
    pub fn push(&mut self, bytes: &[u8]) {
        for (byte, like) in bytes.iter().zip(SWITCHES.get(usize::from(self.seen)..).unwrap_or_default()) {
            self.other |= byte != like && *like != b'x';
            self.seen += 1;
        }
    }

    /// Returns whether it has read at least one byte.
    #[must_use]
    pub const fn is_begun(self) -> bool {
        self.seen > 0
    }

    /// Returns whether the response switches protocols.
    #[must_use]
    pub fn switches(self) -> bool {
        !self.other && usize::from(self.seen) == SWITCHES.len()
    }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use std::format;

    use super::*;

    /// The effect of the last of these bytes; none before it ends the head.
    fn read(head: impl AsRef<[u8]>) -> (Progress, Head) {
        let mut reader = Head::new();
        let mut last = Progress::More;
        for (at, byte) in head.as_ref().iter().enumerate() {
            assert_eq!(last, Progress::More, "ended before byte {at} of {:?}", head.as_ref().escape_ascii());
            last = reader.push(*byte);
        }
        (last, reader)
    }

    /// Whether any byte of it is rejected.
    fn refused(head: impl AsRef<[u8]>) -> bool {
        let mut reader = Head::new();
        head.as_ref().iter().any(|byte| reader.push(*byte) == Progress::Refused)
    }

    #[test]
    fn heads_that_pass_cp5() {
        for lines in [
            "",
            "Host: a\r\n",
            "Host:\r\n",
            "Content-Length: 0\r\n",
            "content-LENGTH:\t 1234567890 \t\r\n",
            "Content-Length: 007\r\n",
            "Transfer-Encoding: Chunked \r\n",
            "X-Content-Length: zz\r\nContent-Lengths: zz\r\nContent: zz\r\nTransfer-Encoding-2: zz\r\nTransfer-Encodin: z\r\n",
            "Trailer: Content-Length: zz\r\n",
            "!#$%&'*+-.^_`|~09azAZ: \u{fc}\t\"(),/:;<=>?@[\\]{}\r\n",
        ] {
            assert_eq!(read(format!("GET / HTTP/1.1\r\n{lines}\r\n")).0, Progress::End, "{lines:?}");
        }
        assert_eq!(read("\r\nGET /a?b=%20#c HTTP/1.0\r\n\r\n").0, Progress::End);
        assert_eq!(read(b"M-SEARCH * HTTP/1.1\r\nCookie: \xff\xfe\r\n\r\n").0, Progress::End);
    }

    #[test]
    fn lengths_of_bodies() {
        for (line, length, chunked) in [
            ("Host: a", 0, false),
            ("Content-Length: 12", 12, false),
            ("Content-Length: 9223372036854775807", isize::MAX as u64, false),
            ("transfer-encoding:chunked", 0, true),
        ] {
            let (step, head) = read(format!("POST / HTTP/1.1\r\n{line}\r\n\r\n"));
            assert_eq!((step, head.length(), head.is_chunked()), (Progress::End, length, chunked), "{line}");
        }
    }

    #[test]
    fn heads_that_are_refused_cp5() {
        for lines in [
            "Content-Length: zz",
            "Content-Length:",
            "Content-Length: \t",
            "Content-Length: -1",
            "Content-Length: +1",
            "Content-Length: 1 1",
            "Content-Length: 0x10",
            "Content-Length: 000000000000000000000 1",
            "Content-Length: 1, 1",
            "Content-Length: 9223372036854775808",
            "CONTENT-length: 18446744073709551616",
            "Content-Length: 99999999999999999999999999999999",
            "Content-Length: \u{661}",
            "Content-Length: 1\r\nContent-Length: 1",
            "Content-Length: 1\r\nHost: a\r\nTransfer-Encoding: chunked",
            "Transfer-Encoding: chunked\r\nContent-Length: 1",
            "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
            "Transfer-Encoding: gzip, chunked",
            "Transfer-Encoding: chunked, chunked",
            "Transfer-Encoding: chun ked",
            "Transfer-Encoding: chunkedd",
            "Transfer-Encoding: chunke",
            "Transfer-Encoding: chunked                 x",
            "Transfer-Encoding:",
            // invalid header lines
            "Host : a",
            "Host\t: a",
            " Host: a",
            "A: b\r\n c",
            "A: b\r\n\tContent-Length: 1",
            "\tA: b",
            ": a",
            "no colon",
            "a\"b: c",
            "a(b): c",
            "\u{fc}: a",
            "Host: a\r\nHost: a",
            // bytes that are invalid everywhere
            "Cookie: id=a\0",
            "Cookie: id=\0a",
            "Co\0okie: id=a",
            "A: \u{1}",
            "A: \u{7f}",
            "A: b\rc",
            "A: b\r\r",
            "A: b\nc: d",
        ] {
            assert!(refused(format!("POST / HTTP/1.1\r\n{lines}\r\n\r\n")), "{lines:?}");
        }
        for line in [
            "GET / HTTP/1.1\n",
            "\n",
            "\r\n\r\n",
            "\r\r",
            " GET / HTTP/1.1\r\n",
            "GET  / HTTP/1.1\r\n",
            "GET /  HTTP/1.1\r\n",
            "GET / HTTP/1.1 \r\n",
            "GET\t/ HTTP/1.1\r\n",
            "GET /\u{a0}a HTTP/1.1\r\n",
            "GET /\0 HTTP/1.1\r\n",
            "GET /\u{7f} HTTP/1.1\r\n",
            "GET / a HTTP/1.1\r\n",
            "GET /\r\n",
            "GET\r\n",
            "GET / HTTP/2.0\r\n",
            "GET / HTTP/1.2\r\n",
            "GET / http/1.1\r\n",
            "GET / HTTP/1.1                    \r\n",
            "G{T / HTTP/1.1\r\n",
            "\u{16}\u{3}\u{1}", // a TLS client
        ] {
            assert!(refused(line), "{line:?}");
        }
        assert!(refused("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n"));
    }

    #[test]
    fn answers_that_switch() {
        for (bytes, switches) in [
            ("HTTP/1.1 101 Switching", true),
            ("HTTP/1.0 101", true),
            ("HTTP/1.1 200 OK", false),
            ("HTTP/1.1 10", false),
        ] {
            let (mut whole, mut pieces) = (Answer::default(), Answer::default());
            whole.push(bytes.as_bytes());
            bytes.bytes().for_each(|byte| pieces.push(&[byte]));
            assert_eq!((whole.switches(), pieces.switches()), (switches, switches), "{bytes}");
        }
    }
}
