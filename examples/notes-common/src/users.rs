//! Who may sign in, and whether a password is theirs.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use argon2::Argon2;
use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{Error, PasswordHasher, PasswordVerifier};

use crate::throttle::Throttle;
use crate::words;

/// Characters of a password at least.
const SHORTEST: usize = 8;
/// The longest password that is looked at; hashing a longer one would only cost time.
const LONGEST: usize = 1_024;

/// The application's users: names and argon2id hashes. A real application has them in its database.
pub struct Users {
    /// What the password of somebody unknown is compared with, so that an answer takes as long.
    nobody: PasswordHash,
    /// Locked while a password is checked: one check at a time takes 19 MB, and no parallel guess slips past the count.
    inside: Mutex<Inside>,
}

struct Inside {
    hashes: HashMap<String, PasswordHash>,
    throttle: Throttle,
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
        let inside = Inside { hashes: hashes.collect::<Result<_, Error>>()?, throttle: Throttle::new() };
        Ok(Self { nobody: hash("")?, inside: inside.into() })
    }

    /// The name, if it is a user's, for the log: what was typed may be a password.
    pub fn account<'n>(&self, name: &'n str) -> Option<&'n str> {
        self.inside().hashes.contains_key(name).then_some(name)
    }

    /// Whether it is this user's password. Takes some 20 ms of computing and 19 MB.
    pub fn check(&self, name: &str, password: &str, now: Instant) -> Checked {
        self.inside().check(&self.nobody, name, password, now)
    }

    /// Gives the user another password if `password` is theirs; otherwise says why not. Takes twice as long. Afterwards
    /// whoever calls ends the user's other sessions.
    pub fn change(&self, name: &str, password: &str, new: &str, now: Instant) -> Result<(), String> {
        let mut inside = self.inside();
        match inside.check(&self.nobody, name, password, now) {
            Checked::Right if new.chars().count() < SHORTEST || new.len() > LONGEST => Err(words::NO_PASSWORD.into()),
            Checked::Right => {
                let hash = Argon2::default().hash_password(new.as_bytes()).map_err(|why| why.to_string())?;
                inside.hashes.insert(name.to_owned(), hash);
                Ok(())
            }
            Checked::Wrong => Err(words::NOT_YOURS.into()),
            Checked::Wait(left) => Err(words::wait(left)),
        }
    }

    fn inside(&self) -> MutexGuard<'_, Inside> {
        self.inside.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inside {
    fn check(&mut self, nobody: &PasswordHash, name: &str, password: &str, now: Instant) -> Checked {
        if let Some(left) = self.throttle.left(name, now) {
            return Checked::Wait(left);
        }
        let user = self.hashes.get(name);
        let hash = user.unwrap_or(nobody);
        let fits = password.len() <= LONGEST && Argon2::default().verify_password(password.as_bytes(), hash).is_ok();
        if fits && user.is_some() {
            self.throttle.right(name);
            Checked::Right
        } else {
            self.throttle.wrong(name, now);
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
    fn only_who_knows_the_password_changes_it() {
        let (users, now) = (Users::new(&[("ann", "correct horse")]).unwrap(), Instant::now());
        assert_eq!(users.change("ann", "wrong", "battery staple", now), Err(words::NOT_YOURS.into()));
        for new in ["", "7 bytes", &"x".repeat(LONGEST + 1)] {
            assert_eq!(users.change("ann", "correct horse", new, now), Err(words::NO_PASSWORD.into()));
        }
        assert_eq!(users.change("bob", "", "battery staple", now), Err(words::NOT_YOURS.into()));
        assert_eq!(users.check("ann", "correct horse", now), Checked::Right);
        assert_eq!(users.change("ann", "correct horse", "battery staple", now), Ok(()));
        assert_eq!(users.check("ann", "correct horse", now), Checked::Wrong);
        assert_eq!(users.check("ann", "battery staple", now), Checked::Right);
        assert_eq!(users.check("bob", "battery staple", now), Checked::Wrong);
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
