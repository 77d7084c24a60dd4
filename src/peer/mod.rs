//! peer

mod jsep;

pub use jsep::{NegotiationError, OfferOptions, RemoteCandidateError, SdpType, SessionDescription, Side, SignalingState};
