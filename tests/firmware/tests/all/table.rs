//! What the tests of the firmware share: a board that boots again and again with the same flash, and a browser as far as forms
//! and cookies go.

use std::io::{self, Read, Write};
use std::net::{SocketAddrV4, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::Duration;

use firmware_tests::{Board, Device, Fault};
use tempfile::TempDir;

/// The password of all devices here.
pub(crate) const PASSWORD: &str = "a long password";

/// A board on the table: off, its flash in a file.
#[derive(Debug)]
pub(crate) struct Table {
    board: Board,
    program: PathBuf,
    directory: TempDir,
}

impl Table {
    /// A new board.
    ///
    /// # Panics
    /// If the firmware does not build.
    #[must_use]
    pub(crate) fn new(board: Board) -> Self {
        Self::with(board, |built| built)
    }

    /// A Pico with another program than the device UI: `bare` or `rtic`, which are built together with it.
    ///
    /// # Panics
    /// If they do not build.
    #[must_use]
    pub(crate) fn program_of_the_pico(name: &str) -> Self {
        Self::with(Board::Pico, |_| Board::Pico.elf().with_file_name(name))
    }

    fn with(board: Board, program: impl FnOnce(PathBuf) -> PathBuf) -> Self {
        // one cargo at a time
        static BUILDING: Mutex<()> = Mutex::new(());
        let alone = BUILDING.lock();
        let program = program(board.build().expect("the firmware builds"));
        drop(alone);
        // in memory: not the disk's speed is tested
        let directory = TempDir::new_in("/dev/shm").or_else(|_| TempDir::new()).expect("a directory");
        Self { board, program, directory }
    }

    /// What it runs.
    #[must_use]
    pub(crate) fn program(&self) -> &Path {
        &self.program
    }

    /// Power on; returns when the device is up.
    #[must_use]
    pub(crate) fn boot(&self) -> Device {
        self.boot_with(&[])
    }

    /// Power on; returns at once, for a program that says nothing by itself.
    ///
    /// # Panics
    /// If there is no emulator.
    #[must_use]
    pub(crate) fn power_on(&self) -> Device {
        Device::power_on(self.board, &self.program, self.directory.path(), firmware_tests::ANY, &[]).expect("it is on")
    }

    /// The same with something broken.
    ///
    /// # Panics
    /// If the device does not come up.
    #[must_use]
    pub(crate) fn boot_with(&self, faults: &[Fault]) -> Device {
        self.boot_at(firmware_tests::ANY, faults)
    }

    /// The same, under an address of before: a browser's cookie is of one address.
    ///
    /// # Panics
    /// If the device does not come up.
    #[must_use]
    pub(crate) fn boot_at(&self, address: SocketAddrV4, faults: &[Fault]) -> Device {
        Device::boot(self.board, &self.program, self.directory.path(), address, faults).expect("it boots")
    }

    /// The flash's image.
    ///
    /// # Panics
    /// If there is none and it cannot be made.
    #[must_use]
    pub(crate) fn image(&self) -> PathBuf {
        self.board.image(self.directory.path()).expect("an image")
    }

    /// Its place.
    #[must_use]
    pub(crate) fn image_path(&self) -> PathBuf {
        self.directory.path().join(self.board.name()).with_extension("flash")
    }

    /// Erases all of the flash.
    ///
    /// # Panics
    /// If it cannot be written.
    pub(crate) fn reset(&self) {
        std::fs::write(self.image(), vec![0xff; self.board.image_size()]).expect("the image can be written");
    }

    /// The directory of the image.
    #[must_use]
    pub(crate) fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// A device with a password, and whoever chose it, signed in.
    ///
    /// # Panics
    /// If the device does not do as it should.
    #[must_use]
    pub(crate) fn owned(&self) -> (Device, Browser) {
        let (mut device, mut browser) = (self.boot(), Browser::default());
        let form = first_boot(&mut device);
        let answer = browser.post(device.address(), "/first-boot", &form).expect("an answer");
        assert_eq!(answer.status, 303, "{}", answer.body);
        (device, browser)
    }
}

/// A browser.
#[derive(Clone, Debug, Default)]
pub(crate) struct Browser {
    /// The session cookie's value.
    pub(crate) cookie: Option<String>,
}

/// The form of a first boot, with the code that the board has said on its serial line.
///
/// # Panics
/// If it has said none.
pub(crate) fn first_boot(device: &mut Device) -> String {
    let code = device.said().iter().rev().find_map(|line| line.strip_prefix("setup code: ")).expect("a setup code");
    format!("password={PASSWORD}&repeat={PASSWORD}&code={}", code.trim())
}

/// What it was answered.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    /// The status.
    pub(crate) status: u16,
    /// The head's lines.
    pub(crate) head: String,
    /// The page.
    pub(crate) body: String,
}

