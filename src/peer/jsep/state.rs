//! The signalling state, and which description may come in which (RFC 9429 §3.2).

use crate::peer::jsep::description::SdpType;
use crate::peer::jsep::error::{NegotiationError, Side};

/// Where an exchange of descriptions stands.
///
/// ```text
///                      local offer            remote answer
///            +------------------- have-local-offer --------------+
///            |                        | remote pranswer          |
///            |                        v                          v
///          stable            have-remote-pranswer ----------> stable
///            |   remote offer                    remote answer   ^
///            +------------------- have-remote-offer -------------+
///                                     | local pranswer           |  local answer
///                                     v                          |
///                            have-local-pranswer ----------------+
/// ```
///
/// A rollback leads from every state but `stable` back to it; `closed` is final.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "kebab-case"))]
pub enum SignalingState {
    /// Nothing is under way.
    #[default]
    Stable,
    /// A local offer waits for its answer.
    HaveLocalOffer,
    /// A remote offer waits for its answer.
    HaveRemoteOffer,
    /// A remote offer has a provisional answer.
    HaveLocalPranswer,
    /// A local offer has a provisional answer.
    HaveRemotePranswer,
    /// No more descriptions.
    Closed,
}

impl SignalingState {
    /// The state after a description of `kind`, set on `side`.
    ///
    /// A remote offer on top of a local one is glare: the local one is rolled back (W3C, "perfect negotiation").
    pub(super) fn after(self, side: Side, kind: SdpType) -> Result<Self, NegotiationError> {
        use SdpType::{Answer, Offer, Pranswer, Rollback};
        use Side::{Local, Remote};
        Ok(match (self, side, kind) {
            (Self::Closed, ..) => return Err(NegotiationError::Closed),
            (Self::Stable | Self::HaveLocalOffer, Local, Offer) => Self::HaveLocalOffer,
            (Self::Stable | Self::HaveRemoteOffer | Self::HaveLocalOffer, Remote, Offer) => {
                Self::HaveRemoteOffer
            }
            (Self::HaveRemoteOffer | Self::HaveLocalPranswer, Local, Pranswer) => Self::HaveLocalPranswer,
            (Self::HaveLocalOffer | Self::HaveRemotePranswer, Remote, Pranswer) => Self::HaveRemotePranswer,
            (Self::HaveRemoteOffer | Self::HaveLocalPranswer, Local, Answer)
            | (Self::HaveLocalOffer | Self::HaveRemotePranswer, Remote, Answer) => Self::Stable,
            (pending, _, Rollback) if pending != Self::Stable => Self::Stable,
            _ => return Err(NegotiationError::InvalidState { state: self, side, kind }),
        })
    }
}
