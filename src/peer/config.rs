//! Configuration: one setter per option, validated once, by [`PeerConnection::new`](super::PeerConnection::new).

use core::time::Duration;

use super::jsep::{MediaCapabilities, SharedCapabilities};
use crate::base::limits;
use crate::crypto::Certificate;
use crate::ice;
use crate::rtp::Delivery;

/// How a connection is to behave. Its own builder; cloned and shared by many connections. Nothing is checked before
/// `PeerConnection::new`, which names the first field that cannot be.
///
/// ```
/// use antiphon::Config;
///
/// let config = Config::new().max_message_size(1024 * 1024).mtu(1200);
/// # let _ = config;
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct Config {
    /// `None`: the defaults, made when a connection is.
    pub(crate) media: Option<SharedCapabilities>,
    pub(crate) media_delivery: Delivery,
    pub(crate) certificate: Option<Certificate>,
    pub(crate) ice_lite: bool,
    pub(crate) ice_pacing: Option<Duration>,
    pub(crate) max_candidate_pairs: usize,
    pub(crate) mtu: usize,
    pub(crate) max_segments: usize,
    pub(crate) max_message_size: usize,
    pub(crate) max_buffered_amount: usize,
    pub(crate) receive_window: usize,
    pub(crate) max_data_channels: usize,
    pub(crate) extended_master_secret_required: bool,
}

impl Default for Config {
    fn default() -> Self {
        Self::new()
    }
}

impl Config {
    /// The defaults: a certificate made from the seed, full ICE, 1200-byte datagrams, messages of up to 256 KiB.
    pub const fn new() -> Self {
        Self {
            media: None,
            media_delivery: Delivery::Frames,
            certificate: None,
            ice_lite: false,
            ice_pacing: None,
            max_candidate_pairs: limits::ICE_PAIRS,
            mtu: limits::DEFAULT_MTU,
            max_segments: 1,
            max_message_size: limits::SCTP_MAX_MESSAGE,
            max_buffered_amount: limits::SCTP_SEND_LIMIT,
            receive_window: limits::SCTP_RECEIVE_WINDOW,
            max_data_channels: limits::DATA_CHANNELS,
            extended_master_secret_required: true,
        }
    }

    /// The certificate to present. Without one, each connection makes its own from its seed.
    pub fn certificate(mut self, certificate: Certificate) -> Self {
        self.certificate = Some(certificate);
        self
    }

    /// The codecs, header extensions and feedback that audio and video are negotiated with. What browsers speak by default;
    /// [`MediaCapabilities::none`] refuses every media section.
    pub fn media(mut self, capabilities: MediaCapabilities) -> Self {
        self.media = Some(capabilities.into());
        self
    }

    /// How receivers hand over what arrives until told otherwise: whole frames by default, packets for servers that forward.
    pub const fn media_delivery(mut self, delivery: Delivery) -> Self {
        self.media_delivery = delivery;
        self
    }

    /// Whether to be an ICE-lite agent: for servers that every peer can reach (RFC 8445 §2.5).
    pub const fn ice_lite(mut self, lite: bool) -> Self {
        self.ice_lite = lite;
        self
    }

    /// The interval between connectivity checks (RFC 8445 §14.2), written as `a=ice-pacing`: the larger of the two sides'
    /// values is used. 5 ms to 1 s; 50 ms where neither side says.
    pub const fn ice_pacing(mut self, interval: Duration) -> Self {
        self.ice_pacing = Some(interval);
        self
    }

    /// How many candidate pairs are checked at most (RFC 8445 §6.1.2.5). 1 to 1000; 100 by default.
    pub const fn max_candidate_pairs(mut self, pairs: usize) -> Self {
        self.max_candidate_pairs = pairs;
        self
    }

    /// The largest datagram to send, in bytes of UDP payload. 256 to 65 535; 1200 by default.
    pub const fn mtu(mut self, bytes: usize) -> Self {
        self.mtu = bytes;
        self
    }

    /// How many datagrams of data one [`Transmit`](crate::Transmit) may hold, one behind the other, each `segment_len` bytes but the last:
    /// what UDP segmentation offload (`UDP_SEGMENT`) takes in one system call. The buffer must be as long as the MTUs of as many. 1 to
    /// 64; 1 by default.
    pub const fn max_segments(mut self, datagrams: usize) -> Self {
        self.max_segments = datagrams;
        self
    }

    /// The largest message to receive, in bytes, as the peer is told it (`a=max-message-size`). At least 1, at most
    /// the receive window; 256 KiB by default.
    pub const fn max_message_size(mut self, bytes: usize) -> Self {
        self.max_message_size = bytes;
        self
    }

    /// How many bytes may wait in a channel before `send` refuses: a message is taken whole as long as fewer wait. At least 1; 1 MiB by
    /// default.
    pub const fn max_buffered_amount(mut self, bytes: usize) -> Self {
        self.max_buffered_amount = bytes;
        self
    }

    /// How many bytes of messages the peer may send ahead of the application's reading. At least 64 KiB; 5 MiB by default.
    pub const fn receive_window(mut self, bytes: usize) -> Self {
        self.receive_window = bytes;
        self
    }

    /// How many data channels may exist at once. 1 to 65 535; 1024 by default.
    pub const fn max_data_channels(mut self, channels: usize) -> Self {
        self.max_data_channels = channels;
        self
    }

    /// Whether a DTLS 1.2 peer must support extended master secrets (RFC 7627). True by default.
    pub const fn extended_master_secret_required(mut self, required: bool) -> Self {
        self.extended_master_secret_required = required;
        self
    }

    /// The first field that is out of its range.
    pub(crate) fn validate(&self) -> Result<(), super::ConfigError> {
        use super::ConfigError as E;
        let pacing = self.ice_pacing.unwrap_or(ice::Config::DEFAULT_PACING);
        if !(limits::MIN_MTU..=limits::MAX_DATAGRAM).contains(&self.mtu) {
            return Err(E::Mtu { bytes: self.mtu });
        }
        if !(1..=limits::MAX_SEGMENTS).contains(&self.max_segments) {
            return Err(E::MaxSegments { datagrams: self.max_segments });
        }
        if !(ice::Config::MIN_PACING..=ice::Config::MAX_PACING).contains(&pacing) {
            return Err(E::IcePacing { interval: pacing });
        }
        if !(1..=limits::MAX_ICE_PAIRS).contains(&self.max_candidate_pairs) {
            return Err(E::MaxCandidatePairs { pairs: self.max_candidate_pairs });
        }
        if self.max_message_size == 0 {
            return Err(E::MaxMessageSize);
        }
        if self.max_buffered_amount == 0 {
            return Err(E::MaxBufferedAmount);
        }
        if !(limits::MIN_RECEIVE_WINDOW..=limits::MAX_RECEIVE_WINDOW).contains(&self.receive_window) {
            return Err(E::ReceiveWindow { bytes: self.receive_window });
        }
        if !(1..=limits::MAX_DATA_CHANNELS).contains(&self.max_data_channels) {
            return Err(E::MaxDataChannels { channels: self.max_data_channels });
        }
        Ok(())
    }
}
