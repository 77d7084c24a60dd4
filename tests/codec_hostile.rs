//! What networks and attackers make of payloads: cut short, bits flipped, made up. Nothing panics, nothing grows without bound.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod codec_support;
#[path = "codec_support/feed.rs"]
mod feed;

use antiphon::base::limits;
use antiphon::codec::red::Blocks;
use antiphon::codec::{
    CodecKind, Depacketizer, FrameInfo, NalFraming, Packetizer, PayloadError, is_keyframe,
    is_keyframe_framed, vp8, vp9,
};
use bytes::BytesMut;
use codec_support::{frame, options, payloads, put_together};
use feed::feed;
use proptest::prelude::*;

fn kinds() -> impl Strategy<Value = CodecKind> {
    prop::sample::select(&CodecKind::ALL)
}

fn rewritten(kind: CodecKind, payload: &[u8]) {
    let before = payload.to_vec();
    let mut after = before.clone();
    let (id, index) = (Some(0x2aaa), Some(0x55));
    match kind {
        CodecKind::Vp8 => {
            let new = vp8::Rewrite { picture_id: id, tl0_pic_idx: index, key_idx: Some(7) };
            if vp8::rewrite(&mut after, new).is_err() {
                assert_eq!(after, before, "what is refused is left alone");
            } else {
                let ((old, body), (new, same)) =
                    (vp8::Descriptor::parse(&before).unwrap(), vp8::Descriptor::parse(&after).unwrap());
                assert_eq!(body, same);
                assert_eq!(new.picture_id, old.picture_id.map(|old| old.with(0x2aaa)));
                assert_eq!(
                    (new.tl0_pic_idx, new.key_idx),
                    (old.tl0_pic_idx.and(index), old.key_idx.and(Some(7)))
                );
                assert_eq!(
                    (new.start, new.temporal, new.layer_sync),
                    (old.start, old.temporal, old.layer_sync)
                );
            }
        }
        CodecKind::Vp9 => {
            let new = vp9::Rewrite { picture_id: id, tl0_pic_idx: index };
            if vp9::rewrite(&mut after, new).is_err() {
                assert_eq!(after, before, "what is refused is left alone");
            } else {
                let ((old, body), (new, same)) =
                    (vp9::Descriptor::parse(&before).unwrap(), vp9::Descriptor::parse(&after).unwrap());
                assert_eq!(body, same);
                assert_eq!(new.picture_id, old.picture_id.map(|old| old.with(0x2aaa)));
                assert_eq!((new.references, new.structure), (old.references, old.structure));
            }
        }
        CodecKind::Opus
        | CodecKind::Pcmu
        | CodecKind::Pcma
        | CodecKind::TelephoneEvent
        | CodecKind::H264
        | CodecKind::H265
        | CodecKind::Av1 => {}
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes(kind in kinds(), payload in proptest::collection::vec(any::<u8>(), 0..80)) {
        drop(feed(kind, &payload));
        rewritten(kind, &payload);
        is_keyframe(kind, &payload);
        is_keyframe_framed(kind, &payload, NalFraming::LengthPrefixed);
        let mut packetizer = Packetizer::new(kind, &options(NalFraming::AnnexB));
        let _refused = packetizer.packetize(&payload, 40, &mut |slices, _| assert!(slices.concat().len() <= 40));
        if let Ok(blocks) = Blocks::parse(&payload) {
            let carried: usize = blocks.map(|block| block.data.len()).sum();
            prop_assert!(carried < payload.len());
        }
    }

    #[test]
    fn payloads_in_any_order(
        kind in kinds(), all in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..20), 0..20),
    ) {
        let mut depacketizer = Depacketizer::new(kind);
        let mut out = BytesMut::new();
        let fed: usize = all.iter().map(Vec::len).sum();
        for (index, payload) in all.iter().enumerate() {
            let _refused = depacketizer.append(payload, &mut out);
            // A caller may even take away what was put there.
            if index % 5 == 4 {
                drop(out.split());
            }
        }
        let _refused = depacketizer.finish();
        prop_assert!(out.len() <= 4 * fed + 8, "what comes out is bounded by what went in");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, ..ProptestConfig::default() })]

    #[test]
    fn every_truncation_and_every_flipped_bit(
        (kind, frame) in kinds().prop_flat_map(|kind| (Just(kind), frame(kind, NalFraming::AnnexB))),
    ) {
        let mut packetizer = Packetizer::new(kind, &options(NalFraming::AnnexB));
        let sent = payloads(&mut packetizer, &frame, &FrameInfo::default(), 200);
        for (payload, _) in sent.iter().take(3) {
            for len in 0..payload.len() {
                drop(feed(kind, &payload[..len]));
                rewritten(kind, &payload[..len]);
            }
            let mut flipped = payload.clone();
            for bit in 0..8 * payload.len().min(60) {
                flipped[bit / 8] ^= 1 << (bit % 8);
                drop(feed(kind, &flipped));
                rewritten(kind, &flipped);
                flipped[bit / 8] ^= 1 << (bit % 8);
            }
        }
        // In their place among the others.
        let bytes: Vec<&[u8]> = sent.iter().map(|(payload, _)| payload.as_slice()).collect();
        for at in 0..bytes.len().min(6) {
            for bit in 0..24 {
                let mut flipped = bytes[at].to_vec();
                if let Some(byte) = flipped.get_mut(bit / 8) {
                    *byte ^= 1 << (bit % 8);
                }
                let mut all = bytes.clone();
                all[at] = &flipped;
                drop(put_together(&mut Depacketizer::new(kind), &all));
            }
        }
    }
}

