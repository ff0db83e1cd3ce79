//! The session's data as one struct of the application's, kept field by field.

mod entries;
mod fields;
mod names;

use std::collections::BTreeMap;
use std::fmt::{self, Debug};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::ops::{Deref, DerefMut};
use std::sync::{Mutex, PoisonError};

use serde::{Serialize, de::DeserializeOwned};
use session_core::Error;

use crate::session::{Session, View};
use crate::unreadable_field::UnreadableField;
use entries::{Read, Why};
use fields::Fields;
use names::{KEY, WHOLE};

/// A session whose data is one `T`. Read and changed through `Deref`; [`save`](Self::save) puts it into the session,
/// which stores it with the answer. A visitor without a session has `T::default()`.
///
/// Each field has a key of its own, `data.` and its name:
///
/// - A field that a session does not have yet has the value that it has in `T::default()`. Fields that this version of the
///   program does not know stay.
/// - Two requests that change different fields at the same time are merged; of two that change the same field, the later one
///   is [`Error::Conflict`] (409). So put what belongs together, such as an amount and its currency, into one nested struct.
/// - `session.get::<u32>("data.count")` reads a single field.
/// - A struct, a map whose keys are names, and an internally, adjacently or untagged enum have fields. Other enums, tuples,
///   lists, options and plain values are kept whole under the key `data`, and so is a value with a field's name of more than
///   59 bytes, or with control characters.
///
/// A field that cannot be read as its type is [`Error::Unreadable`], or is reset:
/// [`Sessions::unreadable_fields`](crate::Sessions::unreadable_fields). What can be changed about a struct while there are
/// sessions: `docs/values.md`.
pub struct Typed<T> {
    data: T,
    session: Session,
    loaded: Mutex<Loaded>,
}

/// What a value said of itself, and what was stored of it, when it was read or saved.
struct Loaded {
    said: Fields,
    /// A hash of each entry.
    stored: BTreeMap<String, u64>,
}

/// A field and its bytes; without them it is removed.
type Change<'a> = (&'a str, Option<&'a [u8]>);

impl<T: Serialize + DeserializeOwned + Default> Typed<T> {
    /// The data of a session.
    pub fn of(session: Session) -> Result<Self, Error> {
        let (data, loaded) = session.with(|view, on_unreadable| {
            let entries: Vec<_> = stored(view).collect();
            let stored = entries.iter().map(|(name, bytes)| ((*name).to_owned(), hash(bytes))).collect();
            let read = entries::read::<T>(entries, on_unreadable == UnreadableField::Resets);
            let Read { value, resets, .. } = read.map_err(|why| {
                view.report_unreadable(&key(&why.name), &Place(&why), true);
                Error::Unreadable
            })?;
            for why in &resets {
                view.report_unreadable("", &format_args!("{}; reset to its default", Place(why)), false);
            }
            // a hash map says the same twice, whatever the order in which it was stored
            let said = Fields::of(&value).map_err(|_| Error::NotSerializable)?;
            Ok((value, Loaded { said, stored }))
        })?;
        Ok(Self { data, session, loaded: Mutex::new(loaded) })
    }

    /// Puts the fields that were changed into the session, all of them if it has none; makes a session if there is none. A
    /// field that is skipped when it is written (`skip_serializing_if`) is removed. Fails with [`Error::Conflict`] if this
    /// request wrote one of these fields in another way since the data was read. After an error, nothing is changed.
    ///
    /// In debug builds, what is written is read again: [`Error::Unreadable`], and an event that names the field, if it can be
    /// set and never read.
    pub fn save(&self) -> Result<(), Error> {
        let said = Fields::of(&self.data).map_err(|_| Error::NotSerializable)?;
        let mut loaded = self.loaded.lock().unwrap_or_else(PoisonError::into_inner);
        self.session.with(|view, _| {
            if cfg!(debug_assertions)
                && let Err(why) = entries::read::<T>(said.iter().collect(), false)
            {
                view.report_unreadable("", &format_args!("{} can be set and never read", Place(&why)), false);
                return Err(Error::Unreadable);
            }
            let mut changes = changes(&said, &loaded, !view.exists());
            let shadowed = shadowed::<T>(view, &changes);
            changes.extend(shadowed.iter().map(|name| (name.as_str(), None)));
            let stored = put(view, &changes, &loaded.stored)?;
            *loaded = Loaded { said, stored };
            Ok(())
        })
    }

