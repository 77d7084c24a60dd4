//! Simulcast by RID (RFC 8853, RFC 8851): which layers are sent and asked for.

use std::collections::BTreeMap;

use crate::base::limits;
use crate::peer::jsep::format::Format;
use crate::peer::jsep::media_section::ReceiveLayer;
use crate::peer::jsep::transceiver::{Encoding, SendLayer};
use crate::rng::Rng;
use crate::sdp::attribute::{Rid, Simulcast, SimulcastId};
use crate::sdp::{Attribute, Media, Text, Token};

/// Restrictions that are understood (RFC 8851 §5); a rid with another one is not used (§6.2.2).
const RESTRICTIONS: [&str; 7] =
    ["max-width", "max-height", "max-fps", "max-fs", "max-br", "max-pps", "max-bpp"];

/// The `a=simulcast` of a section; more than one switch it off (RFC 8853 §5.3.2).
pub(super) fn of(media: &Media) -> Option<&Simulcast> {
    let mut all = media.attributes.iter().filter(|a| matches!(a, Attribute::Simulcast(_)));
    match (all.next(), all.next()) {
        (Some(Attribute::Simulcast(simulcast)), None) => Some(simulcast),
        _ => None,
    }
}

/// The rids of one direction by their names; of one that is there twice the first.
fn declared(media: &Media, sends: bool) -> BTreeMap<&str, &Rid> {
    let mut rids = BTreeMap::new();
    for rid in media.attributes.rids().filter(|rid| rid.sends == sends) {
        rids.entry(rid.id.as_str()).or_insert(rid);
    }
    rids
}

/// The layers the describing side wants to receive, as name and whether it starts paused; of alternatives the first.
pub(super) fn wanted(media: &Media) -> Vec<(Token, bool)> {
    let Some(simulcast) = of(media) else { return Vec::new() };
    let declared = declared(media, false);
    let is_declared = |id: &&SimulcastId| declared.contains_key(id.rid.as_str());
    let firsts = simulcast.receive.iter().filter_map(|stream| stream.iter().find(is_declared));
    firsts.take(limits::MAX_ENCODINGS).map(|id| (id.rid.clone(), id.paused)).collect()
}

/// The names of the layers that a description asks for; of alternatives the first.
pub(super) fn asked(media: &Media) -> Vec<Token> {
    wanted(media).into_iter().map(|(rid, _)| rid).collect()
}

/// What a `rid` is limited to.
pub(super) struct Restrictions {
    /// Payload types of the description; empty: all of the section.
    pub(super) payload_types: Vec<u8>,
    /// The others word for word.
    pub(super) others: Option<Text>,
}

/// Reads the restrictions of a rid; `None` if there is one that is not understood.
pub(super) fn restrictions(rid: &Rid) -> Option<Restrictions> {
    let text = rid.restrictions.as_deref().unwrap_or_default();
    let (mut payload_types, mut others) = (Vec::new(), Vec::new());
    for part in text.split(';').map(str::trim).filter(|part| !part.is_empty()) {
        match part.split_once('=') {
            Some(("pt", list)) => {
                let numbers: Result<Vec<u8>, _> =
                    list.split(',').map(|number| number.trim().parse()).collect();
                payload_types = numbers.ok()?;
            }
            Some((name, _)) if RESTRICTIONS.contains(&name) => others.push(part),
            _ => return None,
        }
    }
    let others = if others.is_empty() { None } else { Text::new(others.join(";")).ok() };
    Some(Restrictions { payload_types, others })
}

/// What an answer accepts of the layers an offer sends: each with its alternatives, less what cannot be used with the formats that
/// were accepted.
pub(super) fn accepted(offered: &Media, formats: &[Format]) -> Vec<Vec<ReceiveLayer>> {
    let Some(simulcast) = of(offered) else { return Vec::new() };
    let declared = declared(offered, true);
    let layer = |id: &SimulcastId| {
        let rid = declared.get(id.rid.as_str())?;
        let its = restrictions(rid)?;
        let kept =
            its.payload_types.iter().filter(|number| formats.iter().any(|f| f.payload_type == **number));
        let kept: Vec<String> = kept.map(ToString::to_string).collect();
        if kept.is_empty() && !its.payload_types.is_empty() {
            return None;
        }
        let pt = if kept.is_empty() { String::new() } else { format!("pt={}", kept.join(",")) };
        let parts = [pt.as_str(), its.others.as_deref().unwrap_or_default()];
        let text = parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(";");
        let restrictions = if text.is_empty() { None } else { Text::new(text).ok() };
        Some(ReceiveLayer { rid: id.rid.clone(), restrictions })
    };
    let streams = simulcast.send.iter().take(limits::MAX_STREAMS);
    let streams = streams.map(|stream| stream.iter().take(limits::MAX_STREAMS).filter_map(layer).collect());
    streams.filter(|stream: &Vec<_>| !stream.is_empty()).collect()
}

/// A layer with fresh sources.
pub(super) fn layer(encoding: Encoding, rng: &mut Rng) -> SendLayer {
    // RFC 3550 §8.1: any number; 0 is spared for those who take it for none.
    SendLayer { encoding, ssrc: rng.u32().max(1), rtx_ssrc: rng.u32().max(1) }
}

/// Follows what an offer of the peer's wants to receive (W3C, "process simulcast envelope"): layers are made where there was one stream,
/// and never added to where there were several.
pub(super) fn follow(layers: &mut Vec<SendLayer>, wanted: &[(Token, bool)], scales: bool, rng: &mut Rng) {
    if wanted.len() < 2 {
        return single(layers);
    }
    if layers.len() > 1 {
        return narrow(layers, |rid| wanted.iter().any(|(its, _)| its == rid));
    }
    let count = wanted.len();
    let (ssrc, rtx_ssrc) = layers.first().map_or((None, None), |old| (Some(old.ssrc), Some(old.rtx_ssrc)));
    *layers = wanted
        .iter()
        .enumerate()
        .map(|(index, (rid, _))| {
            let scale = scales.then(|| scale(index, count));
            let named =
                Encoding { rid: Some(rid.clone()), scale_resolution_down_by: scale, ..Encoding::default() };
            layer(named, rng)
        })
        .collect();
    if let (Some(first), Some(ssrc), Some(rtx_ssrc)) = (layers.first_mut(), ssrc, rtx_ssrc) {
        (first.ssrc, first.rtx_ssrc) = (ssrc, rtx_ssrc);
    }
}

/// How much smaller the layer at `index` of `count` is, where nobody says (W3C, `addTransceiver`): half the next one.
pub(super) fn scale(index: usize, count: usize) -> f64 {
    let exponent = u32::try_from(count.saturating_sub(index + 1)).unwrap_or(0).min(31);
    f64::from(1_u32 << exponent)
}

/// Keeps the layers that `kept` names; none of them: the first, as the only stream.
pub(super) fn narrow(layers: &mut Vec<SendLayer>, kept: impl Fn(&Token) -> bool) {
    let named = |layer: &SendLayer| layer.encoding.rid.as_ref().is_some_and(&kept);
    if layers.iter().any(named) {
        layers.retain(named);
    } else {
        single(layers);
    }
    if layers.len() == 1 {
        single(layers);
    }
}

/// Keeps the first layer, as the only stream.
pub(super) fn single(layers: &mut Vec<SendLayer>) {
    layers.truncate(1);
    if let Some(only) = layers.first_mut() {
        only.encoding.rid = None;
    }
}
