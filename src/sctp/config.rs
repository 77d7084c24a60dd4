//! What a caller may choose about an association.

use core::time::Duration;

use super::tx::congestion::Algorithm;
use crate::base::limits;

/// The settings of an [`Association`](super::Association).
///
/// ```
/// use antiphon::sctp::Config;
///
/// let config = Config { receive_window: 1 << 20, ..Config::default() };
/// assert!(config.check().is_ok());
/// assert!(Config { mtu: 100, ..Config::default() }.check().is_err());
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Config {
    /// Our SCTP port. 5000 everywhere in WebRTC.
    pub local_port: u16,
    /// The peer's SCTP port, as its description says.
    pub remote_port: u16,
    /// Longest SCTP packet we send, in bytes; a buffer given to `poll_output` is at least this long.
    pub mtu: usize,
    /// Bytes that may wait on our side, arrived but not read, before the peer has to stop.
    pub receive_window: usize,
    /// A message is refused while this many bytes of its stream have not been handed to the network.
    pub send_limit: usize,
    /// Longest message that `send` takes, in bytes: what the peer said it can receive.
    pub max_send_message_size: usize,
    /// Longest message we put together, in bytes. A longer one ends the association.
    pub max_receive_message_size: usize,
    /// How many streams we want outbound (RFC 8831 §6.2 asks for 65535).
    pub streams: u16,
    /// How many we allow inbound. Each that the peer uses costs some thirty bytes for as long as the association lives, and what
    /// waits on it is charged to the window.
    pub inbound_streams: u16,
    /// Least retransmission timeout.
    pub rto_min: Duration,
    /// Greatest retransmission timeout.
    pub rto_max: Duration,
    /// Retransmission timeout before the first measurement, when no round trip is known from elsewhere.
    pub rto_initial: Duration,
    /// How long an acknowledgement may wait for company (RFC 9260 §6.2: at most 500 ms; zero: not at all).
    pub sack_delay: Duration,
    /// How long the peer may keep an acknowledgement back, until it has shown otherwise: the retransmission timeout stays above.
    pub peer_sack_delay: Duration,
    /// Whether messages may be given up, by either side (RFC 3758).
    pub partial_reliability: bool,
    /// Whether streams may be reset, by either side (RFC 6525).
    pub stream_reset: bool,
    /// How long a path may be silent before a HEARTBEAT goes out; `None`: never.
    pub heartbeat_interval: Option<Duration>,
    /// How often INIT or COOKIE ECHO is repeated before the association fails; `None`: for ever, since ICE's consent decides.
    pub max_init_retransmits: Option<u32>,
    /// How many consecutive timeouts end the association; `None`: none do, since ICE's consent decides.
    pub max_retransmits: Option<u32>,
    /// How long a state cookie may be echoed.
    pub cookie_lifetime: Duration,
    /// Packets in the first flight. RFC 9260 §7.2.1 says four; ten (RFC 6928) is what every WebRTC stack does and what a path
    /// that has just carried ICE and DTLS bears.
    pub initial_window_packets: usize,
    /// Packets that may leave at once before pacing spreads them.
    pub burst_packets: usize,
    /// What decides how much may be in flight. Code, not data: it is not serialised.
    #[cfg_attr(feature = "serde", serde(skip))]
    pub congestion: Algorithm,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            local_port: limits::SCTP_PORT,
            remote_port: limits::SCTP_PORT,
            mtu: limits::DEFAULT_MTU,
            receive_window: limits::SCTP_RECEIVE_WINDOW,
            send_limit: limits::SCTP_SEND_LIMIT,
            max_send_message_size: limits::SCTP_MAX_MESSAGE,
            max_receive_message_size: limits::SCTP_MAX_MESSAGE,
            streams: u16::MAX,
            inbound_streams: u16::MAX,
            rto_min: Duration::from_millis(200),
            rto_max: Duration::from_secs(60),
            rto_initial: Duration::from_secs(1),
            sack_delay: Duration::from_millis(200),
            peer_sack_delay: limits::SCTP_ACK_DELAY,
            partial_reliability: true,
            stream_reset: true,
            heartbeat_interval: Some(Duration::from_secs(30)),
            max_init_retransmits: None,
            max_retransmits: None,
            cookie_lifetime: Duration::from_secs(60),
            initial_window_packets: 10,
            burst_packets: 16,
            congestion: Algorithm::NEW_RENO,
        }
    }
}

/// Why a [`Config`] cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// The MTU holds no useful packet, or more than UDP carries.
    #[error("mtu {mtu} is not between {} and {}", limits::SCTP_MIN_MTU, limits::MAX_DATAGRAM)]
    Mtu {
        /// The value refused.
        mtu: usize,
    },
    /// RFC 9260 §3.3.2 asks for 1500 bytes at least; the field has 32 bits.
    #[error("receive window {bytes} is not between 1500 and {}", u32::MAX)]
    ReceiveWindow {
        /// The value refused.
        bytes: usize,
    },
    /// A message that does not fit the window could never be put together.
    #[error("messages of {bytes} bytes do not fit a receive window of {window}")]
    MessageSize {
        /// Longest message.
        bytes: usize,
        /// The window.
        window: usize,
    },
    /// RFC 9260 §6.2: "MUST NOT allow the maximum delay [...] to be configured to be more than 500 ms".
    #[error("acknowledgements delayed by {delay:?}, at most {:?} is allowed", limits::SCTP_MAX_ACK_DELAY)]
    SackDelay {
        /// The value refused.
        delay: Duration,
    },
    /// Zero streams, or a limit, timeout or window of zero, or a least timeout above the greatest.
    #[error("a count, limit or timeout is zero, or the least timeout is above the greatest")]
    Zero,
}

impl Config {
    /// Whether these settings make sense together.
    ///
    /// # Errors
    /// [`ConfigError`] names the first that does not.
    pub fn check(&self) -> Result<(), ConfigError> {
        if self.mtu < limits::SCTP_MIN_MTU || self.mtu > limits::MAX_DATAGRAM {
            return Err(ConfigError::Mtu { mtu: self.mtu });
        }
        if self.receive_window < 1500 || u32::try_from(self.receive_window).is_err() {
            return Err(ConfigError::ReceiveWindow { bytes: self.receive_window });
        }
        if self.max_receive_message_size > self.receive_window {
            let (bytes, window) = (self.max_receive_message_size, self.receive_window);
            return Err(ConfigError::MessageSize { bytes, window });
        }
        if self.sack_delay > limits::SCTP_MAX_ACK_DELAY {
            return Err(ConfigError::SackDelay { delay: self.sack_delay });
        }
        let counts: [usize; 7] = [
            usize::from(self.streams),
            usize::from(self.inbound_streams),
            self.send_limit,
            self.max_send_message_size,
            self.max_receive_message_size,
            self.initial_window_packets,
            self.burst_packets,
        ];
        let times = [self.rto_min, self.rto_initial, self.cookie_lifetime];
        if counts.contains(&0) || times.contains(&Duration::ZERO) || self.rto_min > self.rto_max {
            return Err(ConfigError::Zero);
        }
        Ok(())
    }
}
