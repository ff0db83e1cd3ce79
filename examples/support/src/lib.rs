//! What the adapters' examples share. `reference` is the reference app: every verb behind a plain HTTP contract. `sample`
//! is the notes application, a small application as people write them.

pub mod reference;
pub mod sample;
