//! The board that can be bought (EM9), from end to end: what the other tests ask of every board, and the power cut at each
//! operation of its flash, a processor that hangs, six connections, its stack.

use std::thread;

use firmware_tests::{Board, Device, Fault};

use crate::table::{Browser, Table, first_boot};

/// Half of what memory.x gives would be too near.
const STACK: u32 = 26 * 1024;

/// ST5: the power is cut in the first operation of the flash that a sign-in does, in the second, and so on, each time when
/// it is half done. The session of before is there, and the one that was being opened is there or not.
#[test]
fn a_cut_in_each_flash_operation_of_a_sign_in_loses_nothing_st5_em9() {
    let table = Table::new(Board::Pico);
    let (device, mut owner) = table.owned();
    drop(device);
    let before = std::fs::read(table.image()).unwrap();
    for operation in 1.. {
        std::fs::write(table.image(), &before).unwrap();
        let mut device = table.boot();
        assert_eq!(owner.get(device.address(), "/").unwrap().view(), "dashboard");
        device.cut(operation).unwrap();
        let answer = Browser::default().sign_in(device.address());
        if let Ok(answer) = answer {
            assert_eq!(answer.status, 303, "{}", answer.body);
            assert!(operation > 1, "a sign-in that writes nothing");
            println!("pico: {} power cuts, one in each flash operation of a sign-in, none lost", operation - 1);
            break;
        }
        device.wait().unwrap();
        drop(device);
        let device = table.boot();
        assert_eq!(owner.get(device.address(), "/").unwrap().view(), "dashboard", "cut {operation}");
        assert_eq!(Browser::default().sign_in(device.address()).unwrap().status, 303, "cut {operation}");
    }
}

/// EM9: where nothing gets on any more, the watchdog resets the board.
#[test]
fn a_pico_that_hangs_is_reset_em9() {
    let table = Table::new(Board::Pico);
    let (mut device, mut browser) = table.owned();
    device.sleep().unwrap();
    device.is_up().unwrap();
    assert!(device.said().iter().any(|line| line == "watchdog"), "{:?}", device.said());
    assert_eq!(browser.get(device.address(), "/").unwrap().view(), "dashboard");
}

/// EM9: a browser's six connections at once, and the stack that all of it took.
#[test]
fn six_connections_and_a_sign_in_fit_in_the_stack_em6_em9() {
    for board in [Board::Pico, Board::PicoUsb] {
        let table = Table::new(board);
        let (mut device, browser) = table.owned();
        let address = device.address();
        let visitors = [(); 6].map(|()| {
            let mut browser = browser.clone();
            thread::spawn(move || {
                for path in ["/", "/style.css", "/readings", "/settings"] {
                    assert_eq!(browser.get(address, path).unwrap().status, 200, "{path}");
                }
            })
        });
        visitors.into_iter().for_each(|visitor| visitor.join().unwrap());
        assert_eq!(Browser::default().sign_in(address).unwrap().status, 303);
        let used = device.stack().unwrap();
        println!("{}: {used} bytes of stack", board.name());
        assert!(used < STACK, "{used} bytes of stack");
    }
}

/// EM9: a device that nobody asks for anything sleeps, with all of its workers waiting.
#[test]
fn an_idle_pico_sleeps_em9() {
    let (mut device, mut browser) = Table::new(Board::Pico).owned();
    for _ in 0..2 {
        // the seconds in which the last connection is closed
        let busy = (0..3).map(|_| device.busy().unwrap()).min();
        assert!(busy < Some(5), "{busy:?} percent");
        assert_eq!(browser.get(device.address(), "/").unwrap().view(), "dashboard");
    }
}

/// EM9: the chip's own number makes the MAC address, so that two Picos get along on one network, and one stays the same.
#[test]
fn two_picos_have_two_mac_addresses_em9() {
    let (one, other) = (Table::new(Board::Pico), Table::new(Board::Pico));
    let [first, again, others] = [&one, &one, &other].map(|table| {
        let mut device = table.boot();
        // the other end has heard of it by the time a page is there
        Browser::default().get(device.address(), "/").unwrap();
        device.mac().unwrap()
    });
    assert!(first.len() == 12 && first.starts_with("02"), "{first}");
    assert_eq!(first, again, "of one Pico");
    assert_ne!(first, others, "of two");
}

