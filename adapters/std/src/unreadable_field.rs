//! How to treat a field that cannot be read.

/// How to treat a field of [`Typed`](crate::Typed) that cannot be read, because its type or its meaning changed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum UnreadableField {
    /// Responds with [`Error::Unreadable`](crate::Error::Unreadable), 500, and does not call the handler.
    #[default]
    Fails,
    /// Gives the field its value in `T::default()` and reports an event. The stored value stays until the field is
    /// changed and saved. Do not choose this if a default is less safe than the stored value could be, such as
    /// `restricted: false`.
    Resets,
}
