//! Both descriptions of a media section, to what they settle.

use core::time::Duration;
use std::collections::BTreeMap;
use std::sync::Arc;

use crate::base::bitrate::Bitrate;
use crate::base::limits;
use crate::peer::jsep::capabilities::KindCapabilities;
use crate::peer::jsep::codec::{Codec, Feedback};
use crate::peer::jsep::direction::{self, from_parts, receives, reversed, sends};
use crate::peer::jsep::extensions::{self, OfferedExtension};
use crate::peer::jsep::format::{self, Format};
use crate::peer::jsep::matching;
use crate::peer::jsep::negotiated::{
    LocalSource, NegotiatedCodec, NegotiatedExtension, NegotiatedMedia, RemoteLayer, RemoteSource,
};
use crate::peer::jsep::simulcast;
use crate::peer::jsep::survey::Inherited;
use crate::peer::jsep::transceiver::{Encoding, SendLayer, Transceiver};
use crate::sdp::attribute::SimulcastId;
use crate::sdp::{Attribute, Direction, Media, Text, Token};
use crate::wire::rtp::ExtensionKind;

/// One section in both descriptions.
#[derive(Clone, Copy)]
pub(super) struct Both<'a> {
    pub(super) index: usize,
    pub(super) ours: (Inherited, &'a Media),
    pub(super) theirs: (Inherited, &'a Media),
    /// Whether the answer is ours.
    pub(super) we_answer: bool,
}

impl Both<'_> {
    /// Which way media may go, seen from here: the answer decides, within the offer.
    pub(super) fn direction(&self) -> Direction {
        let ours = direction::of(self.ours.0, self.ours.1);
        let theirs = reversed(direction::of(self.theirs.0, self.theirs.1));
        from_parts(sends(ours) && sends(theirs), receives(ours) && receives(theirs))
    }
}

/// What a section settles for its transceiver.
pub(super) fn settle(
    both: &Both<'_>,
    transceiver: &Transceiver,
    mid: &Token,
    ours_all: &KindCapabilities,
    cname: &Text,
) -> NegotiatedMedia {
    let direction = both.direction();
    let extensions = common_extensions(both);
    let (local, remote) = (format::read(both.ours.1), format::read(both.theirs.1));
    let congestion = extensions.iter().any(|its| its.kind == ExtensionKind::TransportSequence);
    let allowed = format::allowed(ours_all, &transceiver.preferences);
    let send_codecs: Arc<[_]> = codecs(&remote, &local, allowed, Side::Send, congestion).into();
    let receive_codecs = codecs(&local, &remote, allowed, Side::Receive, congestion);
    let same = *receive_codecs == *send_codecs;
    let receive_codecs = if same { Arc::clone(&send_codecs) } else { receive_codecs.into() };
    let local_sources = local_sources(both, transceiver, &send_codecs);
    let theirs = both.theirs.1;
    let audio = theirs.kind == crate::sdp::MediaKind::Audio;
    let time = |text: Option<&Token>| text.filter(|_| audio).and_then(|text| milliseconds(text));
    NegotiatedMedia {
        transceiver: transceiver.id,
        section: both.index,
        mid: mid.clone(),
        kind: transceiver.kind,
        direction,
        remote_layers: remote_layers(both, &receive_codecs, &remote),
        send_codecs,
        receive_codecs,
        extensions,
        extensions_mixed: [both.ours, both.theirs]
            .iter()
            .all(|(inherited, m)| extensions::mixed(*inherited, m)),
        reduced_size_rtcp: [both.ours.1, theirs].iter().all(|m| m.attributes.has(&Attribute::RtcpRsize)),
        cname: cname.clone(),
        local_sources,
        remote_sources: remote_sources(theirs),
        remote_streams: transceiver.settled.remote_streams.clone(),
        max_send_bitrate: bandwidth(theirs),
        max_receive_bitrate: transceiver.max_receive_bitrate,
        packet_time: time(
            theirs.attributes.iter().find_map(|a| if let Attribute::Ptime(t) = a { Some(t) } else { None }),
        ),
        max_packet_time: time(
            theirs
                .attributes
                .iter()
                .find_map(|a| if let Attribute::MaxPtime(t) = a { Some(t) } else { None }),
        ),
    }
}

/// Whose packets the payload types are for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Side {
    Send,
    Receive,
}

