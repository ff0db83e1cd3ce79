//! All tests, in one process: at most one of them at a time has browsers open.

mod harness;
