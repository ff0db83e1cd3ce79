//! Second parsers, written from docs/spec.md and RFC 6265bis; they copy where the core borrows, and care for nothing else.

/// The values of the cookies called `name`, in their order.
pub(crate) fn cookies(line: &[u8], name: &str) -> Vec<Vec<u8>> {
    let (mut found, mut pair) = (Vec::new(), Vec::new());
    for byte in line.iter().chain(b";") {
        if *byte != b';' {
            pair.push(*byte);
            continue;
        }
        if let Some(at) = pair.iter().position(|byte| *byte == b'=')
            && trimmed(&pair[..at]) == name.as_bytes()
        {
            found.push(trimmed(&pair[at + 1..]));
        }
        pair.clear();
    }
    found
}

fn trimmed(bytes: &[u8]) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    let blank = |byte: Option<&u8>| matches!(byte, Some(b' ' | b'\t'));
    while blank(bytes.last()) {
        bytes.pop();
    }
    while blank(bytes.first()) {
        bytes.remove(0);
    }
    bytes
}

/// A record, copied apart.
#[derive(Debug, PartialEq)]
pub(crate) struct Record {
    pub(crate) last_seen: u64,
    pub(crate) idle: u64,
    pub(crate) end: u64,
    pub(crate) own: bool,
    pub(crate) verifier: Vec<u8>,
    pub(crate) created: u64,
    pub(crate) rotated: u64,
    /// The previous verifier and the end of its grace.
    pub(crate) previous: Option<(Vec<u8>, u64)>,
    pub(crate) subject: Option<(u64, String)>,
    pub(crate) label: Option<String>,
    pub(crate) keys: Vec<String>,
}

/// Reads a record; `None` for bytes that are none.
pub(crate) fn record(bytes: &[u8]) -> Option<Record> {
    let mut rest = Bytes(bytes.to_vec());
    let (format, flags) = (rest.number(1)?, rest.number(1)?);
    if format != 2 || flags & 64 != 0 {
        return None;
    }
    rest.take(8 + 4)?;
    let (last_seen, idle, end) = (rest.number(6)?, rest.number(6)?, rest.number(6)?);
    let (verifier, created, rotated) = (rest.take(16)?, rest.number(6)?, rest.number(6)?);
    let mut record = Record {
        last_seen,
        idle,
        end,
        own: flags & 32 != 0,
        verifier,
        created,
        rotated,
        previous: None,
        subject: None,
        label: None,
        keys: vec![],
    };
    if flags & 1 != 0 {
        record.previous = Some((rest.take(16)?, rest.number(6)?));
        rest.take(16)?;
    }
    if flags & 2 != 0 {
        rest.take(8)?;
    }
    if flags & 4 != 0 {
        rest.take(8)?;
    }
    if flags & 8 != 0 {
        record.subject = Some((rest.number(6)?, rest.text()?));
    }
    if flags & 16 != 0 {
        record.label = Some(rest.text()?);
    }
    if flags & 128 != 0 {
        rest.take(64 + 6)?;
    }
    while !rest.0.is_empty() {
        let key = rest.text()?;
        if record.keys.last().is_some_and(|before| before.as_bytes() >= key.as_bytes()) {
            return None;
        }
        record.keys.push(key);
        let mut len = Vec::new();
        while len.last().is_none_or(|byte| byte & 0x80 != 0) {
            len.push(rest.take(1)?[0]);
        }
        if len.len() > 4 || len.len() > 1 && len.last() == Some(&0) {
            return None;
        }
        rest.take(len.iter().rev().fold(0, |sum, byte| sum * 128 + usize::from(byte & 0x7f)))?;
    }
    Some(record)
}

impl Record {
    /// What a cookie with this verifier is worth, under the default policy: 30 minutes, 12 hours.
    pub(crate) fn verdict(&self, verifier: &[u8], now: u64) -> Option<&'static str> {
        let over = |idle: u64, end: u64| idle != 0 && now >= self.last_seen + idle || end != 0 && now >= end;
        let policy = || !self.own && over(30 * 60_000, self.created + 12 * 3_600_000);
        match &self.previous {
            _ if self.last_seen.max(self.created) > now + 60_000 => Some("expired"),
            _ if now >= (1 << 48) - 1 || over(self.idle, self.end) || policy() => Some("expired"),
            _ if self.verifier == verifier => None,
            Some((previous, grace_until)) if previous == verifier && *grace_until > 0 => {
                (now >= *grace_until).then_some("past_grace")
            }
            _ => Some("replaced"),
        }
    }
}

struct Bytes(Vec<u8>);

impl Bytes {
    fn take(&mut self, len: usize) -> Option<Vec<u8>> {
        (len <= self.0.len()).then(|| self.0.drain(..len).collect())
    }

    fn number(&mut self, len: usize) -> Option<u64> {
        Some(self.take(len)?.iter().rev().fold(0, |sum, byte| sum << 8 | u64::from(*byte)))
    }

    fn text(&mut self) -> Option<String> {
        let len = usize::try_from(self.number(1)?).ok().filter(|len| *len > 0)?;
        String::from_utf8(self.take(len)?).ok()
    }
}