/// EM9: a device that nobody can reach says why on its serial line, and is there as soon as it can be reached.
#[test]
fn a_pico_without_a_network_says_why_em9() {
    let cases = [
        (Board::Pico, Fault::NoLink, "no link"),
        (Board::PicoUsb, Fault::NoLink, "no link"),
        (Board::Pico, Fault::NoAddress, "no address: no DHCP server answers"),
    ];
    thread::scope(|scope| {
        for (board, fault, why) in cases {
            scope.spawn(move || {
                let mut device = Table::new(board).boot_with(&[fault]);
                assert_eq!(device.said().last().unwrap(), why);
                device.repair().unwrap();
                device.is_up().unwrap();
                assert_eq!(Browser::default().get(device.address(), "/").unwrap().view(), "first-boot");
            });
        }
        scope.spawn(|| {
            let mut device = Table::new(Board::Pico).boot_with(&[Fault::NoNetwork]);
            assert_eq!(device.said()[0], "no network: the W5500 does not answer");
            // it starts again, until the chip answers
            device.hears("reset").unwrap();
        });
    });
}

/// EM4: a first boot without random bytes is told on the serial line and on every page, and goes on when there are some.
#[test]
fn a_first_boot_waits_for_random_bytes_em4() {
    let table = Table::new(Board::Pico);
    let mut device = table.boot_with(&[Fault::NoEntropy]);
    let why = "there are no random numbers yet for the device's key";
    assert_eq!(device.said(), [format!("up, but: {why}")]);
    let page = Browser::default().get(device.address(), "/").unwrap();
    assert!(page.status == 503 && page.body.contains(why), "{} {}", page.status, page.body);
    device.repair().unwrap();
    device.hears("setup code: ").unwrap();
    let form = first_boot(&mut device);
    assert_eq!(Browser::default().post(device.address(), "/first-boot", &form).unwrap().status, 303);
}

/// ST10: what is no device's data, such as a program, is told on the serial line and on every page, and is left alone.
#[test]
fn a_program_in_the_devices_part_is_told_st10_em9() {
    let table = Table::new(Board::PicoUsb);
    let program = std::fs::read(table.program()).unwrap();
    let bytes = program[..Board::PicoUsb.image_size()].to_vec();
    std::fs::write(table.image(), &bytes).unwrap();
    let mut device = table.boot();
    let why = "the flash holds a program or something else, or what another version or page size wrote";
    assert_eq!(device.said()[0], format!("up, but: {why}"));
    let page = Browser::default().get(device.address(), "/").unwrap();
    assert!(page.status == 503 && page.body.contains(why), "{} {}", page.status, page.body);
    drop(device);
    assert!(std::fs::read(table.image()).unwrap() == bytes, "it is left as it was");
}

/// EM9: a computer that was asleep, or another one, finds the device again while that goes on.
#[test]
fn a_usb_cable_is_pulled_and_plugged_in_again_em9() {
    let (mut device, mut browser) = Table::new(Board::PicoUsb).owned();
    for _ in 0..3 {
        device.repair().unwrap();
        assert_eq!(browser.get(device.address(), "/").unwrap().view(), "dashboard");
    }
    let said = device.said().iter().filter(|line| line.starts_with("up: ")).count();
    assert_eq!(said, 1, "one boot: {:?}", device.said());
}

/// EM9: a Pico with nothing but its USB cable says the setup code and its address on the cable, too.
#[test]
fn what_a_pico_says_is_on_its_usb_cable_em9() {
    let mut device = Table::new(Board::PicoUsb).boot();
    device.hears("usb: up: http://192.168.7.1/").unwrap();
    let said = device.said();
    let on =
        |cable: &str| said.iter().filter_map(|line| line.strip_prefix(cable)).map(str::to_owned).collect::<Vec<_>>();
    assert_eq!(on("usb: setup code: "), on("setup code: "), "{said:?}");
}