    /// The session itself: login, logout, messages.
    pub fn session(&self) -> &Session {
        &self.session
    }
}

/// The entries of the value: names with the dot before them, and bytes.
fn stored<'v>(view: &'v View<'_>) -> impl Iterator<Item = (&'v str, &'v [u8])> {
    view.stored(KEY).filter(|(name, _)| *name == WHOLE || name.starts_with('.'))
}

/// What is to be put and removed: of a `new` session all that the value says, otherwise what it says in another way.
fn changes<'a>(said: &'a Fields, loaded: &'a Loaded, new: bool) -> Vec<Change<'a>> {
    let Loaded { said: before, stored } = loaded;
    let changed = |(name, bytes): &(&str, &[u8])| before.get(name) != Some(bytes);
    if !new && said.iter().all(|field| !changed(&field)) && before.iter().all(|(name, _)| said.get(name).is_some()) {
        return Vec::new();
    }
    // a value as a whole takes the place of all fields, and the other way round
    let whole = said.get(WHOLE).is_some();
    let other_shape = stored.keys().any(|name| if whole { name != WHOLE } else { name == WHOLE });
    let put = said.iter().filter(|field| new || other_shape || changed(field)).map(|(name, bytes)| (name, Some(bytes)));
    let gone = stored.keys().map(String::as_str).filter(|name| {
        // what it never said is a field of another version of the program
        said.get(name).is_none() && (whole || *name == WHOLE || before.get(name).is_some())
    });
    gone.map(|name| (name, None)).chain(put).collect()
}

/// The entries of fields that are to be put under another name: they would be there twice.
fn shadowed<T>(view: &View<'_>, changes: &[Change<'_>]) -> Vec<String>
where
    T: Serialize + DeserializeOwned + Default,
{
    let now: Vec<_> = stored(view).collect();
    let unknown = now.iter().any(|(name, _)| changes.iter().all(|(changed, _)| changed != name));
    if !unknown || changes.iter().all(|(name, _)| now.iter().any(|(there, _)| there == name)) {
        return Vec::new();
    }
    let kept = now.into_iter().filter(|(name, _)| changes.iter().all(|(changed, _)| changed != name));
    let put = changes.iter().filter_map(|(name, bytes)| Some((*name, (*bytes)?)));
    entries::read::<T>(kept.chain(put).collect(), true).map_or_else(|_| Vec::new(), |read| read.shadowed)
}

/// Puts and removes fields, all or none; returns what is stored then of what was read.
fn put(
    view: &mut View<'_>,
    changes: &[Change<'_>],
    read: &BTreeMap<String, u64>,
) -> Result<BTreeMap<String, u64>, Error> {
    let mut stored = read.clone();
    if changes.is_empty() {
        return Ok(stored);
    }
    let now: BTreeMap<_, _> = self::stored(view).map(|(name, bytes)| (name.to_owned(), bytes.to_vec())).collect();
    let written_since = |name| now.get(name).is_some_and(|bytes| Some(&hash(bytes)) != read.get(name));
    if changes.iter().any(|(name, _)| written_since(*name)) {
        return Err(Error::Conflict);
    }
    for (done, (name, bytes)) in changes.iter().enumerate() {
        if let Err(error) = view.put_stored(&key(name), *bytes) {
            for (name, _) in &changes[..done] {
                view.put_stored(&key(name), now.get(*name).map(Vec::as_slice))?;
            }
            return Err(error);
        }
        match bytes {
            Some(bytes) => _ = stored.insert((*name).to_owned(), hash(bytes)),
            None => _ = stored.remove(*name),
        }
    }
    Ok(stored)
}

fn key(name: &str) -> String {
    format!("{KEY}{name}")
}

fn hash(bytes: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    bytes.hash(&mut hasher);
    hasher.finish()
}

/// Where it went wrong: "`data.count` as u32: expected u32, found text".
struct Place<'a>(&'a Why);

impl fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{KEY}{}` {}", self.0.name, self.0)
    }
}

impl<T> Deref for Typed<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.data
    }
}

impl<T> DerefMut for Typed<T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.data
    }
}

impl<T: Debug> Debug for Typed<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Typed").field(&self.data).finish()
    }
}
