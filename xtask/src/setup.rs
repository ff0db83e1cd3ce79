//! What the steps need on this machine, and how it gets there. What counts is whether a thing works, not whether some
//! package manager knows of it.

use std::process::{Command, Stdio};

use crate::run::{Log, program, root};

/// Something that a step needs.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Need {
    /// A rustup component, shown by a cargo command.
    Component { name: &'static str, command: &'static str },
    /// The standard library, or just core, for a target.
    Target(&'static str),
    /// A program of a Debian package.
    Program { name: &'static str, package: &'static str },
    /// A server of a Debian package that is called by its path.
    Server { path: &'static str, package: &'static str },
    /// A package of npm, of the version in the lock file of this directory.
    Npm { name: &'static str, directory: &'static str },
}

pub(crate) const RUSTFMT: Need = Need::Component { name: "rustfmt", command: "fmt" };
pub(crate) const CLIPPY: Need = Need::Component { name: "clippy", command: "clippy" };
pub(crate) const QEMU_ARM: Need = Need::Program { name: "qemu-system-arm", package: "qemu-system-arm" };
pub(crate) const QEMU_RISCV: Need = Need::Program { name: "qemu-system-riscv32", package: "qemu-system-misc" };
pub(crate) const NODE: Need = Need::Program { name: "node", package: "nodejs" };
pub(crate) const NPM: Need = Need::Program { name: "npm", package: "npm" };
pub(crate) const RP2040JS: Need = Need::Npm { name: "rp2040js", directory: "tests/firmware/pico" };
pub(crate) const SETPRIV: Need = Need::Program { name: "setpriv", package: "util-linux" };
pub(crate) const CHROMIUM: Need = Need::Program { name: "chromium", package: "chromium" };
pub(crate) const PYTHON: Need = Need::Program { name: "python3", package: "python3" };
pub(crate) const CPP: Need = Need::Program { name: "c++", package: "g++" };
pub(crate) const VALGRIND: Need = Need::Program { name: "valgrind", package: "valgrind" };
pub(crate) const CHROMEDRIVER: Need = Need::Program { name: "chromedriver", package: "chromium-driver" };
pub(crate) const REDIS: Need = Need::Program { name: "redis-server", package: "redis-server" };
pub(crate) const OPENSSL: Need = Need::Program { name: "openssl", package: "openssl" };
pub(crate) const MEMCACHED: Need = Need::Program { name: "memcached", package: "memcached" };
pub(crate) const POSTGRES: Need =
    Need::Server { path: "/usr/lib/postgresql/15/bin/postgres", package: "postgresql-15" };
pub(crate) const MARIADB: Need = Need::Server { path: "/usr/sbin/mariadbd", package: "mariadb-server" };
pub(crate) const PGBOUNCER: Need = Need::Server { path: "/usr/sbin/pgbouncer", package: "pgbouncer" };

impl Need {
    fn name(self) -> &'static str {
        match self {
            Self::Component { name, .. } | Self::Target(name) | Self::Program { name, .. } => name,
            Self::Npm { name, .. } => name,
            Self::Server { path, .. } => path,
        }
    }

    fn is_there(self) -> bool {
        match self {
            Self::Component { command, .. } => works(&mut program("cargo", &[command, "--version"])),
            Self::Target(target) => {
                let output = program("rustc", &["--print", "target-libdir", "--target", target]).output();
                output.is_ok_and(|output| std::path::Path::new(String::from_utf8_lossy(&output.stdout).trim()).is_dir())
            }
            // openssl wants it without dashes
            Self::Program { name, .. } => {
                ["--version", "version"].iter().any(|word| works(&mut program(name, &[word])))
            }
            Self::Server { path, .. } => works(&mut program(path, &["--version"])),
            Self::Npm { directory, .. } => {
                works(program("npm", &["ls", "--silent"]).current_dir(root().join(directory)))
            }
        }
    }
}

fn works(command: &mut Command) -> bool {
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

/// The names of those that are not there.
pub(crate) fn missing(needs: &[Need]) -> Vec<&'static str> {
    needs.iter().filter(|need| !need.is_there()).map(|need| need.name()).collect()
}

/// Installs what is missing. What cannot be installed is named in one line, as the command to type.
pub(crate) fn install(needs: &[Need]) -> Result<(), String> {
    let missing: Vec<Need> = needs.iter().copied().filter(|need| !need.is_there()).collect();
    if missing.is_empty() {
        println!("setup: all there ({} checked)", needs.len());
        return Ok(());
    }
    let names: Vec<&str> = missing.iter().map(|need| need.name()).collect();
    println!("setup: installing {}", names.join(", "));
    let pick = |which: fn(Need) -> Option<&'static str>| missing.iter().copied().filter_map(which).collect::<Vec<_>>();
    let components = pick(|need| if let Need::Component { name, .. } = need { Some(name) } else { None });
    let targets = pick(|need| if let Need::Target(name) = need { Some(name) } else { None });
    let packages = pick(|need| match need {
        Need::Program { package, .. } | Need::Server { package, .. } => Some(package),
        _ => None,
    });
    let directories = pick(|need| if let Need::Npm { directory, .. } = need { Some(directory) } else { None });

    let mut log = Log::new("setup")?;
    let by_hand: Vec<String> = [
        rustup(&mut log, "component", &components),
        rustup(&mut log, "target", &targets),
        apt_get(&mut log, &packages),
        // after apt-get, which may have to install npm
        npm(&mut log, &directories),
    ]
    .into_iter()
    .filter_map(Result::err)
    .collect();
    if !by_hand.is_empty() {
        return Err(format!("please run: {}   (why: {})", by_hand.join(" && "), log.path().display()));
    }
    let still: Vec<&str> = missing.iter().filter(|need| !need.is_there()).map(|need| need.name()).collect();
    if still.is_empty() { Ok(()) } else { Err(format!("installed, but not working: {}", still.join(", "))) }
}

/// The error of this and the next is what to type by hand.
fn rustup(log: &mut Log, kind: &str, names: &[&str]) -> Result<(), String> {
    if names.is_empty() {
        return Ok(());
    }
    let by_hand = |_| format!("rustup {kind} add {}", names.join(" "));
    log.run(program("rustup", &[kind, "add"]).args(names)).map(drop).map_err(by_hand)
}

fn npm(log: &mut Log, directories: &[&str]) -> Result<(), String> {
    let install = ["ci", "--no-audit", "--no-fund"];
    directories.iter().try_for_each(|directory| {
        let by_hand = |_| format!("(cd {directory} && npm {})", install.join(" "));
        log.run(program("npm", &install).current_dir(root().join(directory))).map(drop).map_err(by_hand)
    })
}

fn apt_get(log: &mut Log, packages: &[&str]) -> Result<(), String> {
    if packages.is_empty() {
        return Ok(());
    }
    let install = ["apt-get", "install", "--yes", "--no-install-recommends"];
    let by_hand = |_| format!("sudo {} {}", install.join(" "), packages.join(" "));
    // as root, or as somebody whom sudo asks no password
    let root = program("id", &["-u"]).output().is_ok_and(|output| output.stdout == b"0\n");
    let prefix: &[&str] = if root { &["env"] } else { &["sudo", "-n", "env"] };
    let mut apt_get = |arguments: &[&str]| {
        let mut command = program(prefix[0], &prefix[1..]);
        log.run(command.arg("DEBIAN_FRONTEND=noninteractive").args(arguments))
    };
    apt_get(&["apt-get", "update"]).map_err(by_hand)?;
    apt_get(&[&install[..], packages].concat()).map(drop).map_err(by_hand)
}
