//! Why a value cannot be read, and where in it. Nothing here contains a part of the value, because the text ends up in
//! logs.

use core::fmt::{self, Write as _};
use serde::de::{self, Expected, Unexpected};

/// The error that serde or the reader reports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Error {
    what: What,
    expected: Text,
    /// The reader has begun to note where it happened.
    pub(super) located: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum What {
    /// Another kind of value is there.
    Type(Found),
    /// The kind matches, the value does not.
    Value(Found),
    /// Another number of elements.
    Length,
    Missing(&'static str),
    Twice(&'static str),
    /// None of these variants.
    Variant(&'static [&'static str]),
    /// A field that the type rejects as unknown.
    Field,
    /// The type's own `Deserialize` returned an error. Its text may contain the value.
    Refused,
    /// The bytes end too early, or declare more elements than they can contain.
    Cut,
    /// Bytes that do not occur in this format.
    Foreign,
    /// Bytes after the value, or elements that were not read.
    Left,
    Deep,
}

/// The kind of value that is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Found {
    Bool,
    Integer,
    Float,
    Text,
    Bytes,
    Null,
    Some,
    List,
    Map,
    Variant,
    Other,
}

impl Found {
    fn of(unexpected: &Unexpected<'_>) -> Self {
        match unexpected {
            Unexpected::Bool(_) => Self::Bool,
            Unexpected::Unsigned(_) | Unexpected::Signed(_) => Self::Integer,
            Unexpected::Float(_) => Self::Float,
            Unexpected::Char(_) | Unexpected::Str(_) => Self::Text,
            Unexpected::Bytes(_) => Self::Bytes,
            Unexpected::Unit => Self::Null,
            Unexpected::Option => Self::Some,
            Unexpected::Seq => Self::List,
            Unexpected::Map => Self::Map,
            Unexpected::Enum
            | Unexpected::UnitVariant
            | Unexpected::NewtypeVariant
            | Unexpected::TupleVariant
            | Unexpected::StructVariant => Self::Variant,
            Unexpected::NewtypeStruct | Unexpected::Other(_) => Self::Other,
        }
    }

    const fn text(self) -> &'static str {
        match self {
            Self::Bool => "true or false",
            Self::Integer => "an integer",
            Self::Float => "a floating point number",
            Self::Text => "text",
            Self::Bytes => "bytes",
            Self::Null => "null",
            Self::Some => "an optional value",
            Self::List => "a list",
            Self::Map => "a map",
            Self::Variant => "another kind of variant",
            Self::Other => "another kind of value",
        }
    }
}

impl Error {
    pub(super) const fn new(what: What) -> Self {
        Self { what, expected: Text::EMPTY, located: false }
    }

    #[cold]
    pub(super) fn expected(what: What, expected: &dyn Expected) -> Self {
        let mut text = Text::EMPTY;
        // text that does not fit is omitted
        let _ = write!(text, "{expected}");
        Self { what, expected: text, located: false }
    }

    /// Returns the name of the missing field, if that is the error.
    #[must_use]
    pub const fn missing(&self) -> Option<&'static str> {
        if let What::Missing(name) = self.what { Some(name) } else { None }
    }

    /// Returns the name of the field that occurs twice, if that is the error.
    #[must_use]
    pub const fn twice(&self) -> Option<&'static str> {
        if let What::Twice(name) = self.what { Some(name) } else { None }
    }
}

impl From<What> for Error {
    #[cold]
    fn from(what: What) -> Self {
        Self::new(what)
    }
}

impl de::Error for Error {
    fn custom<T: fmt::Display>(_: T) -> Self {
        Self::new(What::Refused)
    }

    fn invalid_type(unexpected: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::expected(What::Type(Found::of(&unexpected)), expected)
    }

    fn invalid_value(unexpected: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::expected(What::Value(Found::of(&unexpected)), expected)
    }

    fn invalid_length(_: usize, expected: &dyn Expected) -> Self {
        Self::expected(What::Length, expected)
    }

    fn unknown_variant(_: &str, expected: &'static [&'static str]) -> Self {
        Self::new(What::Variant(expected))
    }

    fn unknown_field(_: &str, _: &'static [&'static str]) -> Self {
        Self::new(What::Field)
    }

    fn missing_field(field: &'static str) -> Self {
        Self::new(What::Missing(field))
    }

    fn duplicate_field(field: &'static str) -> Self {
        Self::new(What::Twice(field))
    }
}

