//! Sessions in an RTIC application, as a sketch: what comes over UART 0 is answered by `idle`, as in `bare.rs`, and
//! a task of a higher priority persists the time. Both use the sessions, so they are a shared resource and `Send`: the flash
//! is behind a mutex that any priority may use.
#![cfg_attr(target_os = "none", no_std, no_main)]

#[cfg(not(target_os = "none"))]
fn main() {
    println!("this is a program for a board: cargo build -p firmware --features pico --bin rtic");
}

/// What RTIC looks for in a chip's crate.
#[cfg(target_os = "none")]
mod chip {
    pub(crate) use embassy_rp::NVIC_PRIO_BITS;
    pub(crate) use embassy_rp::interrupt::{Interrupt, Interrupt as interrupt};
}

#[cfg(target_os = "none")]
#[rtic::app(device = crate::chip, peripherals = false, dispatchers = [SWI_IRQ_1])]
mod app {
    use embassy_embedded_hal::{adapter::BlockingAsync, flash::partition::Partition};
    use embassy_rp::uart::{Blocking, Uart};
    use embassy_rp::{clocks::RoscRng, flash, flash::Flash, peripherals::FLASH};
    use embassy_sync::{blocking_mutex::raw::CriticalSectionRawMutex, mutex::Mutex};
    use embassy_time::Timer;
    use session_core::environment::EmbassyClock;
    use session_core::{Keys, RequestState, Session, policy::Policy};
    use session_device::{Random, block_on, condense};
    use session_store_flash::{FlashStore, PersistedClock, WithoutPower};
    use static_cell::StaticCell;

    const SIZE: usize = 2 * 1024 * 1024;

    type Chip = BlockingAsync<Flash<'static, FLASH, flash::Blocking, SIZE>>;
    type Store = FlashStore<Partition<'static, CriticalSectionRawMutex, Chip>, 16, 256>;
    type Sessions = session_core::Sessions<Store, PersistedClock<EmbassyClock>>;

    #[shared]
    struct Shared {
        sessions: Sessions,
    }

    #[local]
    struct Local {
        line: Uart<'static, Blocking>,
        random: Random,
    }

    #[init]
    fn init(_: init::Context<'_>) -> (Shared, Local) {
        let p = embassy_rp::init(Default::default());
        let line = Uart::new_blocking(p.UART0, p.PIN_0, p.PIN_1, Default::default());
        static CHIP: StaticCell<Mutex<CriticalSectionRawMutex, Chip>> = StaticCell::new();
        let chip = CHIP.init(Mutex::new(BlockingAsync::new(Flash::new_blocking(p.FLASH))));
        let store: Store = FlashStore::new(Partition::new(chip, SIZE as u32 - 65_536, 65_536));
        let clock = block_on(PersistedClock::resume(EmbassyClock, &store, WithoutPower::Free)).expect("a flash");
        let random = Random::new(|| condense(1024, |piece| RoscRng.fill_bytes(piece)));
        // a product draws its own at the first boot, and keeps it: docs/board.md
        let key = b"\x8e\x1f\x0a\x93kd\xc5\x11q\x99\xfe\x02\x5b\xa0\xd7<N`\x18\xe9w\xb2D\x05\x9a\xcd1\xf6\x88.S\xbf";
        let keys = Keys::new(key).expect("a key of 32 bytes");
        let sessions = Sessions::new(store, clock, &keys, Policy::PLAIN_HTTP);
        persist::spawn().ok();
        (Shared { sessions }, Local { line, random })
    }

    /// Persists the time every ten seconds, also while `idle` waits for a line.
    #[task(priority = 1, shared = [sessions])]
    async fn persist(mut context: persist::Context<'_>) {
        loop {
            // an error is the flash's, and the next request reports it
            let _ = context.shared.sessions.lock(|sessions| block_on(sessions.clock().persist(sessions.store())));
            Timer::after_secs(10).await;
        }
    }

    #[idle(shared = [sessions], local = [line, random])]
    fn idle(mut context: idle::Context<'_>) -> ! {
        let idle::LocalResources { line, random, .. } = context.local;
        loop {
            let (mut cookie, mut length, mut byte) = ([0; 256], 0, [0]);
            while line.blocking_read(&mut byte).is_ok() && byte != *b"\n" {
                if let Some(place) = cookie.get_mut(length) {
                    (*place, length) = (byte[0], length + 1);
                }
            }
            let mut room = [0; 512];
            let answer = context.shared.sessions.lock(|sessions| visit(sessions, random, &cookie[..length], &mut room));
            let _ = line.blocking_write(answer.as_bytes()).and_then(|()| line.blocking_write(b"\n"));
        }
    }

    /// One request: counts the visits of a browser, and returns what a `Set-Cookie` header would carry, or what failed.
    fn visit<'b>(sessions: &Sessions, random: &mut Random, cookie: &[u8], room: &'b mut [u8]) -> &'b str {
        let mut state = RequestState::new([0; 256], [0; 256]);
        let mut session = Session::new(sessions, &mut state, random);
        session.activity();
        let visited = block_on(session.load([cookie].into_iter())).and_then(|()| {
            let visits = session.get::<u32>("visits")?.unwrap_or(0) + 1;
            session.set("visits", &visits)?;
            block_on(session.commit())
        });
        match visited.and_then(|()| session.set_cookie(room)) {
            Ok(cookie) => cookie.unwrap_or("-"),
            Err(_) => "failed",
        }
    }

    #[panic_handler]
    fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
        cortex_m::peripheral::SCB::sys_reset()
    }
}
