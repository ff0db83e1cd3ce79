//! Runs other programs and logs their output.

use std::fs::{self, File};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use nix::sys::resource::{UsageWho, getrusage};

/// The workspace's directory.
pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("xtask lies in the workspace")
}

/// The directory of what cargo builds.
pub(crate) fn target() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), |directory| root().join(directory))
}

/// The cargo that runs us, in the workspace's directory.
pub(crate) fn cargo(arguments: &[&str]) -> Command {
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or("cargo".into()));
    cargo.args(arguments).current_dir(root());
    cargo
}

/// Another program, in the workspace's directory.
pub(crate) fn program(name: &str, arguments: &[&str]) -> Command {
    let mut program = Command::new(name);
    program.args(arguments).current_dir(root());
    program
}

/// Returns the processor time, user and system, of all programs that we have run to their end, and of those that they ran.
/// A server that detached itself from the program that started it does not count.
pub(crate) fn cpu() -> Duration {
    let Ok(usage) = getrusage(UsageWho::RUSAGE_CHILDREN) else { return Duration::ZERO };
    let micros = [usage.user_time(), usage.system_time()].map(|time| time.tv_sec() * 1_000_000 + time.tv_usec());
    Duration::from_micros(micros.iter().sum::<i64>().try_into().unwrap_or(0))
}

/// The output of one step's programs.
pub(crate) struct Log {
    file: File,
    path: PathBuf,
}

impl Log {
    /// An empty log under this name.
    pub(crate) fn new(name: &str) -> Result<Self, String> {
        let path = root().join("target/xtask-logs").join(name).with_extension("log");
        let create = || {
            fs::create_dir_all(path.parent().unwrap_or(root()))?;
            File::options().read(true).write(true).create(true).truncate(true).open(&path)
        };
        let file = create().map_err(|why| format!("cannot write {}: {why}", path.display()))?;
        Ok(Self { file, path })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The last lines.
    pub(crate) fn tail(&self, lines: usize) -> String {
        let text = fs::read(&self.path).unwrap_or_default();
        let text = String::from_utf8_lossy(&text);
        let from = text.lines().count().saturating_sub(lines);
        text.lines().skip(from).fold(String::new(), |tail, line| tail + line + "\n")
    }

    /// Runs a program to its end and returns its output, or an error if it failed.
    pub(crate) fn run(&mut self, command: &mut Command) -> Result<String, String> {
        let line = shown(command);
        println!("      {line}");
        let (begin, used) = (Instant::now(), cpu());
        let (text, success) = self.capture(command, &line).map_err(|why| format!("cannot run `{line}`: {why}"))?;
        let used = cpu().saturating_sub(used).as_secs_f32();
        println!("      {:.1} s, CPU {used:.1} s", begin.elapsed().as_secs_f32());
        if success { Ok(text) } else { Err(format!("`{line}` failed")) }
    }

    fn capture(&mut self, command: &mut Command, line: &str) -> std::io::Result<(String, bool)> {
        writeln!(self.file, "$ {line}")?;
        let from = self.file.stream_position()?;
        // clones share one position in the file, so that both streams are in the log in order
        command.stdin(Stdio::null()).stdout(self.file.try_clone()?).stderr(self.file.try_clone()?);
        let success = command.status()?.success();
        let mut bytes = Vec::new();
        self.file.seek(SeekFrom::Start(from))?;
        self.file.read_to_end(&mut bytes)?;
        Ok((String::from_utf8_lossy(&bytes).into_owned(), success))
    }
}

/// The command as typed in a shell, without the directories of programs.
fn shown(command: &Command) -> String {
    let name = Path::new(command.get_program()).file_name().unwrap_or(command.get_program());
    let words = std::iter::once(name).chain(command.get_args()).map(|word| word.to_string_lossy());
    words.collect::<Vec<_>>().join(" ")
}

/// Sums up what `cargo test` printed. An ignored test is a failure, because it shows nothing.
pub(crate) fn passed(output: &str) -> Result<String, String> {
    let results =
        || output.lines().filter(|line| line.starts_with("test result:")).flat_map(|line| line.split([';', '.']));
    let count = |what: &str| -> u32 {
        results().filter_map(|part| part.trim().strip_suffix(what)?.trim().parse::<u32>().ok()).sum()
    };
    match (count("passed"), count("ignored")) {
        (0, _) => Err("no test ran".into()),
        (passed, 0) => Ok(format!("{passed} tests passed")),
        (_, ignored) => Err(format!("{ignored} tests are ignored")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn processor_time_of_a_program_counts_when_it_has_ended() {
        let before = cpu();
        let busy = "i=0; while [ $i -lt 100000 ]; do i=$((i+1)); done";
        assert!(Command::new("sh").args(["-c", busy]).status().is_ok_and(|status| status.success()));
        assert!(cpu() > before);
    }
}
