//! Reading the project's files.

use std::fs;
use std::path::{Path, PathBuf};

/// Returns the text of a file; the error names the file.
pub(crate) fn read(path: &Path) -> Result<String, String> {
    fs::read_to_string(path).map_err(|why| format!("{}: {why}", path.display()))
}

/// Adds all Rust files under a directory to a list.
pub(crate) fn rust_files(directory: &Path, into: &mut Vec<PathBuf>) -> Result<(), String> {
    for entry in fs::read_dir(directory).map_err(|why| format!("{}: {why}", directory.display()))?.flatten() {
        let path = entry.path();
        if path.is_dir() {
            rust_files(&path, into)?;
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            into.push(path);
        }
    }
    Ok(())
}
