//! What a bad peer, or somebody in the middle, gets from DTLS: nothing, or a failure with its reason. Numbers are those of the list
//! of negative tests. What floods cost in memory is in `negative_memory.rs`.
#![expect(clippy::unwrap_used, reason = "a test may panic, its helpers too")]

#[path = "../dtls_support/mod.rs"]
mod dtls_support;

mod attack;
mod doubt;
mod fragments;
mod handshake;
mod records;
mod renegotiation;
