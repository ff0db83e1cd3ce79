//! The programs without embassy's executor and without a network, on the Pico: requests come on the serial line.

use firmware_tests::Device;

use crate::table::Table;

/// Types a line, and returns the next `count` lines of the device.
fn ask(device: &mut Device, line: &str, count: usize) -> Vec<String> {
    let before = device.said().len();
    device.enter(line).unwrap();
    for _ in 0..count {
        device.hears("").unwrap();
    }
    device.said()[before..].to_vec()
}

/// The name and value of the cookie in a line as a `Set-Cookie` header carries it.
fn cookie(line: &str) -> &str {
    let cookie = line.split(';').next().unwrap();
    assert!(cookie.starts_with("id=") && cookie.len() > 20, "{line}");
    cookie
}

/// EM9: one loop that polls each future once signs a browser in, and it still is after the power was cut.
#[test]
fn a_loop_without_an_executor_keeps_who_is_signed_in_em1_em9() {
    let table = Table::program_of_the_pico("bare");
    let mut device = table.power_on();
    let [first, second] = &ask(&mut device, "/", 2)[..] else { panic!("two lines") };
    assert_eq!(second, "Ok(1) None");
    let visitor = cookie(first).to_owned();
    assert_eq!(ask(&mut device, &format!("{visitor} /"), 2), ["-", "Ok(2) None"]);
    let signed_in = ask(&mut device, &format!("{visitor} /sign-in"), 2);
    assert_eq!(signed_in[1], r#"Ok(3) Some("owner")"#);
    let owner = cookie(&signed_in[0]).to_owned();
    assert_ne!(owner, visitor, "LC1: another id");
    drop(device);

    let mut device = table.power_on();
    // no more than fits in the line's buffer while the device boots
    assert_eq!(ask(&mut device, "/", 2)[1], "Ok(1) None");
    assert_eq!(ask(&mut device, &format!("{owner} /"), 2), ["-", r#"Ok(4) Some("owner")"#]);
    assert_eq!(
        ask(&mut device, &format!("{visitor} /"), 2)[1],
        "Err(CookieReplaced) None",
        "the one of before opens nothing"
    );
    let signed_out = ask(&mut device, &format!("{owner} /sign-out"), 2);
    assert!(signed_out[1].ends_with("None"), "{signed_out:?}");
    assert_eq!(ask(&mut device, &format!("{owner} /"), 2)[1], "Ok(1) None");
}

/// EM9: the sketch in RTIC, in which two priorities share the sessions, knows a browser after the power was cut.
#[test]
fn rtic_tasks_share_the_sessions_em1_em9() {
    let table = Table::program_of_the_pico("rtic");
    let mut device = table.power_on();
    let first = ask(&mut device, "-", 1);
    let visitor = cookie(&first[0]).to_owned();
    assert_eq!(ask(&mut device, &visitor, 1), ["-"], "no other cookie: it is known");
    drop(device);
    let mut device = table.power_on();
    assert_ne!(cookie(&ask(&mut device, "-", 1)[0]), visitor);
    assert_eq!(ask(&mut device, &visitor, 1), ["-"]);
    let stranger = ask(&mut device, &format!("{}x", &visitor[..visitor.len() - 1]), 1);
    assert_ne!(cookie(&stranger[0]), visitor);
}
