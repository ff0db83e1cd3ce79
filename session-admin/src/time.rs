//! Times for people.

use session_core::environment::Time;

/// A time as ISO 8601 writes it, in UTC: `2027-01-31T12:00:00Z`.
pub(crate) fn utc(time: Time) -> String {
    let seconds = time.millis() / 1_000;
    let (days, second) = (seconds / 86_400, seconds % 86_400);
    // days of a calendar that begins with the first of March of the year 0, in eras of 400 years
    let days = days + 719_468;
    let (era, day) = (days / 146_097, days % 146_097);
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    let year = era * 400 + year + u64::from(month <= 2);
    let (hour, minute, second) = (second / 3_600, second / 60 % 60, second % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

/// How far a time is from now: `3 min ago`, `in 2 h`.
pub(crate) fn distance(time: Time, now: Time) -> String {
    let seconds = time.millis().abs_diff(now.millis()) / 1_000;
    let span = match seconds {
        0 => return "now".into(),
        1..60 => format!("{seconds} s"),
        60..3_600 => format!("{} min", seconds / 60),
        3_600..172_800 => format!("{} h", seconds / 3_600),
        _ => format!("{} days", seconds / 86_400),
    };
    if time < now { format!("{span} ago") } else { format!("in {span}") }
}

/// Both.
pub(crate) fn both(time: Time, now: Time) -> String {
    format!("{} ({})", utc(time), distance(time, now))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates() {
        for (seconds, text) in [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_399, "2000-02-28T23:59:59Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (1_709_164_800, "2024-02-29T00:00:00Z"),
            (1_798_761_599, "2026-12-31T23:59:59Z"),
            (4_107_542_400, "2100-03-01T00:00:00Z"),
            (281_474_976_710, "10889-08-02T05:31:50Z"),
        ] {
            assert_eq!(utc(Time::from_millis(seconds * 1_000 + 999)), text);
        }
    }

    #[test]
    fn distances() {
        let now = Time::from_millis(10_000_000_000);
        for (seconds, text) in [
            (0, "now"),
            (59, "59 s ago"),
            (60, "1 min ago"),
            (3_599, "59 min ago"),
            (3_600, "1 h ago"),
            (172_799, "47 h ago"),
            (172_800, "2 days ago"),
        ] {
            assert_eq!(distance(Time::from_millis(now.millis() - seconds * 1_000), now), text);
        }
        assert_eq!(distance(Time::from_millis(now.millis() + 120_000), now), "in 2 min");
    }
}
