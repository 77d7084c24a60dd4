//! SRTP and SRTCP as a transform (RFC 3711, RFC 7714): plain functions over `&mut self`, no time, no queue.
