//! Offer and answer (RFC 9429, RFC 3264, RFC 9143) as plain state: no time, no input, no output.
//!
//! A [`Negotiator`] makes and takes descriptions. What the transport must do about one comes back as [`Applied`].

mod answer;
mod apply;
mod assess;
mod associate;
#[cfg(test)]
mod association_tests;
mod candidates;
#[cfg(test)]
mod candidates_tests;
mod capabilities;
mod check;
mod codec;
#[cfg(test)]
mod codec_tests;
#[cfg(test)]
mod corpus_tests;
mod description;
mod direction;
mod error;
mod extensions;
mod format;
mod h264;
#[cfg(test)]
mod history_tests;
mod matching;
mod media_section;
mod mids;
mod needed;
mod negotiated;
mod negotiator;
mod offer;
mod pack;
mod remote;
#[cfg(test)]
mod rollback_tests;
mod section;
mod settle;
mod simulcast;
#[cfg(test)]
mod simulcast_tests;
mod state;
mod survey;
#[cfg(test)]
mod symmetry_tests;
#[cfg(test)]
mod test_peer;
mod transceiver;
#[cfg(test)]
mod transceiver_tests;
mod transceivers;
#[cfg(test)]
mod work_tests;

pub use capabilities::{KindCapabilities, MediaCapabilities};
pub use codec::{Codec, CodecParameters, Feedback};
pub use description::{SdpType, SessionDescription};
pub use error::{NegotiationError, RemoteCandidateError, Side};
pub use negotiated::{
    LocalSource, NegotiatedCodec, NegotiatedExtension, NegotiatedMedia, Refusal, RemoteLayer, RemoteSource,
    TrackChange,
};
pub use offer::OfferOptions;
pub use state::SignalingState;
pub use transceiver::{Encoding, TransceiverError, TransceiverId, TransceiverInit};

pub(crate) use apply::{Applied, DtlsRole, NegotiatedData, NegotiatedTransport};
pub(crate) use candidates::{CandidatePlace, CandidateTarget};
pub(crate) use capabilities::SharedCapabilities;
pub(crate) use negotiator::{LocalTransport, Negotiator, Settings};
pub(crate) use transceiver::Transceiver;
