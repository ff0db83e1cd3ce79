//! The session's data as one struct, stored field by field.

mod entries;
mod fields;
mod names;
mod shape;

use std::any::type_name;
use std::collections::BTreeMap;
use std::convert::Infallible;
use std::fmt::{self, Debug};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::marker::PhantomData;
use std::ops::{Deref, DerefMut};
use std::sync::{Mutex, PoisonError};

use serde::{Serialize, de::DeserializeOwned};
use session_core::Error;
use session_core::codec::{NotReadBack, WriteError};

use crate::session::{Session, View};
use crate::unreadable_field::UnreadableField;
use entries::{Read, Why};
use fields::Fields;
use names::{KEY, WHOLE};

/// A session whose data is one `T`. Read and change it through `Deref`, then call [`save`](Self::save). A visitor
/// without a session has `T::default()`.
///
/// Each field is stored under a separate key, `data.` and its name:
///
/// - A field that the stored session lacks has its value in `T::default()`. Stored fields that this version of the
///   program does not know stay.
/// - If two requests change different fields at the same time, both changes are kept. If they change the same field,
///   the later one is [`Error::Conflict`] (409). So put values that belong together, such as an amount and its
///   currency, into one nested struct.
/// - `session.get::<u32>("data.count")` reads a single field.
/// - Structs, and maps whose keys are names, have fields. Enums, tuples, lists, options and plain values are stored
///   whole under the key `data`. So is a value with a field name of more than 59 bytes or with control characters.
///
/// A field that cannot be read as its type is [`Error::Unreadable`], or is reset to its default: see
/// [`Sessions::unreadable_fields`](crate::Sessions::unreadable_fields). `docs/values.md` in the repository says which
/// changes of a struct existing sessions survive.
pub struct Typed<T> {
    data: T,
    session: Session,
    loaded: Mutex<Loaded>,
}

/// The fingerprint of a value when it was read or saved, and what was stored of it and where.
struct Loaded {
    said: Fields,
    /// A hash of each entry.
    stored: BTreeMap<String, u64>,
    from: Source,
}

/// The session from which a value was read.
struct Source {
    exists: bool,
    subject: Option<String>,
}

impl Source {
    fn of(view: &View<'_>) -> Self {
        Self { exists: view.exists(), subject: view.subject().map(str::to_owned) }
    }

    /// Returns whether this is another session now. A visitor's data survives the sign-in, unless it was removed.
    fn has_ended(&self, view: &View<'_>) -> bool {
        self.exists && !view.exists() || self.subject.is_some() && self.subject.as_deref() != view.subject()
    }
}

/// A field and its bytes; without them it is removed.
type Change<'a> = (&'a str, Option<&'a [u8]>);