/// EM9: the device answers to the name that its owner gave it, and to no other.
#[test]
fn a_pico_is_found_by_its_name_em9() {
    for (board, address) in [(Board::Pico, "10.0.0.2"), (Board::PicoUsb, "192.168.7.1")] {
        let (mut device, mut browser) = Table::new(board).owned();
        assert_eq!(device.resolve("my-device.local").as_deref(), Ok(address));
        let page = browser.get(device.address(), "/settings").unwrap();
        let saved = browser.submit(device.address(), &page, "/settings", "name=Oven+2&interval=7").unwrap();
        assert_eq!(saved.status, 303, "{}", saved.body);
        assert_eq!(device.resolve("Oven-2.local").as_deref(), Ok(address));
    }
}

/// EM9: a computer that does not keep to the length of an ethernet frame, or sends one with a tag, does not reset the device.
#[test]
fn a_frame_that_is_too_long_is_dropped_em9() {
    let (mut device, mut browser) = Table::new(Board::PicoUsb).owned();
    // the longest that fits in a block of the cable's
    for bytes in [1_514, 1_515, 1_518, 1_522, 1_600, 2_020, 2_020] {
        device.frame(bytes).unwrap();
        assert_eq!(browser.get(device.address(), "/").unwrap().view(), "dashboard", "{bytes}");
    }
    let said = device.said().iter().filter(|line| line.starts_with("up: ")).count();
    assert_eq!(said, 1, "one boot: {:?}", device.said());
}

/// A line on the serial line, and the device's answer.
fn ask(device: &mut Device, line: &str, answer: &str) {
    device.enter(line).unwrap();
    device.hears("config: ").unwrap();
    assert_eq!(device.said().last().unwrap(), &format!("config: {answer}"), "{line}");
}

/// A device that is up at this address of its own.
fn boot_at(table: &Table, address: &str) -> Device {
    let mut device = table.boot();
    let up = format!("up: http://{address}/");
    assert!(device.said().last().unwrap().starts_with(&up), "{:?}", device.said());
    device.reach(address).unwrap();
    device
}

/// EM9: what the network needs lies in the flash of the sessions and is read before there is a network. ST5: a power cut
/// leaves the old address or the new one.
#[test]
fn a_pico_keeps_its_address_in_its_flash_st5_em9() {
    let table = Table::new(Board::Pico);
    let (mut device, mut owner) = table.owned();
    for line in ["address 10.0.0.9/24", "set ssid home", "set address", "unset address 1", "?"] {
        ask(&mut device, line, "set KEY VALUE, unset KEY or restart; the keys: address gateway time-server");
    }
    for line in [
        "set address 10.0.0.9",
        "set address 10.0.0.9/33",
        "set address 10.0.0.9/24 home",
        "set address 224.0.0.1/24",
        "set gateway home",
        &format!("set gateway {:90}", 1),
    ] {
        device.enter(line).unwrap();
        device.hears("config: ").unwrap();
        assert!(!device.said().last().unwrap().contains("done"), "{line}: {:?}", device.said());
    }
    let done = "done, counts from the next start";
    ask(&mut device, "set address 10.0.0.9/24", done);
    ask(&mut device, "set gateway 10.0.0.1", done);
    assert_eq!(owner.get(device.address(), "/").unwrap().view(), "dashboard", "not before the next start");
    drop(device);
    let mut device = boot_at(&table, "10.0.0.9");
    assert_eq!(owner.get(device.address(), "/").unwrap().view(), "dashboard");
    assert_eq!(device.resolve("my-device.local").as_deref(), Ok("10.0.0.9"));
    drop(device);

    let before = std::fs::read(table.image()).unwrap();
    for operation in 1.. {
        std::fs::write(table.image(), &before).unwrap();
        let mut device = boot_at(&table, "10.0.0.9");
        device.cut(operation).unwrap();
        device.enter("set address 10.0.0.77/24").unwrap();
        if device.hears("config: ").is_ok() {
            assert!(operation > 1, "an item that writes nothing");
            println!("pico: {} power cuts, one in each flash operation of a new address", operation - 1);
            break;
        }
        let device = boot_at(&table, "10.0.0.9");
        assert_eq!(owner.get(device.address(), "/").unwrap().view(), "dashboard", "cut {operation}");
    }

    let mut device = boot_at(&table, "10.0.0.77");
    ask(&mut device, "unset address", done);
    drop(device);
    let mut device = table.boot();
    let said = device.said().last().unwrap();
    assert!(said.starts_with("up: http://10.0.0.2/"), "a DHCP server is asked again: {said}");
}

