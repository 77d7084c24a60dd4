//! The checkers of media that look at protected packets on the wire: numbers and keys used once (S7), numbers and timestamps in step
//! (S14), feedback about nothing but what was sent (A4).

use antiphon::PeerConnection;
use antiphon::base::serial::{Seq16, UNWRAPPED_BASE};
use antiphon::sdp::Direction;
use antiphon::srtp::{Session, Side, SrtpProfile};
use antiphon::wire::rtcp::{Compound, Packet as Control};
use antiphon::wire::rtp::{Packet, is_rtcp};
use std::collections::{BTreeMap, BTreeSet};

/// One source that an end sends from.
#[derive(Clone, Debug)]
struct Source {
    /// It repeats packets of another, whose timestamps are of the past.
    repeats: bool,
    first: u64,
    highest: u64,
    /// Timestamps by number: what is sent late fits in between.
    times: BTreeMap<u64, u32>,
    /// Packets that reached the other end, by number.
    arrived: BTreeSet<u64>,
}

/// What one end has sent and been sent of media.
#[derive(Default)]
struct Reel {
    sources: BTreeMap<u32, Source>,
    /// Indices of SRTCP that were used, by source.
    control: BTreeSet<(u32, u32)>,
    /// Transport-wide numbers that were used.
    transport: BTreeSet<u64>,
    transport_highest: u64,
    /// The id of that extension.
    transport_id: Option<u8>,
    /// Opens what this end seals.
    opener: Option<Session>,
}

/// Both ends.
#[derive(Default)]
pub(crate) struct Tape {
    reels: [Reel; 2],
    /// Feedback that was read.
    pub(crate) feedback: u64,
}

impl core::fmt::Debug for Tape {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Tape").finish_non_exhaustive()
    }
}

impl Clone for Tape {
    fn clone(&self) -> Self {
        let reel = |reel: &Reel| Reel {
            sources: reel.sources.clone(),
            control: reel.control.clone(),
            transport: reel.transport.clone(),
            transport_highest: reel.transport_highest,
            transport_id: reel.transport_id,
            opener: reel.opener.as_ref().map(Session::fork),
        };
        Self { reels: [reel(&self.reels[0]), reel(&self.reels[1])], feedback: self.feedback }
    }
}

/// The header of a protected packet; its padding, if it has some, is not to be read.
fn header(data: &[u8]) -> Option<(Seq16, u32, u32)> {
    let word = |at: usize| Some(u32::from_be_bytes(data.get(at..at + 4)?.try_into().ok()?));
    Some((Seq16(u16::from_be_bytes(data.get(2..4)?.try_into().ok()?)), word(4)?, word(8)?))
}

/// The transport-wide number of a packet.
fn transport_number(data: &[u8], id: u8) -> Option<Seq16> {
    let mut clear = data.to_vec();
    *clear.first_mut()? &= !0x20;
    let packet = Packet::parse(&clear).ok()?;
    let element = packet.extension()?.elements().find(|element| element.id == id)?;
    Some(Seq16(u16::from_be_bytes(element.data.try_into().ok()?)))
}

/// The extension's id, of any section.
fn transport_id(pc: &PeerConnection) -> Option<u8> {
    let sdp = pc.local_description()?.to_sdp();
    let line =
        sdp.lines().find(|line| line.starts_with("a=extmap:") && line.contains("transport-wide-cc"))?;
    line.strip_prefix("a=extmap:")?.split([' ', '/']).next()?.parse().ok()
}

/// The index that an SRTCP packet has at its end (RFC 3711 §3.4, RFC 7714 §9).
fn control_index(data: &[u8], profile: SrtpProfile) -> Option<u32> {
    let tag = match profile {
        SrtpProfile::Aes128CmSha1_80 | SrtpProfile::Aes128CmSha1_32 => 10,
        _ => 0,
    };
    let end = data.len().checked_sub(tag)?;
    let word = data.get(end.checked_sub(4)?..end)?;
    Some(u32::from_be_bytes(word.try_into().ok()?) & 0x7fff_ffff)
}

/// What opens the media that an end seals.
pub(crate) fn opener(pc: &PeerConnection) -> Option<Session> {
    let dtls = pc.inside().dtls?;
    let side = if dtls.role() == antiphon::dtls::Role::Client { Side::Server } else { Side::Client };
    Session::new(&dtls.srtp_keying_material()?, side).ok()
}

impl Tape {
    /// An end sends a packet of media.
    pub(crate) fn sends(&mut self, side: usize, pc: &PeerConnection, data: &[u8]) {
        if is_rtcp(data) {
            return self.reports(side, pc, data);
        }
        let Some((sequence, timestamp, ssrc)) = header(data) else { return };
        let reel = &mut self.reels[side];
        let transport = &mut reel.transport_id;
        let source = reel.sources.entry(ssrc).or_insert_with(|| {
            let outbound = pc.stats(antiphon::Instant::ZERO).outbound_rtp;
            let number = UNWRAPPED_BASE + u64::from(sequence.0);
            *transport = transport_id(pc);
            Source {
                repeats: outbound.iter().any(|its| its.stats.rtx_ssrc == Some(ssrc)),
                first: number,
                highest: number,
                times: BTreeMap::new(),
                arrived: BTreeSet::new(),
            }
        });
        let number = sequence.unwrap_near(source.highest);
        source.highest = source.highest.max(number);
        once(ssrc, &mut source.times, number, timestamp);
        if !source.repeats {
            in_step(ssrc, &source.times, number);
        }
        if let Some(number) = reel.transport_id.and_then(|id| transport_number(data, id)) {
            let number = number.unwrap_near(reel.transport_highest.max(UNWRAPPED_BASE));
            reel.transport_highest = reel.transport_highest.max(number);
            reel.transport.insert(number);
        }
    }

