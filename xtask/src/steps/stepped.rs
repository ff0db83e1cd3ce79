//! Counts the instructions of a program as this processor executes them, one step of a debugger at a time. Slow, and exact where
//! there are no counters: in a virtual machine, and for instructions that valgrind does not show, such as those for SHA-256.

use std::path::Path;
use std::process::{Child, Command, Stdio};

use nix::errno::Errno;
use nix::libc::SYS_getppid;
use nix::sys::ptrace;
use nix::sys::signal::Signal;
use nix::sys::wait::{WaitStatus, waitpid};
use nix::unistd::Pid;

/// Counts what `program` does between two calls of `getppid`.
pub(super) fn instructions(program: &Path, arguments: &[&str]) -> Result<u64, String> {
    let mut child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .map_err(|why| format!("cannot run {}: {why}", program.display()))?;
    let counted = count(&mut child);
    // it may have ended by itself
    let _ = child.kill();
    let _ = child.wait();
    counted.map_err(|why| format!("cannot step through {} {}: {why}", program.display(), arguments.join(" ")))
}

fn count(child: &mut Child) -> Result<u64, String> {
    let pid = Pid::from_raw(child.id().cast_signed());
    ptrace::attach(pid).map_err(said)?;
    stopped(pid)?;
    // what it waits for
    drop(child.stdin.take());
    while !asks_for_parent(pid)? {
        ptrace::syscall(pid, None).map_err(said)?;
        stopped(pid)?;
    }
    // to the end of that call
    ptrace::syscall(pid, None).map_err(said)?;
    let (mut signal, mut steps) = (stopped(pid)?, 0);
    loop {
        ptrace::step(pid, signal).map_err(said)?;
        signal = stopped(pid)?;
        steps += 1;
        if asks_for_parent(pid)? {
            return Ok(steps);
        }
    }
}

fn said(why: Errno) -> String {
    why.to_string()
}

/// Waits until the program stops, and returns the signal that it is to get.
fn stopped(pid: Pid) -> Result<Option<Signal>, String> {
    match waitpid(pid, None).map_err(said)? {
        WaitStatus::Stopped(_, Signal::SIGTRAP | Signal::SIGSTOP) => Ok(None),
        WaitStatus::Stopped(_, signal) => Ok(Some(signal)),
        other => Err(format!("it did not stop: {other:?}")),
    }
}

#[cfg(target_arch = "x86_64")]
fn asks_for_parent(pid: Pid) -> Result<bool, String> {
    ptrace::getregs(pid).map(|registers| registers.orig_rax.cast_signed() == SYS_getppid).map_err(said)
}

#[cfg(not(target_arch = "x86_64"))]
fn asks_for_parent(_: Pid) -> Result<bool, String> {
    Err(format!("where system call {SYS_getppid} stands is known of x86-64 only"))
}
