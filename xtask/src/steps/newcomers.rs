//! Follows README and guides as a new user would (`package`): an application over each framework, from an empty folder
//! to a sign-in with curl, to a store that survives a restart, and to a change of keys. Any missing instruction is a
//! failure here.

use std::fs::{self, File};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use super::package::Packed;
use crate::files::read;
use crate::run::{Log, root, target};

/// A page with the first steps, and the configuration of its program.
struct Guide {
    framework: &'static str,
    page: &'static str,
    /// The address in its text.
    address: &'static str,
}

const GUIDES: [Guide; 5] = [
    Guide { framework: "axum", page: "docs/first-login.md", address: "127.0.0.1:8080" },
    Guide { framework: "actix", page: "adapters/actix/README.md", address: "127.0.0.1:8080" },
    Guide { framework: "poem", page: "adapters/poem/README.md", address: "127.0.0.1:8080" },
    Guide { framework: "salvo", page: "adapters/salvo/README.md", address: "127.0.0.1:8080" },
    Guide { framework: ROCKET, page: "adapters/rocket/README.md", address: "127.0.0.1:8000" },
];

/// It has its own configuration.
const ROCKET: &str = "rocket";
/// How to change the store.
const STORE: &str = "docs/choose-a-store.md";
/// How long a program may take until it listens.
const START: Duration = Duration::from_secs(30);

/// Uses each application after the build. Returns what was shown.
pub(super) fn first_hour(log: &mut Log, place: &Path) -> Result<String, String> {
    for guide in &GUIDES {
        guide.try_out(log, place).map_err(|why| format!("{}: {why}", guide.page))?;
    }
    let frameworks = GUIDES.map(|guide| guide.framework).join(", ");
    Ok(format!("over {frameworks}: sign-in with curl, restart and change of keys as the guides say"))
}

/// Writes the applications, each into a folder of the workspace at `place`, and returns the folders' names. The manifests are
/// the `cargo add` lines of the pages, with the versions that everything else is tested with.
pub(super) fn write(place: &Path, crates: &[Packed]) -> Result<Vec<String>, String> {
    let lock = read(&root().join("Cargo.lock"))?;
    let store = read(&root().join(STORE))?;
    let mut names = Vec::new();
    for guide @ Guide { framework, page, address } in &GUIDES {
        let name = guide.name();
        let text = read(&root().join(page))?;
        let added: Vec<String> = [&text, &store].into_iter().flat_map(|text| added(text, crates, &lock)).collect();
        let manifest = format!("[package]\nname = '{name}'\nedition = '2024'\n\n[dependencies]\n{}", added.concat());
        let folder = place.join(&name);
        put(&folder.join("Cargo.toml"), &manifest)?;
        // unchanged, because a user who copies it copies hidden lines as well
        let program = block(&text, "rust").ok_or(format!("{page}: no program"))?;
        let program = changed(program, &store).ok_or(format!("{STORE}: its change fits no line of {page}"))?;
        // a free port on this machine, instead of the page's
        put(&folder.join("src/main.rs"), &program.replace(&format!("{address:?}"), "std::env::var(\"LISTEN\")?"))?;
        if *framework == ROCKET {
            put(&folder.join("Rocket.toml"), block(&text, "toml").ok_or(format!("{page}: no Rocket.toml"))?)?;
        }
        names.push(name);
    }
    Ok(names)
}

fn put(path: &Path, text: &str) -> Result<(), String> {
    let written = path.parent().map_or(Ok(()), fs::create_dir_all).and_then(|()| fs::write(path, text));
    written.map_err(|why| format!("{}: {why}", path.display()))
}

/// The first block of a page in this language.
fn block<'a>(page: &'a str, language: &str) -> Option<&'a str> {
    let after = page.split_once(&format!("\n```{language}"))?.1.split_once('\n')?.1;
    after.split_once("\n```").map(|(block, _)| block)
}

/// Returns the dependencies that the `cargo add` lines of a page add.
fn added(page: &str, crates: &[Packed], lock: &str) -> Vec<String> {
    let commands = page.lines().flat_map(|line| line.split(" && ")).filter_map(|line| line.strip_prefix("cargo add "));
    let line = |name: &str, features: &str, default: bool| {
        let ours = crates.iter().find(|packed| packed.name == name).map(|packed| packed.version.as_str());
        let newest = lock
            .split("[[package]]")
            .filter_map(|package| package.strip_prefix(&format!("\nname = {name:?}\nversion = \""))?.split('"').next());
        // the last one of several, because a lockfile is sorted
        let version = ours.or(newest.last()).unwrap_or("*");
        let features: Vec<&str> = features.split(',').filter(|feature| !feature.is_empty()).collect();
        format!("{name} = {{ version = '{version}', default-features = {default}, features = {features:?} }}\n")
    };
    commands
        .flat_map(|command| {
            let (names, features) = command.split_once(" --features ").unwrap_or((command, ""));
            let (names, default) =
                names.split_once(" --no-default-features").map_or((names, true), |(names, _)| (names, false));
            names.split_whitespace().map(|name| line(name, features.trim(), default)).collect::<Vec<_>>()
        })
        .collect()
}

/// Returns a program with the changes of a page's `diff` blocks, if one of them fits.
fn changed(program: &str, page: &str) -> Option<String> {
    let blocks = page.split("\n```diff\n").skip(1).filter_map(|rest| rest.split_once("\n```"));
    blocks
        .filter_map(|(block, _)| {
            let side = |sign| {
                let lines: Vec<&str> = block.lines().filter_map(|line| line.strip_prefix(sign)).collect();
                lines.join("\n")
            };
            program.contains(&side('-')).then(|| program.replace(&side('-'), &side('+')))
        })
        .next()
}

