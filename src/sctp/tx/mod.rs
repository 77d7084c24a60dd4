//! The sending half: what waits, what is in flight, and when it may leave.

pub mod congestion;
pub(super) mod delivery;
pub(super) mod outstanding;
pub(super) mod pacer;
pub(super) mod probe;
pub(super) mod queue;
pub(super) mod retransmit;
pub(super) mod rto;
pub(super) mod schedule;
pub(super) mod sender;
