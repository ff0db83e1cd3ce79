//! Everything that the device keeps in one flash: power cuts, damage, flashes of other kinds.

use std::time::Duration;

use device_ui::flash::{CannotBoot, Flash, Shared};
use device_ui::{Data, Keeper};
use embedded_storage_async::nor_flash::ReadNorFlash;
use nor_flash::Strict;
use session_core::environment::Time;
use session_core::testing::{ManualClock, run};
use session_store_flash::{PersistedClock, WithoutPower};

/// An I2C EEPROM of 32 KB, in pages that the driver makes of it; sectors of NOR flash; the file on a host.
type Eeprom = Strict<1, 1024>;
type Nor = Strict<4, 0x4_0000>;
type File = Strict<4, 4096>;
type Device<const WORD: usize, const PAGE: usize> = Flash<'static, Strict<WORD, PAGE>, 16, 256>;

/// Random bytes that differ.
struct Numbers(u64);

impl rand_core::TryRng for Numbers {
    type Error = core::convert::Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Self::Error> {
        Ok(self.try_next_u64()? as u32)
    }

    fn try_next_u64(&mut self) -> Result<u64, Self::Error> {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        Ok(self.0 ^ self.0 >> 32)
    }

    fn try_fill_bytes(&mut self, into: &mut [u8]) -> Result<(), Self::Error> {
        into.iter_mut().for_each(|byte| *byte = (self.0 >> 56) as u8 ^ self.try_next_u64().unwrap_or(0) as u8);
        Ok(())
    }
}

impl rand_core::TryCryptoRng for Numbers {}

impl Numbers {
    fn bytes(&mut self, count: usize) -> Vec<u8> {
        let mut bytes = vec![0; count];
        let Ok(()) = rand_core::TryRng::try_fill_bytes(self, &mut bytes);
        bytes
    }
}

struct NoNumbers;

impl rand_core::TryRng for NoNumbers {
    type Error = core::fmt::Error;

    fn try_next_u32(&mut self) -> Result<u32, Self::Error> {
        Err(core::fmt::Error)
    }

    fn try_next_u64(&mut self) -> Result<u64, Self::Error> {
        Err(core::fmt::Error)
    }

    fn try_fill_bytes(&mut self, _: &mut [u8]) -> Result<(), Self::Error> {
        Err(core::fmt::Error)
    }
}

impl rand_core::TryCryptoRng for NoNumbers {}

/// The device before it boots.
fn off<const WORD: usize, const PAGE: usize>(flash: &Strict<WORD, PAGE>) -> Device<WORD, PAGE> {
    let shared: &'static _ = Box::leak(Box::new(Shared::new(flash.clone())));
    Flash::new(shared, 0..flash.capacity() as u32)
}

fn boots<const WORD: usize, const PAGE: usize>(flash: &Strict<WORD, PAGE>) -> Result<Data, CannotBoot> {
    run(off(flash).boot(&mut Numbers(7)))
}

/// Boots and persists the time, as a device does.
fn booted<const WORD: usize, const PAGE: usize>(flash: &Strict<WORD, PAGE>) -> (Device<WORD, PAGE>, Data) {
    let device = off(flash);
    let data = run(device.boot(&mut Numbers(7))).unwrap();
    let uptime = ManualClock::at(Time::ZERO);
    run(PersistedClock::resume(&uptime, device.store(), WithoutPower::Charge(Duration::from_secs(1)))).unwrap();
    (device, data)
}

fn choose<const WORD: usize, const PAGE: usize>(device: &Device<WORD, PAGE>, data: &mut Data, password: &str) {
    run(data.set_password(password, 1));
    run(device.keep(data)).unwrap();
}

fn everything_is_kept<const WORD: usize, const PAGE: usize>(pages: usize) {
    let flash = Strict::<WORD, PAGE>::new(pages);
    let (device, mut data) = booted(&flash);
    assert!(!data.has_password());
    choose(&device, &mut data, "a long password");
    data.settings.interval = 7;
    run((&device).keep(&data)).unwrap();
    drop(device);
    let (_, again) = booted(&flash);
    assert!(again == data && run(again.is_password("a long password")) && again.settings.interval == 7);
}

#[test]
fn one_flash_of_any_kind_keeps_everything() {
    everything_is_kept::<1, 1024>(32);
    everything_is_kept::<4, 0x4_0000>(4);
    everything_is_kept::<4, 4096>(8);
    everything_is_kept::<64, 2048>(16);
}

/// A first boot whose power was cut is a first boot again.
fn first_boots<const WORD: usize, const PAGE: usize>(pages: usize, step: usize) -> u64 {
    for ticks in (0..).step_by(step) {
        let flash = Strict::<WORD, PAGE>::new(pages);
        flash.cut_after(ticks, ticks);
        // the data and what is written next, the time
        let device = off(&flash);
        let uptime = ManualClock::at(Time::ZERO);
        let booted_once = run(device.boot(&mut Numbers(7))).is_ok()
            && run(PersistedClock::resume(&uptime, device.store(), WithoutPower::Free)).is_ok();
        let cut = !booted_once;
        assert_eq!(cut, flash.is_off());
        flash.power_on();
        let (_, data) = booted(&flash);
        assert!(!data.has_password());
        assert!(boots(&flash).unwrap() == data, "the key stays");
        if !cut {
            return ticks;
        }
    }
    unreachable!()
}

