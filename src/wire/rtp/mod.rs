//! RTP packets (RFC 3550 §5) and their header extensions (RFC 8285).
//!
//! [`Packet`] looks at bytes that arrived, [`PacketWriter`] writes bytes to send, [`ExtensionMap`] says which id stands for which
//! extension, and [`Extensions`] holds the values of those we know.

mod dependency;
mod extension;
mod extensions;
mod packet;

pub use dependency::{
    DecodeTargetIndication, DependencyDescriptor, DependencyError, DependencyStructure, FrameDependencies,
};
pub use extension::{Extension, ExtensionBlock, ExtensionElements, ExtensionForm};
pub use extensions::{
    AbsCaptureTime, AudioLevel, ExtensionKind, ExtensionMap, ExtensionMapError, Extensions, PlayoutDelay,
    Rotation, VideoOrientation, abs_send_time,
};
pub use packet::{Header, Packet, PacketError, PacketWriter, WriteError, is_rtcp};