    /// A packet of media reaches the end that is not `from`.
    pub(crate) fn arrives(&mut self, from: usize, data: &[u8]) {
        let Some((sequence, timestamp, ssrc)) = header(data).filter(|_| !is_rtcp(data)) else { return };
        if let Some(source) = self.reels[from].sources.get_mut(&ssrc) {
            let number = sequence.unwrap_near(source.highest);
            // Bytes may have been changed.
            if source.times.get(&number) == Some(&timestamp) {
                source.arrived.insert(number);
            }
        }
    }

    fn reports(&mut self, side: usize, pc: &PeerConnection, data: &[u8]) {
        let Some(profile) = pc.inside().dtls.and_then(antiphon::dtls::Connection::srtp_profile) else {
            return;
        };
        let ssrc = data.get(4..8).and_then(|word| word.try_into().ok()).map_or(0, u32::from_be_bytes);
        if let Some(index) = control_index(data, profile) {
            let fresh = self.reels[side].control.insert((ssrc, index));
            assert!(fresh, "S7: end {side} uses SRTCP index {index} of {ssrc:08x} again");
        }
        let reel = &mut self.reels[side];
        if reel.opener.is_none() {
            reel.opener = opener(pc);
        }
        let mut plain = vec![0; data.len() + 64];
        let Some(len) =
            reel.opener.as_mut().and_then(|opener| opener.unprotect_rtcp_into(data, &mut plain).ok())
        else {
            return;
        };
        self.feedback_of(side, plain.get(..len).unwrap_or_default());
    }

    fn feedback_of(&mut self, side: usize, plain: &[u8]) {
        for packet in Compound::new(plain).flatten() {
            if let Control::TransportFeedback(feedback) = packet {
                let sent = &self.reels[1 - side];
                let told = feedback.received().map(|(sequence, _)| sequence);
                was_sent(&sent.transport, sent.transport_highest.max(UNWRAPPED_BASE), told);
                self.feedback += 1;
            }
        }
    }

    /// Distinct packets that an end has sent from a source and that reached the other.
    pub(crate) fn counts(&self, side: usize, ssrc: u32) -> (u64, u64) {
        let source = self.reels[side].sources.get(&ssrc);
        source.map_or((0, 0), |source| (source.times.len() as u64, source.arrived.len() as u64))
    }

    /// Distinct packets of all sources of an end that reached the other.
    pub(crate) fn arrived(&self, side: usize) -> u64 {
        self.reels[side].sources.values().map(|source| source.arrived.len() as u64).sum()
    }

    /// Numbers that an end has used or passed over, from the first to the highest.
    pub(crate) fn span(&self, side: usize, ssrc: u32) -> u64 {
        self.reels[side].sources.get(&ssrc).map_or(0, |source| source.highest - source.first + 1)
    }

    /// Roll-overs of all sources.
    pub(crate) fn rolls(&self) -> u64 {
        let sources = self.reels.iter().flat_map(|reel| reel.sources.values());
        sources.map(|source| (source.highest >> 16) - (source.first >> 16)).sum()
    }
}

/// S7: a number with its roll-over count is used once.
fn once(ssrc: u32, times: &mut BTreeMap<u64, u32>, number: u64, timestamp: u32) {
    let before = times.insert(number, timestamp);
    assert!(before.is_none(), "S7: packet {number:#x} of {ssrc:08x} is sealed twice");
}

/// S14: who has the higher number has no earlier timestamp.
fn in_step(ssrc: u32, times: &BTreeMap<u64, u32>, number: u64) {
    let Some(timestamp) = times.get(&number) else { return };
    let before = times.range(..number).next_back();
    let after = times.range(number + 1..).next();
    for (earlier, later) in [(before, Some((&number, timestamp))), (Some((&number, timestamp)), after)] {
        if let (Some((_, earlier)), Some((_, later))) = (earlier, later) {
            let step = later.wrapping_sub(*earlier).cast_signed();
            assert!(step >= 0, "S14: packet {number:#x} of {ssrc:08x} has its timestamp at {timestamp}");
        }
    }
}

/// A4: what feedback tells of has been sent.
fn was_sent(sent: &BTreeSet<u64>, highest: u64, told: impl Iterator<Item = Seq16>) {
    for sequence in told {
        let number = sequence.unwrap_near(highest);
        assert!(sent.contains(&number), "A4: feedback tells of packet {}, which was never sent", sequence.0);
    }
}

/// Which way a transceiver goes, for the table of what was visited.
pub(crate) const fn way(direction: Option<Direction>) -> &'static str {
    match direction {
        None => "not agreed",
        Some(Direction::SendRecv) => "both ways",
        Some(Direction::SendOnly) => "sends",
        Some(Direction::RecvOnly) => "receives",
        Some(Direction::Inactive) => "inactive",
    }
}
