//! What is broken is told, and the device goes on.

use std::time::{Duration, Instant};

use firmware_tests::{Board, Device, Fault};

use crate::table::{Browser, PASSWORD, Table};
use sha2::{Digest, Sha256};

/// Whatever is asked for, the answer says what is wrong, and nothing makes the device boot again.
fn is_out_of_order(device: &mut Device, browser: &mut Browser, why: &str) {
    let form = format!("password={PASSWORD}&repeat={PASSWORD}");
    for _ in 0..5 {
        for path in ["/", "/readings", "/style.css"] {
            let answer = browser.get(device.address(), path).unwrap();
            assert_eq!(answer.status, 503, "{path}: {}", answer.body);
            assert!(answer.body.contains("out of order") && answer.body.contains(why), "{path}: {}", answer.body);
        }
        for path in ["/sign-in", "/first-boot"] {
            let answer = Browser::default().post(device.address(), path, &form).unwrap();
            assert_eq!(answer.status, 503, "{path}: {}", answer.body);
            assert!(answer.body.contains(why) && !answer.head.contains("Set-Cookie"), "{path}: {}", answer.body);
        }
    }
    assert_eq!(device.said().len(), 1, "one boot: {:?}", device.said());
}

#[test]
fn without_its_flash_it_says_so_st10() {
    // where there is no EEPROM nothing answers; where there is no NOR flash there are zeros
    for (board, why) in [(Board::Lm3s6965evb, "the flash driver failed"), (Board::RiscvVirt, "something else")] {
        let table = Table::new(board);
        let (device, mut browser) = table.owned();
        drop(device);
        let mut device = table.boot_with(&[Fault::NoFlash]);
        is_out_of_order(&mut device, &mut browser, why);
        assert!(browser.cookie.is_some(), "the cookie is left alone");
        drop(device);
        let device = table.boot();
        assert_eq!(browser.get(device.address(), "/").unwrap().view(), "dashboard");
    }
}

/// The time cannot be persisted, so that a session could live too long: nobody is served, and all is there afterwards.
#[test]
fn a_flash_that_cannot_be_written_st10() {
    let table = Table::new(Board::RiscvVirt);
    let mut device = table.boot_with(&[Fault::ReadOnly]);
    is_out_of_order(&mut device, &mut Browser::default(), "the flash driver failed");
    drop(device);
    let (device, mut browser) = table.owned();
    drop(device);
    let before = std::fs::read(table.image()).unwrap();
    let mut device = table.boot_with(&[Fault::ReadOnly]);
    is_out_of_order(&mut device, &mut browser, "the flash driver failed");
    drop(device);
    assert!(std::fs::read(table.image()).unwrap() == before);
    let device = table.boot();
    assert_eq!(browser.get(device.address(), "/").unwrap().view(), "dashboard");
    assert_eq!(Browser::default().sign_in(device.address()).unwrap().status, 303);
}

#[test]
fn an_eeprom_that_stops_answering_st10() {
    let table = Table::new(Board::Lm3s6965evb);
    let (device, mut browser) = table.owned();
    drop(device);
    let mut device = table.boot_with(&[Fault::Later]);
    let address = device.address();
    assert_eq!(browser.get(address, "/").unwrap().view(), "dashboard");
    device.bus(false).unwrap();
    for _ in 0..20 {
        for (path, status) in [("/", 503), ("/readings", 503), ("/style.css", 200)] {
            let answer = browser.get(address, path).unwrap();
            assert_eq!(answer.status, status, "{path}: {}", answer.body);
        }
        assert_eq!(Browser::default().sign_in(address).unwrap().status, 503);
    }
    // who is not signed in needs no store
    assert_eq!(Browser::default().get(address, "/").unwrap().view(), "sign-in");
    device.bus(true).unwrap();
    assert_eq!(browser.get(address, "/").unwrap().view(), "dashboard", "the session is what it was");
    assert_eq!(Browser::default().sign_in(address).unwrap().status, 303);
    assert_eq!(device.said().len(), 1, "one boot: {:?}", device.said());
}

#[test]
fn without_entropy_nobody_is_signed_in_em4() {
    for board in Board::FLASHES {
        let table = Table::new(board);
        let device = table.boot_with(&[Fault::NoEntropy]);
        let form = format!("password={PASSWORD}&repeat={PASSWORD}");
        let answer = Browser::default().post(device.address(), "/first-boot", &form).unwrap();
        assert_eq!(answer.status, 503);
        assert!(answer.body.contains("random numbers"), "no key is made: {}", answer.body);
        drop(device);

        let (device, mut browser) = table.owned();
        drop(device);
        let device = table.boot_with(&[Fault::NoEntropy]);
        let answer = Browser::default().sign_in(device.address()).unwrap();
        assert_eq!(answer.status, 503, "{}", answer.body);
        assert!(!answer.head.contains("Set-Cookie"), "ID2: {}", answer.head);
        let page = browser.get(device.address(), "/readings").unwrap();
        assert_eq!(page.status, 200, "who is signed in stays so: {}", page.body);
    }
}

