//! A request that reads a value, on the emulated Cortex-M3: its instructions, as a multiple of those of its hash, in
//! hundredths. QEMU executes an instruction per nanosecond, and the system timer shows how many nanoseconds passed.
#![cfg_attr(target_os = "none", no_std, no_main)]

#[cfg(target_os = "none")]
mod counted {
    use core::convert::Infallible;
    use core::hint::black_box;
    use core::panic::PanicInfo;

    use cortex_m::peripheral::{Peripherals, SYST, syst::SystClkSource};
    use cortex_m_rt::entry;
    use cortex_m_semihosting::{debug, hprintln};
    use hmac::{Hmac, KeyInit, Mac};
    use rand_core::{TryCryptoRng, TryRng};
    use session_core::environment::{Clock, Time};
    use session_core::policy::Policy;
    use session_core::testing::run;
    use session_core::{Error, Keys, RequestState, Session, Sessions};
    use session_store_memory::FixedStore;
    use sha2::Sha256;

    /// Nothing allocates here, but a dependency of the unit tests can.
    #[global_allocator]
    static HEAP: embedded_alloc::LlffHeap = embedded_alloc::LlffHeap::empty();

    const TIMES: u32 = 1_000;
    const KEY: [u8; 32] = *b"\x8e\x1f\x0a\x93kd\xc5\x11q\x99\xfe\x02\x5b\xa0\xd7\x3cN\x60\x18\xe9\x77\xb2\x44\x05\x9a\xcd\x31\xf6\x88\x2e\x53\xbf";

    struct Still;

    impl Clock for Still {
        fn now(&self) -> Time {
            black_box(Time::from_millis(1_800_000_000_000))
        }
    }

    struct Counter(u8);

    impl TryRng for Counter {
        type Error = Infallible;

        fn try_next_u32(&mut self) -> Result<u32, Infallible> {
            Ok(0)
        }

        fn try_next_u64(&mut self) -> Result<u64, Infallible> {
            Ok(0)
        }

        fn try_fill_bytes(&mut self, into: &mut [u8]) -> Result<(), Infallible> {
            self.0 += 1;
            into.fill(self.0);
            Ok(())
        }
    }

    impl TryCryptoRng for Counter {}

    type App = Sessions<FixedStore<4, 256>, Still>;

    fn request<'b>(
        app: &App,
        line: &[u8],
        into: &'b mut [u8],
        act: impl Fn(
            &mut Session<'_, FixedStore<4, 256>, Still, Counter, &mut RequestState<[u8; 256]>>,
        ) -> Result<(), Error>,
    ) -> Option<&'b str> {
        let mut state = RequestState::new([0; 256], [0; 256]);
        let mut session = Session::new(app, &mut state, Counter(0));
        let done = run(async {
            session.load(core::iter::once(black_box(line))).await?;
            session.activity();
            act(&mut session)?;
            session.commit().await
        });
        done.and_then(|()| session.set_cookie(into)).unwrap()
    }

    /// Ticks of the timer while `f` runs.
    fn ticks(timer: &mut SYST, mut f: impl FnMut()) -> u32 {
        timer.clear_current();
        let before = SYST::get_current();
        (0..TIMES).for_each(|_| f());
        before.wrapping_sub(SYST::get_current()) & 0x00ff_ffff
    }

    #[entry]
    fn main() -> ! {
        let mut timer = Peripherals::take().unwrap().SYST;
        timer.set_clock_source(SystClkSource::Core);
        timer.set_reload(0x00ff_ffff);
        timer.clear_current();
        timer.enable_counter();

        let app: App = Sessions::new(FixedStore::new(), Still, &Keys::new(&KEY).unwrap(), Policy::PLAIN_HTTP);
        let mut room = [0; 256];
        let cookie = request(&app, b"", &mut room, |session| session.set("visits", &1_u32)).unwrap();
        let mut line = *b"theme=dark; id=###########################################; lang=en";
        line[15..58].copy_from_slice(&cookie.as_bytes()[3..46]);
        let read = ticks(&mut timer, || {
            let mut room = [0; 256];
            let answer = request(&app, &line, &mut room, |session| {
                assert_eq!(black_box(session.get::<u32>("visits")?), Some(1));
                Ok(())
            });
            assert_eq!(answer, None);
        });
        let key = Hmac::<Sha256>::new_from_slice(&KEY).unwrap();
        let hash = ticks(&mut timer, || {
            black_box(key.clone().chain_update(black_box(&[1; 24])).finalize());
        });
        // two instructions in each round
        let rounds = ticks(&mut timer, || cortex_m::asm::delay(10_000));
        hprintln!("read {} ticks, hash {} ticks, {} ticks for 10,000 instructions", read, hash, rounds);
        hprintln!("a read has {} hundredths of its hash", 100 * read / hash);
        debug::exit(debug::EXIT_SUCCESS);
        unreachable!("semihosting has ended the emulator");
    }

    #[panic_handler]
    fn panic(why: &PanicInfo) -> ! {
        hprintln!("FAILED\n{}", why);
        debug::exit(debug::EXIT_FAILURE);
        loop {}
    }
}

#[cfg(not(target_os = "none"))]
fn main() {
    println!("built for a host, this program is empty: cargo xtask test-all --only on-target");
}
