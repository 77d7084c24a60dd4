//! Alerts (RFC 5246 §7.2).

use crate::base::reader::Reader;

/// How bad an alert is (RFC 5246 §7.2).
///
/// ```
/// use antiphon::wire::dtls::alert::{Alert, AlertLevel};
/// assert_eq!(Alert::close_notify().level, AlertLevel::Warning);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum AlertLevel {
    /// The connection may go on.
    Warning,
    /// The connection is over.
    Fatal,
}

/// What an alert says; numbers without a name here are kept as they came.
///
/// ```
/// use antiphon::wire::dtls::alert::AlertDescription;
/// assert_eq!(AlertDescription::HANDSHAKE_FAILURE.to_string(), "handshake_failure (40)");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct AlertDescription(pub u8);

#[expect(missing_docs, reason = "the names are those of RFC 5246 §7.2, RFC 5746, RFC 7507 and RFC 8446 §6")]
impl AlertDescription {
    pub const CLOSE_NOTIFY: Self = Self(0);
    pub const UNEXPECTED_MESSAGE: Self = Self(10);
    pub const BAD_RECORD_MAC: Self = Self(20);
    pub const HANDSHAKE_FAILURE: Self = Self(40);
    pub const BAD_CERTIFICATE: Self = Self(42);
    pub const UNSUPPORTED_CERTIFICATE: Self = Self(43);
    pub const ILLEGAL_PARAMETER: Self = Self(47);
    pub const DECODE_ERROR: Self = Self(50);
    pub const DECRYPT_ERROR: Self = Self(51);
    pub const PROTOCOL_VERSION: Self = Self(70);
    pub const INSUFFICIENT_SECURITY: Self = Self(71);
    pub const INTERNAL_ERROR: Self = Self(80);
    pub const USER_CANCELED: Self = Self(90);
    pub const NO_RENEGOTIATION: Self = Self(100);
    pub const MISSING_EXTENSION: Self = Self(109);
    pub const UNSUPPORTED_EXTENSION: Self = Self(110);

    /// The name in the RFC, if it has one that WebRTC peers send.
    pub const fn name(self) -> &'static str {
        match self.0 {
            0 => "close_notify",
            10 => "unexpected_message",
            20 => "bad_record_mac",
            22 => "record_overflow",
            30 => "decompression_failure",
            40 => "handshake_failure",
            42 => "bad_certificate",
            43 => "unsupported_certificate",
            44 => "certificate_revoked",
            45 => "certificate_expired",
            46 => "certificate_unknown",
            47 => "illegal_parameter",
            48 => "unknown_ca",
            49 => "access_denied",
            50 => "decode_error",
            51 => "decrypt_error",
            70 => "protocol_version",
            71 => "insufficient_security",
            80 => "internal_error",
            86 => "inappropriate_fallback",
            90 => "user_canceled",
            100 => "no_renegotiation",
            109 => "missing_extension",
            110 => "unsupported_extension",
            116 => "certificate_required",
            120 => "no_application_protocol",
            _ => "alert",
        }
    }
}

impl core::fmt::Display for AlertDescription {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "{} ({})", self.name(), self.0)
    }
}

/// An alert message.
///
/// ```
/// use antiphon::wire::dtls::alert::{Alert, AlertDescription};
/// let alert = Alert::fatal(AlertDescription::DECODE_ERROR);
/// assert_eq!(Alert::parse(&alert.bytes()), Some(alert));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Alert {
    /// How bad it is.
    pub level: AlertLevel,
    /// What it says.
    pub description: AlertDescription,
}

impl Alert {
    /// An alert that ends the connection.
    pub const fn fatal(description: AlertDescription) -> Self {
        Self { level: AlertLevel::Fatal, description }
    }

    /// The clean end (RFC 5246 §7.2.1).
    pub const fn close_notify() -> Self {
        Self { level: AlertLevel::Warning, description: AlertDescription::CLOSE_NOTIFY }
    }

    /// Reads the content of an alert record.
    pub fn parse(content: &[u8]) -> Option<Self> {
        let mut reader = Reader::new(content);
        let level = match reader.u8()? {
            1 => AlertLevel::Warning,
            2 => AlertLevel::Fatal,
            _ => return None,
        };
        let description = AlertDescription(reader.u8()?);
        reader.is_empty().then_some(Self { level, description })
    }

    /// The content of its record.
    pub const fn bytes(self) -> [u8; 2] {
        let level = match self.level {
            AlertLevel::Warning => 1,
            AlertLevel::Fatal => 2,
        };
        [level, self.description.0]
    }
}