#[test]
fn a_first_boot_may_be_cut_anywhere_st5() {
    let cuts = [first_boots::<1, 1024>(32, 1), first_boots::<4, 0x4_0000>(4, 97), first_boots::<4, 4096>(8, 1)];
    println!("power cut at {cuts:?} ticks");
    assert!(cuts.iter().all(|cuts| *cuts > 200), "{cuts:?}");
}

#[test]
fn after_a_power_cut_there_is_the_old_password_or_the_new_st5() {
    let flash = Eeprom::new(32);
    let (device, mut data) = booted(&flash);
    let mut tried = 0;
    for (turn, password) in ["the first one", "the second one", "the third one"].into_iter().enumerate() {
        let (before, old) = (flash.bytes(), data.clone());
        choose(&device, &mut data, password);
        for ticks in 0.. {
            let cut = Eeprom::with(before.clone());
            let device = off(&cut);
            assert!(run(device.boot(&mut NoNumbers)).unwrap() == old);
            cut.cut_after(ticks, ticks);
            let kept = run((&device).keep(&data)).is_ok();
            cut.power_on();
            let found = boots(&cut).unwrap();
            assert!(found == data || (found == old && !kept), "turn {turn}, cut at {ticks}");
            if kept {
                break;
            }
            // and again, while that boot mends the other copy
            let again = Eeprom::with(cut.bytes());
            again.cut_after(ticks / 2, ticks);
            drop(boots(&again));
            again.power_on();
            assert!(boots(&again).unwrap() == found, "turn {turn}, cut at {ticks} twice");
            tried += 1;
        }
    }
    println!("cut at {tried} ticks");
    assert!(tried > 2_000, "{tried}");
}

/// What failed and did not cut the power leaves the old or the new as well, whatever comes next.
#[test]
fn a_change_that_failed_may_be_tried_again() {
    let flash = Nor::new(4);
    let (device, mut data) = booted(&flash);
    choose(&device, &mut data, "the old one");
    for ticks in (0..1_200).step_by(13) {
        let changed = {
            let mut data = data.clone();
            run(data.set_password("the new one", 1));
            data
        };
        flash.cut_after(ticks, ticks);
        let kept = run((&device).keep(&changed)).is_ok();
        flash.power_on();
        assert!(kept || boots(&Nor::with(flash.bytes())).is_ok());
        flash.cut_after(ticks / 3, ticks);
        let _cut = run((&device).keep(&data));
        flash.power_on();
        let found = boots(&Nor::with(flash.bytes())).unwrap();
        assert!(found == data || found == changed);
        run((&device).keep(&data)).unwrap();
        assert!(boots(&Nor::with(flash.bytes())).unwrap() == data);
    }
}

#[test]
fn damage_is_never_taken_for_a_first_boot() {
    let flash = File::new(8);
    let (device, mut data) = booted(&flash);
    choose(&device, &mut data, "a long password");
    let whole = flash.bytes();
    let mut found = [0; 3];
    let mut look = |damage: &dyn Fn(&mut [u8])| {
        let damaged = File::with(whole.clone());
        damaged.damage(damage);
        let kind = match boots(&damaged) {
            Ok(there) => {
                assert!(there == data, "something older");
                0
            }
            Err(CannotBoot::Foreign) => 1,
            Err(CannotBoot::Corrupt) => 2,
            Err(why) => panic!("{why}"),
        };
        found[kind] += 1;
    };
    // the log begins in its second page
    for page in [0, 1, 3] {
        for at in page * 4096..page * 4096 + 448 {
            look(&|bytes| bytes[at] ^= 0x10);
            look(&|bytes| bytes[at..at + 64].fill(0));
            look(&|bytes| bytes[at..at + 64].fill(0xff));
        }
        look(&|bytes| bytes[page * 4096..][..4096].fill(0xff));
    }
    for at in 0..448 {
        look(&|bytes| [at, 4096 + at].iter().for_each(|at| bytes[*at] ^= 1));
    }
    // both copies lost, all lost but the log, all garbage
    look(&|bytes| bytes[..8192].fill(0xff));
    look(&|bytes| {
        bytes[2 * 4096..].fill(0xff);
        [200, 4096 + 200].iter().for_each(|at| bytes[*at] ^= 1);
    });
    look(&|bytes| bytes[..8192].fill(0));
    look(&|bytes| bytes.fill(0xa5));
    println!("{found:?}: data, foreign, corrupt");
    assert!(found.iter().all(|count| *count > 0), "{found:?}");
}

