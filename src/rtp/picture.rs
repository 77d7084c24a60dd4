//! Picture ids of several sources, one after the other, made those of one stream (RFC 7741 §4.2, RFC 9628 §4.2).

use bytes::Bytes;

use super::gaps::Gaps;
use super::history::Inline;
use crate::base::limits;
use crate::base::serial::UNWRAPPED_BASE;
use crate::codec::{CodecKind, PictureId, vp8, vp9};

/// What is added to the picture ids of the present source.
#[derive(Clone, Debug, Default)]
pub(super) struct PictureSplice {
    id_offset: u16,
    tl0_offset: u8,
    last_id: Option<u16>,
    last_tl0: Option<u8>,
    /// Pictures of the present source, by their unwrapped ids, that were left out.
    gaps: Option<Gaps>,
}

type Head = Inline<{ limits::RTP_HEAD }>;

impl PictureSplice {
    /// The payload as it is to be sent: a few bytes that may differ, and the rest as it is.
    pub(super) fn rewrite(
        &mut self,
        kind: Option<CodecKind>,
        payload: &Bytes,
        switched: bool,
    ) -> (Head, Bytes) {
        let Some(numbers) = numbers(kind, payload) else { return (Head::default(), payload.clone()) };
        let (id, tl0) = (numbers.id, numbers.tl0);
        if switched {
            self.switch(id.map(PictureId::value), tl0);
        }
        let left_out = numbers.id.map_or(0, |id| self.left_out_before(id));
        let new_id = id.map(|id| id.value().wrapping_add(self.id_offset).wrapping_sub(left_out) & 0x7fff);
        let new_tl0 = tl0.map(|tl0| tl0.wrapping_add(self.tl0_offset));
        if let Some(new) = new_id
            && self.last_id.is_none_or(|last| new.wrapping_sub(last) & 0x7fff < 0x4000)
        {
            self.last_id = Some(new);
        }
        if let Some(new) = new_tl0
            && self.last_tl0.is_none_or(|last| new.wrapping_sub(last) < 0x80)
        {
            self.last_tl0 = Some(new);
        }
        if self.id_offset == 0 && self.tl0_offset == 0 && left_out == 0 {
            return (Head::default(), payload.clone());
        }
        overwrite(kind, payload, new_id, new_tl0)
    }

    /// A packet is left out. Its picture's number is left out too, unless another packet of it has been sent.
    pub(super) fn skip(&mut self, kind: Option<CodecKind>, payload: &[u8]) {
        let Some(id) = numbers(kind, payload).and_then(|numbers| numbers.id) else { return };
        let number = self.unwrap(id);
        if let Some(gaps) = &mut self.gaps {
            // Too late: pictures behind have their numbers already, and a gap is what it is.
            gaps.leave_out(number).unwrap_or_default();
        }
    }

    /// How many pictures before this one were left out; this one is sent.
    fn left_out_before(&mut self, id: PictureId) -> u16 {
        let number = self.unwrap(id);
        let gaps = self.gaps.get_or_insert_with(|| Gaps::new(number));
        gaps.keep(number);
        #[expect(clippy::cast_possible_truncation, reason = "ids wrap")]
        let before = gaps.before(number) as u16;
        before
    }

    /// The number nearest to those seen that has this id.
    fn unwrap(&self, id: PictureId) -> u64 {
        let value = u64::from(id.value());
        let Some(gaps) = &self.gaps else { return UNWRAPPED_BASE + value };
        let span = match id {
            PictureId::Seven(_) => 1 << 7,
            PictureId::Fifteen(_) => 1 << 15,
        };
        let near = gaps.next();
        let ahead = value.wrapping_sub(near) % span;
        if ahead < span / 2 { near + ahead } else { near + ahead - span }
    }

    /// The first picture of another source follows on the last of the one before.
    fn switch(&mut self, id: Option<u16>, tl0: Option<u8>) {
        self.gaps = None;
        self.id_offset = match (self.last_id, id) {
            (Some(last), Some(id)) => last.wrapping_add(1).wrapping_sub(id) & 0x7fff,
            (Some(_) | None, None) | (None, Some(_)) => 0,
        };
        self.tl0_offset = match (self.last_tl0, tl0) {
            (Some(last), Some(tl0)) => last.wrapping_add(1).wrapping_sub(tl0),
            (Some(_) | None, None) | (None, Some(_)) => 0,
        };
    }
}

/// The numbers that a payload carries.
#[derive(Clone, Copy, Debug)]
struct Numbers {
    id: Option<PictureId>,
    tl0: Option<u8>,
}

fn numbers(kind: Option<CodecKind>, payload: &[u8]) -> Option<Numbers> {
    match kind? {
        CodecKind::Vp8 => {
            let (descriptor, _) = vp8::Descriptor::parse(payload).ok()?;
            Some(Numbers { id: descriptor.picture_id, tl0: descriptor.tl0_pic_idx })
        }
        CodecKind::Vp9 => {
            let (descriptor, _) = vp9::Descriptor::parse(payload).ok()?;
            let tl0 = descriptor.layer.and_then(|layer| layer.tl0_pic_idx);
            Some(Numbers { id: descriptor.picture_id, tl0 })
        }
        CodecKind::Opus
        | CodecKind::Pcmu
        | CodecKind::Pcma
        | CodecKind::TelephoneEvent
        | CodecKind::H264
        | CodecKind::H265
        | CodecKind::Av1 => None,
    }
}

