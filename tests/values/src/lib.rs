#![doc = include_str!("../README.md")]

pub mod any_bytes;

use std::collections::BTreeMap;
use std::fmt::{Debug, Display, Write as _};
use std::marker::PhantomData;

use serde::Serialize;
use serde::de::DeserializeOwned;
use session_core::codec::Codec;

/// What became of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Outcome {
    /// Read as it should be, or an error where nothing else would be right.
    Right,
    /// An error when it was written, although it could have been read.
    Refused,
    /// Written without an error, and then an error when it was read.
    Unreadable,
    /// Read as something else by serde itself, also as JSON. In debug builds, `SessionData::save` and `update_with` refuse it.
    RefusedInDebug,
    /// Read as something else by serde itself, also as JSON, and nothing tells: because both are written alike, or because
    /// serde drops the error. `docs/values.md` names these.
    AsJson,
    /// Read as something else.
    Wrong,
}

/// One group of cases after another, through one codec.
pub struct Matrix<C> {
    group: &'static str,
    /// Group, name, what became of it, and why.
    cases: Vec<(&'static str, String, Outcome, String)>,
    /// Bytes of each value that was read as it was written.
    sizes: BTreeMap<String, usize>,
    codec: PhantomData<C>,
}

impl<C: Codec> Default for Matrix<C> {
    fn default() -> Self {
        Self { group: "", cases: Vec::new(), sizes: BTreeMap::new(), codec: PhantomData }
    }
}

/// The bytes of a value.
///
/// # Errors
/// What the codec says.
///
/// # Panics
/// If the value says two things of its size.
pub fn write<C: Codec, T: Serialize + ?Sized>(value: &T) -> Result<Vec<u8>, String> {
    let size = C::write(value, &mut []).map_err(|why| why.to_string())?;
    let mut bytes = vec![0xee; size];
    assert_eq!(C::write(value, &mut bytes), Ok(size), "one size, another when it is written");
    Ok(bytes)
}

/// The value of these bytes.
///
/// # Errors
/// What the codec says.
pub fn read<C: Codec, T: Serialize + DeserializeOwned>(bytes: &[u8]) -> Result<T, String> {
    C::read(bytes).map_err(|why| why.to_string())
}

/// Whether debug builds say that a value is not read back as it was written.
fn reads_back_as_another<C: Codec, T: Serialize>(read: &T, bytes: &[u8]) -> bool {
    write::<C, T>(read).map_or(true, |again| C::content(&again) != C::content(bytes))
}

/// What JSON makes of a value; `None` after an error.
fn by_json<T: DeserializeOwned>(value: &impl Serialize) -> Option<T> {
    serde_json::from_str(&serde_json::to_string(value).ok()?).ok()
}

/// The outcome of a value that was read as something else.
const fn taken_for_another(by_json_as_well: bool, refused: bool) -> Outcome {
    match (by_json_as_well, refused) {
        (true, true) => Outcome::RefusedInDebug,
        (true, false) => Outcome::AsJson,
        (false, _) => Outcome::Wrong,
    }
}

impl<C: Codec> Matrix<C> {
    /// What follows is this.
    pub fn group(&mut self, name: &'static str) {
        self.group = name;
    }

    fn case(&mut self, name: impl Display, outcome: Outcome, why: String) {
        let name = name.to_string();
        assert!(
            !self.cases.iter().any(|(group, other, ..)| (*group, other) == (self.group, &name)),
            "{}: {name} is there twice",
            self.group
        );
        self.cases.push((self.group, name, outcome, why));
    }

    /// A value is read as the type that it was written as.
    pub fn same<T: Serialize + DeserializeOwned + PartialEq + Debug>(&mut self, name: impl Display, value: T) {
        self.same_by(name, value, |read, value| read == value);
    }

