//! SCTP over DTLS (RFC 9260, RFC 8261): one association as a machine, with partial reliability (RFC 3758) and stream reset (RFC 6525).

mod association;
mod config;
mod connect;
mod cookie;
mod error;
mod event;
mod heartbeat;
mod input;
mod late;
mod message;
mod output;
mod reset;
mod rx;
mod shutdown;
mod state;
mod stats;
mod streams;
mod tx;

pub use association::Association;
pub use config::{Config, ConfigError};
pub use error::{ResetError, SendError};
pub use event::{CloseReason, Event, ResetFailure};
pub use message::{Message, Reliability, SendOptions};
pub use state::State;
pub use stats::{Drops, PeerImplementation, Stats};
pub use tx::congestion;
