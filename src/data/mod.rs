//! Data channels over one SCTP association (RFC 8831, RFC 8832), as the W3C's `RTCDataChannel` has them.
//!
//! ```
//! use antiphon::data::{Channels, Config, DataChannelInit, Role};
//! use antiphon::{Instant, Rng, Seed};
//!
//! let mut rng = Rng::new(&Seed::from_bytes([7; 32]));
//! let mut channels = Channels::new(Instant::ZERO, rng.fork("data"), &Config::default())?;
//! let chat = channels.create("chat", DataChannelInit::default())?;
//! // Once DTLS is up: the client takes even stream ids, the server odd ones.
//! channels.connect(Role::Client, None, None);
//! assert_eq!(channels.stream_id(chat), Some(0));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod association;
mod channel;
mod channels;
mod closing;
mod config;
mod error;
mod event;
mod message;
mod open;
mod properties;
mod receive;
mod stats;
mod streams;

pub use channel::{ChannelId, ChannelState};
pub use channels::Channels;
pub use config::{Config, DataChannelInit, Role};
pub use error::{DataChannelError, SendError};
pub use event::{DataChannelFailure, Event};
pub use message::Message;
pub use stats::{ChannelStats, Drops, Stats};
