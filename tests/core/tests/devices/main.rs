//! Device-bound sessions (TR3): each rule by itself, then every order of what can happen.

mod orders;
mod rules;