/// The formats of `described`, which receives them, that the other side knows as well.
fn codecs(
    described: &[Format],
    other: &[Format],
    allowed: &[Codec],
    side: Side,
    congestion: bool,
) -> Vec<NegotiatedCodec> {
    let counterpart = |format: &Format| {
        other.iter().find(|its| matching::fits(&its.codec, &format.codec) && !its.codec.is("rtx"))
    };
    let media = described.iter().filter(|format| !format.codec.is("rtx"));
    let known = media.filter_map(|format| {
        let other_format = counterpart(format);
        // What an answer adds to our offer may be sent, if we know it (RFC 3264 §7).
        if other_format.is_none() && (side == Side::Receive || format::ours(allowed, &format.codec).is_none())
        {
            return None;
        }
        let may_repeat = match other_format {
            Some(its) => other.iter().any(|rtx| rtx.repeats(its.payload_type)),
            None => allowed.iter().any(|codec| codec.is("rtx")),
        };
        let rtx = described.iter().find(|rtx| may_repeat && rtx.repeats(format.payload_type));
        let both_have = |kind: &Feedback| {
            other_format.is_none_or(|its| its.feedback.contains(kind))
                && (congestion || *kind != Feedback::TransportCc)
        };
        let mut feedback: Vec<Feedback> = format.feedback.iter().copied().filter(both_have).collect();
        feedback.sort_unstable();
        Some(NegotiatedCodec {
            payload_type: format.payload_type,
            codec: format.codec.clone(),
            rtx: rtx.map(|rtx| rtx.payload_type),
            rtx_time: rtx.and_then(|rtx| rtx.codec.parameters.number("rtx-time")).map(Duration::from_millis),
            feedback,
        })
    });
    known.collect()
}

fn common_extensions(both: &Both<'_>) -> Vec<NegotiatedExtension> {
    let read = |(inherited, media): (Inherited, &Media)| {
        extensions::read(media, extensions::mixed(inherited, media))
    };
    let (ours, theirs) = (read(both.ours), read(both.theirs));
    let pair = |its: &OfferedExtension| {
        // RFC 8285 §5: an answer keeps the offered number; one that does not has no meaning.
        let other = theirs.iter().find(|other| other.kind == its.kind && other.id == its.id)?;
        let send = sends(its.direction) && receives(other.direction);
        let receive = receives(its.direction) && sends(other.direction);
        (send || receive).then_some(NegotiatedExtension { id: its.id, kind: its.kind, send, receive })
    };
    ours.iter().filter_map(pair).collect()
}

/// The layers that we send: those both descriptions have, or the only one.
fn local_sources(both: &Both<'_>, transceiver: &Transceiver, codecs: &[NegotiatedCodec]) -> Vec<LocalSource> {
    let repeats = codecs.iter().any(|codec| codec.rtx.is_some());
    let layers = &transceiver.settled.layers;
    let source = |layer: &SendLayer, paused| {
        let wanted = layer.encoding.codec.as_ref();
        let codec = wanted.and_then(|codec| codecs.iter().find(|its| matching::fits(&its.codec, codec)));
        LocalSource {
            ssrc: layer.ssrc,
            rtx_ssrc: repeats.then_some(layer.rtx_ssrc),
            paused,
            encoding: Encoding { codec: codec.map(|its| its.codec.clone()), ..layer.encoding.clone() },
        }
    };
    let described = simulcast::of(both.ours.1).map_or(&[][..], |simulcast| &simulcast.send);
    let wanted = simulcast::wanted(both.theirs.1);
    let kept = layers.iter().filter_map(|layer| {
        let rid = layer.encoding.rid.as_ref()?;
        let ours = described.iter().flatten().any(|id| id.rid == *rid);
        let (_, paused) = wanted.iter().find(|(its, _)| ours && its == rid)?;
        Some(source(layer, *paused))
    });
    let kept: Vec<LocalSource> = kept.collect();
    if kept.len() > 1 {
        return kept;
    }
    let only = kept.into_iter().next().or_else(|| layers.first().map(|layer| source(layer, false)));
    let alone = only.map(|mut only| {
        only.encoding.rid = None;
        only
    });
    alone.into_iter().collect()
}

