//! All tests, in one process.

mod cuts;
mod faults;
mod life;
