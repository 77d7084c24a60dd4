//! STUN messages (RFC 8489) with the attributes of ICE (RFC 8445) and TURN (RFC 8656): bytes to values and back.
//!
//! ```
//! use antiphon::stun::{Attribute, Builder, Class, IntegrityKey, Message, Method, TransactionId};
//!
//! let key = IntegrityKey::short_term("VOkJxbRl1RmTxUk/WvJxBt");
//! let mut buf = [0; 128];
//! let mut builder = Builder::new(&mut buf, Class::Request, Method::BINDING, TransactionId([7; 12]))?;
//! builder.add(&Attribute::Username("evtj:h6vY"))?.add(&Attribute::Priority(1))?.integrity(&key)?.fingerprint()?;
//! let len = builder.finish();
//!
//! let message = Message::parse(&buf[..len])?;
//! assert_eq!(message.username(), Some("evtj:h6vY"));
//! assert!(message.verify_integrity(&key).is_ok());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

pub mod address;
pub mod attribute;
mod builder;
mod encode;
pub mod error_code;
pub mod header;
pub mod integrity;
pub mod kind;
pub mod message;
pub mod transaction;

pub use attribute::{Attribute, AttributeError, Family, Icmp};
pub use builder::Builder;
pub use error_code::ErrorCode;
pub use header::{
    Class, HEADER_LEN, MAGIC_COOKIE, Method, TransactionId, binding_username, is_stun, user_hash,
};
pub use integrity::{IntegrityError, IntegrityKey, IntegrityKind};
pub use kind::AttributeType;
pub use message::{Fingerprint, Message, ParseError};
pub use transaction::Schedule;
