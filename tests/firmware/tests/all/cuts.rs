//! The power is cut at random while somebody works: nothing acknowledged is lost, nothing logged out returns.

use std::io;
use std::net::SocketAddrV4;
use std::thread;
use std::time::Duration;

use firmware_tests::Board;

use crate::table::{Browser, Numbers, PASSWORD, Table};

/// So many at least; more on a machine that is busy with other things, until enough was done.
const CUTS: u64 = 60;
const ENOUGH: u32 = 10;

/// What must be of a session.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Session {
    SignedIn,
    SignedOut,
    /// It was being signed out, or got another cookie, when the power was cut.
    Either,
}

/// What somebody knows who was answered so far.
struct Known {
    sessions: Vec<(Session, Browser)>,
    /// As it was saved, and as it was being saved when the power was cut.
    interval: (u8, Option<u8>),
    numbers: Numbers,
    signed_in: u32,
    saved: u32,
    signed_out: u32,
    /// A sign-in was cut: there may be a session that nobody knows of.
    unknown: bool,
}

impl Known {
    /// Works until the power is cut.
    fn work(&mut self, device: SocketAddrV4) {
        while self.step(device).is_ok() {}
    }

    fn step(&mut self, device: SocketAddrV4) -> io::Result<()> {
        let there = self.sessions.iter().filter(|(session, _)| *session != Session::SignedOut).count();
        match self.numbers.below(4) {
            // the device takes eight, and ends the oldest for another
            0 if there < 6 => {
                let mut browser = Browser::default();
                self.unknown = true;
                let answer = browser.sign_in(device)?;
                assert_eq!(answer.status, 303, "{}", answer.body);
                self.sessions.push((Session::SignedIn, browser));
                self.signed_in += 1;
                self.unknown = false;
            }
            1 if there > 2 => {
                // the oldest: none is to live so long that its cookie is renewed
                let Some(own) = self.sessions.iter_mut().find(|(session, _)| *session == Session::SignedIn) else {
                    return Ok(());
                };
                let page = own.1.get(device, "/")?;
                assert_eq!(page.view(), "dashboard");
                own.0 = Session::Either;
                let mut leaving = own.1.clone();
                assert_eq!(leaving.submit(device, &page, "/sign-out", "")?.status, 303);
                own.0 = Session::SignedOut;
                self.signed_out += 1;
            }
            _ => {
                let which = self.numbers.below(self.sessions.len() as u64) as usize;
                let next = 1 + self.numbers.below(60) as u8;
                let (session @ Session::SignedIn, browser) = &mut self.sessions[which] else { return Ok(()) };
                let page = browser.get(device, "/settings")?;
                if page.view() == "step-up" {
                    // another cookie, which may get lost on its way
                    *session = Session::Either;
                    browser.submit(device, &page, "/step-up", &format!("password={PASSWORD}"))?;
                    *session = Session::SignedIn;
                    return Ok(());
                }
                assert_eq!(page.view(), "settings", "{}", page.body);
                self.interval.1 = Some(next);
                let answer = browser.submit(device, &page, "/settings", &format!("name=Oven&interval={next}"))?;
                if answer.view() == "step-up" {
                    // the span of a step-up ended between the two requests
                    self.interval.1 = None;
                    return Ok(());
                }
                assert_eq!(answer.status, 303, "{}", answer.body);
                self.interval = (next, None);
                self.saved += 1;
            }
        }
        Ok(())
    }

    /// Ends whatever session nobody knows of: all but one.
    fn tidy(&mut self, device: SocketAddrV4) {
        let mut signed_in = self.sessions.iter_mut().filter(|(session, _)| *session == Session::SignedIn);
        let Some((_, browser)) = signed_in.next().filter(|_| self.unknown) else { return };
        let page = browser.get(device, "/").unwrap();
        let asked = browser.submit(device, &page, "/browsers/end-others", "").unwrap();
        if asked.view() == "step-up" {
            let form = format!("password={PASSWORD}");
            assert_eq!(browser.submit(device, &asked, "/step-up", &form).unwrap().status, 303);
            let page = browser.get(device, "/").unwrap();
            assert_eq!(browser.submit(device, &page, "/browsers/end-others", "").unwrap().status, 303);
        } else {
            assert_eq!(asked.status, 303, "{}", asked.body);
        }
        for (session, _) in signed_in {
            *session = Session::SignedOut;
            self.signed_out += 1;
        }
        self.unknown = false;
    }

    /// Compares with what the device knows after the cut.
    fn check(&mut self, device: SocketAddrV4, cut: u64) {
        for (session, browser) in &mut self.sessions {
            let page = browser.get(device, "/").unwrap();
            match (*session, page.view()) {
                (Session::SignedIn | Session::Either, "dashboard") => {
                    *session = Session::SignedIn;
                    let shown = page.interval();
                    let saved = Some(self.interval.0);
                    assert!(shown == saved || shown == self.interval.1, "cut {cut}: {shown:?} of {:?}", self.interval);
                    self.interval = (shown.unwrap(), None);
                }
                (Session::SignedOut | Session::Either, "sign-in") => *session = Session::SignedOut,
                (_, view) => panic!("cut {cut}: a session that is {session:?} gets {view}: {}", page.body),
            }
        }
    }
}

#[test]
fn nothing_acknowledged_is_lost_nothing_signed_out_returns_st5() {
    for board in Board::QEMU {
        let table = Table::new(board);
        let (mut device, browser) = table.owned();
        let mut known = Known {
            sessions: vec![(Session::SignedIn, browser)],
            interval: (1, None),
            numbers: Numbers(6),
            signed_in: 1,
            saved: 0,
            signed_out: 0,
            unknown: false,
        };
        let mut cuts = 0;
        while cuts < CUTS || known.signed_in.min(known.saved).min(known.signed_out) < ENOUGH {
            assert!(cuts < 10 * CUTS, "too little was done");
            cuts += 1;
            let (address, power) = (device.address(), Duration::from_micros(20_000 + known.numbers.below(300_000)));
            known = thread::scope(|scope| {
                let worker = scope.spawn(|| {
                    known.work(address);
                    known
                });
                thread::sleep(power);
                drop(device);
                worker.join().unwrap()
            });
            device = table.boot();
            known.check(device.address(), cuts);
            known.tidy(device.address());
            // those that are gone are looked at for some time
            while known.sessions.len() > 12 {
                let gone = known.sessions.iter().position(|(session, _)| *session == Session::SignedOut);
                known.sessions.remove(gone.unwrap());
            }
        }
        let Known { signed_in, saved, signed_out, .. } = known;
        println!(
            "{}: {cuts} power cuts, {signed_in} sign-ins, {saved} saved settings and {signed_out} sign-outs acknowledged, none lost",
            board.name()
        );
    }
}
