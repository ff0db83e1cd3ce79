//! `cargo xtask keygen`.

use std::process::Command;

fn keygen() -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_xtask")).arg("keygen").output().unwrap();
    assert!(output.status.success());
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn it_prints_a_fresh_key_that_the_library_takes_and_nothing_else() {
    let (one, other) = (keygen(), keygen());
    assert_eq!((one.len(), other.len()), (65, 65));
    assert_ne!(one, other);
    session_std::keys::from_text(&format!("{one},{other}"), "keygen").unwrap();
}
