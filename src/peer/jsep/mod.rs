//! Offer and answer (RFC 9429, RFC 3264, RFC 9143) as plain state: no time, no input, no output.
//!
//! A [`Negotiator`] makes and takes descriptions. What the transport must do about one comes back as [`Applied`].

mod answer;
mod apply;
mod candidates;
mod check;
mod description;
mod error;
mod negotiator;
mod offer;
mod remote;
mod section;
mod state;

pub use description::{SdpType, SessionDescription};
pub use error::{NegotiationError, RemoteCandidateError, Side};
pub use offer::OfferOptions;
pub use state::SignalingState;

pub(crate) use apply::{Applied, DtlsRole, NegotiatedData};
pub(crate) use candidates::{CandidatePlace, CandidateTarget};
pub(crate) use negotiator::{LocalTransport, Negotiator, Settings};
