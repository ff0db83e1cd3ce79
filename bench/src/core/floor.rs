//! The same work by hand: no retry, no merge, no renewal, no other types and keys. It parses the header, checks the MAC, looks the
//! session up, checks both limits, version and verifier, and reads, replaces or makes a record; errors are `None`.

use std::cell::Cell;
use std::hint::black_box;

use hmac::{Hmac, KeyInit, Mac};
use rand_core::TryRng;
use sha2::Sha256;
use subtle::ConstantTimeEq;

use crate::surroundings::{ABSOLUTE, IDLE, KEY, RECORD, Rng, Slot, Table, Ticks, header, table};

const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
const VALUES: [u8; 256] = {
    let mut values = [0xff; 256];
    let mut at = 0;
    while at < 64 {
        values[DIGITS[at] as usize] = at as u8;
        at += 1;
    }
    values
};

/// Where things stand in a record: version, last seen, idle timeout, end, verifier, data.
const SEEN: usize = 8;
const LIMIT: usize = 16;
const END: usize = 24;
const VERIFIER: usize = 32;
const DATA: usize = 48;
const NAME: &[u8] = b"visits";

pub(crate) struct Floor {
    mac: Hmac<Sha256>,
    table: Table,
    clock: Ticks,
    seed: Cell<u64>,
}

type Token = [u8; 32];

impl Floor {
    #[allow(clippy::expect_used)] // a program that counts
    pub(crate) fn case(
        times: usize,
        act: fn(&Self, &str, &mut [u8]) -> Option<usize>,
        signed: bool,
    ) -> Box<dyn FnMut()> {
        let mac = Hmac::new_from_slice(&KEY).expect("any length");
        let floor = Self { mac, table: table(times + 1), clock: Ticks::new(), seed: Cell::new(1) };
        let mut text = [0; 512];
        let len = new(&floor, "", &mut text).expect("a session");
        let value = String::from_utf8_lossy(&text[3..len.min(46)]).into_owned();
        let header = header(signed.then_some(&*value));
        Box::new(move || {
            let mut text = [0; 512];
            black_box(act(&floor, black_box(&header), &mut text)).expect("done");
        })
    }

    fn sign(&self, signed: &[u8]) -> ([u8; 8], [u8; 16]) {
        let mac = self.mac.clone().chain_update(signed).finalize().into_bytes();
        let (mut tag, mut verifier) = ([0; 8], [0; 16]);
        tag.copy_from_slice(&mac[..8]);
        verifier.copy_from_slice(&mac[8..24]);
        (tag, verifier)
    }

    /// The session of the request: `act` gets its record and its handle.
    fn with<T>(&self, header: &str, act: impl FnOnce(&mut Slot, u64) -> Option<T>) -> Option<T> {
        let token = decode(find(header.as_bytes())?)?;
        let (tag, verifier) = self.sign(&token[..24]);
        if !bool::from(tag[..].ct_eq(&token[24..])) {
            return None;
        }
        let now = self.clock.now();
        let mut table = self.table.borrow_mut();
        let handle = number(&token, 0);
        let slot = table.get_mut(&handle)?;
        let seen = number(&slot.bytes, SEEN);
        if now >= seen + number(&slot.bytes, LIMIT) || now >= number(&slot.bytes, END) {
            return None;
        }
        if !bool::from(verifier[..].ct_eq(&slot.bytes[VERIFIER..DATA])) {
            return None;
        }
        slot.bytes[SEEN..LIMIT].copy_from_slice(&now.max(seen).to_le_bytes());
        act(slot, handle)
    }
}

fn number(bytes: &[u8], at: usize) -> u64 {
    bytes.get(at..).and_then(|bytes| bytes.first_chunk()).map_or(0, |bytes| u64::from_le_bytes(*bytes))
}

fn find(header: &[u8]) -> Option<&[u8]> {
    header.split(|byte| *byte == b';').find_map(|pair| pair.trim_ascii().strip_prefix(b"id="))
}

fn decode(text: &[u8]) -> Option<Token> {
    let text: &[u8; 43] = text.try_into().ok()?;
    let mut token = [0; 32];
    let mut bad = 0;
    for (four, three) in text.chunks(4).zip(token.chunks_mut(3)) {
        let mut bits = 0_u32;
        for at in 0..4 {
            let value = four.get(at).map_or(0, |digit| VALUES[usize::from(*digit)]);
            bad |= value;
            bits = bits << 6 | u32::from(value);
        }
        three.copy_from_slice(&bits.to_be_bytes()[1..=three.len()]);
    }
    (bad & 0xc0 == 0).then_some(token)
}

