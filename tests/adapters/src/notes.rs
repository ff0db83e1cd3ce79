//! What the search has to know, and what was kept, in a file of their own: it is not among what is searched as told.

use std::fs::File;
use std::io::Write;
use std::sync::{Mutex, OnceLock};

/// What is written down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Note {
    /// The bytes of a cookie that a browser had: 32 of an id, more of a sealed record.
    Cookie,
    /// The 32 bytes of a CSRF token.
    Csrf,
    /// The name of a record in the store.
    Handle,
    /// A record, as the store was given it.
    Record,
    /// What the index of subjects was given.
    Index,
    /// The 22 bytes of a cookie that proves what device has it.
    Device,
}

static FILE: OnceLock<Mutex<File>> = OnceLock::new();
/// The last of each kind, for observers that blunder.
static LAST: Mutex<[Vec<u8>; 6]> = Mutex::new([const { Vec::new() }; 6]);

/// Notes go to this file.
///
/// # Errors
/// If it cannot be made.
pub fn into(path: &str) -> std::io::Result<()> {
    let file = Mutex::new(File::create(path)?);
    FILE.set(file).map_err(|_| std::io::Error::other("notes have their file already"))
}

/// Writes a note.
///
/// # Panics
/// If it cannot be written: nothing may be missing.
pub fn note(kind: Note, bytes: &[u8]) {
    if let Ok(mut last) = LAST.lock() {
        last[kind as usize] = bytes.to_vec();
    }
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    let file = FILE.get().and_then(|file| file.lock().ok());
    let written = file.map(|mut file| writeln!(file, "{kind:?} {hex}"));
    assert!(matches!(written, Some(Ok(()))), "a note is lost: {written:?}");
}

/// The last note of a kind; zeros before the first.
#[must_use]
pub fn last(kind: Note) -> Vec<u8> {
    let bytes = LAST.lock().map(|last| last[kind as usize].clone()).unwrap_or_default();
    if bytes.is_empty() { vec![0; 64] } else { bytes }
}

/// The notes of a file, of one kind.
///
/// # Panics
/// If a line is no note.
pub fn of(text: &str, kind: Note) -> impl Iterator<Item = Vec<u8>> {
    let lines = text.lines().map(|line| line.split_once(' ').unwrap_or_else(|| panic!("no note: {line}")));
    lines.filter(move |(name, _)| *name == format!("{kind:?}")).map(|(_, hex)| {
        let digits = |at| hex.get(at..at + 2).and_then(|two| u8::from_str_radix(two, 16).ok());
        (0..hex.len()).step_by(2).map(|at| digits(at).unwrap_or_else(|| panic!("no hex: {hex}"))).collect()
    })
}
