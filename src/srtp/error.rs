//! Why a packet was not protected, or not believed.

use crate::crypto::CryptoError;

/// Why a packet of ours was not protected. The buffer is then as it was, unless the cipher itself failed.
///
/// ```
/// use antiphon::srtp::ProtectError;
///
/// let error = ProtectError::BufferTooShort { len: 100, wanted: 116 };
/// assert_eq!(error.to_string(), "buffer of 100 bytes where the protected packet needs 116");
/// ```
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProtectError {
    /// The bytes are no RTP packet, or no RTCP packet, or longer than a datagram.
    #[error("{len} bytes that are no packet of version 2 with a whole header")]
    Malformed {
        /// How many bytes there are.
        len: usize,
    },
    /// The buffer has no room for what protection adds.
    #[error("buffer of {len} bytes where the protected packet needs {wanted}")]
    BufferTooShort {
        /// The buffer's length.
        len: usize,
        /// The protected packet's length.
        wanted: usize,
    },
    /// The header extension says that it is encrypted already (RFC 9335 §5.1).
    #[error("header extension of profile {profile:#06x}, which encryption uses")]
    ReservedExtension {
        /// The extension's "defined by profile" field.
        profile: u16,
    },
    /// More sources send than one session remembers.
    #[error("a source beyond {limit} that send")]
    TooManySources {
        /// The limit.
        limit: usize,
    },
    /// The sequence number has been used under this key, or lies too far behind to know: a second packet would repeat
    /// its keystream (RFC 7714 §8.4).
    #[error("sequence number {sequence} of source {ssrc:#010x} has been used, or is too old to know")]
    SequenceUsed {
        /// The source.
        ssrc: u32,
        /// The sequence number.
        sequence: u16,
    },
    /// The keys have protected as many packets as they may: 2^48 of RTP, or 2^31 of RTCP (RFC 3711 §9.2). The session needs
    /// new keys.
    #[error("keys exhausted at packet {index} of source {ssrc:#010x}")]
    KeysExhausted {
        /// The source.
        ssrc: u32,
        /// The index that the packet would have had.
        index: u64,
    },
    /// The cipher refused.
    #[error("cipher failed")]
    Cipher(#[source] CryptoError),
}

/// Why a received packet was dropped. Nothing changed but a counter.
///
/// ```
/// use antiphon::srtp::UnprotectError;
///
/// assert_eq!(UnprotectError::Unauthenticated.to_string(), "authentication failed");
/// ```
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UnprotectError {
    /// The bytes are no protected packet: too short, of another version, or with a header that reaches beyond them.
    #[error("{len} bytes that are no protected packet")]
    Malformed {
        /// How many bytes there are.
        len: usize,
    },
    /// The tag fits no index that the packet could have.
    #[error("authentication failed")]
    Unauthenticated,
    /// The index has been seen, or is too old to know (RFC 3711 §3.3.2).
    #[error("seen before, or too old to know")]
    Replayed,
    /// The packet is authentic, but its source is one too many.
    #[error("a source beyond {limit} that are received")]
    TooManySources {
        /// The limit.
        limit: usize,
    },
    /// The caller's buffer has no room for the packet. The packet has not been looked at, and can be given again.
    #[error("buffer of {len} bytes where the packet needs {wanted}")]
    BufferTooShort {
        /// The buffer's length.
        len: usize,
        /// The length of the packet without its protection.
        wanted: usize,
    },
}
