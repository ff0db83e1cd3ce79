//! Sessions without an executor, without a network and without interrupts: one loop on a Raspberry Pi Pico that answers what
//! comes over UART 0. A request is a cookie and a path ("id=… /path", the cookie may be absent), an answer the line that a
//! `Set-Cookie` header would carry and a line of text. It shows what a program needs that has its own transport.
#![cfg_attr(target_os = "none", no_std, no_main)]

#[cfg(not(target_os = "none"))]
fn main() {
    println!("this is a program for a board: cargo build -p firmware --features pico --bin bare");
}

#[cfg(target_os = "none")]
mod bare {
    use core::fmt::{self, Write};
    use cortex_m::peripheral::SCB;
    use embassy_embedded_hal::{adapter::BlockingAsync, flash::partition::Partition};
    use embassy_rp::uart::{Blocking, Uart};
    use embassy_rp::{clocks::RoscRng, flash, flash::Flash, peripherals::FLASH};
    use embassy_sync::{blocking_mutex::raw::NoopRawMutex, mutex::Mutex};
    use session_core::environment::{Clock as _, EmbassyClock};
    use session_core::{Error, Keys, RequestState, Session, Sessions, policy::Policy};
    use session_device::{Random, block_on, condense};
    use session_store_flash::{FlashStore, PersistedClock, WithoutPower};

    const SIZE: usize = 2 * 1024 * 1024;

    type Chip = BlockingAsync<Flash<'static, FLASH, flash::Blocking, SIZE>>;
    type Store<'f> = FlashStore<Partition<'f, NoopRawMutex, Chip>, 16, 256>;
    type Visit<'a, 'f> =
        Session<'a, &'a Store<'f>, &'a PersistedClock<EmbassyClock>, &'a mut Random, &'a mut RequestState<[u8; 256]>>;

    #[cortex_m_rt::entry]
    fn main() -> ! {
        let p = embassy_rp::init(Default::default());
        let mut line = Line(Uart::new_blocking(p.UART0, p.PIN_0, p.PIN_1, Default::default()));
        let chip = Mutex::new(BlockingAsync::new(Flash::new_blocking(p.FLASH)));
        let store: Store<'_> = FlashStore::new(Partition::new(&chip, SIZE as u32 - 65_536, 65_536));
        let clock = block_on(PersistedClock::resume(EmbassyClock, &store, WithoutPower::Free)).expect("a flash");
        let mut random = Random::new(|| condense(1024, |piece| RoscRng.fill_bytes(piece)));
        // a product draws its own at the first boot, and keeps it: docs/board.md
        let key = *b"\x8e\x1f\x0a\x93kd\xc5\x11q\x99\xfe\x02\x5b\xa0\xd7<N`\x18\xe9w\xb2D\x05\x9a\xcd1\xf6\x88.S\xbf";
        random.mix_in(&key, clock.now().millis());
        let keys = Keys::new(&key).expect("a key of 32 bytes");
        let sessions = Sessions::new(&store, &clock, &keys, Policy::PLAIN_HTTP);
        loop {
            let mut bytes = [0; 256];
            let request = line.read(&mut bytes);
            // an error is the flash's, and the next request reports it
            let _ = block_on(clock.persist(&store));
            let (cookie, path) = request.split_once(' ').unwrap_or(("", request));
            let mut state = RequestState::new([0; 256], [0; 256]);
            let mut session: Visit<'_, '_> = Session::new(&sessions, &mut state, &mut random);
            let answer = answer(&mut session, cookie, path);
            let mut room = [0; 512];
            let cookie = session.set_cookie(&mut room).ok().flatten().unwrap_or("-");
            let _ = writeln!(line, "{cookie}\n{answer:?} {:?}", session.subject());
        }
    }

    /// Loads, handles and stores. Nothing here waits, so `block_on` polls each future once.
    fn answer(session: &mut Visit<'_, '_>, cookie: &str, path: &str) -> Result<u32, Error> {
        session.activity();
        block_on(session.load([cookie.as_bytes()].into_iter()))?;
        let visits = session.get::<u32>("visits")?.unwrap_or(0) + 1;
        session.set("visits", &visits)?;
        match path {
            "/sign-in" => {
                block_on(session.begin_login("owner")).and_then(|attempt| block_on(session.login(attempt)))?
            }
            "/sign-out" => block_on(session.logout())?,
            _ => {}
        }
        block_on(session.commit()).map(|()| visits)
    }

    struct Line(Uart<'static, Blocking>);

    impl Line {
        /// What fits of the next line.
        fn read<'b>(&mut self, bytes: &'b mut [u8]) -> &'b str {
            let (mut length, mut byte) = (0, [0]);
            while self.0.blocking_read(&mut byte).is_ok() && byte != *b"\n" {
                if let Some(place) = bytes.get_mut(length) {
                    (*place, length) = (byte[0], length + 1);
                }
            }
            str::from_utf8(&bytes[..length]).unwrap_or_default()
        }
    }

    impl Write for Line {
        fn write_str(&mut self, text: &str) -> fmt::Result {
            self.0.blocking_write(text.as_bytes()).map_err(|_| fmt::Error)
        }
    }

    #[panic_handler]
    fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
        SCB::sys_reset()
    }
}
