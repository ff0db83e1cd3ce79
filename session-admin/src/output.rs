//! What goes to stdout: lines of JSON for programs, tables for people. And what goes to stderr.

use std::io::{self, Write};

use serde::Serialize;

use crate::failure::Failure;

/// Prints one JSON object.
pub(crate) fn json(value: &impl Serialize) -> Result<(), Failure> {
    // numbers, texts and maps with text keys can always be written
    text(&(serde_json::to_string(value).unwrap_or_default() + "\n"))
}

/// Prints a text.
pub(crate) fn text(text: &str) -> Result<(), Failure> {
    bytes(text.as_bytes())
}

pub(crate) fn bytes(bytes: &[u8]) -> Result<(), Failure> {
    let mut stdout = io::stdout().lock();
    stdout.write_all(bytes)?;
    Ok(stdout.flush()?)
}

/// Aligns the columns of rows.
pub(crate) fn table<const N: usize>(head: [&str; N], rows: impl IntoIterator<Item = [String; N]>) -> String {
    let mut lines = vec![head.map(str::to_owned)];
    lines.extend(rows.into_iter().map(|row| row.map(|cell| readable(&cell))));
    let mut widths = [0; N];
    for line in &lines {
        for (width, cell) in widths.iter_mut().zip(line) {
            *width = cell.chars().count().max(*width);
        }
    }
    let mut text = String::new();
    for line in &lines {
        let mut row = String::new();
        for (cell, width) in line.iter().zip(widths) {
            row.push_str(&format!("{cell:width$}  "));
        }
        text.push_str(row.trim_end());
        text.push('\n');
    }
    text
}

/// Escapes what a terminal would obey and what turns the direction of a line: a label may be any text of a browser's.
pub(crate) fn readable(text: &str) -> String {
    let turns = |c: char| matches!(c, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_control() || turns(c) {
            shown.extend(c.escape_unicode());
        } else {
            shown.push(c);
        }
    }
    shown
}

/// Writes a line to stderr, without a password and without anything that a terminal obeys.
pub(crate) fn tell(line: &str) {
    // nobody reads it, and there is no other place
    let _written = writeln!(io::stderr(), "{}", readable(&masked(line)));
}

/// Hides what stands between `://` and the last `@` of a word: the user and the password of a URL. Errors repeat no URL, so
/// this is for a URL that was given in the place of something else.
fn masked(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for word in text.split_inclusive([' ', '\'', '"', '\n']) {
        match word.split_once("://").map(|(scheme, rest)| (scheme, rest.rsplit_once('@'))) {
            Some((scheme, Some((_, host)))) => {
                shown.push_str(scheme);
                shown.push_str("://…@");
                shown.push_str(host);
            }
            _ => shown.push_str(word),
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_aligned_and_obey_nobody() {
        let rows = [["1", "Jürgen"], ["22", "\u{1b}[2J\u{9b}\n\u{202e}x"]].map(|row| row.map(str::to_owned));
        assert_eq!(table(["ID", "LABEL"], rows), "ID  LABEL\n1   Jürgen\n22  \\u{1b}[2J\\u{9b}\\u{a}\\u{202e}x\n");
    }

    #[test]
    fn passwords_are_masked() {
        for (text, shown) in [
            ("unrecognized subcommand 'postgres://app:p@ss/wort@h/d'", "unrecognized subcommand 'postgres://…@h/d'"),
            ("layered:redis://:x@c+postgres://u:y@d/e", "layered:redis://…@d/e"),
            ("postgres://h/d has no @ before it", "postgres://h/d has no @ before it"),
            ("ann@example.org has no session 1", "ann@example.org has no session 1"),
        ] {
            assert_eq!(masked(text), shown);
        }
    }
}
