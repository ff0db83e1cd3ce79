//! Tests only. Every variant of the public errors, and what holds for the texts of all of them. The matches are here
//! and not in `tests/`, because outside this crate a match on a `non_exhaustive` enum needs a wildcard, and a new
//! variant would be missed.

use std::collections::BTreeSet;
use std::fmt::{Debug, Display};

use session_core::policy::Policy;
use session_core::{Error, KeyError};
use session_store_memory::MemoryStore;
use store_support::check_text;

use crate::config::{Config, ConfigError};
use crate::keys::{self, KeyLoadError};
use crate::rejection;
use crate::sessions::Sessions;

const KEY: &str = "8e1f0a936b64c5117199fe025ba0d73c4e6018e977b244059acd31f6882e53bf";

/// Checks that a text is a clause that says what happened and what to do, in `Debug` as well, that no two say the same,
/// and that each variant of the list is provoked exactly once.
fn check_all<T: Debug + Display>(name: impl Fn(&T) -> &'static str, provoked: &[T], variants: usize) {
    let names: BTreeSet<_> = provoked.iter().map(&name).collect();
    assert_eq!((names.len(), provoked.len()), (variants, variants), "{names:?}");
    let texts: BTreeSet<_> = provoked.iter().map(ToString::to_string).collect();
    assert_eq!(texts.len(), variants, "two of these say the same: {texts:?}");
    for error in provoked {
        let text = error.to_string();
        check_text(name(error), &text);
        assert_eq!(format!("{error:?}"), text, "`unwrap` prints the sentence");
        let (what, to_do) = text.rsplit_once(": ").unwrap_or_else(|| panic!("{text:?} does not say what to do"));
        assert!(what.len() > 2 && to_do.len() > 8, "{text}");
        assert!(!text.contains(&KEY[8..40]), "{text}");
    }
}

fn loaded(text: &str) -> KeyLoadError {
    keys::from_text(text, "SESSION_KEY").unwrap_err()
}

#[test]
fn every_mistake_in_a_text_of_keys_has_a_text() {
    let name = |error: &KeyLoadError| match error {
        KeyLoadError::NotSet(_) => "NotSet",
        KeyLoadError::File(..) => "File",
        KeyLoadError::Text(_) => "Text",
        KeyLoadError::Key(..) => "Key",
        KeyLoadError::Date(_) => "Date",
        KeyLoadError::Gap(_) => "Gap",
    };
    let provoked = [
        KeyLoadError::NotSet("SESSION_KEY".to_owned()), // of release builds
        keys::from_file("/nowhere/key").unwrap_err(),
        loaded(&KEY[1..]),
        loaded(&"00".repeat(32)),
        loaded(&format!("{KEY} from soon")),
        loaded(&format!("{KEY} from 2027-01-31")),
    ];
    check_all(name, &provoked, 6);
    assert!(matches!(provoked[3], KeyLoadError::Key(_, KeyError::Pattern)));
    for error in [&provoked[0], &provoked[2], &provoked[3]] {
        assert!(error.to_string().contains("openssl rand -hex 32"), "{error}");
    }
}

fn refused(variables: &[(&str, &str)]) -> ConfigError {
    let find = |name: &str| variables.iter().find(|(other, _)| *other == name).map(|(_, text)| (*text).to_owned());
    let made = Config::from_variables(find).and_then(|config| config.sessions(MemoryStore::new()));
    made.map(drop).unwrap_err()
}

#[test]
fn every_mistake_in_a_configuration_has_a_text() {
    let name = |error: &ConfigError| match error {
        ConfigError::Value(_) => "Value",
        ConfigError::TwoKeys(..) => "TwoKeys",
        ConfigError::NoKey(..) => "NoKey",
        ConfigError::Keys(_) => "Keys",
        ConfigError::Policy(..) => "Policy",
        ConfigError::TokenHeader(..) => "TokenHeader",
        ConfigError::NotOnPlainHttp(..) => "NotOnPlainHttp",
    };
    let provoked = [
        refused(&[("SESSION_IDLE", "soon")]),
        refused(&[("SESSION_KEY", KEY), ("SESSION_KEY_FILE", "/nowhere/key")]),
        refused(&[("SESSION_KEY_REQUIRED", "true")]),
        refused(&[("SESSION_KEY_FILE", "/nowhere/key")]),
        refused(&[("SESSION_COOKIE", "a")]),
        refused(&[("SESSION_TOKEN_HEADER", "cookie")]),
        refused(&[("SESSION_PLAIN_HTTP", "true"), ("SESSION_DOMAIN", "example.org")]),
    ];
    check_all(name, &provoked, 7);
    for (variables, words) in [
        ([("SESSION_SEALED", "yes")], "true or false"),
        ([("SESSION_MAX_SESSIONS", "65536")], "65535"),
        ([("SESSION_SAME_SITE", "both")], "lax"),
    ] {
        let text = refused(&variables).to_string();
        check_text("Value", &text);
        assert!(text.starts_with(variables[0].0) && text.contains(words), "{text}");
    }
}

#[test]
fn the_error_of_a_token_header_has_a_text() {
    let sessions = Sessions::new(MemoryStore::new(), keys::generated()).policy(Policy::SECURE);
    let error = sessions.in_header("cookie").unwrap_err();
    check_text("TokenHeaderError", &error.to_string());
    assert_eq!(format!("{error:?}"), error.to_string(), "as `main` prints it");
    assert!(error.to_string().contains("authorization"));
}

/// A response has the error's text, and for a program without a layer it names what to add, once.
#[test]
fn responses_have_the_words_of_the_errors() {
    struct Described(Error);
    impl Display for Described {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            rejection::describe(self.0, "`.layer(…)` after its route", f)
        }
    }
    assert_eq!(Described(Error::Conflict).to_string(), Error::Conflict.to_string());
    let text = Described(Error::NotMounted).to_string();
    check_text("NotMounted", &text);
    assert_eq!(text.matches("add ").count(), 1, "{text}");
}
