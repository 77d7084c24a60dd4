//! What is remembered of each source: the highest packet index, which holds the roll-over counter, and the replay window.

use crate::base::serial::Seq16;
use crate::base::window::{ReplayWindow, WideReplayWindow};

/// Packets of RTP that one key may protect, and the number of indices (RFC 3711 §9.2).
pub(super) const RTP_LIFETIME: u64 = 1 << 48;
/// The same of RTCP.
pub(super) const RTCP_LIFETIME: u64 = 1 << 31;
/// Packets to a turn of the roll-over counter.
const TURN: u64 = 1 << 16;

/// A table by SSRC, bounded and in order.
#[derive(Clone, Debug)]
pub(super) struct Sources<T> {
    entries: Vec<(u32, T)>,
    limit: usize,
}

impl<T> Sources<T> {
    pub(super) const fn new(limit: usize) -> Self {
        Self { entries: Vec::new(), limit }
    }

    pub(super) const fn len(&self) -> usize {
        self.entries.len()
    }

    pub(super) const fn limit(&self) -> usize {
        self.limit
    }

    pub(super) fn get(&self, ssrc: u32) -> Option<&T> {
        let at = self.position(ssrc).ok()?;
        self.entries.get(at).map(|(_, value)| value)
    }

    /// The value of `ssrc`, made by `new` if there is none; `None` if that would be one too many.
    pub(super) fn get_or_insert_with(&mut self, ssrc: u32, new: impl FnOnce() -> T) -> Option<&mut T> {
        let at = match self.position(ssrc) {
            Ok(at) => at,
            Err(_) if self.entries.len() >= self.limit => return None,
            Err(at) => {
                self.entries.insert(at, (ssrc, new()));
                at
            }
        };
        self.entries.get_mut(at).map(|(_, value)| value)
    }

    /// Gives memory back that no source needs.
    pub(super) fn trim(&mut self) {
        self.entries.shrink_to_fit();
    }

    fn position(&self, ssrc: u32) -> Result<usize, usize> {
        self.entries.binary_search_by_key(&ssrc, |(ssrc, _)| *ssrc)
    }
}

/// The index nearest to `highest` that ends in `sequence`, `turns` further on; `None` outside the indices there are.
fn near(highest: u64, sequence: u16, turns: u64) -> Option<u64> {
    #[expect(clippy::cast_possible_truncation, reason = "the low quarter is the sequence number")]
    let delta = Seq16(sequence).since(Seq16(highest as u16));
    let index = (highest + turns * TURN).checked_add_signed(delta.into())?;
    (index < RTP_LIFETIME).then_some(index)
}

/// A source of ours. Who forwards seals what was repaired long after what followed it: the window is as wide as that of who receives.
#[derive(Clone, Debug, Default)]
pub(super) struct Outbound {
    used: WideReplayWindow,
}

/// Why a source of ours has no index for a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// The index has been used, or is too old to know.
    Used,
    /// This index is beyond the last.
    Exhausted(u64),
}

impl Outbound {
    /// The index of a packet with this sequence number, which is then used up.
    pub(super) fn take(&mut self, sequence: u16) -> Result<u64, Refusal> {
        let index = match self.used.highest() {
            None => Some(u64::from(sequence)),
            Some(highest) => near(highest, sequence, 0),
        };
        // Without an index it lies before the first, or beyond the last.
        let index = index.ok_or_else(|| match self.used.highest() {
            Some(highest) if highest >= RTP_LIFETIME / 2 => Refusal::Exhausted(RTP_LIFETIME),
            Some(_) | None => Refusal::Used,
        })?;
        if !self.used.check(index) {
            return Err(Refusal::Used);
        }
        self.used.commit(index);
        Ok(index)
    }

    #[cfg(test)]
    pub(super) fn at(index: u64) -> Self {
        let mut used = WideReplayWindow::default();
        used.commit(index);
        Self { used }
    }
}

/// A source of the peer.
#[derive(Clone, Debug, Default)]
pub(super) struct Inbound {
    seen: WideReplayWindow,
}

/// Packets of a source to one on which later turns of the roll-over counter are tried. A forged packet costs little more than one
/// computation of a tag then, and a stream that was away for long is back within three times as many packets.
const LATER_TURNS_EVERY: u64 = 8;
/// Packets that a source may well lose before its first arrives. After more, the wrap that was among them is looked for as above.
const FIRST_LOST: u64 = 4096;

/// The indices that a packet may have, the likeliest first. Two at most bound what a forged packet costs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Candidates {
    pub(super) indices: [Option<u64>; 2],
    /// The nearest index is not among them: it has been seen, or is too old to know.
    pub(super) stale: bool,
}

impl Candidates {
    /// Of a source that is not known. Its first packets may have been lost, and the sequence number wrapped among them (RFC 3711
    /// §3.3.1): half a turn of them at most, as in a stream that is known, and rarely many.
    pub(super) fn of_unknown(sequence: u16) -> Self {
        let first = u64::from(sequence);
        let wrapped = first < FIRST_LOST || (first < TURN / 2 && first % LATER_TURNS_EVERY == 0);
        Self { indices: [Some(first), wrapped.then_some(first + TURN)], stale: false }
    }
}

