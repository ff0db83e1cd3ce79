//! Host only. Every variant of the public errors and events, and what holds for the texts of all of them. The matches
//! are here and not in `tests/`, because outside this crate a match on a `non_exhaustive` enum needs a wildcard, and a
//! new variant would be missed.

use std::collections::BTreeSet;
use std::string::{String, ToString};
use std::{vec, vec::Vec};

use crate::base::codec::WriteError;
use crate::base::names::Handle;
use crate::base::policy::PolicyError;
use crate::clause::check;
use crate::codec::NotReadBack;
use crate::codec::postcard::Postcard;
use crate::events::{Cause, Event, LogId};
use crate::{Error, KeyError};

/// The handle of the events below, whose bytes must not be in a text.
const HANDLE: [u8; Handle::LEN] = [0xc3; Handle::LEN];

/// Checks each variant's text, that no two say the same, and that `every` has no variant twice.
fn check_all<T>(every: &[T], name: impl Fn(&T) -> &'static str, text: impl Fn(&T) -> String) {
    let texts: Vec<_> = every.iter().map(|one| (name(one), text(one))).collect();
    texts.iter().for_each(|(name, text)| check(name, text));
    let apart: BTreeSet<_> = texts.iter().collect();
    assert_eq!(apart.len(), every.len(), "{texts:?}");
    let said: BTreeSet<_> = texts.iter().map(|(_, text)| text).collect();
    assert_eq!(said.len(), every.len(), "two of these say the same: {texts:?}");
}

/// Makes a list of all variants, and a match without a wildcard that names them: a variant that is missing in it does
/// not compile, and one that is only in the match is not counted.
macro_rules! every {
    ($kind:ty: $($pattern:pat => $one:expr),+ $(,)?) => {{
        let named = |one: &$kind| -> &'static str {
            match one { $($pattern => stringify!($pattern)),+ }
        };
        (vec![$($one),+], named)
    }};
}

/// Each text says what happened and what to do. A method returns whose fault it is.
#[test]
fn every_error_of_the_core_has_a_text() {
    let (all, name) = every! { Error:
        Error::Conflict => Error::Conflict,
        Error::Ended => Error::Ended,
        Error::CookieReplaced => Error::CookieReplaced,
        Error::SignInAgain => Error::SignInAgain,
        Error::NotSignedIn => Error::NotSignedIn,
        Error::CrossSite => Error::CrossSite,
        Error::Unreadable => Error::Unreadable,
        Error::TooLarge { .. } => Error::TooLarge { need: 700, have: 512 },
        Error::BadKey => Error::BadKey,
        Error::BadText => Error::BadText,
        Error::NotSerializable => Error::NotSerializable,
        Error::Busy => Error::Busy,
        Error::NotMounted => Error::NotMounted,
        Error::AnswerSent => Error::AnswerSent,
        Error::Unsupported => Error::Unsupported,
        Error::Full => Error::Full,
        Error::Entropy => Error::Entropy,
        Error::Unavailable => Error::Unavailable,
        Error::Indeterminate => Error::Indeterminate,
    };
    check_all(&all, name, Error::to_string);
    for error in all {
        let text = error.to_string();
        let (what, to_do) = text.split_once(": ").unwrap_or_else(|| panic!("{error:?} does not say what to do"));
        assert!(what.len() > 8 && to_do.len() > 8, "{text}");
        assert!((400..600).contains(&error.status()), "{error:?}");
    }
}

#[test]
fn every_mistake_in_keys_policies_and_values_has_a_text() {
    let (all, name) =
        every! { KeyError: KeyError::Pattern => KeyError::Pattern, KeyError::TooMany => KeyError::TooMany };
    check_all(&all, name, KeyError::to_string);
    assert!(KeyError::Pattern.to_string().contains("openssl rand -hex 32"));

    let (all, name) = every! { PolicyError:
        PolicyError::Name => PolicyError::Name,
        PolicyError::NameLength => PolicyError::NameLength,
        PolicyError::NotHost => PolicyError::NotHost,
        PolicyError::NotSecure => PolicyError::NotSecure,
        PolicyError::PlainPrefix => PolicyError::PlainPrefix,
        PolicyError::Domain => PolicyError::Domain,
        PolicyError::Path => PolicyError::Path,
        PolicyError::HostPath => PolicyError::HostPath,
        PolicyError::ZeroLimit => PolicyError::ZeroLimit,
        PolicyError::RenewalWithinGrace => PolicyError::RenewalWithinGrace,
        PolicyError::NeverChanges => PolicyError::NeverChanges,
        PolicyError::TouchTooRare => PolicyError::TouchTooRare,
        PolicyError::NoDeviceCookie => PolicyError::NoDeviceCookie,
        PolicyError::DeviceLifetime => PolicyError::DeviceLifetime,
        PolicyError::EndpointPath => PolicyError::EndpointPath,
    };
    check_all(&all, name, PolicyError::to_string);

    let (all, name) = every! { WriteError:
        WriteError::Refused => WriteError::Refused,
        WriteError::Deep => WriteError::Deep,
        WriteError::Length => WriteError::Length,
        WriteError::LeftOut => WriteError::LeftOut,
    };
    check_all(&all, name, WriteError::to_string);

    type Back = NotReadBack<WriteError>;
    let (all, name) = every! { Back:
        NotReadBack::Never(_) => NotReadBack::Never(WriteError::Deep),
        NotReadBack::AsAnother => NotReadBack::AsAnother,
    };
    check_all(&all, name, Back::to_string);
    let unreadable = <Postcard as crate::codec::Codec>::read::<u8>(&[]).unwrap_err();
    check("Unreadable", &unreadable.to_string());
}