impl Guide {
    /// The application's package and folder.
    fn name(&self) -> String {
        format!("first-login-{}", self.framework)
    }

    fn try_out(&self, log: &mut Log, place: &Path) -> Result<(), String> {
        let page = read(&root().join(self.page))?;
        let lines: Vec<&str> = page.lines().filter(|line| line.starts_with("curl ")).collect();
        let [sign_in, account, ..] = lines[..] else { return Err("no curl lines for a sign-in and a page".into()) };
        let (old, new) = (key(log)?, key(log)?);
        let mut application = Application { guide: self, folder: place.join(self.name()), address: String::new() };

        let running = application.start(&old)?;
        for line in &lines {
            application.curl(log, line, None)?;
        }
        application.curl(log, sign_in, None)?;
        drop(running);
        for keys in [&old, &format!("{old},{new}"), &format!("{new},{old}")] {
            let _running = application.start(keys)?;
            application.curl(log, account, Some("ello ann"))?;
        }
        // the old key is gone, and its sessions have ended
        let _running = application.start(&new)?;
        application.curl(log, account, Some("401"))
    }
}

/// A key, made as the pages say.
fn key(log: &mut Log) -> Result<String, String> {
    Ok(log.run(Command::new("openssl").args(["rand", "-hex", "32"]))?.trim().to_owned())
}

struct Application<'a> {
    guide: &'a Guide,
    folder: PathBuf,
    /// Its current address.
    address: String,
}

impl Application<'_> {
    /// Starts it on a free port, and waits until it listens.
    fn start(&mut self, keys: &str) -> Result<Running, String> {
        let free = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr());
        let free = free.map_err(|why| format!("no free port: {why}"))?;
        self.address = free.to_string();
        let name = self.guide.name();
        let printed = self.folder.join("printed");
        let start = || {
            let file = File::create(&printed)?;
            let mut program = Command::new(target().join("package-build/debug").join(&name));
            program.current_dir(&self.folder).stdin(Stdio::null()).stdout(file.try_clone()?).stderr(file);
            if self.guide.framework == ROCKET {
                program.env("ROCKET_PORT", free.port().to_string());
                program.env("ROCKET_SESSION", format!("{{key={keys:?}}}"));
            } else {
                program.env("LISTEN", &self.address).env("SESSION_KEY", keys);
            }
            program.spawn()
        };
        let mut running = Running(start().map_err(|why| format!("{name}: {why}"))?);
        let begin = Instant::now();
        while TcpStream::connect(free).is_err() {
            let ended = running.0.try_wait().map_err(|why| why.to_string())?;
            if ended.is_some() || begin.elapsed() > START {
                return Err(format!("{name} does not listen: {}", read(&printed)?));
            }
            std::thread::sleep(Duration::from_millis(10)); // between two tries to connect
        }
        Ok(running)
    }

    /// Runs a line of the page. Its answer, including the status, must contain `expected` or the page's comment.
    /// Without either, it must not be an error.
    fn curl(&self, log: &mut Log, line: &str, expected: Option<&str>) -> Result<(), String> {
        let (line, comment) = line.split_once(" # ").unwrap_or((line, ""));
        let expected = expected.unwrap_or(comment.trim());
        let line = line.trim().replace(self.guide.address, &self.address);
        let mut shell = Command::new("sh");
        shell.args(["-c", &format!("{line} --silent --show-error --max-time 30 --write-out ' %{{http_code}}'")]);
        let answer = log.run(shell.current_dir(&self.folder))?;
        let status = answer.rsplit(' ').next().unwrap_or_default();
        if answer.contains(expected) && (!expected.is_empty() || status.starts_with(['2', '3'])) {
            return Ok(());
        }
        let printed = read(&self.folder.join("printed"))?;
        Err(format!("`{line}` answered {answer:?}, not {expected:?}. The program printed: {printed}"))
    }
}

/// A program that is stopped when it is dropped, as a crash would.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ended_before = self.0.kill();
        let _reaped = self.0.wait();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_read_as_a_user_reads_it() {
        let page = "cargo new x && cd x\ncargo add axum session-axum && cargo add tokio --no-default-features --features net,rt\n\
                    \n```toml\na = 1\n```\n\n```diff\n-x\n+y\n```\n\n```diff\n-    old();\n+    new();\n+    more();\n```\n";
        let lock =
            "[[package]]\nname = \"axum\"\nversion = \"0.7.9\"\n\n[[package]]\nname = \"axum\"\nversion = \"0.8.9\"\n";
        let crates = [Packed { name: "session-axum".into(), version: "0.1.0".into(), folder: String::new() }];
        let lines = [
            "axum = { version = '0.8.9', default-features = true, features = [] }\n",
            "session-axum = { version = '0.1.0', default-features = true, features = [] }\n",
            "tokio = { version = '*', default-features = false, features = [\"net\", \"rt\"] }\n",
        ];
        assert_eq!(added(page, &crates, lock), lines);
        assert_eq!(block(page, "toml"), Some("a = 1"));
        assert_eq!(block(page, "rust"), None);
        let program = "fn main() {\n    old();\n}\n";
        assert_eq!(changed(program, page).as_deref(), Some("fn main() {\n    new();\n    more();\n}\n"));
        assert_eq!(changed("fn main() {}", page), None, "a change that fits nowhere is told");
    }
}
