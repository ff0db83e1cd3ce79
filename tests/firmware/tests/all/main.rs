//! All tests, in one process.

mod browser;
mod cuts;
mod esp32;
mod faults;
mod guide;
mod life;
mod pico;
mod table;