fn encode(token: &Token, text: &mut [u8]) {
    for (three, four) in token.chunks(3).zip(text[..43].chunks_mut(4)) {
        let bits = three.iter().fold(0_u32, |bits, byte| bits << 8 | u32::from(*byte)) << (8 * (3 - three.len()));
        for (at, digit) in four.iter_mut().enumerate() {
            *digit = DIGITS[(bits >> (18 - 6 * at) & 0x3f) as usize];
        }
    }
}

/// The value of `visits`, and where it stands.
fn visits(slot: &Slot) -> Option<(u32, usize)> {
    let mut at = DATA;
    while at < slot.len {
        let (key, value) = (usize::from(slot.bytes[at]), at + 2 + usize::from(slot.bytes[at]));
        let len = usize::from(slot.bytes[at + 1]);
        if slot.bytes[at + 2..][..key] == *NAME {
            let digits = slot.bytes[value..][..len].iter().rev();
            return Some((digits.fold(0, |number, byte| number << 7 | u32::from(byte & 0x7f)), at));
        }
        at = value + len;
    }
    None
}

/// Appends `visits`, in as many bytes as it takes.
fn append(record: &mut [u8; RECORD], mut at: usize, mut number: u32) -> usize {
    record[at] = NAME.len() as u8;
    record[at + 2..][..NAME.len()].copy_from_slice(NAME);
    let (len, first) = (at + 1, at + 2 + NAME.len());
    at = first;
    while number > 0x7f {
        record[at] = number as u8 | 0x80;
        number >>= 7;
        at += 1;
    }
    record[at] = number as u8;
    record[len] = (at + 1 - first) as u8;
    at + 1
}

pub(crate) fn read(floor: &Floor, header: &str, _: &mut [u8]) -> Option<usize> {
    floor.with(header, |slot, _| visits(slot)).map(|(visits, _)| black_box(visits) as usize)
}

pub(crate) fn increment(floor: &Floor, header: &str, _: &mut [u8]) -> Option<usize> {
    // read, as a handler does, and then stored if nobody else has written
    let (handle, version, mut record, len) = floor.with(header, |slot, handle| {
        let (visits, at) = visits(slot)?;
        let mut record = slot.bytes;
        let version = number(&record, 0);
        record[..8].copy_from_slice(&Rng(&floor.seed).try_next_u64().ok()?.to_le_bytes());
        let len = append(&mut record, at, visits + 1);
        Some((handle, version, record, len))
    })?;
    let mut table = floor.table.borrow_mut();
    let slot = table.get_mut(&handle)?;
    if number(&slot.bytes, 0) != version || floor.clock.now() >= number(&slot.bytes, END) {
        return None;
    }
    let seen = number(&slot.bytes, SEEN).max(floor.clock.now());
    record[SEEN..LIMIT].copy_from_slice(&seen.to_le_bytes());
    slot.put(&record[..len]);
    Some(len)
}

pub(crate) fn new(floor: &Floor, header: &str, text: &mut [u8]) -> Option<usize> {
    let looked = find(header.as_bytes()).is_some();
    let mut token = [0; 32];
    Rng(&floor.seed).try_fill_bytes(&mut token[..24]).ok()?;
    let (tag, verifier) = floor.sign(&token[..24]);
    token[24..].copy_from_slice(&tag);
    let now = floor.clock.now();
    let mut record = [0; RECORD];
    let version = Rng(&floor.seed).try_next_u64().ok()?;
    for (at, number) in [(0, version), (SEEN, now), (LIMIT, IDLE), (END, now + ABSOLUTE)] {
        record[at..at + 8].copy_from_slice(&number.to_le_bytes());
    }
    record[VERIFIER..DATA].copy_from_slice(&verifier);
    let len = append(&mut record, DATA, 1);
    let mut table = floor.table.borrow_mut();
    if looked || table.contains_key(&number(&token, 0)) {
        return None;
    }
    table.insert(number(&token, 0), Slot::new(&record[..len]));
    const REST: &[u8] = b"; Max-Age=43200; Path=/; HttpOnly; SameSite=Lax";
    text[..3].copy_from_slice(b"id=");
    encode(&token, &mut text[3..]);
    text[46..46 + REST.len()].copy_from_slice(REST);
    Some(46 + REST.len())
}

/// One HMAC of what a cookie signs.
#[allow(clippy::expect_used)] // a program that counts
pub(crate) fn hash(_: usize) -> Box<dyn FnMut()> {
    let mac: Hmac<Sha256> = Hmac::new_from_slice(&KEY).expect("any length");
    Box::new(move || drop(black_box(mac.clone().chain_update(black_box([7; 24])).finalize())))
}
