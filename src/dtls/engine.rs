//! Which version and side drives the handshake: the one place that chooses.

use super::config::Role;
use super::event::HandshakeError;
use super::handshake::{Tools, Verdict};
use super::reassembly::Message;
use super::v12;

/// A version's handshake, on one side.
#[derive(Clone, Debug)]
pub(super) enum Engine {
    /// DTLS 1.2, client.
    Client12(v12::Client),
    /// DTLS 1.2, server.
    Server12(v12::Server),
}

impl Engine {
    pub(super) fn new(role: Role) -> Self {
        match role {
            Role::Client => Self::Client12(v12::Client::default()),
            Role::Server => Self::Server12(v12::Server::default()),
        }
    }

    /// The client's first flight; a server has nothing to start with.
    pub(super) fn start(&mut self, tools: &mut Tools) {
        match self {
            Self::Client12(client) => client.start(tools),
            Self::Server12(_) => {}
        }
    }

    /// Takes the peer's next message. What is to be done is left in `tools`.
    pub(super) fn on_message(
        &mut self,
        tools: &mut Tools,
        message: &Message,
    ) -> Result<Verdict, HandshakeError> {
        match self {
            Self::Client12(client) => client.on_message(tools, message),
            Self::Server12(server) => server.on_message(tools, message),
        }
    }
}
