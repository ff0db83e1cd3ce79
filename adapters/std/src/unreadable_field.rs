//! What becomes of data that cannot be read.

/// What becomes of a field of [`Typed`](crate::Typed) that cannot be read: its type changed, or what it stands for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum UnreadableField {
    /// The handler is not called: [`Error::Unreadable`](crate::Error::Unreadable), 500.
    #[default]
    Fails,
    /// The field has the value that `T::default()` has, and an event says so. What was stored stays until the field is
    /// changed and saved. Choose this only if no default is the unsafe side, such as `restricted: false`.
    Resets,
}
