//! All tests, in one process: at most one of them at a time has browsers open.

mod device;
mod harness;
mod notes;
mod screen;
mod sessions;
mod settings;
mod ui;
