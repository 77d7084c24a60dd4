//! SCTP packets and chunks as bytes.
