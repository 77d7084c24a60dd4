//! ERROR-CODE (RFC 8489 §14.8) and the codes of STUN, ICE and TURN.

use crate::base::reader::Reader;
use crate::base::writer::{Full, Writer};

/// Why a request failed.
///
/// ```
/// use antiphon::stun::ErrorCode;
///
/// assert_eq!(ErrorCode::new(ErrorCode::ROLE_CONFLICT).reason, "Role Conflict");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ErrorCode<'a> {
    /// 300 to 699.
    pub code: u16,
    /// For people to read.
    pub reason: &'a str,
}

impl ErrorCode<'static> {
    /// A code with the reason its document recommends; an empty one if we do not know the code.
    pub const fn new(code: u16) -> Self {
        let reason = match code {
            Self::TRY_ALTERNATE => "Try Alternate",
            Self::BAD_REQUEST => "Bad Request",
            Self::UNAUTHENTICATED => "Unauthenticated",
            Self::FORBIDDEN => "Forbidden",
            Self::UNKNOWN_ATTRIBUTE => "Unknown Attribute",
            Self::ALLOCATION_MISMATCH => "Allocation Mismatch",
            Self::STALE_NONCE => "Stale Nonce",
            Self::ADDRESS_FAMILY_NOT_SUPPORTED => "Address Family not Supported",
            Self::WRONG_CREDENTIALS => "Wrong Credentials",
            Self::UNSUPPORTED_TRANSPORT => "Unsupported Transport Protocol",
            Self::PEER_ADDRESS_FAMILY_MISMATCH => "Peer Address Family Mismatch",
            Self::ALLOCATION_QUOTA_REACHED => "Allocation Quota Reached",
            Self::ROLE_CONFLICT => "Role Conflict",
            Self::SERVER_ERROR => "Server Error",
            Self::INSUFFICIENT_CAPACITY => "Insufficient Capacity",
            _ => "",
        };
        Self { code, reason }
    }
}

impl<'a> ErrorCode<'a> {
    /// 300: ask another server.
    pub const TRY_ALTERNATE: u16 = 300;
    /// 400: malformed.
    pub const BAD_REQUEST: u16 = 400;
    /// 401: credentials are missing or wrong.
    pub const UNAUTHENTICATED: u16 = 401;
    /// 403: not permitted.
    pub const FORBIDDEN: u16 = 403;
    /// 420: an attribute that must be understood is not.
    pub const UNKNOWN_ATTRIBUTE: u16 = 420;
    /// 437: no such allocation, or one already.
    pub const ALLOCATION_MISMATCH: u16 = 437;
    /// 438: ask again with the nonce of this response.
    pub const STALE_NONCE: u16 = 438;
    /// 440: no such family here.
    pub const ADDRESS_FAMILY_NOT_SUPPORTED: u16 = 440;
    /// 441: not the credentials of the allocation.
    pub const WRONG_CREDENTIALS: u16 = 441;
    /// 442: no such transport here.
    pub const UNSUPPORTED_TRANSPORT: u16 = 442;
    /// 443: the peer's family is not that of the relayed address.
    pub const PEER_ADDRESS_FAMILY_MISMATCH: u16 = 443;
    /// 486: too many allocations of this user.
    pub const ALLOCATION_QUOTA_REACHED: u16 = 486;
    /// 487: both sides have the same role (RFC 8445 §7.3.1.1).
    pub const ROLE_CONFLICT: u16 = 487;
    /// 500: try again.
    pub const SERVER_ERROR: u16 = 500;
    /// 508: the server is full.
    pub const INSUFFICIENT_CAPACITY: u16 = 508;

    /// Reads the class, the number and the reason; the bits before them are ignored.
    pub(super) fn read(reader: &mut Reader<'a>) -> Option<Self> {
        let class = reader.u8()? & 0x07;
        let number = reader.u8()?;
        if !(3..=6).contains(&class) || number > 99 {
            return None;
        }
        let reason = core::str::from_utf8(reader.bytes(reader.remaining())?).ok()?;
        Some(Self { code: u16::from(class) * 100 + u16::from(number), reason })
    }

    pub(super) fn write(&self, writer: &mut Writer<'_>) -> Result<(), Full> {
        let (class, number) = (self.code / 100, self.code % 100);
        writer.u16((class & 0x07) << 8 | number)?;
        writer.bytes(self.reason.as_bytes())
    }
}
