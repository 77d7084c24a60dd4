//! Vocabulary of every floor: cursors, buffers, serial numbers, bounded containers, limits.

pub mod arena;
pub mod bitrate;
pub mod limits;
pub mod ops;
pub mod outbox;
pub mod ranges;
pub mod reader;
pub(crate) mod secret;
pub mod serial;
pub mod slots;
pub mod window;
pub mod writer;
