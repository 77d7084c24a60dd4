//! The formats of a media section: read into values, numbered, and written.

use std::collections::BTreeMap;

use crate::codec::MediaKind;
use crate::peer::jsep::capabilities::KindCapabilities;
use crate::peer::jsep::codec::{Codec, CodecParameters, Feedback};
use crate::peer::jsep::matching;
use crate::sdp::attribute::RtpMap;
use crate::sdp::{Attribute, Media, Text, Word};

/// One payload type of a section.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Format {
    pub(super) payload_type: u8,
    pub(super) codec: Codec,
    /// Of `rtx`: the payload type it repeats.
    pub(super) apt: Option<u8>,
    pub(super) feedback: Vec<Feedback>,
}

impl Format {
    /// Whether it repeats `payload_type`.
    pub(super) fn repeats(&self, payload_type: u8) -> bool {
        self.codec.is("rtx") && self.apt == Some(payload_type)
    }

    /// The attributes of the section it is written as.
    pub(super) fn attributes(&self) -> Vec<Attribute> {
        let codec = &self.codec;
        let map = Attribute::RtpMap(RtpMap {
            payload_type: self.payload_type,
            encoding: codec.name.clone(),
            clock_rate: codec.clock_rate,
            channels: (codec.channels != 1).then_some(codec.channels),
        });
        let mut list = vec![map];
        let texts = self.feedback.iter().filter_map(|feedback| Text::new(feedback.as_str()).ok());
        list.extend(texts.map(|text| Attribute::RtcpFb(Some(self.payload_type), text)));
        let format = Word::new(self.payload_type.to_string()).ok();
        let fmtp = format.zip(codec.parameters.text().cloned());
        list.extend(fmtp.map(|(format, parameters)| Attribute::Fmtp(format, parameters)));
        list
    }
}

/// What RFC 3551 §6 gives a number without an `rtpmap`.
fn fixed(payload_type: u8) -> Option<Codec> {
    let (name, clock_rate) = match payload_type {
        0 => ("PCMU", 8000),
        8 => ("PCMA", 8000),
        9 => ("G722", 8000),
        13 => ("CN", 8000),
        _ => return None,
    };
    Codec::new(name, clock_rate, 1, "").ok()
}

/// The formats of a section, in the order of its `m=` line; what has no meaning is left out.
pub(super) fn read(media: &Media) -> Vec<Format> {
    let mut maps: BTreeMap<u8, &RtpMap> = BTreeMap::new();
    let mut parameters: BTreeMap<u8, &Text> = BTreeMap::new();
    let mut feedback: BTreeMap<Option<u8>, Vec<Feedback>> = BTreeMap::new();
    for attribute in media.attributes.iter() {
        if let Attribute::RtpMap(map) = attribute {
            maps.entry(map.payload_type).or_insert(map);
        } else if let Attribute::Fmtp(format, text) = attribute {
            if let Ok(payload_type) = format.parse() {
                parameters.entry(payload_type).or_insert(text);
            }
        } else if let Attribute::RtcpFb(of, text) = attribute
            && let Some(kind) = Feedback::read(text)
        {
            let list = feedback.entry(*of).or_default();
            if !list.contains(&kind) {
                list.push(kind);
            }
        }
    }
    let for_all = feedback.remove(&None).unwrap_or_default();
    let numbers = media.formats.iter().filter_map(|format| format.parse::<u8>().ok());
    let read = numbers.filter_map(|payload_type| {
        let text = parameters.get(&payload_type).copied().cloned();
        let said = text.map_or(CodecParameters::NONE, CodecParameters::from_text);
        let codec = match maps.get(&payload_type) {
            Some(map) => Codec {
                name: map.encoding.clone(),
                clock_rate: map.clock_rate,
                channels: map.channels.unwrap_or(1),
                parameters: said,
            },
            None => Codec { parameters: said, ..fixed(payload_type)? },
        };
        let apt = if codec.is("rtx") { Some(codec.parameters.number("apt")?) } else { None };
        let mut its = feedback.remove(&Some(payload_type)).unwrap_or_default();
        its.extend(for_all.iter().filter(|kind| !its.contains(kind)).copied().collect::<Vec<_>>());
        Some(Format { payload_type, codec, apt, feedback: its })
    });
    read.collect()
}

/// The codecs of ours that may be used: all, or those the preferences name, in their order.
pub(super) fn allowed<'a>(ours: &'a KindCapabilities, preferences: &'a [Codec]) -> &'a [Codec] {
    if preferences.is_empty() { &ours.codecs } else { preferences }
}