impl Inbound {
    /// The nearest index (RFC 3711 §3.3.1) if that is new; else the same in the next turn, which is right after a gap of more than
    /// half a turn. After one of more than a turn the nearest index is new and wrong: packets in a row try the three turns
    /// after it by their sequence numbers, so that nothing is remembered of those that failed.
    pub(super) fn candidates(&self, sequence: u16) -> Candidates {
        let Some(highest) = self.seen.highest() else { return Candidates::of_unknown(sequence) };
        let nearest = near(highest, sequence, 0);
        let fresh = nearest.filter(|index| self.seen.check(*index));
        let number = u64::from(sequence);
        let later = (number % LATER_TURNS_EVERY == 0).then_some(number / LATER_TURNS_EVERY);
        let indices = match fresh {
            Some(_) => [fresh, later.and_then(|later| near(highest, sequence, 1 + later % 3))],
            None => {
                [near(highest, sequence, 1), later.and_then(|later| near(highest, sequence, 2 + later % 2))]
            }
        };
        Candidates { indices, stale: nearest.is_some() && fresh.is_none() }
    }

    /// Marks an index as seen, once its packet has been authenticated.
    pub(super) fn commit(&mut self, index: u64) {
        self.seen.commit(index);
    }
}

/// The replay window of a source's RTCP (RFC 3711 §3.4).
pub(super) type InboundControl = ReplayWindow;

#[cfg(test)]
mod tests {
    use super::*;

    fn inbound(highest: u64) -> Inbound {
        let mut inbound = Inbound::default();
        inbound.commit(highest);
        inbound
    }

    fn sequence(index: u64) -> u16 {
        u16::try_from(index % TURN).unwrap()
    }

    #[test]
    fn a_table_is_in_order_and_bounded() {
        let mut sources = Sources::new(3);
        for ssrc in [30, 10, 20, 10] {
            *sources.get_or_insert_with(ssrc, || 0).unwrap() += 1;
        }
        assert_eq!(sources.entries, [(10, 2), (20, 1), (30, 1)]);
        assert_eq!(sources.get_or_insert_with(40, || 0), None);
        assert_eq!((sources.len(), sources.get(40), sources.get(10)), (3, None, Some(&2)));
    }

    #[test]
    fn the_nearest_index_comes_first() {
        // After this highest index, a packet with this one is taken for it at once. The third is half a turn ahead, less one;
        // of the fourth, what is nearer lies behind and is too old; of the last, it would lie before the first index.
        let pairs = [(65_530, 65_539), (65_539, 65_531), (100_000, 132_767), (100_000, 140_000), (5, 40_005)];
        for (highest, index) in pairs {
            assert_eq!(inbound(highest).candidates(sequence(index)).indices[0], Some(index), "{highest}");
        }
    }

    #[test]
    fn gaps_of_three_turns_are_bridged_by_packets_in_a_row() {
        for gap in [1, 100, 32_767, 32_768, 40_000, 64_000, 65_536, 70_000, 98_304, 131_072, 190_000] {
            let inbound = inbound(1_000_000);
            let sent = (1_000_000 + gap..).take(24);
            let found =
                sent.filter(|index| inbound.candidates(sequence(*index)).indices.contains(&Some(*index)));
            assert!(found.count() >= 1, "{gap}");
        }
    }

    #[test]
    fn no_index_is_beyond_the_last() {
        let last = RTP_LIFETIME - 1;
        assert_eq!(inbound(last).candidates(3).indices, [None, None]);
        let mut outbound = Outbound::at(last - 2);
        assert_eq!(outbound.take(0xfffe), Ok(last - 1));
        assert_eq!(outbound.take(0xffff), Ok(last));
        assert_eq!(outbound.take(0), Err(Refusal::Exhausted(RTP_LIFETIME)));
        assert_eq!(outbound.take(0xffff), Err(Refusal::Used));
    }

    #[test]
    fn a_source_of_ours_uses_no_index_twice() {
        let mut outbound = Outbound::default();
        assert_eq!(outbound.take(65_534), Ok(65_534));
        assert_eq!(outbound.take(1), Ok(65_537));
        assert_eq!(outbound.take(65_535), Ok(65_535));
        for used in [65_534, 65_535, 1] {
            assert_eq!(outbound.take(used), Err(Refusal::Used));
        }
        assert_eq!(outbound.take(0), Ok(65_536));
        // Before the first: there is no such index.
        let mut outbound = Outbound::default();
        assert_eq!(outbound.take(3), Ok(3));
        assert_eq!(outbound.take(65_535), Err(Refusal::Used));
    }

    #[test]
    fn an_unknown_source_may_have_wrapped() {
        assert_eq!(Candidates::of_unknown(7).indices, [Some(7), Some(65_543)]);
        assert_eq!(Candidates::of_unknown(20_000).indices, [Some(20_000), Some(85_536)]);
        assert_eq!(Candidates::of_unknown(20_001).indices, [Some(20_001), None]);
        assert_eq!(Candidates::of_unknown(40_000).indices, [Some(40_000), None]);
        assert_eq!(Inbound::default().candidates(7), Candidates::of_unknown(7));
    }
}