    /// The same, where `==` does not tell.
    pub fn same_by<T: Serialize + DeserializeOwned + Debug>(
        &mut self,
        name: impl Display,
        value: T,
        same: impl Fn(&T, &T) -> bool,
    ) {
        let (outcome, why) = match write::<C, T>(&value) {
            Err(why) => (Outcome::Refused, why),
            Ok(bytes) => match read::<C, T>(&bytes) {
                Err(why) => (Outcome::Unreadable, why),
                Ok(read) if same(&read, &value) => {
                    self.sizes.insert(format!("{}: {name}", self.group), bytes.len());
                    let refused = reads_back_as_another::<C, T>(&read, &bytes);
                    (if refused { Outcome::Wrong } else { Outcome::Right }, "refused in debug builds".into())
                }
                Ok(read) => {
                    let why = format!("{value:?} as {read:?}");
                    let refused = reads_back_as_another::<C, T>(&read, &bytes);
                    (taken_for_another(by_json::<T>(&value).is_some_and(|read| !same(&read, &value)), refused), why)
                }
            },
        };
        self.case(name, outcome, why);
    }

    /// One program writes `written`, and another one's type reads it as `expected`.
    pub fn becomes<W: Serialize, R>(&mut self, name: impl Display, written: W, expected: R)
    where
        R: Serialize + DeserializeOwned + PartialEq + Debug,
    {
        let (outcome, why) = match write::<C, W>(&written) {
            Err(why) => (Outcome::Refused, why),
            Ok(bytes) => match read::<C, R>(&bytes) {
                Err(why) => (Outcome::Unreadable, why),
                Ok(read) if read == expected => (Outcome::Right, String::new()),
                Ok(read) => (Outcome::Wrong, format!("{read:?} instead of {expected:?}")),
            },
        };
        self.case(name, outcome, why);
    }

    /// As `R` the value would be another one: only an error is right.
    pub fn never<R: Serialize + DeserializeOwned + Debug>(&mut self, name: impl Display, written: impl Serialize) {
        let (outcome, why) = match write::<C, _>(&written).and_then(|bytes| read::<C, R>(&bytes)) {
            Err(why) => (Outcome::Right, why),
            Ok(read) => (taken_for_another(by_json::<R>(&written).is_some(), false), format!("{read:?}")),
        };
        self.case(name, outcome, why);
    }

    /// How many cases of a group, or of all, became this.
    pub fn count(&self, group: Option<&str>, outcome: Outcome) -> usize {
        self.cases.iter().filter(|case| group.is_none_or(|group| group == case.0) && case.2 == outcome).count()
    }

    /// The names of those that became this, with their groups.
    pub fn names(&self, outcome: Outcome) -> Vec<String> {
        let those = self.cases.iter().filter(|case| case.2 == outcome);
        those.map(|(group, name, ..)| format!("{group}: {name}")).collect()
    }

    /// The size of each value that was read as it was written, by its group and name.
    #[must_use]
    pub const fn sizes(&self) -> &BTreeMap<String, usize> {
        &self.sizes
    }

    /// A table of all groups, and a line for each case that is not right.
    #[must_use]
    pub fn table(&self, title: &str) -> String {
        let mut groups: Vec<&str> = self.cases.iter().map(|case| case.0).collect();
        groups.dedup();
        let outcomes = [
            Outcome::Right,
            Outcome::Refused,
            Outcome::Unreadable,
            Outcome::RefusedInDebug,
            Outcome::AsJson,
            Outcome::Wrong,
        ];
        let mut table = format!(
            "{title:<16} {:>6} {:>8} {:>11} {:>9} {:>8} {:>6}\n",
            "right", "refused", "unreadable", "in debug", "as JSON", "wrong"
        );
        let rows = groups.into_iter().map(|group| (group, Some(group))).chain([("all", None)]);
        for (name, group) in rows {
            let counts = outcomes.map(|outcome| self.count(group, outcome));
            let [right, refused, unreadable, in_debug, as_json, wrong] = counts;
            writeln!(
                table,
                "{name:<16} {right:>6} {refused:>8} {unreadable:>11} {in_debug:>9} {as_json:>8} {wrong:>6}"
            )
            .expect("a String");
        }
        for (group, name, outcome, why) in self.cases.iter().filter(|case| case.2 != Outcome::Right) {
            writeln!(table, "  {outcome:?}: {group}: {name}: {why}").expect("a String");
        }
        table
    }
}
