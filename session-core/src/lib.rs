//! HTTP sessions without a heap.
#![no_std]
#![forbid(unsafe_code)]
#![cfg_attr(not(test), warn(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing))]

#[cfg(test)]
extern crate std;

pub mod store;

pub mod record;

pub mod environment;

pub mod error;

mod values;
