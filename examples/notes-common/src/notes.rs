//! What the application keeps for its users. A real one has it in its database.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::Serialize;

/// Characters of a note at most.
const LONGEST: usize = 500;
/// Notes of a user at most.
const MOST: usize = 100;

/// A note.
#[derive(Clone, Debug, Serialize, PartialEq, Eq)]
pub struct Note {
    /// Names it among its user's.
    pub id: u64,
    /// What was written. Escape it in pages.
    pub text: String,
}

/// The notes of all users.
#[derive(Debug, Default)]
pub struct Notes(Mutex<HashMap<String, Vec<Note>>>);

impl Notes {
    fn lock(&self) -> MutexGuard<'_, HashMap<String, Vec<Note>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A user's notes, newest first.
    pub fn of(&self, user: &str) -> Vec<Note> {
        self.lock().get(user).into_iter().flatten().rev().cloned().collect()
    }

    /// Keeps a note; false if it is empty or too long. The oldest of a hundred goes.
    pub fn add(&self, user: &str, text: &str) -> bool {
        let text = text.trim();
        if !(1..=LONGEST).contains(&text.chars().count()) {
            return false;
        }
        let mut all = self.lock();
        let notes = all.entry(user.to_owned()).or_default();
        let id = notes.last().map_or(1, |note| note.id + 1);
        notes.push(Note { id, text: text.to_owned() });
        if notes.len() > MOST {
            notes.remove(0);
        }
        true
    }

    /// Removes a note of this user's.
    pub fn remove(&self, user: &str, id: u64) {
        if let Some(notes) = self.lock().get_mut(user) {
            notes.retain(|note| note.id != id);
        }
    }
}
