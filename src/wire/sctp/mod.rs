//! SCTP packets and chunks as they stand on the wire (RFC 9260, RFC 3758, RFC 6525, RFC 8260).

mod control;
mod data;
mod forward;
mod init;
mod packet;
mod reconfig;
mod sack;
mod tlv;
mod writer;

pub use control::{Cause, Causes, cause};
pub use data::{Data, DataFlags, IData};
pub use forward::{ForwardTsn, IForwardTsn, Skipped, SkippedMessage};
pub use init::{Init, Parameter, Parameters, parameter};
pub use packet::{COMMON_HEADER_LEN, Chunk, Chunks, Packet, ParseError, UnknownChunk, kind};
pub use reconfig::{ReConfig, ReConfigParameter, ReConfigParameters, ReConfigResult};
pub use sack::{GapBlock, Sack};
pub use tlv::{Action, U16List};
pub use writer::PacketWriter;