/// The payload that goes on with a frame without ever ending it.
fn endless(kind: CodecKind) -> Option<[u8; 1000]> {
    let head: &[u8] = match kind {
        CodecKind::Vp8 | CodecKind::Vp9 => &[0x00],
        CodecKind::H264 => &[0x7c, 0x05],
        CodecKind::H265 => &[0x62, 0x01, 0x13],
        CodecKind::Av1 => &[0xd0],
        CodecKind::Opus | CodecKind::Pcmu | CodecKind::Pcma | CodecKind::TelephoneEvent => return None,
    };
    let mut payload = [0x2a; 1000];
    payload[..head.len()].copy_from_slice(head);
    Some(payload)
}

#[test]
fn a_frame_that_never_ends_is_given_up() {
    for kind in CodecKind::ALL {
        let Some(payload) = endless(kind) else { continue };
        let mut first = payload;
        match kind {
            CodecKind::Vp8 => first[0] |= 0x10,
            CodecKind::Vp9 => first[0] |= 0x08,
            CodecKind::H264 => first[1] |= 0x80,
            CodecKind::H265 => first[2] |= 0x80,
            CodecKind::Av1 => first[0] = 0x50,
            CodecKind::Opus | CodecKind::Pcmu | CodecKind::Pcma | CodecKind::TelephoneEvent => {}
        }
        let (mut depacketizer, mut out) = (Depacketizer::new(kind), BytesMut::new());
        depacketizer.append(&first, &mut out).unwrap();
        let error = loop {
            if let Err(error) = depacketizer.append(&payload, &mut out) {
                break error;
            }
        };
        assert!(
            matches!(error, PayloadError::TooLong { limit: limits::CODEC_FRAME, .. }),
            "{kind:?}: {error}"
        );
        assert!(out.len() <= limits::CODEC_FRAME);
        depacketizer.reset();
        out.clear();
        depacketizer.append(&first, &mut out).unwrap();
        assert!(out.len() < 1100, "the next frame begins anew");
    }
}

#[test]
fn small_units_do_not_blow_a_frame_up() {
    // Units of one byte, each of which gets a start code of four.
    let mut aggregate = vec![0x78];
    aggregate.extend([0, 1, 9].repeat(20_000));
    let frame = feed(CodecKind::H264, &aggregate).unwrap();
    assert_eq!(frame.len(), 100_000);
    // Empty elements of AV1 are nothing at all.
    let mut empty = vec![0x00];
    empty.resize(60_001, 0);
    assert_eq!(feed(CodecKind::Av1, &empty), Err(PayloadError::Empty));
    // A thousand headers of RED.
    assert!(Blocks::parse(&[0x80; 4000]).is_err());
}
