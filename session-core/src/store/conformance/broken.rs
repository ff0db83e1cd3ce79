//! What came of a rule.

/// The rule that a store broke.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Broken {
    /// The requirement that it stands for, as `"ST1"`.
    pub rule: &'static str,
    /// Its name: that of the function.
    pub name: &'static str,
    /// What should have been so.
    pub sentence: &'static str,
}

impl core::fmt::Display for Broken {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "{} {}: {}", self.rule, self.name, self.sentence)
    }
}

impl core::error::Error for Broken {}

/// What came of a rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It holds.
    Holds,
    /// It is about listing the sessions of a subject, and the store cannot.
    Unsupported,
    /// It does not hold.
    Broken(Broken),
}
