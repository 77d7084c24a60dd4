//! Machines that can be had twice in the same state (law 11).

use crate::data::Channels;
use crate::dtls::Connection;
use crate::ice::Agent;
use crate::peer::PeerConnection;
use crate::rtp::Session;
use crate::sctp::Association;

/// What can be forked: a second one in the same state, which does the same when called the same.
///
/// `Clone` is not this: two machines that both send under one key would use its nonces twice. Outside of a simulation nobody
/// wants that.
pub trait Fork {
    /// The same again.
    #[must_use]
    fn fork(&self) -> Self;
}

macro_rules! forks {
    ($($machine:ty),*) => {$(
        impl Fork for $machine {
            fn fork(&self) -> Self {
                // The inherent method of the same name.
                Self::fork(self)
            }
        }
    )*};
}

forks!(Agent, Association, Channels, Connection, PeerConnection, Session);
