//! Media sections of ours as lines (RFC 9429 §5.2.1, §5.3.1).

use crate::base::bitrate::Bitrate;
use crate::codec::MediaKind;
use crate::peer::jsep::extensions::OfferedExtension;
use crate::peer::jsep::format::{self, Format};
use crate::peer::jsep::section::{self, TransportLines};
use crate::peer::jsep::transceiver::{SendLayer, Transceiver};
use crate::sdp::attribute::{Rid, Simulcast, SimulcastId, Ssrc};
use crate::sdp::{
    Attribute, Bandwidth, Connection, Direction, Media, MediaKind as SectionKind, Text, Token, Word,
};

/// What a media section of ours says.
pub(super) struct MediaSection<'a> {
    pub(super) transceiver: &'a Transceiver,
    pub(super) mid: Option<Token>,
    /// The profile of the offer that is answered.
    pub(super) protocol: Option<&'a Word>,
    pub(super) direction: Direction,
    /// Whether streams are told: where sending is wanted, or they have been told before (RFC 9429 §5.2.2).
    pub(super) tells_streams: bool,
    pub(super) formats: Vec<Format>,
    pub(super) extensions: Vec<OfferedExtension>,
    pub(super) flags: RtcpFlags,
    pub(super) send_layers: Vec<Token>,
    /// The streams of layers to receive, each with its alternatives.
    pub(super) receive_layers: Vec<Vec<ReceiveLayer>>,
    pub(super) cname: &'a Text,
}

/// The attributes of RTCP that are there or not.
#[derive(Clone, Copy, Debug)]
pub(super) struct RtcpFlags {
    /// `rtcp-mux-only` (RFC 8858): in an offer that is the first of its section.
    pub(super) mux_only: bool,
    /// `rtcp-rsize`.
    pub(super) reduced_size: bool,
    /// `extmap-allow-mixed`.
    pub(super) mixed: bool,
}

/// A layer that is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ReceiveLayer {
    pub(super) rid: Token,
    pub(super) restrictions: Option<Text>,
}

/// The name of a kind in an `m=` line.
pub(super) const fn section_kind(kind: MediaKind) -> SectionKind {
    match kind {
        MediaKind::Audio => SectionKind::Audio,
        MediaKind::Video => SectionKind::Video,
    }
}

impl MediaSection<'_> {
    pub(super) fn build(self, transport: &TransportLines<'_>) -> Media {
        let kind = section_kind(self.transceiver.kind);
        let protocol = self.protocol.cloned().unwrap_or_else(|| section::word("UDP/TLS/RTP/SAVPF"));
        let mut media = Media::new(kind, section::DISCARD, protocol, format::words(&self.formats));
        media.connections.push(Connection::unspecified());
        let receives = matches!(self.direction, Direction::SendRecv | Direction::RecvOnly);
        if let Some(limit) = self.transceiver.max_receive_bitrate.filter(|_| receives) {
            media.bandwidths = bandwidths(limit);
        }
        let list = &mut media.attributes.0;
        list.extend(self.mid.clone().map(Attribute::Mid));
        transport.write(list);
        if self.flags.mixed {
            list.push(Attribute::ExtmapAllowMixed);
        }
        list.extend(self.extensions.iter().copied().filter_map(OfferedExtension::attribute));
        list.push(Attribute::Direction(self.direction));
        let sends = matches!(self.direction, Direction::SendRecv | Direction::SendOnly);
        if self.tells_streams {
            self.streams(list);
        }
        list.push(Attribute::RtcpMux);
        if self.flags.mux_only {
            list.push(Attribute::RtcpMuxOnly);
        }
        if self.flags.reduced_size {
            list.push(Attribute::RtcpRsize);
        }
        list.extend(self.formats.iter().flat_map(Format::attributes));
        self.simulcast(list);
        if sends && self.send_layers.is_empty() {
            self.sources(list);
        }
        media
    }

    /// `a=msid`, one for each stream, or `-` (RFC 8830 §2). The second word is left out by RFC 9429, and looked for by others.
    fn streams(&self, list: &mut Vec<Attribute>) {
        let track = Word::new(self.transceiver.track.as_str()).ok();
        let none = [section::token("-")];
        let streams = &self.transceiver.streams;
        let names = if streams.is_empty() { &none[..] } else { streams };
        let words = names.iter().filter_map(|name| Word::new(name.as_str()).ok());
        list.extend(words.map(|name| Attribute::Msid(name, track.clone())));
    }

    fn simulcast(&self, list: &mut Vec<Attribute>) {
        let rid = |id: &Token, sends, restrictions: Option<&Text>| {
            Attribute::Rid(Box::new(Rid { id: id.clone(), sends, restrictions: restrictions.cloned() }))
        };
        list.extend(self.send_layers.iter().map(|id| rid(id, true, None)));
        let received = self.receive_layers.iter().flatten();
        list.extend(received.map(|layer| rid(&layer.rid, false, layer.restrictions.as_ref())));
        // RFC 8853 §5.1: never paused, which takes feedback that is not negotiated.
        let id = |rid: &Token| SimulcastId { rid: rid.clone(), paused: false };
        let simulcast = Simulcast {
            send: self.send_layers.iter().map(|rid| vec![id(rid)]).collect(),
            receive: self
                .receive_layers
                .iter()
                .map(|stream| stream.iter().map(|layer| id(&layer.rid)).collect())
                .collect(),
        };
        if !simulcast.send.is_empty() || !simulcast.receive.is_empty() {
            list.push(Attribute::Simulcast(Box::new(simulcast)));
        }
    }

    /// `a=ssrc` (RFC 5576) of a section without simulcast, and the repetition beside it.
    fn sources(&self, list: &mut Vec<Attribute>) {
        let Some(layer) = self.transceiver.settled.layers.first() else { return };
        let repeats = self.formats.iter().any(|format| format.codec.is("rtx"));
        let ids = if repeats { vec![layer.ssrc, layer.rtx_ssrc] } else { vec![layer.ssrc] };
        if repeats {
            list.push(Attribute::SsrcGroup(section::token("FID"), ids.clone()));
        }
        let value = Some(self.cname.clone());
        let line = |id| Attribute::Ssrc(Ssrc { id, name: section::token("cname"), value: value.clone() });
        list.extend(ids.into_iter().map(line));
    }
}

/// `b=AS` for those that know no other, and `b=TIAS` (RFC 3890), which is more exact.
fn bandwidths(limit: Bitrate) -> Vec<Bandwidth> {
    let bits = limit.as_bps();
    let line = |kind, value| Bandwidth { kind: section::token(kind), value };
    // RFC 9429 §5.10 makes TIAS of AS so; this is the way back.
    let kilobits = bits.saturating_add(16_000).div_ceil(950);
    vec![line("AS", kilobits), line("TIAS", bits)]
}

/// The rids of layers that are sent as simulcast; none where there is one stream.
pub(super) fn layer_names(layers: &[SendLayer]) -> Vec<Token> {
    if layers.len() < 2 {
        return Vec::new();
    }
    layers.iter().filter_map(|layer| layer.encoding.rid.clone()).collect()
}
