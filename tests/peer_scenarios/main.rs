//! Whole connections in virtual time: what two applications and a network may do to them.
#![expect(
    clippy::unwrap_used,
    clippy::wildcard_enum_match_arm,
    reason = "a test that cannot go on has failed, and picks the events it wants"
)]

#[path = "../pair/mod.rs"]
mod pair;

mod negotiation;
mod restart;
mod talk;
