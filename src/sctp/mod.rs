//! SCTP over DTLS (RFC 9260, RFC 8261): one association as a machine, with partial reliability (RFC 3758) and stream reset (RFC 6525).

mod association;
mod config;
mod error;
mod event;
mod message;
mod stats;

pub use association::{Association, State};
pub use config::{Config, ConfigError};
pub use error::{ResetError, SendError};
pub use event::{CloseReason, Event, ResetFailure};
pub use message::{Message, Reliability, SendOptions};
pub use stats::{Drops, Stats};
