//! The requests of `../../src/adapters`, which test-all counts, too.

#[path = "../../src/adapters/through_actix.rs"]
pub(crate) mod through_actix;
#[path = "../../src/adapters/through_axum.rs"]
pub(crate) mod through_axum;
#[path = "../../src/adapters/through_poem.rs"]
pub(crate) mod through_poem;
#[path = "../../src/adapters/through_rocket.rs"]
pub(crate) mod through_rocket;
