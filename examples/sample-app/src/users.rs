//! Who may sign in, and whether a password is theirs.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use argon2::Argon2;
use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{Error, PasswordHasher, PasswordVerifier};

use crate::throttle::Throttle;

/// The longest password that is looked at; hashing a longer one would only cost time.
const LONGEST: usize = 1_024;

/// The application's users: names and argon2id hashes. A real application has them in its database.
pub struct Users {
    hashes: HashMap<String, PasswordHash>,
    /// What the password of somebody unknown is compared with, so that an answer takes as long.
    nobody: PasswordHash,
    /// Locked while a password is checked: one check at a time takes 19 MB, and no parallel guess slips past the count.
    throttle: Mutex<Throttle>,
}

/// What a password was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Checked {
    /// Theirs.
    Right,
    /// Not theirs, or there is no such user.
    Wrong,
    /// Not looked at: too many were wrong.
    Wait(Duration),
}

impl Users {
    /// Users with these passwords. In a real application a user chooses one, and only its hash is kept.
    pub fn new(passwords: &[(&str, &str)]) -> Result<Self, Error> {
        let argon2 = Argon2::default();
        let hash = |password: &str| -> Result<PasswordHash, Error> { argon2.hash_password(password.as_bytes()) };
        let hashes = passwords.iter().map(|(name, password)| Ok(((*name).to_owned(), hash(password)?)));
        Ok(Self { hashes: hashes.collect::<Result<_, Error>>()?, nobody: hash("")?, throttle: Throttle::new().into() })
    }

    /// Whether it is this user's password. Takes some 20 ms of computing and 19 MB.
    pub fn check(&self, name: &str, password: &str, now: Instant) -> Checked {
        let mut throttle = self.throttle.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(left) = throttle.left(name, now) {
            return Checked::Wait(left);
        }
        let user = self.hashes.get(name);
        let hash = user.unwrap_or(&self.nobody);
        let fits = password.len() <= LONGEST && Argon2::default().verify_password(password.as_bytes(), hash).is_ok();
        if fits && user.is_some() {
            throttle.right(name);
            Checked::Right
        } else {
            throttle.wrong(name, now);
            Checked::Wrong
        }
    }
}

impl fmt::Debug for Users {
    /// Prints no name and no hash.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Users")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_right_password_of_a_known_name() {
        let (users, now) = (Users::new(&[("ann", "correct horse")]).unwrap(), Instant::now());
        assert_eq!(users.check("ann", "correct horse", now), Checked::Right);
        for (name, password) in [("ann", "wrong"), ("ann", ""), ("bob", "correct horse"), ("", ""), ("bob", "")] {
            assert_eq!(users.check(name, password, now), Checked::Wrong, "{name} {password}");
        }
        assert_eq!(users.check("carl", &"x".repeat(LONGEST + 1), now), Checked::Wrong);
    }

    #[test]
    fn guessing_is_slowed_down_and_only_for_that_name() {
        let (users, now) = (Users::new(&[("ann", "correct horse")]).unwrap(), Instant::now());
        for _ in 0..5 {
            assert_eq!(users.check("ann", "guess", now), Checked::Wrong);
            assert_eq!(users.check("nobody", "guess", now), Checked::Wrong);
        }
        let second = Duration::from_secs(1);
        assert_eq!(users.check("ann", "correct horse", now), Checked::Wait(second));
        assert_eq!(users.check("nobody", "guess", now), Checked::Wait(second), "whether a name is known is not told");
        assert_eq!(users.check("ann", "guess", now + second), Checked::Wrong);
        assert_eq!(users.check("ann", "correct horse", now + second), Checked::Wait(2 * second));
        assert_eq!(users.check("ann", "correct horse", now + 3 * second), Checked::Right);
        assert_eq!(users.check("ann", "guess", now + 3 * second), Checked::Wrong, "the count began anew");
    }
}
