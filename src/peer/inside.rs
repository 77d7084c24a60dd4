//! What a simulator may look at: the machines inside a connection.

use super::connection::PeerConnection;
use crate::data::Channels;
use crate::dtls::Connection;
use crate::ice::Agent;

/// The machines of a connection, to be looked at. Feature `sim`: a program has [`PeerConnection::stats`].
///
/// ```
/// use antiphon::{Config, Instant, PeerConnection, Seed};
/// use core::time::Duration;
///
/// let seed = Seed::from_bytes([7; 32]);
/// let pc = PeerConnection::new(Instant::ZERO, Duration::from_secs(1_790_000_000), seed, &Config::new())?;
/// assert!(pc.inside().dtls.is_none(), "its role is not negotiated");
/// # Ok::<(), antiphon::ConfigError>(())
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub struct Inside<'a> {
    /// ICE.
    pub ice: &'a Agent,
    /// DTLS, once its role is negotiated.
    pub dtls: Option<&'a Connection>,
    /// The data channels, and the association below them.
    pub data: &'a Channels,
}

impl PeerConnection {
    /// The machines inside.
    pub fn inside(&self) -> Inside<'_> {
        Inside { ice: &self.transport.ice, dtls: self.transport.dtls.as_deref(), data: &self.transport.data }
    }
}
