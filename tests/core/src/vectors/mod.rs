//! docs/spec.md in numbers: the cases of `vectors.txt`, and what surrounds the core in each.

mod sample;
mod world;

pub use sample::{Sample, sample};
pub use world::{Log, Replay, Shelf, View};

/// One section of vectors.txt.
#[derive(Clone, Debug)]
pub struct Case {
    /// What stands in the brackets.
    pub title: String,
    fields: Vec<(String, String)>,
}

/// The cases of vectors.txt whose titles begin with `kind`, at least one.
///
/// # Panics
/// If the file is not what it should be.
#[must_use]
pub fn cases(kind: &str) -> Vec<Case> {
    let all = parse(include_str!("../../vectors.txt"));
    let some: Vec<Case> = all.into_iter().filter(|case| case.title.starts_with(kind)).collect();
    assert!(!some.is_empty(), "no case of {kind}");
    some
}

fn parse(text: &str) -> Vec<Case> {
    let mut cases: Vec<Case> = Vec::new();
    for line in text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
        if let Some(title) = line.strip_prefix('[') {
            let title = title.strip_suffix(']').expect("a title in brackets").to_owned();
            assert!(cases.iter().all(|case| case.title != title), "{title} twice");
            cases.push(Case { title, fields: Vec::new() });
        } else {
            let (name, value) = line.split_once(" =").expect("name = value");
            let case = cases.last_mut().expect("a title first");
            case.fields.push((name.to_owned(), value.trim_start().to_owned()));
        }
    }
    for at in 0..cases.len() {
        if let Some(base) = cases[at].find("base") {
            let base = cases[..at].iter().find(|case| case.title == base).expect("an earlier base").clone();
            let inherited = base.fields.into_iter().filter(|(name, _)| cases[at].find(name).is_none());
            let inherited: Vec<_> = inherited.collect();
            cases[at].fields.extend(inherited);
        }
    }
    cases
}

impl Case {
    /// The same case with another value of this field.
    #[must_use]
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.fields.retain(|(found, _)| found != name);
        self.fields.push((name.to_owned(), value.to_owned()));
        self
    }

    /// The first field of this name.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<&str> {
        self.fields.iter().find(|(found, _)| found == name).map(|(_, value)| value.as_str())
    }

    /// The first field of this name, which has to be there.
    ///
    /// # Panics
    /// If it is not.
    #[must_use]
    pub fn text(&self, name: &str) -> &str {
        self.find(name).unwrap_or_else(|| panic!("{}: no {name}", self.title))
    }

    /// All fields of this name that are not empty.
    pub fn all(&self, name: &str) -> impl Iterator<Item = &str> {
        self.fields
            .iter()
            .filter(move |(found, value)| found == name && !value.is_empty())
            .map(|(_, value)| value.as_str())
    }

    /// A field in hexadecimal digits.
    #[must_use]
    pub fn bytes(&self, name: &str) -> Vec<u8> {
        bytes(self.text(name))
    }

    /// A field in hexadecimal digits, of so many bytes.
    ///
    /// # Panics
    /// If it has others.
    #[must_use]
    pub fn array<const N: usize>(&self, name: &str) -> [u8; N] {
        self.bytes(name).try_into().unwrap_or_else(|_| panic!("{}: {name} of {N} bytes", self.title))
    }

    /// A field in decimal digits.
    ///
    /// # Panics
    /// If it is no number.
    #[must_use]
    pub fn number(&self, name: &str) -> u64 {
        self.text(name).parse().unwrap_or_else(|_| panic!("{}: {name} is no number", self.title))
    }

    /// The request's Cookie header lines.
    #[must_use]
    pub fn lines(&self) -> Vec<Vec<u8>> {
        match self.find("line-hex") {
            Some(line) => vec![bytes(line)],
            None => self.all("line").map(|line| line.as_bytes().to_vec()).collect(),
        }
    }
}

/// Bytes from hexadecimal digits.
///
/// # Panics
/// If they are none.
#[must_use]
pub fn bytes(hex: &str) -> Vec<u8> {
    assert!(hex.len().is_multiple_of(2), "half a byte");
    let digits = |at| u8::from_str_radix(&hex[at..at + 2], 16).expect("hexadecimal digits");
    (0..hex.len()).step_by(2).map(digits).collect()
}

/// Bytes to hexadecimal digits, which read better in a failure.
#[must_use]
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
