//! Offer and answer (RFC 9429, RFC 3264, RFC 9143) as plain state: no time, no input, no output.
//!
//! A [`Negotiator`] makes and takes descriptions. What the transport must do about one comes back as [`Applied`].

mod answer;
mod apply;
mod candidates;
mod check;
#[expect(dead_code, reason = "what compares codecs comes with their negotiation")]
mod codec;
mod description;
mod error;
mod kind;
mod negotiated;
mod negotiator;
mod offer;
mod remote;
mod section;
mod state;
#[expect(dead_code, reason = "what holds a transceiver comes with its negotiation")]
mod transceiver;

pub use codec::{Codec, CodecParameters, Feedback};
pub use description::{SdpType, SessionDescription};
pub use error::{NegotiationError, RemoteCandidateError, Side};
pub use kind::MediaKind;
pub use negotiated::{
    LocalSource, NegotiatedCodec, NegotiatedExtension, NegotiatedMedia, Refusal, RemoteLayer, RemoteSource,
    TrackChange,
};
pub use offer::OfferOptions;
pub use state::SignalingState;
pub use transceiver::{Encoding, TransceiverError, TransceiverId, TransceiverInit};

pub(crate) use apply::{Applied, DtlsRole, NegotiatedData, NegotiatedTransport};
pub(crate) use candidates::{CandidatePlace, CandidateTarget};
pub(crate) use negotiator::{LocalTransport, Negotiator, Settings};
