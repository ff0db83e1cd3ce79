//! Is stepped through.

use std::process::ExitCode;

// In place of glibc's malloc, whose cost varies with the state of its heap from run to run.
use mimalloc as _;

fn main() -> ExitCode {
    performance::counted()
}
