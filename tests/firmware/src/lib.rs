//! The firmware's boards in emulators, for the demo and for tests: builds the firmware, makes the flash's image, boots, waits
//! until the device is up. Two boards run in QEMU, the Pico in rp2040js (`pico/`), the Pico 2 and the ESP32s nowhere. An
//! emulator ends with the process that started it, however that ends.

use std::fs::{self, OpenOptions};
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, SocketAddrV4, TcpListener};
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::Duration;

use object::Endianness;
use object::read::elf::{ElfFile32, ProgramHeader};

/// The device is up after a second at most; this is for a machine that does much else.
const PATIENCE: Duration = Duration::from_secs(60);

/// The manifest of the firmware for ESP32s.
pub const ESP32: &str = "examples/firmware/esp32/Cargo.toml";

/// The sha2 crate's small version, and no optimization that pays for speed with code: 3 percent less of it.
const COMPACT: &str = "--cfg sha2_backend_soft=\"compact\" -Cllvm-args=-enable-pre=false \
                       -Cllvm-args=-disable-machine-licm -Cllvm-args=-split-spill-mode=size";

/// A board that the firmware runs on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Board {
    /// Cortex-M3 with an I2C EEPROM of 32 KB.
    Lm3s6965evb,
    /// riscv32 with NOR flash, of which the device uses eight sectors of 256 KB.
    RiscvVirt,
    /// Raspberry Pi Pico with a W5500. The end of its flash, 64 KB, is the device's.
    Pico,
    /// The same Pico without anything: its network is the USB cable.
    PicoUsb,
    /// Raspberry Pi Pico 2 with a W5500. There is no emulator of it.
    Pico2,
    /// ESP32-C3 with Wi-Fi. There is no emulator of its radio, nor of the next one's.
    Esp32c3,
    /// ESP32-C6 with Wi-Fi.
    Esp32c6,
}

/// What is to be different from a board that works.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The chip that keeps everything is not there. Not of the Pico, whose program is in it.
    NoFlash,
    /// There is no source of random bytes; of a Pico until [`Device::repair`].
    NoEntropy,
    /// The flash can be read and not be written. Of the second board only.
    ReadOnly,
    /// There is no W5500. Of the Pico that wants one only.
    NoNetwork,
    /// No cable is plugged in before [`Device::repair`]. Of the Picos only, as the next.
    NoLink,
    /// No DHCP server answers before [`Device::repair`].
    NoAddress,
    /// Nothing yet: the flash can be cut off or confused later, with [`Device::bus`] and [`Device::confuse`], and the
    /// processor be hung, with [`Device::hang`].
    Later,
}

impl Board {
    /// All of them.
    pub const ALL: [Self; 7] =
        [Self::Lm3s6965evb, Self::RiscvVirt, Self::Pico, Self::PicoUsb, Self::Pico2, Self::Esp32c3, Self::Esp32c6];
    /// Those that have an emulator.
    pub const EMULATED: [Self; 4] = [Self::Lm3s6965evb, Self::RiscvVirt, Self::Pico, Self::PicoUsb];
    /// One for each kind of flash, for tests to which the network is the same everywhere.
    pub const FLASHES: [Self; 3] = [Self::Lm3s6965evb, Self::RiscvVirt, Self::Pico];
    /// Those that QEMU emulates, several times faster than the Pico is emulated.
    pub const QEMU: [Self; 2] = [Self::Lm3s6965evb, Self::RiscvVirt];

