//! The result of a rule.

/// The rule that a store broke.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Broken {
    /// The requirement that the rule checks, such as `"ST1"`.
    pub rule: &'static str,
    /// The rule's name, which is the name of its function.
    pub name: &'static str,
    /// What the store should have done.
    pub sentence: &'static str,
}

impl core::fmt::Display for Broken {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "{} {}: {}", self.rule, self.name, self.sentence)
    }
}

impl core::error::Error for Broken {}

/// The result of a rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The store keeps the rule.
    Holds,
    /// The rule is about listing a subject's sessions, which the store does not support.
    Unsupported,
    /// The store breaks the rule.
    Broken(Broken),
}
