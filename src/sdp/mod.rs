//! Session descriptions (RFC 8866, RFC 8839, RFC 8841) as values, parsed and written.

pub mod candidate;
