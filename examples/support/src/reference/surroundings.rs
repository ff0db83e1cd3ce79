//! The operating system's time and random numbers, and the end of a program.

pub use getrandom::SysRng;
pub use session_std::SystemClock;

/// Ends the program for a bad flag: one line on stderr, status 2.
pub fn refuse(why: impl std::fmt::Display) -> ! {
    eprintln!("{why}");
    std::process::exit(2)
}
