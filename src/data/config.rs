//! What a caller may choose about data channels.

use core::time::Duration;

use crate::base::limits;
use crate::sctp;

/// The settings of [`Channels`](super::Channels).
///
/// ```
/// let config = antiphon::data::Config { max_channels: 16, ..Default::default() };
/// assert_eq!(config.sctp.local_port, 5000);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Config {
    /// The association below.
    pub sctp: sctp::Config,
    /// How many channels there may be at a time; more are refused to both sides.
    pub max_channels: usize,
}

impl Default for Config {
    fn default() -> Self {
        Self { sctp: sctp::Config::default(), max_channels: limits::DATA_CHANNELS }
    }
}

/// The side of the DTLS connection below, which decides who takes which stream ids (RFC 8832 §6).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    /// DTLS client: even ids.
    Client,
    /// DTLS server: odd ids.
    Server,
}

/// How a channel is to be, as the W3C's `RTCDataChannelInit`.
///
/// ```
/// use antiphon::data::DataChannelInit;
///
/// let positions = DataChannelInit { ordered: false, max_retransmits: Some(0), ..DataChannelInit::default() };
/// assert!(DataChannelInit::default().ordered && positions.negotiated.is_none());
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct DataChannelInit {
    /// Whether messages arrive in the order they were sent.
    pub ordered: bool,
    /// Give a message up when it is this old; whole milliseconds count. Not together with `max_retransmits`.
    pub max_packet_life_time: Option<Duration>,
    /// Give a message up after this many retransmissions. Not together with `max_packet_life_time`.
    pub max_retransmits: Option<u16>,
    /// A subprotocol name for the application, at most 65535 bytes.
    pub protocol: String,
    /// The stream id, where both sides create the channel by agreement of their own; nothing is then told to the peer.
    pub negotiated: Option<u16>,
    /// 128 is below normal, 256 normal, 512 high, 1024 extra high (RFC 8831 §6.4).
    pub priority: u16,
}

impl Default for DataChannelInit {
    fn default() -> Self {
        Self {
            ordered: true,
            max_packet_life_time: None,
            max_retransmits: None,
            protocol: String::new(),
            negotiated: None,
            priority: 256,
        }
    }
}
