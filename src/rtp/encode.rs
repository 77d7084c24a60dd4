//! A packet that was kept becomes bytes.

use bytes::Bytes;

use super::config::SenderConfig;
use super::history::{Extra, Inline, Record};
use crate::base::limits;
use crate::base::serial::Seq16;
use crate::time::Instant;
use crate::wire::rtp::{ExtensionForm, ExtensionKind, Header, PacketWriter, WriteError, abs_send_time};

/// What a packet carries that is only known when it leaves.
#[derive(Clone, Copy, Debug)]
pub(super) struct Departing {
    pub(super) now: Instant,
    pub(super) transport_sequence: Seq16,
    pub(super) mixed_forms: bool,
}

pub(super) const fn header_of(record: &Record, payload_type: u8, ssrc: u32, sequence: Seq16) -> Header {
    Header { marker: record.marker, payload_type, sequence, timestamp: record.timestamp, ssrc }
}

/// What says of which encoding a packet is: which of the two texts for it, and whether any are needed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Labels<'a> {
    pub(super) config: &'a SenderConfig,
    pub(super) kind: ExtensionKind,
    pub(super) is_known: bool,
}

/// Writes a packet with the extensions of its own: `before` stands before the payload.
pub(super) fn write(
    buf: &mut [u8],
    header: &Header,
    labels: Labels<'_>,
    departing: &Departing,
    (record, extra, before): (&Record, Option<&Extra>, &[u8]),
) -> Result<usize, WriteError> {
    let config = labels.config;
    let map = &config.extensions;
    let mut out = PacketWriter::new(buf, header)?;
    if !map.is_empty() {
        let texts =
            if labels.is_known { [None, None] } else { [config.mid.as_deref(), config.rid.as_deref()] };
        let longest = texts.iter().flatten().map(|text| text.len()).max().unwrap_or(0);
        let mut form = map.form(longest);
        let long = extra.and_then(|extra| extra.long.as_deref()).and_then(<[u8]>::split_first);
        let long = long.filter(|_| departing.mixed_forms || form == ExtensionForm::TwoByte);
        if long.is_some() {
            form = ExtensionForm::TwoByte;
        }
        if let Some(id) = map.id(ExtensionKind::TransportSequence) {
            out.extension(form, id, &departing.transport_sequence.0.to_be_bytes())?;
        }
        if let Some(id) = map.id(ExtensionKind::AbsSendTime) {
            let [_, time @ ..] = abs_send_time(departing.now).to_be_bytes();
            out.extension(form, id, &time)?;
        }
        for (kind, text) in [ExtensionKind::Mid, labels.kind].into_iter().zip(texts) {
            if let (Some(id), Some(text)) = (map.id(kind), text) {
                out.extension(form, id, text.as_bytes())?;
            }
        }
        let mut rest = extra.map_or(&[][..], |extra| extra.short.get());
        while let Some(([id, len], after)) = rest.split_first_chunk() {
            let Some((value, after)) = after.split_at_checked(usize::from(*len)) else { break };
            out.extension(form, *id, value)?;
            rest = after;
        }
        if let Some((id, value)) = long {
            out.extension(form, *id, value)?;
        }
    }
    if !before.is_empty() {
        out.payload(before)?;
    }
    out.payload(record.head.get())?;
    out.payload(&record.body)?;
    out.finish()
}

/// A payload as a few bytes and a slice of the frame, copied only where it is not made like that.
pub(super) fn split(frame: &Bytes, slices: &[&[u8]]) -> (Inline<{ limits::RTP_HEAD }>, Bytes) {
    let mut head = Inline::default();
    if let Some((body, before)) = slices.split_last() {
        let fits = before.iter().all(|slice| head.push(slice));
        if fits && let Some(body) = slice_of(frame, body) {
            return (head, body);
        }
    }
    (Inline::default(), Bytes::from(slices.concat()))
}

/// The part of `frame` that `part` is, if it is one.
fn slice_of(frame: &Bytes, part: &[u8]) -> Option<Bytes> {
    let start = part.as_ptr().addr().checked_sub(frame.as_ptr().addr())?;
    let end = start.checked_add(part.len()).filter(|end| *end <= frame.len())?;
    Some(frame.slice(start..end))
}
