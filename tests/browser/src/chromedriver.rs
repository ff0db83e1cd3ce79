//! The process that drives a Chromium, and the end of both.

use std::io::{BufRead, BufReader};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::thread;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};
use tempfile::TempDir;

/// A running chromedriver. It leads a process group, its Chromium is in it; dropping this ends the group.
pub(crate) struct Chromedriver {
    process: Child,
    port: u16,
    // chromedriver must not find its output closed
    _output: BufReader<ChildStdout>,
    home: Option<TempDir>,
}

impl Chromedriver {
    /// Starts one on a free loopback port, with a new home directory for it and its Chromium.
    pub(crate) fn start() -> Self {
        let home = tempfile::Builder::new().prefix("browser-").tempdir().expect("a temporary directory");
        let mut process = Command::new("setpriv")
            // a test that is killed cannot clean up: then the system ends chromedriver, and Chromium follows
            .args(["--pdeathsig", "KILL", "chromedriver", "--port=0"])
            .env("HOME", home.path())
            .env("TMPDIR", home.path())
            .env_remove("XDG_CONFIG_HOME")
            .env_remove("XDG_CACHE_HOME")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn()
            .unwrap_or_else(|why| panic!("chromedriver (Debian's package chromium-driver) does not start: {why}"));
        let mut output = BufReader::new(process.stdout.take().expect("its output is a pipe"));
        let port = announced_port(&mut output);
        let driver = Self { process, port: port.unwrap_or(0), _output: output, home: Some(home) };
        assert!(port.is_some(), "chromedriver did not say on which port it listens");
        driver
    }

    /// The address of a command.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }

    /// The place for Chromium's profile.
    pub(crate) fn home(&self) -> &Path {
        self.home.as_ref().expect("taken only by drop").path()
    }
}

impl Drop for Chromedriver {
    fn drop(&mut self) {
        let group = Pid::from_child(&self.process);
        // an error says that the group is gone
        let _ = kill_process_group(group, Signal::KILL);
        let _ = self.process.wait();
        // what is killed may still be closing its files
        let home = self.home.take().map(TempDir::keep).unwrap_or_default();
        for _ in 0..100 {
            if std::fs::remove_dir_all(&home).is_ok() || !home.exists() {
                break;
            }
            thread::sleep(Duration::from_millis(20));
        }
    }
}

/// Reads until `ChromeDriver was started successfully on port 12345.`
fn announced_port(output: &mut impl BufRead) -> Option<u16> {
    let mut lines = output.lines().map_while(Result::ok);
    lines.find_map(|line| line.split_once("successfully on port ")?.1.trim_end_matches('.').parse().ok())
}
