//! PBKDF2-HMAC-SHA256 (RFC 8018) for 32 bytes, in steps: a board does nothing else for seconds otherwise.

use embassy_futures::yield_now;
use session_core::hash::Hmac;

/// Rounds between two looks at what else there is to do: 10 to 20 ms of a small board.
const STEP: u32 = 16;

/// Words that too many passwords are made of.
const COMMON: [&str; 14] = [
    "password",
    "passwort",
    "passw0rd",
    "1234567890",
    "0123456789",
    "0987654321",
    "123456",
    "qwertyuiopasdfghjklzxcvbnm",
    "qwerty",
    "abcdefghijklmnopqrstuvwxyz",
    "letmein",
    "changeme",
    "admin",
    "owner",
];

/// Whether the whole password is one of these words or the device's name, again and again, or one letter. Who guesses
/// begins with them (NIST SP 800-63B-4, 3.1.1.2).
pub(crate) fn is_common(password: &str, name: &str) -> bool {
    let repeats = |word: &str| {
        let again = word.chars().cycle().take(password.chars().count());
        password.chars().map(|letter| letter.to_ascii_lowercase()).eq(again.map(|letter| letter.to_ascii_lowercase()))
    };
    let letter = password.split_at_checked(password.chars().next().map_or(0, char::len_utf8)).unwrap_or_default().0;
    COMMON.into_iter().chain([name, letter]).any(repeats)
}

/// The password's hash. Others get their turn meanwhile.
pub(crate) async fn hash(password: &str, salt: &[u8; 16], rounds: u32) -> [u8; 32] {
    let keyed = Hmac::of_any(password.as_bytes());
    let mut last = keyed.mac(&[salt, &1_u32.to_be_bytes()]);
    let mut sum = last;
    for round in 1..rounds {
        if round % STEP == 0 {
            yield_now().await;
        }
        last = keyed.mac(&[&last]);
        sum.iter_mut().zip(last).for_each(|(sum, byte)| *sum ^= byte);
    }
    sum
}

#[cfg(test)]
mod tests {
    use core::future::Future;
    use core::pin::pin;
    use core::task::{Context, Poll, Waker};

    use super::*;

    #[test]
    fn what_too_many_choose_is_refused_dv4() {
        for password in [
            "passwordpassword",
            "PasswordPasswor",
            "123456789012345",
            "123456123456123",
            "qwertyuiopasdfg",
            "aaaaaaaaaaaaaaaa",
            "\u{1f331}\u{1f331}\u{1f331}",
            "Oven 7oven 7oven 7",
        ] {
            assert!(is_common(password, "Oven 7"), "{password}");
        }
        for password in ["a long password", "passwordpassworx", "aaaaaaaaaaaaaab", "my oven is an oven"] {
            assert!(!is_common(password, "Oven 7"), "{password}");
        }
    }

    #[test]
    fn it_is_pbkdf2_and_gives_others_their_turn() {
        for rounds in [1, 2, 16, 17, 1_000] {
            for password in [
                "",
                "a long password",
                "\u{1f331} of more than sixty-four bytes, which HMAC hashes before it uses them",
            ] {
                let mut hash = pin!(hash(password, b"a salt for tests", rounds));
                let mut turns = 0;
                let result = loop {
                    match hash.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
                        Poll::Ready(hash) => break hash,
                        Poll::Pending => turns += 1,
                    }
                };
                let expected =
                    pbkdf2::pbkdf2_hmac_array::<sha2::Sha256, 32>(password.as_bytes(), b"a salt for tests", rounds);
                assert_eq!(result, expected, "{password} {rounds}");
                assert_eq!(turns, (rounds - 1) / STEP, "{rounds}");
            }
        }
    }
}
