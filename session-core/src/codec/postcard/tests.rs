use super::unreadable::DIGEST;
use super::*;
use serde::Serialize;

#[derive(Serialize)]
struct Cart<'a> {
    items: &'a [u32],
    note: Option<&'a str>,
}

#[derive(Serialize)]
enum Step {
    Start,
    Paid(u32),
    Sent { parcel: u64 },
}

/// The digest and the bytes of a value.
fn parts<T: Serialize + ?Sized>(value: &T, into: &mut [u8; 64]) -> (u32, usize) {
    let len = Postcard::write(value, into).unwrap();
    (u32::from_le_bytes(*into.first_chunk().unwrap()), len - DIGEST)
}

fn digest<T: Serialize + ?Sized>(value: &T) -> u32 {
    parts(value, &mut [0; 64]).0
}

#[test]
fn what_is_written_is_the_bytes_of_the_postcard_crate() {
    fn assert<T: Serialize + ?Sized>(value: &T) {
        let (mut ours, mut theirs) = ([0; 64], [0; 64]);
        let (_, len) = parts(value, &mut ours);
        let theirs = ::postcard::to_slice(value, &mut theirs).unwrap();
        assert_eq!(ours[DIGEST..DIGEST + len], *theirs);
    }
    for number in [0, 1, 127, 128, 16_383, 16_384, u32::MAX.into(), 1 << 62, 1 << 63, u64::MAX] {
        assert(&(number, number as u32, number as u16, number as u8, number as usize, u128::from(number) << 64));
        assert(&(number as i64, number as i32, number as i16, number as i8, i128::from(number as i64) << 64));
    }
    assert(&(true, 1.5_f32, f64::MIN, 'ß', "text", (), [1_u8, 2]));
    assert(&Cart { items: &[1, 300], note: Some("x") });
    assert(&[Step::Start, Step::Paid(300), Step::Sent { parcel: 1 }][..]);
    assert(&[None, Some(7_u8)]);
    assert(&core::net::Ipv4Addr::LOCALHOST);
}

#[test]
fn type_and_content_count() {
    let digests = [
        digest("a"),
        digest("b"),
        digest(""),
        digest(&'a'),
        digest(&1_u8),
        digest(&1_u16),
        digest(&2_u16),
        digest(&1_i16),
        digest(&true),
        digest(&1_f32),
        digest(&Some(1_u8)),
        digest(&None::<u8>),
        digest(&[1_u16, 2][..]),
        digest(&[1_u16, 3][..]),
        digest(&[1_u16, 2]),
        digest(&(1_u8, 2_u16)),
        digest(&(1_u16, 2_u8)),
        digest(&((1_u8, 2_u8), 3_u8)),
        digest(&(1_u8, (2_u8, 3_u8))),
        digest(&(1_u8, 2_u8, 3_u8)),
        digest(&Step::Start),
        digest(&Step::Paid(1)),
        digest(&Step::Paid(2)),
    ];
    for (at, one) in digests.iter().enumerate() {
        assert!(!digests[..at].contains(one), "digest {at}");
    }
    assert_eq!(digest(&1_u64), digest(&1_usize));
}

/// VA4: a hash map that was read lists its entries in another order.
#[test]
fn elements_count_in_any_order_va4() {
    let mixed = [Step::Start, Step::Paid(1), Step::Sent { parcel: 2 }, Step::Start];
    let turned = [Step::Sent { parcel: 2 }, Step::Start, Step::Start, Step::Paid(1)];
    assert_eq!(digest(&mixed[..]), digest(&turned[..]));
    assert_ne!(digest(&mixed[..]), digest(&mixed[..2]));
    assert_ne!(digest(&[1_u8, 1, 2][..]), digest(&[1_u8, 2, 2][..]));
}

#[test]
fn digests_are_part_of_the_format() {
    struct Map;
    impl Serialize for Map {
        fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            serializer.collect_map([(1_u8, true), (2, false)])
        }
    }
    let cart = Cart { items: &[1, 300], note: Some("x") };
    let digests = [
        digest(&()),
        digest(&true),
        digest(&7_u64),
        digest("text"),
        digest(&(1_u8, 'c')),
        digest(&cart),
        digest(&Step::Start),
        digest(&Step::Paid(1)),
        digest(&Step::Sent { parcel: 1 }),
        digest(&[Step::Start, Step::Paid(1)][..]),
        digest(&Map),
    ];
    // from a second implementation of the same rules
    let expected = [
        0xc85c_d64c,
        0x4618_5bd9,
        0xf652_a37f,
        0x91d3_4158,
        0xa308_b78c,
        0x061d_91dd,
        0xce7b_4307,
        0x430b_5de5,
        0xbec5_7e05,
        0x75c5_fbf8,
        0xec72_6e70,
    ];
    assert_eq!(digests, expected);
}

#[test]
fn what_has_been_damaged_is_not_read() {
    let mut bytes = [0; 64];
    let (_, len) = parts(&(300_u32, "text", Some(true)), &mut bytes);
    let whole = &bytes[..DIGEST + len];
    type Read<'a> = (u32, &'a str, Option<bool>);
    assert_eq!(Postcard::read::<Read>(whole), Ok((300, "text", Some(true))));
    for cut in 0..whole.len() {
        assert_eq!(Postcard::read::<Read>(&whole[..cut]), Err(Unreadable), "{cut}");
    }
    for bit in 0..8 * whole.len() {
        let mut changed = bytes;
        changed[bit / 8] ^= 1 << (bit % 8);
        assert_eq!(Postcard::read::<Read>(&changed[..whole.len()]), Err(Unreadable), "{bit}");
    }
    assert_eq!(Postcard::read::<Read>(&bytes[..=whole.len()]), Err(Unreadable), "a byte left over");
}

#[test]
fn bytes_of_a_value_that_is_not_the_one_written() {
    let read = |value: &[u8]| Postcard::read::<u32>(&[&digest(&7_u32).to_le_bytes()[..], value].concat());
    assert_eq!(read(&[7]), Ok(7));
    // the same number in more bytes
    assert_eq!(read(&[0x87, 0]), Err(Unreadable));
    assert_eq!(read(&[7, 0]), Err(Unreadable));
    assert_eq!(read(&[0x87, 0x80, 0x80, 0x80, 0x80, 0]), Err(Unreadable));
}