/// The layers that the peer sends: those both descriptions have, in the order of the answer.
fn remote_layers(both: &Both<'_>, receive: &[NegotiatedCodec], remote: &[Format]) -> Vec<RemoteLayer> {
    let Some((ours, theirs)) = simulcast::of(both.ours.1).zip(simulcast::of(both.theirs.1)) else {
        return Vec::new();
    };
    let (answer, offer) =
        if both.we_answer { (&ours.receive, &theirs.send) } else { (&theirs.send, &ours.receive) };
    let in_offer = |id: &&SimulcastId| offer.iter().flatten().any(|its| its.rid == id.rid);
    let layer = |stream: &Vec<SimulcastId>| {
        let rids: Vec<Token> = stream.iter().filter(in_offer).map(|id| id.rid.clone()).collect();
        let first = rids.first()?;
        let paused = theirs.send.iter().flatten().any(|id| id.rid == *first && id.paused);
        let rid = both.theirs.1.attributes.rids().find(|rid| rid.id == *first && rid.sends);
        let its = rid.and_then(simulcast::restrictions);
        let (numbers, restrictions) = its.map_or((Vec::new(), None), |its| (its.payload_types, its.others));
        let payload_types = numbers.iter().filter_map(|number| ours_of(*number, receive, remote)).collect();
        Some(RemoteLayer { rids, paused, payload_types, restrictions })
    };
    answer.iter().take(limits::MAX_STREAMS).filter_map(layer).collect()
}

/// Our number for a payload type of the peer's description.
fn ours_of(number: u8, receive: &[NegotiatedCodec], remote: &[Format]) -> Option<u8> {
    let theirs = remote.iter().find(|format| format.payload_type == number)?;
    receive.iter().find(|codec| matching::fits(&codec.codec, &theirs.codec)).map(|codec| codec.payload_type)
}

/// The sources a description announces (RFC 5576), in the order of `ssrc-group:SIM` or of their lines.
fn remote_sources(media: &Media) -> Vec<RemoteSource> {
    let (mut order, mut names): (Vec<u32>, BTreeMap<u32, Text>) = (Vec::new(), BTreeMap::new());
    let mut repairs: BTreeMap<u32, (u32, bool)> = BTreeMap::new();
    let mut first: Vec<u32> = Vec::new();
    for attribute in media.attributes.iter() {
        if let Attribute::Ssrc(ssrc) = attribute {
            if !names.contains_key(&ssrc.id)
                && !order.contains(&ssrc.id)
                && order.len() < limits::MAX_SECTION_SOURCES
            {
                order.push(ssrc.id);
            }
            if let Some(value) = ssrc.value.as_ref().filter(|_| ssrc.name == "cname") {
                names.entry(ssrc.id).or_insert_with(|| value.clone());
            }
        } else if let Attribute::SsrcGroup(kind, ids) = attribute {
            match (kind.as_str(), ids.as_slice()) {
                ("FID", [primary, repair]) => {
                    repairs.insert(*repair, (*primary, true));
                }
                ("FEC-FR" | "FEC", [primary, repair]) => {
                    repairs.insert(*repair, (*primary, false));
                }
                ("SIM", ids) => first.extend(ids.iter().take(limits::MAX_SECTION_SOURCES)),
                _ => {}
            }
        }
    }
    order.sort_by_key(|id| first.iter().position(|its| its == id).unwrap_or(usize::MAX));
    let primaries = order.iter().filter(|id| !repairs.contains_key(id));
    let repair = |of: u32, repeats: bool| {
        repairs.iter().find(|(_, its)| **its == (of, repeats)).map(|(repair, _)| *repair)
    };
    let source = |id: &u32| RemoteSource {
        ssrc: *id,
        rtx_ssrc: repair(*id, true),
        fec_ssrc: repair(*id, false),
        cname: names.get(id).cloned(),
    };
    primaries.map(source).collect()
}

/// The most a description allows to be sent to it (RFC 9429 §5.10).
fn bandwidth(media: &Media) -> Option<Bitrate> {
    let line = |kind: &str| media.bandwidths.iter().find(|its| its.kind == kind).map(|its| its.value);
    let bits = line("TIAS").or_else(|| {
        // Kilobits to bits less a share for RTCP, less headers of 40 bytes fifty times a second.
        line("AS").map(|kilobits| kilobits.saturating_mul(950).saturating_sub(16_000))
    });
    bits.map(Bitrate::from_bps)
}

/// A decimal number of milliseconds.
fn milliseconds(text: &str) -> Option<Duration> {
    let milliseconds: f64 = text.parse().ok()?;
    Duration::try_from_secs_f64(milliseconds / 1000.0).ok()
}