impl<T: Serialize + DeserializeOwned + Default> Typed<T> {
    /// Reads the data of a session.
    ///
    /// # Errors
    /// [`Error::Unreadable`] if a field cannot be read, unless such fields are reset.
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
            // a hash map has the same fingerprint in any order of its entries
            let said = Fields::of(&value).map_err(|why| {
                view.report_unreadable(KEY, &Unwritable::<T>(why, PhantomData), true);
                Error::Unreadable
            })?;
            Ok((value, Loaded { said, stored, from: Source::of(view) }))
        })?;
        Ok(Self { data, session, loaded: Mutex::new(loaded) })
    }

    /// Writes the changed fields to the session, which stores them with the response. Creates a session if there is
    /// none, with all fields. A field that `skip_serializing_if` skips is removed. A field that was removed since the
    /// data was read, and that the handler did not change, stays removed.
    ///
    /// # Errors
    /// After an error nothing is changed.
    ///
    /// - [`Error::Conflict`] if one of these fields was written or removed in another way since the data was read, for
    ///   example by [`Session::clear`], or by a login that drops the data.
    /// - [`Error::Conflict`] if the session that the data was read from has ended, or if another subject has signed in.
    ///   Data never moves from one session to another.
    /// - [`Error::Unreadable`] and an event if a skipped field would be read back with another value.
    /// - [`Error::NotSerializable`] and [`Error::TooLarge`] as for [`Session::set`].
    ///
    /// Debug builds read back what they write. If a field cannot be read, or has another value then, they return
    /// [`Error::Unreadable`] and report an event that names the field.
    pub fn save(&self) -> Result<(), Error> {
        let said = Fields::of(&self.data).map_err(|_| Error::NotSerializable)?;
        let mut loaded = self.loaded.lock().unwrap_or_else(PoisonError::into_inner);
        self.session.with(|view, _| {
            if cfg!(debug_assertions)
                && let Err(why) = read_back::<T>(&said)
            {
                view.report_unreadable("", &why, false);
                return Err(Error::Unreadable);
            }
            let ended = loaded.from.has_ended(view);
            let mut changes = changes(&said, &loaded, !view.exists() && !ended);
            if ended {
                return if changes.is_empty() { Ok(()) } else { Err(Error::Conflict) };
            }
            match repairs::<T>(&stored(view).collect::<Vec<_>>(), &changes, &said, &loaded) {
                Ok(Repairs { put, gone }) => {
                    changes.extend(put.into_iter().map(|(name, bytes)| (name, Some(bytes))));
                    let gone: Vec<_> = gone.iter().map(|name| (name.as_str(), None)).collect();
                    let stored = self::put(view, &[&changes[..], &gone].concat(), &loaded.stored)?;
                    *loaded = Loaded { said, stored, from: Source::of(view) };
                    Ok(())
                }
                Err(name) => {
                    let never = format_args!("`{}` as {}: can be set but not read back", key(&name), type_name::<T>());
                    view.report_unreadable("", &never, false);
                    Err(Error::Unreadable)
                }
            }
        })
    }

    /// Returns the session, for login, logout and messages.
    pub fn session(&self) -> &Session {
        &self.session
    }
}

/// Reads back a value with this fingerprint, and names a field that is not read as it was written. For debug builds of
/// programs.
fn read_back<T: Serialize + DeserializeOwned + Default>(said: &Fields) -> Result<(), String> {
    let read = entries::read::<T>(said.iter().collect(), false);
    let read = read.map_err(|why| format!("{}: can be set but not read back", Place(&why)))?;
    let again = Fields::of(&read.value).map_err(|why| Unwritable::<T>(why, PhantomData).to_string())?;
    match said.differs_from(&again) {
        Some(name) => Err(format!("`{}` as {}: {}", key(name), type_name::<T>(), NotReadBack::<Infallible>::AsAnother)),
        None => Ok(()),
    }
}

/// The entries of the value: names with the dot before them, and bytes.
fn stored<'v>(view: &'v View<'_>) -> impl Iterator<Item = (&'v str, &'v [u8])> {
    view.stored(KEY).filter(|(name, _)| *name == WHOLE || name.starts_with('.'))
}

/// The fields to set and remove: for a `new` session all fields, otherwise those that changed.
fn changes<'a>(said: &'a Fields, loaded: &'a Loaded, new: bool) -> Vec<Change<'a>> {
    let Loaded { said: before, stored, .. } = loaded;
    let changed = |(name, bytes): &(&str, &[u8])| before.get(name) != Some(bytes);
    if !new && said.iter().all(|field| !changed(&field)) && before.iter().all(|(name, _)| said.get(name).is_some()) {
        return Vec::new();
    }
    // a whole value replaces all fields, and vice versa
    let whole = said.get(WHOLE).is_some();
    let other_shape = stored.keys().any(|name| if whole { name != WHOLE } else { name == WHOLE });
    let put = said.iter().filter(|field| new || other_shape || changed(field)).map(|(name, bytes)| (name, Some(bytes)));
    let gone = stored.keys().map(String::as_str).filter(|name| {
        // a field that it never had belongs to another version of the program
        said.get(name).is_none() && (whole || *name == WHOLE || before.get(name).is_some())
    });
    gone.map(|name| (name, None)).chain(put).collect()
}

