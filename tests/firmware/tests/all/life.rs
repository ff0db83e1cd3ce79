//! A device's life: first boot, reboots, a full reset, many visitors.

use std::collections::BTreeMap;
use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::thread;

use firmware_tests::Board;

use crate::table::{Browser, Table};

#[test]
fn a_browser_stays_signed_in_over_a_reboot_em1() {
    for board in Board::EMULATED {
        let table = Table::new(board);
        let device = table.boot();
        let mut browser = Browser::default();
        let first = browser.get(device.address(), "/").unwrap();
        assert_eq!((first.status, first.view()), (200, "first-boot"));
        assert_eq!(browser.get(device.address(), "/nowhere").unwrap().status, 404);
        drop(device);
        let (device, mut browser) = table.owned();
        let page = browser.get(device.address(), "/settings").unwrap();
        assert_eq!(page.view(), "settings", "{}", page.body);
        let saved = browser.submit(device.address(), &page, "/settings", "name=Oven&interval=7").unwrap();
        assert_eq!(saved.status, 303, "{}", saved.body);
        drop(device);
        let device = table.boot();
        let page = browser.get(device.address(), "/").unwrap();
        assert_eq!((page.view(), page.interval()), ("dashboard", Some(7)));
        assert!(page.body.contains("<h1 id=device>Oven</h1>"), "{}", page.body);
        assert!(page.body.contains("<section id=memory>"), "the picture of the flash: {}", page.body);
        let out = browser.submit(device.address(), &page, "/sign-out", "").unwrap();
        assert_eq!((out.status, &browser.cookie), (303, &None));
    }
}

#[test]
fn a_full_reset_is_no_lock_out_em2() {
    for board in Board::FLASHES {
        let table = Table::new(board);
        let (device, mut stale) = table.owned();
        drop(device);
        table.reset();
        let (device, _) = table.owned();
        let page = stale.get(device.address(), "/").unwrap();
        assert_eq!((page.status, page.view()), (200, "sign-in"));
        assert_eq!(stale.sign_in(device.address()).unwrap().status, 303);
        assert_eq!(stale.get(device.address(), "/").unwrap().view(), "dashboard");
    }
}

#[test]
fn five_hundred_requests_over_six_connections() {
    for board in Board::QEMU {
        let table = Table::new(board);
        let (mut device, browser) = table.owned();
        let address = device.address();
        let visitors: Vec<_> = (0..6)
            .map(|visitor| {
                let mut browser = browser.clone();
                thread::spawn(move || {
                    let mut seen = BTreeMap::new();
                    for request in 0..84 {
                        let path = ["/", "/readings", "/style.css", "/settings"][(visitor + request) % 4];
                        let answer = browser.get(address, path).map_err(|why| format!("{path}: {why}"))?;
                        *seen.entry((path, answer.status, answer.view().to_owned())).or_insert(0) += 1;
                    }
                    Ok::<_, String>(seen)
                })
            })
            .collect();
        let mut all = 0;
        for visitor in visitors {
            for ((path, status, view), times) in visitor.join().unwrap().unwrap() {
                let expected = match path {
                    "/" => "dashboard",
                    "/settings" => "settings",
                    _ => "no page",
                };
                assert_eq!((status, &*view), (200, expected), "{path}");
                all += times;
            }
        }
        assert_eq!(all, 504);
        assert_eq!(device.said().iter().filter(|line| line.starts_with("up")).count(), 1, "{:?}", device.said());
    }
}

/// Three requests are served at once: whoever does not finish his keeps others out only if there are three of him.
#[test]
fn two_who_dawdle_keep_nobody_out() {
    for board in Board::FLASHES {
        let (table, mut browser) = (Table::new(board), Browser::default());
        let device = table.boot();
        let mut dawdlers = [(); 2].map(|()| {
            let mut stream = TcpStream::connect(device.address()).unwrap();
            stream.write_all(b"GET / HTTP/1.1\r\n").unwrap();
            stream.set_nonblocking(true).unwrap();
            stream
        });
        for _ in 0..10 {
            assert_eq!(browser.get(device.address(), "/").unwrap().view(), "first-boot");
        }
        for stream in &mut dawdlers {
            let waits = stream.read(&mut [0]).map_err(|why| why.kind());
            assert_eq!(waits, Err(ErrorKind::WouldBlock), "it was sent away before others were served");
        }
    }
}

#[test]
fn the_ninth_browser_signs_out_the_oldest_lc9() {
    for board in Board::QEMU {
        let table = Table::new(board);
        let (device, mut first) = table.owned();
        for _ in 0..7 {
            assert_eq!(Browser::default().sign_in(device.address()).unwrap().status, 303);
        }
        assert_eq!(first.get(device.address(), "/").unwrap().view(), "dashboard");
        let mut ninth = Browser::default();
        assert_eq!(ninth.sign_in(device.address()).unwrap().status, 303);
        drop(device);
        let device = table.boot();
        assert_eq!(first.get(device.address(), "/").unwrap().view(), "sign-in");
        assert_eq!(ninth.get(device.address(), "/").unwrap().view(), "dashboard");
    }
}

/// What is no request for the device is answered before its pages are asked, and the answer arrives.
#[test]
fn bad_heads_and_other_names_are_answered_cp5_dv1() {
    for board in Board::FLASHES {
        let table = Table::new(board);
        let device = table.boot();
        let host = "Host: 127.0.0.1\r\n";
        for (head, status) in [
            (format!("GET / HTTP/1.1\r\n{host}\r\n"), "200"),
            ("GET / HTTP/1.1\r\nHost: evil.example\r\n\r\n".into(), "421"),
            (format!("GET / HTTP/1.1\r\n{host}Cookie: {}\r\n\r\n", "a".repeat(16 << 10)), "431"),
            (format!("GET / HTTP/1.1\r\n{host}Cookie: id=a\0\r\n\r\n"), "400"),
            (format!("POST /sign-in HTTP/1.1\r\n{host}Transfer-Encoding: chunked\r\nContent-Length: 0\r\n\r\n"), "400"),
            (format!("POST /sign-in HTTP/1.1\r\n{host}Content-Length: 5000000000\r\n\r\n"), "400"),
            (format!("POST /sign-in HTTP/1.1\r\n{host}Transfer-Encoding: chunked\r\n\r\n"), "501"),
        ] {
            let mut stream = TcpStream::connect(device.address()).unwrap();
            drop(stream.write_all(head.as_bytes()));
            let mut got = Vec::new();
            stream.read_to_end(&mut got).unwrap_or_else(|why| panic!("{status}: {why} after {}", got.escape_ascii()));
            let got = String::from_utf8_lossy(&got);
            assert_eq!(got.get(9..12), Some(status), "{}: {got}", board.name());
        }
    }
}
