//! Tries all bad starts with the reference app at the given path.

use std::path::Path;
use std::process::ExitCode;

fn main() -> ExitCode {
    let Some(program) = std::env::args_os().nth(1) else {
        eprintln!("usage: bad-starts PROGRAM");
        return ExitCode::from(2);
    };
    let wrong = conversations::check_bad_starts(Path::new(&program));
    wrong.iter().for_each(|line| println!("{line}"));
    println!("{} bad starts, {} not refused as they should be", conversations::bad_starts().len(), wrong.len());
    if wrong.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
