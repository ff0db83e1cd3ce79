//! What is broken is told, and the device goes on.

use firmware_tests::{Board, Browser, Fault, PASSWORD, Table};

#[test]
fn without_its_flash_it_says_so_st10() {
    // the other board's flash cannot be taken away
    let table = Table::new(Board::Lm3s6965evb);
    let (device, mut browser) = table.owned();
    drop(device);
    let mut device = table.boot_with(&[Fault::NoFlash]);
    for path in ["/", "/readings", "/style.css"].repeat(5) {
        let answer = browser.get(device.address(), path).unwrap();
        assert_eq!(answer.status, 503, "{path}: {}", answer.body);
        assert!(answer.body.contains("out of order"), "{}", answer.body);
    }
    assert!(browser.cookie.is_some(), "the cookie is left alone");
    assert_eq!(device.said().len(), 1, "one boot: {:?}", device.said());
    drop(device);
    let device = table.boot();
    assert_eq!(browser.get(device.address(), "/").unwrap().view(), "dashboard");
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
    for board in Board::ALL {
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
fn another_flash_is_told_and_left_alone() {
    for board in Board::ALL {
        let table = Table::new(board);
        let (device, mut browser) = table.owned();
        drop(device);
        let ours = std::fs::read(table.image()).unwrap();
        // something else; and the device's data of another version
        let letter = b"a letter ".iter().copied().cycle().take(ours.len()).collect();
        let version = [ours.clone()].concat().iter().map(|byte| byte ^ 0x10).collect::<Vec<u8>>();
        for content in [letter, version] {
            std::fs::write(table.image(), &content).unwrap();
            let device = table.boot();
            let answer = browser.get(device.address(), "/").unwrap();
            assert_eq!(answer.status, 503);
            assert!(answer.body.contains("out of order"), "{}", answer.body);
            drop(device);
            assert!(std::fs::read(table.image()).unwrap() == content, "it is left as it was");
        }
        std::fs::write(table.image(), &ours[1..]).unwrap();
        let error = board.image(table.directory()).unwrap_err();
        assert!(error.contains(&(ours.len() - 1).to_string()) && error.contains("delete it"), "{error}");
        std::fs::write(table.image_path(), &ours).unwrap();
        let device = table.boot();
        assert_eq!(browser.get(device.address(), "/").unwrap().view(), "dashboard");
    }
}
