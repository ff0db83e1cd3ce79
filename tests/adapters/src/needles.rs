//! Looks for any eight bytes in a row of some secrets: as they are, in hexadecimal digits, in either alphabet of base64
//! wherever it begins, or as a list of numbers.

use std::collections::HashSet;

use base64ct::{Base64UrlUnpadded, Encoding};

/// What is looked for.
#[derive(Default)]
pub struct Needles {
    raw: HashSet<[u8; 8]>,
    hex: HashSet<[u8; 16]>,
    text: HashSet<[u8; 10]>,
}

impl Needles {
    /// One more.
    pub fn add(&mut self, secret: &[u8]) {
        let hex: String = secret.iter().map(|byte| format!("{byte:02x}")).collect();
        self.raw.extend(pieces::<8>(secret));
        self.hex.extend(pieces::<16>(hex.as_bytes()));
        for before in 0..3 {
            // the characters that are made of bits of the secret only
            let text = Base64UrlUnpadded::encode_string(&[&[0; 2][..before], secret].concat());
            let whole = (before * 8).div_ceil(6)..(before + secret.len()) * 8 / 6;
            for text in [text.replace('-', "+").replace('_', "/"), text] {
                self.text.extend(pieces::<10>(&text.as_bytes()[whole.clone()]));
            }
        }
    }

    /// How many pieces.
    #[must_use]
    pub fn len(&self) -> usize {
        self.raw.len()
    }

    /// Whether nothing is looked for.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.raw.is_empty()
    }

    /// Where the first one stands.
    #[must_use]
    pub fn find(&self, bytes: &[u8]) -> Option<String> {
        let lower = bytes.to_ascii_lowercase();
        let found = |at: usize, form: &str| {
            let around = &bytes[at.saturating_sub(120)..(at + 60).min(bytes.len())];
            format!("{form} at byte {at}: …{}…", String::from_utf8_lossy(around))
        };
        let raw = |bytes: &[u8]| position(bytes, &self.raw);
        raw(bytes)
            .map(|at| found(at, "as it is"))
            .or_else(|| position(&lower, &self.hex).map(|at| found(at, "in hex")))
            .or_else(|| position(bytes, &self.text).map(|at| found(at, "in base64")))
            .or_else(|| lists(bytes).into_iter().find_map(|(at, list)| raw(&list).map(|_| found(at, "as a list"))))
    }
}

/// All pieces of this length that are no pattern: a cookie that somebody made up is not random.
fn pieces<const N: usize>(bytes: &[u8]) -> impl Iterator<Item = [u8; N]> {
    let random = |part: &[u8; N]| part.iter().collect::<HashSet<_>>().len() > 3;
    bytes.windows(N).filter_map(|part| part.first_chunk().copied()).filter(random)
}

fn position<const N: usize>(bytes: &[u8], needles: &HashSet<[u8; N]>) -> Option<usize> {
    bytes.windows(N).position(|part| part.first_chunk().is_some_and(|part| needles.contains(part)))
}

/// Lists of numbers below 256, and where they end.
fn lists(bytes: &[u8]) -> Vec<(usize, Vec<u8>)> {
    let mut lists = Vec::new();
    let (mut list, mut number) = (Vec::new(), None::<u32>);
    for (at, byte) in bytes.iter().chain(b".").enumerate() {
        match (byte, number) {
            (b'0'..=b'9', n) => number = Some(n.unwrap_or(0).saturating_mul(10).saturating_add((byte - b'0').into())),
            (b',' | b' ' | b'\n', None) => {}
            (b',', Some(n)) if u8::try_from(n).is_ok() => {
                list.extend(u8::try_from(n));
                number = None;
            }
            _ => {
                list.extend(number.take().and_then(|n| u8::try_from(n).ok()));
                let whole = std::mem::take(&mut list);
                lists.extend((whole.len() >= 8).then_some((at, whole)));
            }
        }
    }
    lists
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn eight_bytes_are_found_in_every_form_and_six_in_none() {
        let secret: [u8; 16] = std::array::from_fn(|at| (at as u8).wrapping_mul(37) ^ 0x5a);
        let mut needles = Needles::default();
        needles.add(&secret);
        for (len, is_there) in [(8, true), (6, false)] {
            for from in 0..=16 - len {
                let part = &secret[from..from + len];
                let hex: String = part.iter().map(|byte| format!("{byte:02X}")).collect();
                let mut forms = vec![part.to_vec(), hex.into_bytes()];
                forms.extend([format!("x {part:?}"), format!("{part:#?}")].map(String::into_bytes));
                for before in 0..3 {
                    let text = Base64UrlUnpadded::encode_string(&[&[7; 2][..before], part, &[1]].concat());
                    forms.push(text.replace('-', "+").replace('_', "/").into_bytes());
                    forms.push(text.into_bytes());
                }
                for form in forms {
                    let found = needles.find(&[b"some ", &form[..], b" words"].concat());
                    assert_eq!(found.is_some(), is_there, "{from} {:?}", String::from_utf8_lossy(&form));
                }
            }
        }
    }
}
