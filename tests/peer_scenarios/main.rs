//! Whole connections in virtual time: what two applications and a network may do to them.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[path = "../pair/mod.rs"]
mod pair;

mod negotiation;
mod restart;
mod talk;
