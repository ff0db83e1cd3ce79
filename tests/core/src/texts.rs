//! What the texts of errors have in common, for the tests of the crates that show them.

use session_core::Error;

#[path = "../../../session-core/src/clause.rs"]
mod clause;

/// All errors of the core. Outside the core a match needs a wildcard, so a test counts them in the source.
pub const EVERY_ERROR: [Error; 19] = [
    Error::Conflict,
    Error::Ended,
    Error::CookieReplaced,
    Error::SignInAgain,
    Error::NotSignedIn,
    Error::CrossSite,
    Error::Unreadable,
    Error::TooLarge { need: 700, have: 512 },
    Error::BadKey,
    Error::BadText,
    Error::NotSerializable,
    Error::Busy,
    Error::NotMounted,
    Error::AnswerSent,
    Error::Unsupported,
    Error::Full,
    Error::Entropy,
    Error::Unavailable,
    Error::Indeterminate,
];

/// Fails unless `text` is a clause of one line in lower case, without a banned word, that says what happened and, after
/// its last colon, what to do.
pub fn check_text(name: &str, text: &str) {
    clause::check(name, text);
    let (what, to_do) = text.rsplit_once(": ").unwrap_or_else(|| panic!("{name} does not say what to do: {text:?}"));
    assert!(what.len() > 8 && to_do.len() > 8, "{name}: {text:?}");
}

/// Checks the texts of an adapter's rejections. Each says what the error says. Without a session layer it says
/// instead what to add, once.
pub fn check_rejections(text: impl Fn(Error) -> String, layer: &str) {
    for error in EVERY_ERROR {
        let shown = text(error);
        check_text(&format!("{error:?}"), &shown);
        if error == Error::NotMounted {
            assert!(shown.contains(layer) && shown.matches("add ").count() == 1, "{shown}");
        } else {
            assert_eq!(shown, error.to_string());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_error_is_listed() {
        let source = include_str!("../../../session-core/src/base/error.rs");
        let body = source.split_once("pub enum Error {").and_then(|(_, rest)| rest.split_once("\n}"));
        let body = body.map(|(body, _)| body).unwrap_or_default();
        let variants = body.lines().filter(|line| {
            line.strip_prefix("    ").is_some_and(|line| line.starts_with(|first: char| first.is_ascii_uppercase()))
        });
        assert_eq!(variants.count(), EVERY_ERROR.len());
        let apart: std::collections::BTreeSet<_> = EVERY_ERROR.iter().map(ToString::to_string).collect();
        assert_eq!(apart.len(), EVERY_ERROR.len());
    }

    #[test]
    fn a_text_without_advice_is_found() {
        let fails = |text: &'static str| std::panic::catch_unwind(|| check_text("X", text)).is_err();
        assert!(fails("sign in first") && fails("not signed in: ask somebody for help"));
        assert!(!fails("not signed in: sign in first"));
    }
}