impl core::error::Error for Error {}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let expected = self.expected.as_str();
        match self.what {
            What::Type(found) => write!(f, "expected {expected}, found {}", found.text()),
            What::Value(found) => write!(f, "expected {expected}, found {} that does not fit", found.text()),
            What::Length => write!(f, "expected {expected}, found a different number of elements"),
            What::Missing(name) => write!(f, "field `{name}` is missing"),
            What::Twice(name) => write!(f, "field `{name}` occurs twice"),
            What::Variant(known) => {
                f.write_str("found a variant other than")?;
                known.iter().try_for_each(|name| write!(f, " `{name}`"))
            }
            What::Field => f.write_str("found a field that the type does not have"),
            What::Refused => f.write_str("the type's Deserialize implementation returned an error"),
            What::Cut => f.write_str("the bytes are truncated"),
            What::Foreign => f.write_str("the bytes are in another format"),
            What::Left => f.write_str("found more data than the type reads"),
            What::Deep => f.write_str("nested too deeply"),
        }
    }
}

/// A text, or its beginning.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Text {
    bytes: [u8; 47],
    len: u8,
}

impl Text {
    const EMPTY: Self = Self { bytes: [0; 47], len: 0 };

    fn as_str(&self) -> &str {
        let bytes = self.bytes.get(..self.len.into()).unwrap_or_default();
        core::str::from_utf8(bytes).unwrap_or_default()
    }
}

impl fmt::Debug for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

impl fmt::Write for Text {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let free = self.bytes.get_mut(self.len.into()..).unwrap_or_default();
        let end = (0..=free.len()).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0);
        free.iter_mut().zip(text.bytes().take(end)).for_each(|(free, byte)| *free = byte);
        self.len += end as u8;
        if end == text.len() { Ok(()) } else { Err(fmt::Error) }
    }
}

/// A step from a value to one that it contains.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// A field or variant, by its name in the type.
    Name(&'static str),
    /// An element of a list.
    Index(usize),
    /// An entry of a map. Its key belongs to the value and is not shown.
    Entry,
}

/// Where in the value it happened. The middle of a long path is omitted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Path {
    /// From the inside out.
    steps: [Step; 6],
    len: usize,
}

impl Path {
    pub(super) const EMPTY: Self = Self { steps: [Step::Entry; 6], len: 0 };

    /// Notes the step that led to the current start of the path.
    pub(super) fn push(&mut self, step: Step) {
        let at = self.len.min(self.steps.len() - 1);
        if let Some(place) = self.steps.get_mut(at) {
            *place = step;
        }
        self.len = self.len.saturating_add(1);
    }

    const fn is_empty(&self) -> bool {
        self.len == 0
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let left_out = self.len > self.steps.len();
        for (at, step) in self.steps.iter().take(self.len).rev().enumerate() {
            match step {
                Step::Name(name) if at == 0 => f.write_str(name)?,
                Step::Name(name) => write!(f, ".{name}")?,
                Step::Index(index) => write!(f, "[{index}]")?,
                Step::Entry => f.write_str("[…]")?,
            }
            if at == 0 && left_out {
                f.write_str("…")?;
            }
        }
        Ok(())
    }
}

/// Why a value cannot be read, and where in it: "field `cart.items[2]`: expected u32, found text". The names are those
/// of the type, never stored keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unreadable {
    pub(super) path: Path,
    pub(super) error: Error,
}

impl Unreadable {
    /// Returns the error without its location.
    #[must_use]
    pub const fn error(&self) -> Error {
        self.error
    }

    /// Returns the path to the field. It is empty if the value as a whole cannot be read.
    #[must_use]
    pub const fn field(&self) -> impl fmt::Display {
        self.path
    }
}

impl fmt::Display for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { path, error } = self;
        let dot = if path.is_empty() { "" } else { "." };
        match error.what {
            What::Missing(name) => write!(f, "field `{path}{dot}{name}` is missing"),
            What::Twice(name) => write!(f, "field `{path}{dot}{name}` occurs twice"),
            _ if path.is_empty() => error.fmt(f),
            _ => write!(f, "field `{path}`: {error}"),
        }
    }
}

impl core::error::Error for Unreadable {}