/// EM9: where no DHCP server answers, the owner says the address on the serial line.
#[test]
fn a_pico_without_a_dhcp_server_is_given_an_address_em9() {
    let table = Table::new(Board::Pico);
    let mut device = table.boot_with(&[Fault::NoAddress]);
    assert_eq!(device.said().last().unwrap(), "no address: no DHCP server answers");
    ask(&mut device, "set address 10.0.0.9/24", "done, counts from the next start");
    device.enter("restart").unwrap();
    device.hears("config: restarts").unwrap();
    device.hears("up: http://10.0.0.9/").unwrap();
    device.reach("10.0.0.9").unwrap();
    assert_eq!(Browser::default().get(device.address(), "/").unwrap().view(), "first-boot");
}

/// TM1: a time server in the network tells the time of day, and nobody else does.
#[test]
fn a_pico_learns_the_time_of_day_tm1_em9() {
    let table = Table::new(Board::Pico);
    let (mut device, mut owner) = table.owned();
    ask(&mut device, "set time-server 10.0.0.1", "done, counts from the next start");
    drop(device);
    let mut device = table.boot();
    device.hears("time: the time server does not answer").unwrap();
    assert_eq!(owner.get(device.address(), "/").unwrap().view(), "dashboard");
    drop(device);
    // the answers of others come first, one of them with a time of decades ahead
    let mut device = table.power_on();
    device.time(1_796_040_000).unwrap();
    device.hears("time: ").unwrap();
    assert_eq!(device.said().last().unwrap(), "time: 1796040000 s since 1970");
    assert_eq!(owner.get(device.address(), "/").unwrap().view(), "dashboard");
}

/// EM8: while a task holds the flash, a request waits; after the limit it is a 503; and all that needs no flash goes on, the
/// watchdog's task as well.
#[test]
fn a_flash_that_is_held_stops_requests_and_not_the_pico_em8_em9() {
    let table = Table::new(Board::Pico);
    let (mut device, mut owner) = table.owned();
    let address = device.address();
    ask(&mut device, "hold", "the flash is held until the next line");
    let waits = {
        let mut owner = owner.clone();
        thread::spawn(move || owner.get(address, "/").unwrap())
    };
    for _ in 0..20 {
        assert_eq!(device.resolve("my-device.local").as_deref(), Ok("10.0.0.2"), "others are answered");
    }
    assert!(!waits.is_finished(), "{:?}", device.said());
    ask(&mut device, "", "the flash is free");
    assert_eq!(waits.join().unwrap().view(), "dashboard");

    ask(&mut device, "hold", "the flash is held until the next line");
    for _ in 0..3 {
        let answer = owner.get(address, "/").unwrap();
        assert!(answer.status == 503 && answer.body.contains("another task holds the flash"), "{}", answer.body);
        assert_eq!(device.resolve("my-device.local").as_deref(), Ok("10.0.0.2"));
    }
    // for longer than the watchdog waits
    assert!(device.said().iter().all(|line| line != "watchdog"), "{:?}", device.said());
    assert!(device.said().iter().any(|line| line.starts_with("503: another task holds the flash")));
    ask(&mut device, "", "the flash is free");
    assert_eq!(owner.get(address, "/").unwrap().view(), "dashboard");
    assert_eq!(Browser::default().sign_in(address).unwrap().status, 303);
}
