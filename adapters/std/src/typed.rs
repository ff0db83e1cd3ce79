//! The whole session as one struct of the application's.

use std::ops::{Deref, DerefMut};

use serde::{Serialize, de::DeserializeOwned};
use session_core::Error;

use crate::session::Session;

/// Where the struct stands among the session's values.
const KEY: &str = "data";

/// A session whose data is one `T`. Read and changed through `Deref`; [`save`](Self::save) puts it into the session,
/// which stores it with the answer. A visitor without a session has `T::default()`.
///
/// Two requests that change it at the same time conflict (409), whatever fields they change: use [`Session::get`] and
/// [`Session::set`] for what is changed in parallel. Data that was written as another `T`, by an older version of the
/// program, is [`Error::Unreadable`]: read it with [`Session::get`] as the old type and set the new one.
#[derive(Debug)]
pub struct Typed<T> {
    data: T,
    session: Session,
}

impl<T: Serialize + DeserializeOwned + Default> Typed<T> {
    /// The data of a session.
    pub fn of(session: Session) -> Result<Self, Error> {
        Ok(Self { data: session.get(KEY)?.unwrap_or_default(), session })
    }

    /// Puts the data into the session; makes one if there is none. The same data again is no change.
    pub fn save(&self) -> Result<(), Error> {
        self.session.set(KEY, &self.data)
    }

    /// The session itself: login, logout, messages.
    pub fn session(&self) -> &Session {
        &self.session
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
