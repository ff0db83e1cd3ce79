//! Measures, and writes the page.

use std::process::ExitCode;

fn main() -> ExitCode {
    performance::timed()
}
