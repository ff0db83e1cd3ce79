//! The board that can be bought (EM9), from end to end: what the other tests ask of every board, and the power cut at each
//! operation of its flash, a processor that hangs, six connections, its stack.

use std::thread;

use firmware_tests::{Board, Fault};

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
            assert_eq!(device.said(), ["no network: the W5500 does not answer"]);
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
