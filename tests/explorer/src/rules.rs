//! Switches off one rule of the protocol after another.

use std::process::ExitCode;

pub(crate) fn run() -> ExitCode {
    ExitCode::FAILURE
}