/// Further changes, so that the next request reads the saved value.
#[derive(Default)]
struct Repairs<'a> {
    /// Fields that were not changed and are not stored, if they would have another default: serde's, not the one of
    /// `T::default()`.
    put: Vec<(&'a str, &'a [u8])>,
    /// Entries of an alias, which would replace or duplicate their field.
    gone: Vec<String>,
}

/// Reads back the result if it may differ from the value that was `said`: if names are added or removed, or a field is
/// not stored. Fails with the name of a field that would be read differently.
fn repairs<'a, T>(
    now: &[(&str, &[u8])],
    changes: &[Change<'a>],
    said: &'a Fields,
    loaded: &Loaded,
) -> Result<Repairs<'a>, String>
where
    T: Serialize + DeserializeOwned + Default,
{
    let Loaded { said: before, stored, .. } = loaded;
    let changed = |name: &str| changes.iter().any(|(changed, _)| *changed == name);
    let is_there = |name: &str| now.iter().any(|(there, _)| *there == name);
    // by another request, or by this one in another way
    let was_removed = |name: &str| stored.contains_key(name) && !is_there(name) && !changed(name);
    let comes = changes.iter().any(|(name, bytes)| bytes.is_some() && !is_there(name));
    let skipped = || before.iter().map(|(name, _)| name).filter(|name| said.get(name).is_none());
    let left_out = || said.iter().filter(|(name, _)| !is_there(name) && !changed(name) && !was_removed(name));
    let mut repairs = Repairs::default();
    if skipped().next().is_none() && (changes.is_empty() || !comes && left_out().next().is_none()) {
        return Ok(repairs);
    }
    let kept = now.iter().copied().filter(|(name, _)| !changed(name));
    let then: Vec<_> = kept.chain(changes.iter().filter_map(|(name, bytes)| Some((*name, (*bytes)?)))).collect();
    let again = |stored| {
        let read = entries::read::<T>(stored, true).ok()?;
        let whole = read.resets.iter().any(|why| why.name == WHOLE);
        Some((Fields::of(&read.value).ok().filter(|_| !whole)?, read.shadowed))
    };
    // a field that is still unreadable was reported when it was read
    let Some((read, shadowed)) = again(then.clone()) else { return Ok(repairs) };
    let is_read = |name: &str| read.get(name).is_some() && shadowed.iter().all(|shadowed| shadowed != name);
    if let Some((name, _)) = said.iter().find(|(name, _)| !was_removed(name) && !is_read(name)) {
        return Err(name.to_owned());
    }
    repairs.gone = shadowed;
    repairs.put = left_out().filter(|(name, bytes)| read.get(name) != Some(bytes)).collect();
    for name in skipped().filter(|name| read.get(name).is_some()) {
        let without = |(other, _): &&(&str, &[u8])| {
            let stored = then.iter().copied().filter(|(name, _)| name != other).collect();
            said.get(other).is_none() && again(stored).is_some_and(|(read, _)| read.get(name).is_none())
        };
        let (alias, _) = then.iter().find(without).ok_or_else(|| name.to_owned())?;
        repairs.gone.push((*alias).to_owned());
    }
    Ok(repairs)
}

/// Sets and removes fields, all or none. Returns the stored part of what was read.
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
    let written_since = |name| now.get(name).map(|bytes| hash(bytes)) != read.get(name).copied();
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

/// A value that was read and cannot be written: two flattened maps have the same entries, for instance.
struct Unwritable<T>(WriteError, PhantomData<T>);

impl<T> fmt::Display for Unwritable<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{KEY}` as {}: cannot be written again: {}", type_name::<T>(), self.0)
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

impl<T> Debug for Typed<T> {
    /// Prints no data, because it is the visitor's.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Typed<{}>(..)", type_name::<T>())
    }
}
