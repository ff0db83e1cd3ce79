//! All conversations, and then the search (ID6, LC13).

use std::fs;
use std::path::Path;
use std::process::Command;

use adapter_tests::needles::Needles;
use adapter_tests::notes::{Note, of};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// What a run left.
struct Left {
    /// All that it printed.
    told: Vec<u8>,
    notes: String,
}

/// Holds the conversations in a process of their own.
fn run(blunder: Option<&str>) -> Left {
    let dir = tempfile::tempdir().unwrap();
    let notes = dir.path().join("notes");
    let output = Command::new(env!("CARGO_BIN_EXE_loud")).arg(&notes).args(blunder).output().unwrap();
    let told = [output.stdout, output.stderr].concat();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&told[told.len().saturating_sub(4_000)..]));
    Left { told, notes: fs::read_to_string(notes).unwrap() }
}

/// The keys that signed, and those that are made of them.
fn keys() -> Vec<Vec<u8>> {
    let dialogues = Path::new(env!("CARGO_MANIFEST_DIR")).join("../conversations/dialogues");
    let mut texts = vec![conversations::KEY.to_owned()];
    for file in fs::read_dir(dialogues).unwrap() {
        let text = fs::read_to_string(file.unwrap().path()).unwrap();
        let is_key = |word: &&str| word.len() == 64 && word.bytes().all(|byte| byte.is_ascii_hexdigit());
        texts.extend(text.split_whitespace().filter(is_key).map(str::to_owned));
    }
    texts.sort();
    texts.dedup();
    assert!(texts.len() >= 3);
    let mut keys = Vec::new();
    for text in texts {
        let key = (0..32).map(|at| u8::from_str_radix(&text[2 * at..2 * at + 2], 16).unwrap()).collect::<Vec<_>>();
        for name in ["id", "__Host-id", "sid"] {
            for purpose in ["token", "seal", "csrf", "device"] {
                let mut subkey = Hmac::<Sha256>::new_from_slice(&key).unwrap();
                subkey.update(format!("session-core/1 {purpose}\0{name}").as_bytes());
                keys.push(subkey.finalize().into_bytes().to_vec());
            }
        }
        keys.push(key);
    }
    keys
}

/// The handle in a cookie, and what opens a session: of a sealed one nonce and tag, without which it is not the cookie.
fn split(cookie: &[u8]) -> (&[u8], &[u8]) {
    if cookie.len() == 32 { cookie.split_at(8) } else { (&cookie[40..48], &cookie[..40]) }
}

impl Left {
    /// What opens a session, or helps to: may be found neither in what is told nor in what is kept.
    fn opens(&self) -> Needles {
        let mut needles = Needles::default();
        keys().iter().for_each(|key| needles.add(key));
        for cookie in of(&self.notes, Note::Cookie) {
            needles.add(split(&cookie).1);
        }
        // the first bytes are a time
        of(&self.notes, Note::Device).for_each(|proof| needles.add(&proof[6..]));
        for token in of(&self.notes, Note::Csrf) {
            let (mask, masked) = token.split_at(16);
            needles.add(&token);
            needles.add(&mask.iter().zip(masked).map(|(mask, byte)| mask ^ byte).collect::<Vec<_>>());
        }
        needles
    }

    /// What only the store knows besides: the names of the records, and what is in them about cookies.
    fn names(&self) -> Needles {
        let mut needles = Needles::default();
        let cookies = of(&self.notes, Note::Cookie).map(|cookie| split(&cookie).0.to_vec());
        cookies.chain(of(&self.notes, Note::Handle)).for_each(|handle| needles.add(&handle));
        of(&self.notes, Note::Index).for_each(|bytes| needles.add(&bytes));
        for record in of(&self.notes, Note::Record) {
            if record[32..48] != [0; 16] {
                needles.add(&record[32..48]); // a cut-off has none
            }
            if record[1] & 1 != 0 {
                needles.add(&record[60..76]);
                let sealed_next = &record[82..98];
                if sealed_next != [0; 16] {
                    needles.add(sealed_next); // it is zero after the grace
                }
            }
        }
        needles
    }

    fn kept(&self) -> Vec<Vec<u8>> {
        [Note::Record, Note::Index].into_iter().flat_map(|kind| of(&self.notes, kind)).collect()
    }

    fn found(&self) -> Option<String> {
        let opens = self.opens();
        let told = opens.find(&self.told).or_else(|| self.names().find(&self.told));
        told.or_else(|| self.kept().iter().find_map(|bytes| opens.find(bytes)))
    }
}

#[test]
fn nothing_told_or_kept_in_any_conversation_opens_a_session_id6_lc13() {
    let left = run(None);
    assert_eq!(left.found(), None);
    // there was something to be found, and each observer told something
    let text = String::from_utf8_lossy(&left.told).into_owned();
    for word in [
        "event=\"created\"",
        "event=\"logged_in\"",
        "event=\"replaced\"",
        "event=\"forged\"",
        "target: \"session\"",
        "session_events_total",
        "| renewed Debug Some(",
        "Keys(1 redacted)",
        "409",
    ] {
        assert!(text.contains(word), "nobody told {word}");
    }
    assert!(left.opens().len() > 3_000 && left.names().len() > 3_000 && left.kept().len() > 500);
    println!("{} bytes told, {} records kept", left.told.len(), left.kept().len());
}

/// The search finds what an observer tells that should not, and what a store keeps that should not.
#[test]
fn what_an_observer_blurts_out_is_found_lc13() {
    for (blunder, form) in [
        ("cookie", "in base64"),
        ("handle", "in hex"),
        ("secret", "as a list"),
        ("verifier", "in hex"),
        ("csrf", "in hex"),
        ("key", "in hex"),
        ("kept", "as it is"),
    ] {
        let found = run(Some(blunder)).found();
        assert!(found.as_ref().is_some_and(|found| found.starts_with(form)), "{blunder}: {found:?}");
    }
}
