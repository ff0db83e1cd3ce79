//! The examples of README.md and of docs, as doc tests: each page is the documentation of a module that is here for tests
//! only.

#[cfg(doctest)]
#[doc = include_str!("../../../README.md")]
mod readme {}

#[cfg(doctest)]
#[doc = include_str!("../../../docs/first-login.md")]
mod first_login {}

#[cfg(doctest)]
#[doc = include_str!("../../../docs/write-a-store.md")]
mod write_a_store {}

#[cfg(doctest)]
#[doc = include_str!("../../../docs/write-an-adapter.md")]
mod write_an_adapter {}
