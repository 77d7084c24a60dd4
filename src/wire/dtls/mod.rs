//! DTLS records and handshake messages as bytes.