#[test]
fn a_flash_of_other_pages_or_another_version_is_told() {
    let flash = Eeprom::new(32);
    let (device, mut data) = booted(&flash);
    choose(&device, &mut data, "a long password");
    assert_eq!(boots(&File::with(flash.bytes())).err(), Some(CannotBoot::Foreign));
    assert_eq!(boots(&Nor::with([flash.bytes(), vec![0xff; 0xf_8000]].concat())).err(), Some(CannotBoot::Foreign));
    assert_eq!(boots(&Strict::<2, 1024>::with(flash.bytes())).err(), Some(CannotBoot::Foreign));
    let version = Eeprom::with(flash.bytes());
    version.damage(|bytes| bytes.chunks_mut(1024).for_each(|page| page[4] ^= 2));
    let (before, error) = (version.bytes(), boots(&version).err().unwrap());
    assert_eq!(
        error.to_string(),
        "the flash holds a program or something else, or what another version or page size wrote"
    );
    assert_eq!(version.bytes(), before, "and it is not overwritten");
}

/// ST10: a store larger than its part of the flash is told with both sizes, and nothing is read or written beside the part.
#[test]
fn a_part_that_is_too_small_is_told_st10() {
    for pages in 0..=4 {
        let flash = Eeprom::new(32);
        let shared: &'static _ = Box::leak(Box::new(Shared::new(flash.clone())));
        let device = Flash::<_, 16, 256>::new(shared, 8 * 1024..(8 + pages) * 1024);
        let error = run(device.boot(&mut Numbers(7))).err().unwrap().to_string();
        let have = format!(" bytes of flash, not {}", 1024 * u32::saturating_sub(pages, 2));
        assert!(error.starts_with("the store needs ") && error.ends_with(&have), "{pages}: {error}");
        assert!(flash.bytes().iter().all(|byte| *byte == 0xff), "{pages}");
    }
}

/// ST10: a part that reaches into a program, wherever that begins and ends, is told, and the program is left alone.
#[test]
fn a_part_that_overlaps_the_program_is_told_st10() {
    const PAGE: usize = 4096;
    let program: Vec<u8> = Numbers(5).bytes(3 * PAGE - 700);
    for first in 0..16 {
        let mut bytes = vec![0xff; 20 * PAGE];
        bytes[first * PAGE..][..program.len()].copy_from_slice(&program);
        let flash = File::with(bytes.clone());
        let shared: &'static _ = Box::leak(Box::new(Shared::new(flash.clone())));
        let device = Flash::<_, 16, 256>::new(shared, 2 * PAGE as u32..16 * PAGE as u32);
        let error = run(device.boot(&mut Numbers(7))).err().unwrap().to_string();
        assert!(error.contains(" a program "), "{first}: {error}");
        assert!(flash.bytes() == bytes, "{first}");
    }
}

#[test]
fn without_random_numbers_the_first_boot_waits_em4() {
    let flash = Eeprom::new(32);
    let device = off(&flash);
    assert_eq!(run(device.boot(&mut NoNumbers)).err(), Some(CannotBoot::NoRandomness));
    assert!(flash.bytes().iter().all(|byte| *byte == 0xff), "nothing was kept");
    let data = run(device.boot(&mut Numbers(3))).unwrap();
    assert!(run(off(&flash).boot(&mut NoNumbers)).unwrap() == data, "a device that has a key needs none");
}

/// What comes from elsewhere, such as the access point of a build, may be written when the first boot is over, and never
/// over something else.
#[test]
fn others_may_write_after_a_first_boot_em7() {
    let flash = File::new(16);
    let device = off(&flash);
    assert!(!run(device.has_booted()));
    assert_eq!(flash.counts().writes, 0, "to look writes nothing");
    run(device.boot(&mut Numbers(7))).unwrap();
    assert!(run(device.has_booted()), "in the same start");
    run(device.store().write_item(3, b"home", Time::ZERO)).unwrap();
    assert!(run(off(&flash).has_booted()) && boots(&flash).is_ok());
    // the log's pages are the third and those after it
    flash.damage(|bytes| bytes[2 * 4096..].fill(7));
    assert_eq!(boots(&flash).err(), Some(CannotBoot::Foreign));
    assert!(!run(off(&flash).has_booted()));
}

/// EM9: a board that finds no place for the device in its flash hands in none. That is told, and nothing is read as the
/// device's or written.
#[test]
fn a_device_without_a_place_in_the_flash_says_so_em9() {
    let flash = File::with(Numbers(3).bytes(16 * 4096));
    let shared: &'static _ = Box::leak(Box::new(Shared::new(flash.clone())));
    let device: Device<4, 4096> = Flash::new(shared, 0..0);
    let why = run(device.boot(&mut Numbers(7))).err().map(|why| why.to_string());
    assert!(why.as_ref().is_some_and(|why| why.starts_with("the store needs ") && why.ends_with(" not 0")), "{why:?}");
    assert!(!run(device.has_booted()));
    assert_eq!(flash.counts().writes + flash.counts().erases, 0);
}
