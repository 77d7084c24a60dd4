//! RTP sessions: senders, receivers, reports, repair and frames on top of plain packets (RFC 3550, RFC 4585, RFC 4588).
