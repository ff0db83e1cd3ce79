//! Counts the instructions of a program as this processor executes them, one step of a debugger at a time. Slow, and exact where
//! there are no counters: in a virtual machine, and for instructions that valgrind does not show, such as those for SHA-256.

use std::path::Path;
use std::process::{Child, Command, Stdio};

use nix::errno::Errno;
use nix::libc::{SYS_getppid, SYS_getrandom, c_long, c_void};
use nix::sched::{CpuSet, sched_getaffinity, sched_setaffinity};
use nix::sys::personality::{self, Persona};
use nix::sys::ptrace;
use nix::sys::signal::Signal;
use nix::sys::wait::{WaitStatus, waitpid};
use nix::unistd::Pid;

/// What the programs get for random bytes before their last requests are multiples of this: those bytes are the seeds of
/// hash tables, too, which would make each run differ from the one before.
const RANDOM: c_long = 0x5a17_c3e9_0b64_d82f;

/// Counts what `program` does between two calls of `getppid`. Addresses and seeds are the same at each run.
pub(crate) fn instructions(program: &Path, arguments: &[&str]) -> Result<u64, String> {
    let before = prepare().map_err(said)?;
    let counted = of_program(program, arguments);
    // the programs after this one may run where they like
    let _ = sched_setaffinity(Pid::from_raw(0), &before);
    counted
}

/// One processor for both, which take turns: each step is three times as fast so. And no addresses at random.
fn prepare() -> Result<CpuSet, Errno> {
    personality::set(personality::get()? | Persona::ADDR_NO_RANDOMIZE)?;
    let before = sched_getaffinity(Pid::from_raw(0))?;
    let mut one = CpuSet::new();
    one.set((0..CpuSet::count()).rev().find(|at| before.is_set(*at).unwrap_or(false)).unwrap_or(0))?;
    sched_setaffinity(Pid::from_raw(0), &one)?;
    Ok(before)
}

fn of_program(program: &Path, arguments: &[&str]) -> Result<u64, String> {
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
    let mut given = 0;
    while !asks_for_parent(pid)? {
        ptrace::syscall(pid, None).map_err(said)?;
        stopped(pid)?;
        set_random(pid, &mut given)?;
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

#[cfg(target_arch = "x86_64")]
fn set_random(pid: Pid, number: &mut c_long) -> Result<(), String> {
    let registers = ptrace::getregs(pid).map_err(said)?;
    // at the end of a call there are its bytes in rax; before it, an error's number
    let given = registers.rax.cast_signed();
    if registers.orig_rax.cast_signed() == SYS_getrandom && given >= 8 {
        for at in (0..registers.rax & !7).step_by(8) {
            *number += 1;
            let word = RANDOM.wrapping_mul(2 * *number + 1).rotate_left(29).wrapping_mul(RANDOM);
            ptrace::write(pid, (registers.rdi + at) as *mut c_void, word).map_err(said)?;
        }
    }
    Ok(())
}

#[cfg(not(target_arch = "x86_64"))]
fn asks_for_parent(_: Pid) -> Result<bool, String> {
    Err(format!("where system call {SYS_getppid} stands is known of x86-64 only"))
}

#[cfg(not(target_arch = "x86_64"))]
fn set_random(_: Pid, _: &mut c_long) -> Result<(), String> {
    let _ = (SYS_getrandom, RANDOM, std::ptr::null::<c_void>());
    Ok(())
}
