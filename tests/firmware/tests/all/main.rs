//! All tests, in one process.

mod bare;
mod browser;
mod console;
mod cuts;
mod esp32;
mod faults;
mod guide;
mod life;
mod pico;
mod table;
