//! The handshake of DTLS 1.2 (RFC 6347, RFC 5246, RFC 8422).

mod client;
mod keys;
mod server;

pub(super) use client::Client;
pub(super) use keys::Secrets;
pub(super) use server::Server;
