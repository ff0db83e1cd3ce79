//! The examples of README.md and of docs, as doc tests: each page is the documentation of a module that is here for tests
//! only.

#[cfg(doctest)]
#[doc = include_str!("../../../README.md")]
mod readme {}

#[cfg(doctest)]
#[doc = include_str!("../../../docs/first-login.md")]
mod first_login {}

#[cfg(doctest)]
#[doc = include_str!("../../../docs/choose-a-store.md")]
mod choose_a_store {}

#[cfg(doctest)]
#[doc = include_str!("../../../docs/policies.md")]
mod policies {}

#[cfg(doctest)]
#[doc = include_str!("../../../docs/several-nodes.md")]
mod several_nodes {}

#[cfg(doctest)]
#[doc = include_str!("../../../docs/testing.md")]
mod testing {}

#[cfg(doctest)]
#[doc = include_str!("../../../docs/values.md")]
mod values {}

#[cfg(doctest)]
#[doc = include_str!("../../../docs/observability.md")]
mod observability {}

#[cfg(doctest)]
#[doc = include_str!("../../../docs/write-a-store.md")]
mod write_a_store {}

#[cfg(doctest)]
#[doc = include_str!("../../../docs/write-an-adapter.md")]
mod write_an_adapter {}

#[cfg(doctest)]
#[doc = include_str!("../../../docs/migrate-tower-sessions.md")]
mod migrate_tower_sessions {}

#[cfg(doctest)]
#[doc = include_str!("../../../docs/migrate-actix-session.md")]
mod migrate_actix_session {}

#[cfg(doctest)]
#[doc = include_str!("../../../docs/migrate-poem-session.md")]
mod migrate_poem_session {}

#[cfg(doctest)]
#[doc = include_str!("../../../docs/migrate-rocket-session.md")]
mod migrate_rocket_session {}

#[cfg(doctest)]
#[doc = include_str!("../../../docs/migrate-rocket-private-cookies.md")]
mod migrate_rocket_private_cookies {}

#[cfg(doctest)]
#[doc = include_str!("../../../docs/seed.md")]
mod seed {}
