//! The receiving half: TSNs, acknowledgements, fragments and streams.

pub(super) mod reassemble;
pub(super) mod receiver;
pub(super) mod sack;
pub(super) mod stream;
pub(super) mod tracker;