    /// As `--board` takes it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Lm3s6965evb => "lm3s6965evb",
            Self::RiscvVirt => "riscv-virt",
            Self::Pico => "pico",
            Self::PicoUsb => "pico-usb",
            Self::Pico2 => "pico2",
            Self::Esp32c3 => "esp32c3",
            Self::Esp32c6 => "esp32c6",
        }
    }

    /// The board of that name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|board| board.name() == name)
    }

    /// Rust's name of its processor.
    #[must_use]
    pub const fn target(self) -> &'static str {
        match self {
            Self::Lm3s6965evb => "thumbv7m-none-eabi",
            Self::RiscvVirt | Self::Esp32c6 => "riscv32imac-unknown-none-elf",
            Self::Pico | Self::PicoUsb => "thumbv6m-none-eabi",
            Self::Pico2 => "thumbv8m.main-none-eabihf",
            Self::Esp32c3 => "riscv32imc-unknown-none-elf",
        }
    }

    /// Bytes of the image.
    #[must_use]
    pub const fn image_size(self) -> usize {
        match self {
            Self::Lm3s6965evb => 32 * 1024,
            Self::RiscvVirt => BANK,
            Self::Pico | Self::PicoUsb | Self::Pico2 | Self::Esp32c3 | Self::Esp32c6 => 64 * 1024,
        }
    }

    /// Whether its firmware is outside the workspace, because the radio's crates are beta.
    #[must_use]
    pub const fn is_esp32(self) -> bool {
        matches!(self, Self::Esp32c3 | Self::Esp32c6)
    }

    /// A cargo command about this board's firmware.
    fn cargo(self, command: &str) -> Command {
        let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or("cargo".into()));
        cargo.current_dir(root()).args([command, "--locked"]);
        if self.is_esp32() {
            cargo.args(["--manifest-path", ESP32, "--target-dir"]).arg(self.place());
        } else {
            cargo.args(["-p", "firmware"]);
        }
        cargo.args(["--features", self.name(), "--target", self.target()]);
        cargo
    }

    /// The command that builds the firmware.
    #[must_use]
    pub fn compile(self) -> Command {
        let mut cargo = self.cargo("build");
        cargo.args(["--profile", "firmware"]).env("RUSTFLAGS", COMPACT);
        cargo
    }

    /// The command that lints it.
    #[must_use]
    pub fn clippy(self) -> Command {
        let mut cargo = self.cargo("clippy");
        if self.is_esp32() {
            // with the macros and build scripts of the build
            cargo.args(["--profile", "firmware"]).env("RUSTFLAGS", COMPACT);
        }
        cargo.args(["--", "-D", "warnings"]);
        cargo
    }

    /// The directory of what cargo builds. Both ESP32s have one.
    fn place(self) -> PathBuf {
        let target =
            std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), |target| root().join(target));
        if self.is_esp32() { target.join("esp32") } else { target }
    }

    /// Where it then is, as the linker writes it, until the next board of the same processor is built.
    #[must_use]
    pub fn elf(self) -> PathBuf {
        let program = if self.is_esp32() { "firmware-esp32" } else { "firmware" };
        self.place().join(self.target()).join("firmware").join(program)
    }

    /// Builds the firmware, and tells where it is as the emulator takes it, and stays.
    pub fn build(self) -> Result<PathBuf, String> {
        let built = self.compile().arg("--quiet").status().map_err(|why| format!("cannot run cargo: {why}"))?;
        if !built.success() {
            return Err("the firmware does not build".into());
        }
        let elf = self.elf();
        let program = elf.with_file_name(self.name());
        let make = || {
            let linked = fs::read(&elf).map_err(|why| why.to_string())?;
            let image = if self == Self::RiscvVirt { bank(&linked)? } else { linked };
            // who runs the one of before keeps it
            let new = program.with_extension("new");
            fs::write(&new, image).and_then(|()| fs::rename(&new, &program)).map_err(|why| why.to_string())
        };
        make().map_err(|why: String| format!("{}: {why}", program.display()))?;
        Ok(program)
    }

    /// The flash's image in this directory; made, all erased, if it is not there.
    pub fn image(self, directory: &Path) -> Result<PathBuf, String> {
        let path = directory.join(self.name()).with_extension("flash");
        let wrong = |why: &dyn std::fmt::Display| format!("{}: {why}", path.display());
        match fs::metadata(&path) {
            Ok(there) if there.len() == self.image_size() as u64 => {}
            Ok(there) => {
                let (is, wanted) = (there.len(), self.image_size());
                return Err(wrong(&format_args!(
                    "has {is} bytes, the board's flash has {wanted}; delete it to begin anew"
                )));
            }
            Err(_) => {
                // it will hold the device's key
                let made = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path);
                made.and_then(|mut file| file.write_all(&vec![0xff; self.image_size()])).map_err(|why| wrong(&why))?;
            }
        }
        Ok(path)
    }

    fn emulator(self, program: &Path, image: &Path, listen: SocketAddrV4, faults: &[Fault]) -> Command {
        // util-linux's way to have a child end with its parent
        let mut qemu = Command::new("setpriv");
        qemu.args(["--pdeathsig", "KILL"]);
        if matches!(self, Self::Pico | Self::PicoUsb) {
            qemu.arg("node").arg(root().join("tests/firmware/pico/main.mjs")).arg(self.name()).arg(program).arg(image);
            qemu.arg(listen.to_string()).args(faults.iter().filter_map(|fault| match fault {
                Fault::NoEntropy => Some("no-entropy"),
                Fault::NoNetwork => Some("no-network"),
                Fault::NoLink => Some("no-link"),
                Fault::NoAddress => Some("no-address"),
                Fault::NoFlash | Fault::ReadOnly | Fault::Later => None,
            }));
            qemu.stdin(Stdio::piped());
            return qemu;
        }
        let entropy = if faults.contains(&Fault::NoEntropy) { "/nowhere" } else { "/dev/urandom" };
        match self {
            Self::Lm3s6965evb => {
                qemu.args(["qemu-system-arm", "-M", "lm3s6965evb", "-semihosting-config"]);
                qemu.arg(format!("enable=on,target=native,arg=entropy={entropy}"));
                qemu.args(["-nic", &format!("user,model=stellaris,hostfwd=tcp:{listen}-:80"), "-kernel"]).arg(program);
                if !faults.contains(&Fault::NoFlash) {
                    qemu.args(["-drive", &format!("if=none,id=flash,format=raw,file={}", doubled(image))]);
                    qemu.args(["-device", "at24c-eeprom,bus=i2c,address=0x50,rom-size=32768,drive=flash"]);
                }
            }
            Self::RiscvVirt => {
                qemu.args(["qemu-system-riscv32", "-M", "virt", "-bios", "none", "-m", "16M"]);
                qemu.args(["-global", "virtio-mmio.force-legacy=false", "-device", "virtio-net-device,netdev=net"]);
                qemu.args(["-netdev", &format!("user,id=net,hostfwd=tcp:{listen}-:80")]);
                let mode = if faults.contains(&Fault::ReadOnly) { "on" } else { "off" };
                let banks = if faults.contains(&Fault::NoFlash) { 1 } else { 2 };
                for (unit, file, mode) in [(0, program, "on"), (1, image, mode)].into_iter().take(banks) {
                    let file = doubled(file);
                    qemu.args(["-drive", &format!("if=pflash,unit={unit},format=raw,readonly={mode},file={file}")]);
                }
                if !faults.contains(&Fault::NoEntropy) {
                    qemu.args(["-device", "virtio-rng-device"]);
                }
            }
            Self::Pico | Self::PicoUsb | Self::Pico2 | Self::Esp32c3 | Self::Esp32c6 => {}
        }
        if faults.contains(&Fault::Later) {
            let socket = |path: &Path| format!("unix:{},server=on,wait=off", doubled(path));
            qemu.args(["-qtest", &socket(&bus(image)), "-qtest-log", "none", "-gdb", &socket(&debugger(image))]);
        }
        qemu.args(["-nographic", "-monitor", "none", "-serial", "stdio"]);
        qemu.stdin(Stdio::null());
        qemu
    }
}

