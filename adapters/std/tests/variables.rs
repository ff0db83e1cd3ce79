//! What the environment says is named where it is wrong. Each case has a process of its own.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::process::Command;

use session_std::config::Config;
use session_std::{MemoryStore, keys};

const KEY: &str = "8e1f0a936b64c5117199fe025ba0d73c4e6018e977b244059acd31f6882e53bf";
const ROLE: &str = "SESSION_STD_TEST_ROLE";

fn program() -> String {
    let by_config = Config::from_env().and_then(|config| config.sessions(MemoryStore::new()));
    let by_name = keys::from_env("SESSION_KEY");
    format!(
        "<{}|{}>",
        by_config.map_or_else(|why| why.to_string(), |_| "ok".into()),
        by_name.map_or_else(|why| why.to_string(), |_| "ok".into())
    )
}

#[test]
fn a_wrong_variable_is_named_and_no_key_is_shown() {
    if std::env::var_os(ROLE).is_some() {
        return println!("{}", program());
    }
    let bytes = OsString::from_vec([KEY.as_bytes(), &[0xff]].concat());
    for (variables, config, key) in [
        (vec![("SESSION_KEY", KEY.into())], "ok", "ok"),
        (
            vec![("SESSION_KEY", KEY[1..].into())],
            "SESSION_KEY: invalid signing key",
            "SESSION_KEY: invalid signing key",
        ),
        (
            vec![("SESSION_KEY", bytes.clone())],
            "SESSION_KEY: must be text in UTF-8",
            "SESSION_KEY: invalid signing key",
        ),
        (vec![("SESSION_KEY", KEY.into()), ("SESSION_PATH", bytes)], "SESSION_PATH: must be text in UTF-8", "ok"),
        (vec![("SESSION_KEY", KEY.into()), ("SESSION_TOUCH_EVERY", "1800".into())], "SESSION_TOUCH_EVERY: ", "ok"),
        (
            vec![("SESSION_KEY", KEY.into()), ("SESSION_KEY_FILE", KEY.into())],
            "SESSION_KEY and SESSION_KEY_FILE ",
            "ok",
        ),
    ] {
        let mut again = Command::new(std::env::current_exe().unwrap());
        again.args(["--exact", "a_wrong_variable_is_named_and_no_key_is_shown", "--nocapture"]).env(ROLE, "1");
        let ran = again.envs(variables).output().unwrap();
        let text = String::from_utf8(ran.stdout).unwrap();
        let said =
            text.split_once('<').and_then(|(_, said)| said.split_once('>')).unwrap_or_else(|| panic!("{text}")).0;
        let (by_config, by_name) = said.split_once('|').unwrap();
        assert!(by_config.starts_with(config) && by_name.starts_with(key), "{said}");
        assert!(!said.contains(&KEY[8..40]), "{said}");
    }
}