/// The codec of ours that a format of the peer's is; none for what repairs others.
pub(super) fn ours<'a>(allowed: &'a [Codec], theirs: &Codec) -> Option<&'a Codec> {
    let fits = |codec: &&Codec| !codec.is("rtx") && matching::fits(codec, theirs);
    // Of several that fit, the one that says the same of itself.
    allowed
        .iter()
        .filter(fits)
        .find(|codec| codec.parameters.same(&theirs.parameters))
        .or_else(|| allowed.iter().find(fits))
}

/// What an answer has for the formats of an offer: those that are known and allowed, by the payload types of the offer; in the order
/// of the preferences where there are any, and of the offer otherwise (RFC 9429 §5.3.1).
pub(super) fn answer(ours_all: &KindCapabilities, preferences: &[Codec], offered: &[Format]) -> Vec<Format> {
    let allowed = allowed(ours_all, preferences);
    let repeats = allowed.iter().any(|codec| codec.is("rtx"));
    let mut taken: Vec<(usize, Format)> = Vec::new();
    for format in offered {
        if let Some(codec) = ours(allowed, &format.codec) {
            let rank = if preferences.is_empty() {
                0
            } else {
                allowed.iter().position(|its| its == codec).unwrap_or(usize::MAX)
            };
            let parameters = matching::answer(codec, &format.codec);
            let feedback = common(&ours_all.feedback, &format.feedback, &format.codec);
            let codec = Codec { parameters, ..format.codec.clone() };
            taken.push((rank, Format { codec, apt: None, feedback, ..format.clone() }));
        }
    }
    taken.sort_by_key(|(rank, _)| *rank);
    let accepted: Vec<u8> = taken.iter().map(|(_, format)| format.payload_type).collect();
    let mut answer = Vec::new();
    for (_, format) in taken {
        let payload_type = format.payload_type;
        let Some(format) = redundancy(format, offered, &accepted) else { continue };
        answer.push(format);
        if repeats && let Some(rtx) = offered.iter().find(|rtx| rtx.repeats(payload_type)) {
            answer.push(Format { feedback: Vec::new(), ..rtx.clone() });
        }
    }
    // What repairs, comforts or signals is nothing without something to go with.
    if answer.iter().any(|format| format.codec.is_primary()) { answer } else { Vec::new() }
}

/// `red` names the payload types it carries (RFC 2198 §5): as offered, where all of them are accepted.
fn redundancy(mut format: Format, offered: &[Format], accepted: &[u8]) -> Option<Format> {
    if format.codec.is("red") {
        let its = offered.iter().find(|its| its.payload_type == format.payload_type)?;
        let carried = its.codec.parameters.as_str().split('/').filter(|part| !part.is_empty());
        if carried
            .into_iter()
            .any(|part| part.trim().parse().map_or(true, |number: u8| !accepted.contains(&number)))
        {
            return None;
        }
        format.codec.parameters = its.codec.parameters.clone();
    }
    Some(format)
}

/// The feedback both sides know of a codec.
fn common(ours: &[Feedback], theirs: &[Feedback], codec: &Codec) -> Vec<Feedback> {
    let carries = codec.is_primary();
    theirs.iter().copied().filter(|kind| carries && ours.contains(kind)).collect()
}

/// What payload types stand for in any section of either side.
#[derive(Debug, Default)]
pub(super) struct Taken(BTreeMap<u8, Vec<(MediaKind, Format)>>);

impl Taken {
    pub(super) fn add(&mut self, kind: MediaKind, format: &Format) {
        let meanings = self.0.entry(format.payload_type).or_default();
        // Nothing is the same as two that differ: which else there are does not matter.
        if meanings.len() < 2 && !meanings.iter().any(|(its, other)| *its == kind && same(other, format)) {
            meanings.push((kind, format.clone()));
        }
    }

    /// Whether a number stands for nothing, or for this only.
    fn is_free(&self, payload_type: u8, kind: MediaKind, wanted: &Format) -> bool {
        let meanings = self.0.get(&payload_type).map_or(&[][..], Vec::as_slice);
        meanings.iter().all(|(its, other)| *its == kind && same(other, wanted))
    }
}

/// The numbers of an offer of ours.
#[derive(Clone, Debug, Default)]
pub(super) struct PayloadTypes {
    /// What we have given a number, and to which; stays for the session.
    given: Vec<(MediaKind, Format)>,
}

