//! The partition of an ESP32's flash that is the device's. There is no emulator of its radio, so this is all that runs.

use std::ops::Range;
use std::path::Path;

#[path = "../../../../examples/firmware/esp32/src/part.rs"]
mod part;

/// Of the flash on most of these boards.
const FLASH: u32 = 4 * 1024 * 1024;

fn find(table: &[(&str, u32, u32)]) -> Result<Range<u32>, &'static str> {
    part::find(table.iter().map(|(label, offset, size)| (*label == part::LABEL, *offset, *size)), FLASH)
}

/// A table whose device has these bytes.
fn with(device: Range<u32>) -> Result<Range<u32>, &'static str> {
    let size = device.end - device.start;
    find(&[("ota_0", 0x1_0000, 0x1f_0000), (part::LABEL, device.start, size), ("ota_1", 0x20_0000, 0x1f_0000)])
}

/// The lines of the table that `cargo xtask flash` names: label, type, offset and size.
fn table() -> Vec<(String, String, u32, u32)> {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/firmware/esp32/partitions.csv");
    let text = std::fs::read_to_string(file).expect("a partition table");
    let number = |text: &str| u32::from_str_radix(text.strip_prefix("0x").expect("a number"), 16).expect("a number");
    let line = |line: &str| {
        let fields: Vec<&str> = line.split(',').map(str::trim).collect();
        let [label, kind, _, offset, size] = fields[..] else { panic!("five fields: {line}") };
        (label.to_owned(), kind.to_owned(), number(offset), number(size))
    };
    text.lines().filter(|line| !line.starts_with('#')).map(line).collect()
}

/// EM9: the device's part stands beside the program and beside an update, and has the size that the other boards have.
#[test]
fn the_esp32s_table_has_a_place_for_the_device_em9() {
    let table = table();
    let entries: Vec<(&str, u32, u32)> =
        table.iter().map(|(label, _, offset, size)| (label.as_str(), *offset, *size)).collect();
    let device = find(&entries).expect("a place");
    assert_eq!(device, FLASH - 64 * 1024..FLASH);
    let mut end = 0x9000;
    for (label, kind, offset, size) in &table {
        assert!(*offset >= end && size.is_multiple_of(4096), "{label}");
        assert!(kind != "app" || offset.is_multiple_of(64 * 1024), "{label}: a program begins with 64 KB");
        end = offset + size;
    }
    assert_eq!(table.iter().filter(|(_, kind, ..)| kind == "app").count(), 2, "the program, and an update of it");
}

/// EM9: a partition that is not there, is no pages, or is another's is told, and none of the flash is used.
#[test]
fn an_esp32s_partition_that_cannot_be_used_is_told_em9() {
    assert_eq!(with(0x3f_0000..0x40_0000), Ok(0x3f_0000..0x40_0000));
    assert_eq!(find(&[("ota_0", 0x1_0000, 0x1f_0000)]), Err("the partition table has no partition `device`"));
    assert_eq!(
        find(&[(part::LABEL, 0x1_0000, 0x1_0000), (part::LABEL, 0x3f_0000, 0x1_0000)]),
        Err("the partition table has two partitions `device`")
    );
    for device in [0x3f_0800..0x40_0000, 0x3f_0000..0x3f_f800] {
        let why = "the partition `device` does not begin and end with a page of 4 KB";
        assert_eq!(with(device.clone()), Err(why), "{device:x?}");
    }
    // the last one ends beyond what 32 bits hold
    for (offset, size) in [(0x3f_0000, 0x1_1000), (0x40_0000, 0x1_0000), (0xffff_0000, 0xffff_f000)] {
        let found = find(&[(part::LABEL, offset, size)]);
        assert!(found.is_err_and(|why| why.contains("end of the flash") || why.contains("a page")), "{offset:x}");
    }
    // the boot loader, its table, the program, the update, all of the program
    for device in [0..0x1000, 0x8000..0x9000, 0x1f_f000..0x20_0000, 0x3e_f000..0x3f_0000, 0x1_0000..0x3f_0000] {
        let why = "the partition `device` overlaps a program or another partition";
        assert_eq!(with(device.clone()), Err(why), "{device:x?}");
    }
    assert_eq!(with(0x9000..0x1_0000), Ok(0x9000..0x1_0000), "between them is room");
}
