//! Starts that have to be refused: status 2, and a line on stderr that says why.

use std::io::Read;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// Flags with which the reference app must not start.
#[derive(Clone, Copy, Debug)]
pub struct BadStart {
    /// The requirement that it shows; `flag` where none asks for it.
    pub id: &'static str,
    /// The flags.
    pub flags: &'static [&'static str],
}

/// The starts that every adapter's reference app refuses.
#[must_use]
pub fn bad_starts() -> &'static [BadStart] {
    const fn bad(id: &'static str, flags: &'static [&'static str]) -> BadStart {
        BadStart { id, flags }
    }
    const KEY: &str = "8f1de2b0c94a7735e6d0412f9b8c5a63710e4fd29ab6853cc7f1028d5e94b36a";
    const FOUR: &str = "8f1de2b0c94a7735e6d0412f9b8c5a63710e4fd29ab6853cc7f1028d5e94b36a,\
        1a7be2b0c94a7735e6d0412f9b8c5a63710e4fd29ab6853cc7f1028d5e94b36b,\
        2b8ce2b0c94a7735e6d0412f9b8c5a63710e4fd29ab6853cc7f1028d5e94b36c,\
        3c9de2b0c94a7735e6d0412f9b8c5a63710e4fd29ab6853cc7f1028d5e94b36d";
    const {
        &[
            bad("EM7", &["--key", "0000000000000000000000000000000000000000000000000000000000000000"]),
            bad("EM7", &["--key", "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"]),
            bad("EM7", &["--key", "8f1de2b0c94a7735e6d0412f9b8c5a63"]),
            bad("EM7", &["--key", "not hexadecimal"]),
            bad("EM7", &["--key", ""]),
            bad("EM7", &["--key", FOUR]),
            bad("ST9", &["--store", "nonsense:"]),
            bad("ST9", &["--store", ""]),
            bad("ST9", &["--store", "memory:capacity=many"]),
            bad("LC8", &["--renew-after", "60", "--grace", "60"]),
            bad("LC8", &["--renew-after", "30"]),
            bad("LC5", &["--idle", "soon"]),
            bad("LC5", &["--idle", "-1"]),
            bad("LC5", &["--idle"]),
            bad("CK1", &["--key", KEY, "--cookie-name", "two words"]),
            bad("CK1", &["--key", KEY, "--cookie-name", "a;b"]),
            bad("CK2", &["--key", KEY, "--cookie-name", ""]),
            bad("CK4", &["--key", KEY, "--cookie-name", "__Host-id"]),
            bad("CK4", &["--key", KEY, "--cookie-name", "__secure-id"]),
            bad("CK4", &["--key", KEY, "--https", "--cookie-name", "id"]),
            bad("flag", &["--no-such-flag"]),
        ]
    }
}

/// Tries all of them with what `program` makes of flags: a command that starts a reference app.
///
/// # Panics
/// If one of them is not refused as it should be.
pub fn check_bad_starts(program: impl Fn(&[&str]) -> Command) {
    let check = |flags: &[&str]| check(program(&[&["--listen", "127.0.0.1:0"], flags].concat()), flags);
    let wrong: Vec<String> = bad_starts().iter().filter_map(|start| check(start.flags).err()).collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn check(mut command: Command, flags: &[&str]) -> Result<(), String> {
    let told = |what: String| format!("{}: {what}", flags.join(" "));
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
    let mut child = command.spawn().map_err(|error| told(error.to_string()))?;
    let began = Instant::now();
    let status = loop {
        match child.try_wait().map_err(|error| told(error.to_string()))? {
            Some(status) => break status,
            None if began.elapsed() < Duration::from_secs(10) => thread::sleep(Duration::from_millis(5)),
            None => {
                let _ = child.kill().and_then(|()| child.wait());
                return Err(told("still runs".into()));
            }
        }
    };
    let mut stderr = String::new();
    let read = child.stderr.take().map(|mut pipe| pipe.read_to_string(&mut stderr));
    let told_why =
        matches!(read, Some(Ok(_))) && stderr.trim_end().lines().count() == 1 && !stderr.contains("panicked");
    if status.code() == Some(2) && told_why {
        Ok(())
    } else {
        Err(told(format!("{status}, said {stderr:?}; wanted status 2 and one clear line")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_status_2_with_a_line_passes() {
        let of = |program: &str| {
            let mut command = Command::new(program);
            command.args(["--listen", "127.0.0.1:0"]);
            check(command, &[])
        };
        assert!(of("/bin/true").unwrap_err().contains("wanted status 2"));
        assert!(of("/bin/cat").unwrap_err().contains("wanted status 2"));
        assert!(of("/no/such/program").is_err());
        assert!(of("/bin/ls").unwrap_err().contains("one clear line"), "two lines");
        assert!(of("/bin/dash").is_ok(), "dash refuses an unknown flag with status 2 and one line");
    }
}
