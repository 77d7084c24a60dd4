//! The states a connection reports (W3C WebRTC §4.3).

use crate::ice::IceConnectionState;

/// The connection as a whole: ICE and DTLS together (W3C WebRTC §4.3.3).
///
/// ```text
///   New ──▶ Connecting ──▶ Connected ◀──▶ Disconnected ──▶ Failed
///                 └────────────────────────────────────────▶ ▲       any ──▶ Closed
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "lowercase"))]
pub enum ConnectionState {
    /// Nothing has been tried.
    #[default]
    New,
    /// ICE checks or the DTLS handshake are under way.
    Connecting,
    /// Data can flow.
    Connected,
    /// Consent checks go unanswered; it may yet come back.
    Disconnected,
    /// It will not come back by itself: see [`failure`](super::PeerConnection::failure).
    Failed,
    /// `close` was called; nothing more happens.
    Closed,
}

/// The DTLS part of the aggregate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum DtlsState {
    #[default]
    New,
    Connecting,
    Connected,
    Failed,
}

/// The aggregation table of W3C WebRTC §4.3.3 for one bundled transport.
pub(crate) const fn aggregate(closed: bool, ice: IceConnectionState, dtls: DtlsState) -> ConnectionState {
    if closed {
        return ConnectionState::Closed;
    }
    match (ice, dtls) {
        (IceConnectionState::Failed, _) | (_, DtlsState::Failed) => ConnectionState::Failed,
        (IceConnectionState::Disconnected, _) => ConnectionState::Disconnected,
        (IceConnectionState::New, DtlsState::New) => ConnectionState::New,
        (IceConnectionState::Connected | IceConnectionState::Completed, DtlsState::Connected) => {
            ConnectionState::Connected
        }
        _ => ConnectionState::Connecting,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_aggregate_follows_the_table() {
        use ConnectionState as C;
        use IceConnectionState as I;
        let cases = [
            (I::New, DtlsState::New, C::New),
            (I::Checking, DtlsState::New, C::Connecting),
            (I::Connected, DtlsState::Connecting, C::Connecting),
            (I::Connected, DtlsState::Connected, C::Connected),
            (I::Completed, DtlsState::Connected, C::Connected),
            (I::Disconnected, DtlsState::Connected, C::Disconnected),
            (I::Failed, DtlsState::Connected, C::Failed),
            (I::Completed, DtlsState::Failed, C::Failed),
        ];
        for (ice, dtls, expected) in cases {
            assert_eq!(aggregate(false, ice, dtls), expected, "{ice:?} with {dtls:?}");
            assert_eq!(aggregate(true, ice, dtls), C::Closed);
        }
    }
}
