//! DTLS records and handshake messages as bytes: what one datagram holds, nothing about what it means.

pub mod alert;
pub mod extension;
pub mod handshake;
pub mod hello;
pub mod message;
pub mod record;
