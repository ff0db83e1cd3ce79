//! `docs/policies.md` names every setting, with its variable and its default.

use std::collections::BTreeSet;

use session_std::config::Config;
use session_std::policy::Lifetimes;

const PAGE: &str = include_str!("../../../docs/policies.md");

/// The variables that a configuration asks for.
fn variables() -> BTreeSet<String> {
    let mut asked = BTreeSet::new();
    let config = Config::from_variables(|name| {
        asked.insert(name.to_owned());
        None
    });
    assert!(config.is_ok() && asked.len() > 20, "{asked:?}");
    asked
}

/// The variables that begin a row of a table of the page.
fn rows() -> BTreeSet<String> {
    let cells = PAGE.lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next());
    cells.filter(|cell| cell.starts_with("SESSION_")).map(str::to_owned).collect()
}

#[test]
fn every_variable_has_a_row_and_every_row_is_a_variable() {
    assert_eq!(rows(), variables());
}

/// One line of the table of presets, as the page writes it.
fn preset(name: &str, lifetimes: Lifetimes) -> String {
    let span = |span: Option<std::time::Duration>| match span.map(|span| span.as_secs()) {
        None => "none".to_owned(),
        Some(seconds) if seconds % 86_400 == 0 && seconds > 86_400 => format!("{} days", seconds / 86_400),
        Some(seconds) if seconds % 3_600 == 0 => format!("{} h", seconds / 3_600),
        Some(seconds) if seconds % 60 == 0 => format!("{} min", seconds / 60),
        Some(seconds) => format!("{seconds} s"),
    };
    let Lifetimes { idle, absolute, renew_after, grace, remember, .. } = lifetimes;
    let [idle, absolute, renew, grace, remember] =
        [span(idle), span(absolute), span(renew_after), span(Some(grace)), span(Some(remember))];
    format!("| `Lifetimes::{name}` | {idle} | {absolute} | {renew} | {grace} | {remember} |")
}

#[test]
fn the_presets_are_as_the_page_says() {
    for line in [
        preset("DEFAULT", Lifetimes::DEFAULT),
        preset("AAL1", Lifetimes::AAL1),
        preset("AAL2", Lifetimes::AAL2),
        preset("AAL3", Lifetimes::AAL3),
        preset("SLIDING", Lifetimes::SLIDING),
    ] {
        assert!(PAGE.lines().any(|row| row.starts_with(&line)), "missing: {line}");
    }
}
