//! SRTP and SRTCP as a transform (RFC 3711, RFC 7714, RFC 9335): plain functions over `&mut self`, no time, no queue.
//!
//! [`Session`] holds the keys of both directions and what is remembered of each source: its roll-over counter, derived from the
//! highest packet index, and its replay window. A source is remembered from its first authentic packet on; what cannot be
//! authenticated leaves no trace but a count.

mod cm;
mod context;
mod error;
mod gcm;
mod keys;
mod layout;
mod profile;
mod session;
mod stats;
mod transform;

#[cfg(test)]
mod vector_tests;

pub use error::{ProtectError, UnprotectError};
pub use session::{Session, Side};
pub use stats::Stats;

pub use crate::crypto::srtp_keys::{KeyingMaterial, SrtpProfile};
