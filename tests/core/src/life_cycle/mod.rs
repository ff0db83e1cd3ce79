//! Whole session lives through the public API. A [`World`] has the clock, the random numbers, the store and the log; a
//! [`Browser`] sends requests to it. A request within the handler of another is one that overtakes it.

mod browser;
mod scripted;
mod site;
mod world;

pub use browser::Browser;
pub use scripted::{Calls, Down, Scripted};
pub use site::{Site, Visit};
pub use world::{Answer, KEY, Log, OTHER_KEY, Request, Rng, Server, World, increment, keys, parts, sign_in};