impl Answer {
    /// Which view the page shows.
    #[must_use]
    pub(crate) fn view(&self) -> &str {
        between(&self.body, "<body data-view=", ">").unwrap_or("no page")
    }

    /// The token of its form.
    #[must_use]
    pub(crate) fn csrf(&self) -> &str {
        between(&self.body, "name=csrf value=", ">").unwrap_or_default()
    }

    /// Seconds between readings, as settings and dashboard show them.
    #[must_use]
    pub(crate) fn interval(&self) -> Option<u8> {
        let value = between(&self.body, "min=1 max=60 value=", " ").or(between(&self.body, "data-interval=", ">"));
        value?.parse().ok()
    }
}

fn between<'t>(text: &'t str, before: &str, after: &str) -> Option<&'t str> {
    Some(text.split_once(before)?.1.split_once(after)?.0)
}

impl Browser {
    /// GET.
    pub(crate) fn get(&mut self, device: SocketAddrV4, path: &str) -> io::Result<Answer> {
        self.send(device, "GET", path, "")
    }

    /// POST of a form.
    pub(crate) fn post(&mut self, device: SocketAddrV4, path: &str, form: &str) -> io::Result<Answer> {
        self.send(device, "POST", path, form)
    }

    /// POST of a form with the token of the page that it stands in.
    pub(crate) fn submit(&mut self, device: SocketAddrV4, page: &Answer, path: &str, form: &str) -> io::Result<Answer> {
        self.post(device, path, &format!("csrf={}&{form}", page.csrf()))
    }

    /// Signs in.
    pub(crate) fn sign_in(&mut self, device: SocketAddrV4) -> io::Result<Answer> {
        self.post(device, "/sign-in", &format!("password={PASSWORD}"))
    }

    /// An error if the answer does not come whole, for whatever reason.
    fn send(&mut self, device: SocketAddrV4, method: &str, path: &str, body: &str) -> io::Result<Answer> {
        let mut stream = TcpStream::connect(device)?;
        // the Pico is emulated slowly on a machine that does much else
        stream.set_read_timeout(Some(Duration::from_secs(120)))?;
        let cookie = self.cookie.as_ref().map(|cookie| format!("Cookie: id={cookie}\r\n")).unwrap_or_default();
        let length = body.len();
        let request =
            format!("{method} {path} HTTP/1.1\r\nHost: {device}\r\n{cookie}Content-Length: {length}\r\n\r\n{body}");
        stream.write_all(request.as_bytes())?;
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes)?;
        // style and script are packed
        let text = String::from_utf8_lossy(&bytes);
        let cut = || io::Error::new(io::ErrorKind::UnexpectedEof, format!("{method} {path}: {text:?}"));
        let (head, body) = text.split_once("\r\n\r\n").ok_or_else(cut)?;
        let status = head.get(9..12).and_then(|status| status.parse().ok()).ok_or_else(cut)?;
        let header = |name: &str| head.lines().find_map(|line| line.strip_prefix(name));
        if header("Content-Length: ").is_some_and(|length| length.parse() != Ok(bytes.len() - head.len() - 4)) {
            return Err(cut());
        }
        if let Some(set) = head.lines().find_map(|line| line.strip_prefix("Set-Cookie: id=")) {
            let value = set.split(';').next().ok_or_else(cut)?.to_owned();
            self.cookie = (!set.contains("Max-Age=0")).then_some(value);
        }
        Ok(Answer { status, head: head.to_owned(), body: body.to_owned() })
    }
}

/// Numbers that differ, the same ones in each run.
#[derive(Clone, Debug)]
pub(crate) struct Numbers(pub(crate) u64);

impl Numbers {
    /// A number below `end`.
    pub(crate) fn below(&mut self, end: u64) -> u64 {
        // SplitMix64
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ self.0 >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ mixed >> 31) % end.max(1)
    }
}
