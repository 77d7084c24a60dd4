//! Gathering: host candidates are the caller's; server-reflexive and relayed ones will be asked for here.

use crate::ice::IceGatheringState;

/// How far gathering is in this generation.
#[derive(Clone, Debug, Default)]
pub(crate) struct Gathering {
    /// A candidate was added.
    pub(crate) begun: bool,
    /// The caller has said that no socket follows.
    pub(crate) ended: bool,
    /// Questions to servers that are not answered yet.
    pub(crate) pending: u32,
}

impl Gathering {
    pub(crate) const fn state(&self) -> IceGatheringState {
        match (self.ended && self.pending == 0, self.begun) {
            (true, _) => IceGatheringState::Complete,
            (false, true) => IceGatheringState::Gathering,
            (false, false) => IceGatheringState::New,
        }
    }
}