/// The line of each event, as a logger prints it.
#[test]
fn every_event_has_a_text_lc13() {
    let (id, ann) = (LogId(Handle::from_bytes(HANDLE)), Some("ann"));
    let why: &dyn core::fmt::Display = &"connection reset";
    let (all, name) = every! { Event<'_>:
        Event::Created(_) => Event::Created(id),
        Event::Renewed(..) => Event::Renewed(id, ann),
        Event::LoggedIn(..) => Event::LoggedIn(id, "ann"),
        Event::LoginFailed(..) => Event::LoginFailed(ann, why),
        Event::Rotated(..) => Event::Rotated(id, ann),
        Event::Ended(..) => Event::Ended(id, ann),
        Event::Revoked(..) => Event::Revoked(id, ann, Cause::Chosen),
        Event::OthersRevoked(..) => Event::OthersRevoked(id, "ann"),
        Event::AllRevoked(_) => Event::AllRevoked("ann"),
        Event::EverybodyRevoked => Event::EverybodyRevoked,
        Event::Expired(..) => Event::Expired(id, ann),
        Event::Forged => Event::Forged,
        Event::CookiesIgnored => Event::CookiesIgnored,
        Event::Unknown(_) => Event::Unknown(id),
        Event::PastGrace(..) => Event::PastGrace(id, ann),
        Event::Replaced(..) => Event::Replaced(id, ann),
        Event::Bound(..) => Event::Bound(id, ann),
        Event::Mismatch(..) => Event::Mismatch(id, ann),
        Event::DeviceBound(..) => Event::DeviceBound(id, ann),
        Event::DeviceProven(_) => Event::DeviceProven(id),
        Event::Unproven(..) => Event::Unproven(id, ann, Some(606)),
        Event::ProofRefused(..) => Event::ProofRefused(Some(id), why),
        Event::ProofSkipped(..) => Event::ProofSkipped(Some(id), why),
        Event::CsrfFailed(..) => Event::CsrfFailed(Some(id), ann),
        Event::CrossSite => Event::CrossSite,
        Event::PlainHttp => Event::PlainHttp,
        Event::Corrupt(_) => Event::Corrupt(id),
        Event::Unreadable(..) => Event::Unreadable(id, Some(why)),
        Event::Conflict(_) => Event::Conflict(id),
        Event::LeftOut(..) => Event::LeftOut("forged", 91),
        Event::StoreFailed(_) => Event::StoreFailed(why),
        Event::StoreWarned(_) => Event::StoreWarned(why),
        Event::EntropyFailed => Event::EntropyFailed,
    };
    check_all(&all, name, Event::to_string);
    for event in &all {
        let text = event.to_string();
        assert!(event.reason().is_none() || text.contains("connection reset"), "{text}");
        assert!(event.subject().is_none() || text.contains("\"ann\""), "{text}");
        assert!(event.log_id().is_none() || text.contains(&id.to_string()), "{text}");
    }
    // the same events without their optional parts
    for event in [
        Event::LoginFailed(None, why),
        Event::Ended(id, None),
        Event::Unproven(id, None, None),
        Event::ProofRefused(None, why),
        Event::ProofSkipped(None, why),
        Event::CsrfFailed(None, None),
        Event::Unreadable(id, None),
    ] {
        check(event.name(), &event.to_string());
    }
    let (causes, name) = every! { Cause:
        Cause::Chosen => Cause::Chosen,
        Cause::Others => Cause::Others,
        Cause::All => Cause::All,
        Cause::Cap => Cause::Cap,
        Cause::AnotherLogin => Cause::AnotherLogin,
        Cause::Mismatch => Cause::Mismatch,
        Cause::Reuse => Cause::Reuse,
        Cause::BindingLost => Cause::BindingLost,
    };
    check_all(&causes, name, |cause| Event::Revoked(id, None, *cause).to_string());
}