impl PayloadTypes {
    /// The formats of an offer for one section. `present`: those the section has now, in the order of the last answer.
    pub(super) fn offer(
        &mut self,
        kind: MediaKind,
        ours_all: &KindCapabilities,
        preferences: &[Codec],
        present: &[Format],
        taken: &mut Taken,
    ) -> Vec<Format> {
        let allowed = allowed(ours_all, preferences);
        let mut list = Vec::new();
        for codec in ordered(allowed, preferences, present) {
            let feedback = if codec.is_primary() { ours_all.feedback.clone() } else { Vec::new() };
            let wanted = Format { payload_type: 0, codec: codec.clone(), apt: None, feedback };
            let Some(mut format) = self.number(kind, wanted, present, taken) else { continue };
            if format.codec.is("red") && kind == MediaKind::Audio {
                let Some(first) = list.first().map(|first: &Format| first.payload_type) else { continue };
                let text = format!("{first}/{first}");
                format.codec.parameters = CodecParameters::new(&text).unwrap_or_default();
            }
            let payload_type = format.payload_type;
            let repeats = |rtx: &&Codec| rtx.is("rtx") && rtx.clock_rate == codec.clock_rate;
            let repeats = allowed.iter().find(repeats).filter(|_| codec.is_primary() || codec.is("red"));
            list.push(format);
            let Some(rtx) = repeats else { continue };
            let parameters = CodecParameters::new(&format!("apt={payload_type}")).unwrap_or_default();
            let codec = Codec { parameters, ..rtx.clone() };
            let wanted = Format { payload_type: 0, codec, apt: Some(payload_type), feedback: Vec::new() };
            list.extend(self.number(kind, wanted, present, taken));
        }
        list
    }

    /// Gives a format its number: the one it has in the section, or had before, or one that is free.
    fn number(
        &mut self,
        kind: MediaKind,
        wanted: Format,
        present: &[Format],
        taken: &mut Taken,
    ) -> Option<Format> {
        let here = present.iter().find(|its| same(its, &wanted)).map(|its| its.payload_type);
        let free = |payload_type: u8, taken: &Taken| taken.is_free(payload_type, kind, &wanted);
        let before = self.given.iter().filter(|(its_kind, its)| *its_kind == kind && same(its, &wanted));
        let before = before.map(|(_, its)| its.payload_type).find(|number| free(*number, taken));
        let unused = |number: &u8| {
            free(*number, taken) && !self.given.iter().any(|(_, its)| its.payload_type == *number)
        };
        let number = here.or(before).or_else(|| candidates(&wanted.codec).find(unused))?;
        let format = Format { payload_type: number, ..wanted };
        taken.add(kind, &format);
        if !self
            .given
            .iter()
            .any(|(its_kind, its)| *its_kind == kind && its.payload_type == number && same(its, &format))
        {
            self.given.retain(|(_, its)| its.payload_type != number);
            self.given.push((kind, Format { feedback: Vec::new(), ..format.clone() }));
        }
        Some(format)
    }

    /// Gives memory back.
    pub(super) fn trim(&mut self) {
        self.given.shrink_to_fit();
    }
}

/// The numbers a codec may have: its own (RFC 3551 §6), then the dynamic ones, then those RFC 3551 leaves unassigned and RFC 5761 §4
/// does not need for RTCP.
fn candidates(codec: &Codec) -> impl Iterator<Item = u8> + use<> {
    let own =
        [0, 8, 9, 13].into_iter().find(|number| fixed(*number).is_some_and(|its| its.same_encoding(codec)));
    own.into_iter().chain(96..=127).chain(35..=63)
}

/// Whether a number that stands for one may stand for the other.
fn same(a: &Format, b: &Format) -> bool {
    a.apt == b.apt && matching::fits(&a.codec, &b.codec)
}

/// The codecs of an offer in their order: that of the preferences, or of the last answer and then ours (RFC 9429 §5.2.2).
fn ordered<'a>(allowed: &'a [Codec], preferences: &[Codec], present: &[Format]) -> Vec<&'a Codec> {
    let mut list: Vec<&Codec> = Vec::new();
    if preferences.is_empty() {
        for format in present {
            list.extend(ours(allowed, &format.codec).filter(|codec| !list.contains(codec)));
        }
    }
    let rest: Vec<&Codec> =
        allowed.iter().filter(|codec| !codec.is("rtx") && !list.contains(codec)).collect();
    list.extend(rest);
    list
}

/// The list of an `m=` line.
pub(super) fn words(formats: &[Format]) -> Vec<Word> {
    formats.iter().filter_map(|format| Word::new(format.payload_type.to_string()).ok()).collect()
}