/// Writes the numbers over those in the payload: in a copy of its beginning, or of all where the descriptor is longer than that.
fn overwrite(kind: Option<CodecKind>, payload: &Bytes, id: Option<u16>, tl0: Option<u8>) -> (Head, Bytes) {
    let write = |bytes: &mut [u8]| match kind {
        Some(CodecKind::Vp8) => {
            vp8::rewrite(bytes, vp8::Rewrite { picture_id: id, tl0_pic_idx: tl0, key_idx: None }).is_ok()
        }
        _ => vp9::rewrite(bytes, vp9::Rewrite { picture_id: id, tl0_pic_idx: tl0 }).is_ok(),
    };
    let len = payload.len().min(limits::RTP_HEAD);
    let mut head = Head::default();
    let copied = payload.get(..len).is_some_and(|start| head.push(start));
    if copied && write(head.get_mut()) {
        return (head, payload.slice(len..));
    }
    let mut whole = payload.to_vec();
    write(&mut whole);
    (Head::default(), Bytes::from(whole))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn joined((head, body): (Head, Bytes)) -> Vec<u8> {
        [head.get(), &body].concat()
    }

    /// A VP8 payload of that picture, in 15 bits, and base-layer number.
    fn vp8(id: u16, tl0: u8) -> Bytes {
        let [high, low] = id.to_be_bytes();
        Bytes::from(vec![0x90, 0xe0, 0x80 | high, low, tl0, 0x00, 0x01, 2, 3, 4, 5, 6, 7, 8, 9])
    }

    #[test]
    fn pictures_go_on_counting_over_a_switch() {
        let mut splice = PictureSplice::default();
        let kind = Some(CodecKind::Vp8);
        assert_eq!(joined(splice.rewrite(kind, &vp8(0x7ffe, 254), true)), vp8(0x7ffe, 254));
        assert_eq!(joined(splice.rewrite(kind, &vp8(0x7fff, 255), false)), vp8(0x7fff, 255));
        assert_eq!(joined(splice.rewrite(kind, &vp8(100, 7), true)), vp8(0, 0));
        assert_eq!(joined(splice.rewrite(kind, &vp8(102, 8), false)), vp8(2, 1));
        // What came late does not move the count.
        assert_eq!(joined(splice.rewrite(kind, &vp8(101, 7), false)), vp8(1, 0));
        assert_eq!(joined(splice.rewrite(kind, &vp8(5, 5), true)), vp8(3, 2));
    }

    #[test]
    fn pictures_left_out_leave_no_gap() {
        let mut splice = PictureSplice::default();
        let kind = Some(CodecKind::Vp8);
        splice.rewrite(kind, &vp8(0x7ffe, 1), true);
        // Both packets of one picture, then one of another.
        splice.skip(kind, &vp8(0x7fff, 1));
        splice.skip(kind, &vp8(0x7fff, 1));
        splice.skip(kind, &vp8(0, 1));
        assert_eq!(joined(splice.rewrite(kind, &vp8(1, 2), false)), vp8(0x7fff, 2));
        // Of a picture that has been sent in part the rest may be left out.
        splice.skip(kind, &vp8(1, 2));
        assert_eq!(joined(splice.rewrite(kind, &vp8(2, 3), false)), vp8(0, 3));
        assert_eq!(joined(splice.rewrite(kind, &vp8(100, 7), true)), vp8(1, 4));
    }

    #[test]
    fn a_long_descriptor_is_rewritten_too() {
        // VP9 with picture id, layer indices and a structure of three layers with their sizes.
        let mut payload = vec![0xaa, 0x85, 0x01, 0x10, 0x11, 0x50];
        payload.extend([1, 64, 0, 180, 2, 128, 1, 104, 5, 0, 2, 208]);
        payload.extend([0x82; 40]);
        let payload = Bytes::from(payload);
        assert!(vp9::Descriptor::parse(&payload).is_ok());
        let mut splice = PictureSplice::default();
        let kind = Some(CodecKind::Vp9);
        splice.rewrite(kind, &payload, true);
        let second = joined(splice.rewrite(kind, &payload, true));
        let (descriptor, body) = vp9::Descriptor::parse(&second).unwrap();
        assert_eq!(descriptor.picture_id.unwrap().value(), 0x502);
        assert_eq!(body, vp9::Descriptor::parse(&payload).unwrap().1);
    }

    #[test]
    fn other_payloads_pass_as_they_are() {
        let payload = Bytes::from_static(&[1, 2, 3]);
        let mut splice = PictureSplice::default();
        assert_eq!(joined(splice.rewrite(Some(CodecKind::H264), &payload, true)), payload);
        assert_eq!(joined(splice.rewrite(None, &payload, true)), payload);
        assert_eq!(joined(splice.rewrite(Some(CodecKind::Vp8), &Bytes::new(), true)), Bytes::new());
    }
}
