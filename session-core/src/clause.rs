//! Host only. What holds for the text of every error and event, of this crate and of the stores, whose tests include this file.

use std::format;

/// Words that say nothing to a user, or that name what a user of crates.io does not have.
const BANNED: [&str; 16] = [
    "told",
    "over",
    "dead",
    "whoever",
    "somebody",
    "someone",
    "anybody",
    "nobody",
    "everybody",
    "xtask",
    "gives way",
    "is there",
    "refused",
    "garbled",
    "of ours",
    "our name",
];

/// Fails unless `text` is a clause of one line in lower case, without a full stop, a banned word or a secret.
pub(crate) fn check(name: &str, text: &str) {
    let mut letters = text.chars();
    let (first, second) = (letters.next().unwrap_or(' '), letters.next().unwrap_or(' '));
    let acronym = first.is_uppercase() && second.is_uppercase();
    assert!(acronym || !first.is_uppercase() && !first.is_whitespace(), "{name}: {text:?}");
    assert!(!text.contains('\n') && !text.contains("  "), "{name}: {text:?}");
    assert!(!text.ends_with(['.', '!', '?', ' ', ':']), "{name}: {text:?}");
    let words = text.to_lowercase();
    let words = format!(" {} ", words.replace(|letter: char| !letter.is_alphanumeric() && letter != '-', " "));
    for banned in BANNED {
        assert!(!words.contains(&format!(" {banned} ")), "{name} says {banned:?}: {text:?}");
    }
    // a handle of these bytes, as the tests make it
    assert!(!words.contains("c3c3") && !words.contains("195 195"), "{name} shows a handle: {text:?}");
}
