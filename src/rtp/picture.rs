//! Picture ids of several sources, one after the other, made those of one stream (RFC 7741 §4.2, RFC 9628 §4.2).

use bytes::Bytes;

use super::history::Inline;
use crate::base::limits;
use crate::codec::{CodecKind, PictureId, vp8, vp9};

/// What is added to the picture ids of the present source.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct PictureSplice {
    id_offset: u16,
    tl0_offset: u8,
    last_id: Option<u16>,
    last_tl0: Option<u8>,
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
        let numbers = match kind {
            Some(CodecKind::Vp8) => vp8::Descriptor::parse(payload)
                .ok()
                .map(|(descriptor, _)| (descriptor.picture_id, descriptor.tl0_pic_idx)),
            Some(CodecKind::Vp9) => vp9::Descriptor::parse(payload).ok().map(|(descriptor, _)| {
                (descriptor.picture_id, descriptor.layer.and_then(|layer| layer.tl0_pic_idx))
            }),
            Some(
                CodecKind::Opus
                | CodecKind::Pcmu
                | CodecKind::Pcma
                | CodecKind::TelephoneEvent
                | CodecKind::H264
                | CodecKind::H265
                | CodecKind::Av1,
            )
            | None => None,
        };
        let Some((id, tl0)) = numbers else { return (Head::default(), payload.clone()) };
        let id = id.map(PictureId::value);
        if switched {
            self.switch(id, tl0);
        }
        let new_id = id.map(|id| id.wrapping_add(self.id_offset) & 0x7fff);
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
        if self.id_offset == 0 && self.tl0_offset == 0 {
            return (Head::default(), payload.clone());
        }
        overwrite(kind, payload, new_id, new_tl0)
    }

    /// The first picture of another source follows on the last of the one before.
    fn switch(&mut self, id: Option<u16>, tl0: Option<u8>) {
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
