//! Random sequences with cuts, failures and dropped futures, and garbage as the content of the flash (ST5).

use nor_flash::power_cuts::{Played, image, image_after, play};

struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn bytes(&mut self, len: usize) -> Vec<u8> {
        (0..len).map(|_| self.next() as u8).collect()
    }
}

#[test]
fn random_operations_cuts_and_failures_st5() {
    let mut numbers = Numbers(1);
    let mut sum = Played::default();
    for _ in 0..200 {
        let data = numbers.bytes(900);
        for played in [play::<1, 512>(&data, None), play::<4, 512>(&data, None), play::<16, 1024>(&data, None)] {
            sum.operations += played.operations;
            sum.cuts += played.cuts;
            sum.failures += played.failures;
            sum.dropped += played.dropped;
            sum.erases += played.erases;
        }
    }
    println!("{sum:?}");
    assert!(sum.cuts > 2_000 && sum.failures > 2_000 && sum.dropped > 1_000, "{sum:?}");
}

#[test]
fn garbage_mounts_st5() {
    let mut numbers = Numbers(2);
    for len in 0..300 {
        image(&numbers.bytes(len * 16));
    }
    image(&[0; 8192]);
    // a genuine log with a few bytes damaged
    for _ in 0..40 {
        let whole = image_after(&numbers.bytes(300));
        for _ in 0..25 {
            let mut damaged = whole.clone();
            for _ in 0..1 + numbers.next() % 8 {
                let at = numbers.next() as usize % damaged.len();
                damaged[at] ^= 1 << (numbers.next() % 8);
            }
            image(&damaged);
        }
    }
}
