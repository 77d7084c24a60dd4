//! What a frame or a payload may be refused for.

/// Why a frame was not packetized. Nothing of it was emitted.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PacketizeError {
    /// There is nothing to send.
    #[error("frame is empty")]
    Empty,
    /// Payloads must be allowed at least [`MIN_MAX_PAYLOAD`](super::MIN_MAX_PAYLOAD) bytes.
    #[error("payloads of at most {max} bytes, at least {min} must be allowed")]
    MaxPayload {
        /// What was asked for.
        max: usize,
        /// The least allowed.
        min: usize,
    },
    /// The format has no fragments: audio, and H.264 in packetization mode 0.
    #[error("unit of {len} bytes, at most {max} fit and it cannot be cut")]
    TooLong {
        /// Length of the frame or unit.
        len: usize,
        /// Longest payload.
        max: usize,
    },
    /// An Annex B frame does not begin with a start code.
    #[error("frame does not begin with a start code")]
    NoStartCode,
    /// A unit of H.264 or H.265 is shorter than its header, or its length reaches beyond the frame.
    #[error("unit at byte {at} is cut short")]
    ShortUnit {
        /// Where in the frame it is.
        at: usize,
    },
    /// An AV1 OBU cannot be read.
    #[error("malformed OBU at byte {at}")]
    Obu {
        /// Where in the frame it is.
        at: usize,
    },
    /// The frame has more units than are looked at.
    #[error("more than {limit} units in a frame")]
    TooManyUnits {
        /// The limit.
        limit: usize,
    },
    /// Telephone events come in reports of four bytes.
    #[error("telephone-event report of {len} bytes")]
    Report {
        /// Length of what was given.
        len: usize,
    },
    /// More references, or farther ones, than VP9's payload descriptor can say.
    #[error("{count} references, at most 3 of 1 to 127 pictures back can be said")]
    References {
        /// How many were given.
        count: usize,
    },
}

/// Why a payload was refused.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PayloadError {
    /// Nothing in it.
    #[error("payload is empty")]
    Empty,
    /// A field or unit reaches beyond the end.
    #[error("payload of {len} bytes is cut short")]
    Truncated {
        /// Length of the payload.
        len: usize,
    },
    /// A packet or unit type that has no meaning.
    #[error("type {kind} is reserved")]
    Reserved {
        /// The type.
        kind: u8,
    },
    /// A packet type of a mode that is never negotiated (interleaving).
    #[error("type {kind} belongs to a mode that is not negotiated")]
    Unsupported {
        /// The type.
        kind: u8,
    },
    /// The forbidden bit of a unit is set: it is damaged.
    #[error("forbidden bit is set")]
    Forbidden,
    /// Fields that exclude each other.
    #[error("fields contradict each other")]
    Contradiction,
    /// It goes on with something whose beginning is not there.
    #[error("continuation without a beginning")]
    MissingStart,
    /// What was begun before it has not ended.
    #[error("what was begun is not ended")]
    Unfinished,
    /// The frame grows beyond [`limits::CODEC_FRAME`](crate::base::limits::CODEC_FRAME).
    #[error("frame of {len} bytes, at most {limit} are put together")]
    TooLong {
        /// Length it would have.
        len: usize,
        /// The limit.
        limit: usize,
    },
}
