//! DTLS as a state machine: handshake, records, the keys of SRTP (RFC 6347, RFC 5764).
//!
//! [`Connection`] is one end. Its engine (which version, which side) drives the handshake; records, epochs,
//! reassembly, flights and the transcript know no version.

mod close;
pub mod config;
pub mod connection;
mod engine;
mod epoch;
pub mod error;
pub mod event;
mod flight;
mod handshake;
mod input;
mod negotiate;
mod protect;
mod reassembly;
mod refusals;
mod retransmit;
mod rumour;
mod srtp;
pub mod stats;
mod transcript;
mod v12;

pub use config::{Config, Role};
pub use connection::Connection;
pub use error::{ConfigError, ExportError, SealError};
pub use event::{CloseReason, Event, HandshakeError};
pub use negotiate::CipherSuite;
pub use stats::Stats;
