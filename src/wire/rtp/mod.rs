//! RTP packets and their header extensions (RFC 3550, RFC 8285).
