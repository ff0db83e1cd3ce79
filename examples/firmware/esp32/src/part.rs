//! Which part of the flash is the device's: the partition `device`, beside the program and beside an update of it.

use core::ops::Range;

/// Its label in the partition table.
pub(crate) const LABEL: &str = "device";
/// Bytes that are erased at once.
const PAGE: u32 = 4096;
/// The boot loader, and the partition table behind it.
const BOOT: Range<u32> = 0..0x9000;

/// Finds the device's partition among all of a flash of so many bytes. Of each: whether its label is [`LABEL`], where it
/// begins, and its size.
pub(crate) fn find(
    table: impl Iterator<Item = (bool, u32, u32)> + Clone,
    flash: u32,
) -> Result<Range<u32>, &'static str> {
    let table = table.map(|(ours, offset, size)| (ours, offset..offset.saturating_add(size)));
    let mut parts = table.clone().filter_map(|(ours, part)| ours.then_some(part));
    let part = parts.next().ok_or("the partition table has no partition `device`")?;
    if parts.next().is_some() {
        return Err("the partition table has two partitions `device`");
    }
    if !(part.start.is_multiple_of(PAGE) && part.end.is_multiple_of(PAGE)) {
        return Err("the partition `device` does not begin and end with a page of 4 KB");
    }
    if part.end > flash {
        return Err("the partition `device` reaches beyond the end of the flash");
    }
    let mut others = table.filter_map(|(ours, other)| (!ours).then_some(other)).chain([BOOT]);
    if others.any(|other| part.start < other.end && other.start < part.end) {
        return Err("the partition `device` overlaps a program or another partition");
    }
    Ok(part)
}