#[test]
fn a_nor_flash_in_another_mode_is_brought_back_st10() {
    let table = Table::new(Board::RiscvVirt);
    let (device, mut browser) = table.owned();
    drop(device);
    let mut device = table.boot_with(&[Fault::Later]);
    let address = device.address();
    for _ in 0..5 {
        device.confuse().unwrap();
        assert_eq!(browser.get(address, "/").unwrap().view(), "dashboard");
        device.confuse().unwrap();
        assert_eq!(Browser::default().sign_in(address).unwrap().status, 303);
        // eight at most
        device.confuse().unwrap();
        let page = browser.get(address, "/").unwrap();
        assert_eq!(browser.submit(address, &page, "/browsers/end-others", "").unwrap().status, 303);
    }
    assert_eq!(device.said().len(), 1, "one boot: {:?}", device.said());
}

/// The device's data as a later version may write it, and otherwise whole.
fn of_another_version(mut image: Vec<u8>, page: usize) -> Vec<u8> {
    for copy in image.chunks_mut(page).take(2) {
        assert!(copy.starts_with(b"DEVI"));
        copy[4] += 1;
        let len = usize::from(u16::from_le_bytes([copy[6], copy[7]]));
        let sum = Sha256::new_with_prefix(&copy[..16]).chain_update(&copy[128..128 + len]).finalize();
        copy[16..24].copy_from_slice(&sum[..8]);
    }
    image
}

/// The same for the sessions.
fn log_of_another_version(mut image: Vec<u8>, page: usize) -> Vec<u8> {
    let pages = image.chunks_mut(page).filter(|page| page.starts_with(b"SESS"));
    assert!(pages.map(|page| page[4] += 1).count() > 0);
    image
}

#[test]
fn another_flash_is_told_and_left_alone() {
    let tables = Board::QEMU.map(Table::new);
    let owned = tables.each_ref().map(|table| {
        let (_, browser) = table.owned();
        (std::fs::read(table.image()).unwrap(), browser)
    });
    for (at, (board, page)) in Board::QEMU.into_iter().zip([1024, 256 * 1024]).enumerate() {
        let (table, (ours, browser), (theirs, _)) = (&tables[at], &owned[at], &owned[1 - at]);
        let mut browser = browser.clone();
        let letter = b"a letter ".iter().copied().cycle().take(ours.len()).collect();
        let other_pages = theirs.iter().copied().chain(std::iter::repeat(0xff)).take(ours.len()).collect();
        let versions = [of_another_version(ours.clone(), page), log_of_another_version(ours.clone(), page)];
        for content in [letter, other_pages].into_iter().chain(versions) {
            std::fs::write(table.image(), &content).unwrap();
            let mut device = table.boot();
            is_out_of_order(&mut device, &mut browser, "another version or page size");
            drop(device);
            assert!(std::fs::read(table.image()).unwrap() == content, "it is left as it was");
        }
        std::fs::write(table.image(), &ours[1..]).unwrap();
        let error = board.image(table.directory()).unwrap_err();
        assert!(error.contains(&(ours.len() - 1).to_string()) && error.contains("delete it"), "{error}");
        std::fs::write(table.image_path(), ours).unwrap();
        let device = table.boot();
        assert_eq!(browser.get(device.address(), "/").unwrap().view(), "dashboard");
    }
}

/// Where nothing gets on any more, the watchdog resets the board; not where passwords are hashed for longer than it is patient.
#[test]
fn a_processor_that_hangs_is_reset() {
    let table = Table::new(Board::Lm3s6965evb);
    let (device, mut browser) = table.owned();
    drop(device);
    let mut device = table.boot_with(&[Fault::Later]);
    let address = device.address();
    let began = Instant::now();
    while began.elapsed() < Duration::from_secs(12) {
        assert_eq!(browser.sign_in(address).unwrap().status, 303);
    }
    assert_eq!(device.said().len(), 1, "one boot: {:?}", device.said());
    device.hang().unwrap();
    device.is_up().unwrap();
    assert_eq!(browser.get(address, "/").unwrap().view(), "dashboard");
    assert_eq!(Browser::default().sign_in(address).unwrap().status, 303);
    assert_eq!(device.said().len(), 2, "two boots: {:?}", device.said());
}
