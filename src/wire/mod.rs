//! Formats on the wire: bytes <-> values. No state, no time.

pub mod dcep;
pub mod dtls;
pub mod rtcp;
pub mod rtp;
pub mod sctp;
