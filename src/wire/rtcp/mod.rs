//! RTCP packets (RFC 3550 §6, RFC 4585, RFC 5104, RFC 3611).
//!
//! [`Compound`] goes through the packets of one datagram, [`CompoundWriter`] writes several into one. A packet that cannot be read
//! does not keep those behind it from being read, as long as its length is sound.

mod compound;
mod feedback;
mod report;
mod twcc;
mod writer;
mod xr;

pub use compound::{Compound, Packet, PacketError};
pub use feedback::{
    Fir, FirEntry, Nack, NackPair, Pli, Remb, nack_pairs, remb_bitrate, remb_mantissa_exponent,
};
pub use report::{
    App, Goodbye, ReceiverReport, ReportBlock, SdesChunk, SdesItem, SenderInfo, SenderReport,
    SourceDescription, sdes,
};
pub use twcc::{FeedbackHeader, PacketStatus, Received, TransportFeedback, TransportFeedbackWriter};
pub use writer::CompoundWriter;
pub use xr::{Dlrr, DlrrBlock, ExtendedReport, XrBlock};