/// Bytes of a NOR bank of the second board.
const BANK: usize = 32 * 1024 * 1024;

/// Makes of a program for the second board what is in its first NOR bank.
fn bank(elf: &[u8]) -> Result<Vec<u8>, String> {
    let file = ElfFile32::<Endianness>::parse(elf).map_err(|why| why.to_string())?;
    let mut image = vec![0xff; BANK];
    for segment in file.elf_program_headers().iter().filter(|segment| segment.p_filesz(file.endian()) > 0) {
        let from = segment.p_paddr(file.endian()).wrapping_sub(0x2000_0000) as usize;
        let data = segment.data(file.endian(), elf).map_err(|()| "cut off")?;
        let place = image.get_mut(from..).and_then(|image| image.get_mut(..data.len()));
        // what is elsewhere is not loaded
        place.into_iter().for_each(|place| place.copy_from_slice(data));
    }
    Ok(image)
}

/// The socket over which what is on the board's bus can be written.
fn bus(image: &Path) -> PathBuf {
    image.with_extension("bus")
}

/// The socket of the debugger.
fn debugger(image: &Path) -> PathBuf {
    image.with_extension("debugger")
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// A path as QEMU's options take it.
fn doubled(path: &Path) -> String {
    path.display().to_string().replace(',', ",,")
}

/// A board under power. Dropping it cuts the power.
#[derive(Debug)]
pub struct Device {
    emulator: Child,
    address: SocketAddrV4,
    bus: PathBuf,
    debugger: PathBuf,
    serial: Receiver<String>,
    said: Vec<String>,
    /// What the emulator itself says.
    complaints: Receiver<String>,
}

/// The lines of a stream as they come.
fn lines(stream: Option<impl Read + Send + 'static>) -> Receiver<String> {
    let (say, hear) = channel();
    std::thread::spawn(move || {
        let lines = stream.into_iter().flat_map(|stream| BufReader::new(stream).lines()).map_while(Result::ok);
        lines.map_while(|line| say.send(line).ok()).for_each(drop);
    });
    hear
}

impl Device {
    /// Boots this program with the image in the directory; returns when the device is up, or has said that it has no network.
    /// Port 0 picks a free one.
    pub fn boot(
        board: Board,
        program: &Path,
        directory: &Path,
        listen: SocketAddrV4,
        faults: &[Fault],
    ) -> Result<Self, String> {
        let mut device = Self::power_on(board, program, directory, listen, faults)?;
        let off = [Fault::NoNetwork, Fault::NoLink, Fault::NoAddress];
        device.hears(if faults.iter().any(|fault| off.contains(fault)) { "no " } else { "up" }).map(|()| device)
    }

    /// The same, and returns at once: for a program that says something else.
    pub fn power_on(
        board: Board,
        program: &Path,
        directory: &Path,
        listen: SocketAddrV4,
        faults: &[Fault],
    ) -> Result<Self, String> {
        if !Board::EMULATED.contains(&board) {
            return Err(format!("{}: there is no emulator of it", board.name()));
        }
        let image = board.image(directory)?;
        let address = free(listen).map_err(|why| format!("{listen}: {why}"))?;
        let mut qemu = board.emulator(program, &image, address, faults);
        qemu.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut qemu = qemu.spawn().map_err(|why| format!("cannot run setpriv: {why}"))?;
        let (serial, complaints) = (lines(qemu.stdout.take()), lines(qemu.stderr.take()));
        Ok(Self {
            emulator: qemu,
            address,
            bus: bus(&image),
            debugger: debugger(&image),
            serial,
            said: Vec::new(),
            complaints,
        })
    }

    /// Waits until it says so, once more if it has before.
    pub fn is_up(&mut self) -> Result<(), String> {
        self.hears("up")
    }

    /// Waits for a line that begins like this.
    pub fn hears(&mut self, begin: &str) -> Result<(), String> {
        loop {
            match self.serial.recv_timeout(PATIENCE) {
                Ok(line) => self.said.push(line),
                Err(RecvTimeoutError::Timeout) => return Err(self.failed(&format!("does not say {begin}"))),
                Err(RecvTimeoutError::Disconnected) => return Err(self.failed("the emulator ended")),
            }
            if self.said.last().is_some_and(|line| line.starts_with(begin)) {
                return Ok(());
            }
        }
    }

    fn failed(&self, what: &str) -> String {
        let lines: Vec<String> = self.said.iter().cloned().chain(self.complaints.try_iter()).collect();
        format!("{}: {what}: {}", self.address, lines.join(" | "))
    }

    /// Where its pages are.
    #[must_use]
    pub const fn address(&self) -> SocketAddrV4 {
        self.address
    }

    /// All that it has said on its serial line.
    pub fn said(&mut self) -> &[String] {
        self.said.extend(self.serial.try_iter());
        &self.said
    }

    /// Switches the bus to the EEPROM off or on, behind the firmware's back; of a first board with [`Fault::Later`].
    pub fn bus(&self, on: bool) -> io::Result<()> {
        // the I2C controller's configuration: whether it is a master
        self.write(0x4002_0020, u32::from(on) << 4)
    }

    /// Leaves the NOR flash in a mode in which it answers what it is instead of what it holds; of a second board with
    /// [`Fault::Later`].
    pub fn confuse(&self) -> io::Result<()> {
        self.write(0x2200_0000, 0x0098_0098)
    }

    fn write(&self, address: u32, value: u32) -> io::Result<()> {
        let mut qtest = UnixStream::connect(&self.bus)?;
        writeln!(qtest, "writel {address:#x} {value:#x}")?;
        let mut answer = [0; 3];
        qtest.read_exact(&mut answer)?;
        if answer == *b"OK\n" { Ok(()) } else { Err(io::ErrorKind::InvalidData.into()) }
    }

    /// Lets the processor of the first board go in a circle, as a debugger can: whatever it was doing, it never gets on
    /// with it. Of a board with [`Fault::Later`].
    pub fn hang(&self) -> io::Result<()> {
        let mut debugger = UnixStream::connect(&self.debugger)?;
        // registers have numbers for those who have read what they are; a jump to itself, at the far end of the stack; the
        // program counter; go on without a debugger
        for packet in ["qXfer:features:read:target.xml:0,ffb", "M20000000,2:fee7", "Pf=00000020", "D"] {
            let sum = packet.bytes().fold(0_u8, u8::wrapping_add);
            write!(debugger, "${packet}#{sum:02x}")?;
            let answer = loop {
                let answer = answer(&mut debugger)?;
                // that it has stopped for us it says by itself
                if !answer.starts_with('T') {
                    break answer;
                }
            };
            if !answer.starts_with(if packet.starts_with('q') { "l" } else { "OK" }) {
                return Err(io::Error::other(format!("{packet}: {answer}")));
            }
        }
        Ok(())
    }

    /// Cuts the Pico's power when this operation of its flash is half done, counted from now on and from 1. The emulator
    /// ends then.
    pub fn cut(&mut self, operation: u32) -> io::Result<()> {
        self.tell(&format!("cut {operation}"))
    }

    /// Lets the Pico's processor wait for an interrupt, with all of them off.
    pub fn sleep(&mut self) -> io::Result<()> {
        self.tell("hang")
    }

    /// Gives a Pico what it was booted without: random bytes, a cable, a DHCP server. A USB cable that is there is pulled and
    /// plugged in again.
    pub fn repair(&mut self) -> Result<(), String> {
        self.ask("repair").map(drop)
    }

    /// How much of its stack the Pico has used.
    pub fn stack(&mut self) -> Result<u32, String> {
        let bytes = self.ask("stack")?;
        bytes.parse().map_err(|_| bytes)
    }

    /// How many percent of the next second of its time the Pico's processor is awake.
    pub fn busy(&mut self) -> Result<u32, String> {
        let percent = self.ask("busy")?;
        percent.parse().map_err(|_| percent)
    }

    /// The Pico's MAC address, as the other end of its cable has seen it.
    pub fn mac(&mut self) -> Result<String, String> {
        self.ask("mac")
    }

    /// The address that a Pico's network knows under this name.
    pub fn resolve(&mut self, name: &str) -> Result<String, String> {
        self.ask(&format!("resolve {name}"))
    }

    /// Types a line on the Pico's serial line.
    pub fn enter(&mut self, line: &str) -> io::Result<()> {
        self.tell(&format!("type {line}"))
    }

    /// Lets clients through to a Pico that has this address by itself, and not from its network.
    pub fn reach(&mut self, address: &str) -> io::Result<()> {
        self.tell(&format!("reach {address}"))
    }

    /// From now on the time server of the Pico's network says this, in seconds since 1970.
    pub fn time(&mut self, unix: u64) -> io::Result<()> {
        self.tell(&format!("time {unix}"))
    }

    /// Sends the Pico a frame of so many bytes.
    pub fn frame(&mut self, bytes: usize) -> io::Result<()> {
        self.tell(&format!("frame {bytes}"))
    }

    /// Asks the Pico's emulator.
    fn ask(&mut self, what: &str) -> Result<String, String> {
        self.tell(what).map_err(|why| why.to_string())?;
        loop {
            let line = self.serial.recv_timeout(PATIENCE).map_err(|_| self.failed("does not say"))?;
            match line.strip_prefix(what).and_then(|rest| rest.strip_prefix(": ")) {
                Some(answer) => return Ok(answer.to_owned()),
                None => self.said.push(line),
            }
        }
    }

    fn tell(&mut self, line: &str) -> io::Result<()> {
        let stdin = self.emulator.stdin.as_mut().ok_or(io::ErrorKind::Unsupported)?;
        writeln!(stdin, "{line}")
    }

    /// Waits until the emulator ends.
    pub fn wait(&mut self) -> Result<(), String> {
        self.emulator.wait().map(drop).map_err(|why| format!("the emulator: {why}"))
    }
}

impl Drop for Device {
    /// SIGKILL: as sudden as a power cut, and QEMU once hung when it was asked politely while it wrote.
    fn drop(&mut self) {
        drop(self.emulator.kill());
        drop(self.emulator.wait());
    }
}

/// What a debugger's server says next: `$`, that, `#`, and a sum in two digits.
fn answer(debugger: &mut UnixStream) -> io::Result<String> {
    let mut said = Vec::new();
    while said.iter().rev().nth(2) != Some(&b'#') {
        let mut byte = [0];
        debugger.read_exact(&mut byte)?;
        // acknowledgements of what we said come between
        if !said.is_empty() || byte == *b"$" {
            said.extend(byte);
        }
    }
    debugger.write_all(b"+")?;
    Ok(String::from_utf8_lossy(&said[1..said.len() - 3]).into_owned())
}

/// The address, with a port that is free.
fn free(listen: SocketAddrV4) -> io::Result<SocketAddrV4> {
    let port = TcpListener::bind(listen)?.local_addr()?.port();
    Ok(SocketAddrV4::new(*listen.ip(), port))
}

/// A free port on this machine.
pub const ANY: SocketAddrV4 = SocketAddrV4::new(Ipv4Addr::LOCALHOST, 0);
