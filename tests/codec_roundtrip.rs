//! Any frame of any codec, cut at any length, comes out of its payloads as it went in.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod codec_support;

use antiphon::codec::{
    CodecKind, Depacketizer, FrameInfo, Layer, MIN_MAX_PAYLOAD, NalFraming, PacketizeError, Packetizer,
    PacketizerOptions, inspect, is_keyframe,
};
use codec_support::{Payload, frame, options, payloads, put_together};
use proptest::prelude::*;

const FRAMINGS: [NalFraming; 2] = [NalFraming::AnnexB, NalFraming::LengthPrefixed];

/// Frames of one stream, and the longest payload of each.
fn stream() -> impl Strategy<Value = (CodecKind, NalFraming, Vec<(Vec<u8>, usize)>)> {
    (prop::sample::select(&CodecKind::ALL), prop::sample::select(&FRAMINGS)).prop_flat_map(
        |(kind, framing)| {
            let max = prop_oneof![MIN_MAX_PAYLOAD..100, 100_usize..1500];
            let frames = proptest::collection::vec((frame(kind, framing), max), 1..5);
            (Just(kind), Just(framing), frames)
        },
    )
}

/// What holds for the payloads of every frame.
fn check(kind: CodecKind, max: usize, sent: &[Payload]) {
    assert!(sent.iter().all(|(payload, _)| payload.len() <= max), "none is longer than allowed");
    let ends: Vec<bool> = sent.iter().map(|(_, last)| *last).collect();
    assert!(ends.iter().rposition(|last| !last).is_none_or(|at| at + 2 == ends.len()), "{ends:?}");
    assert_eq!(ends.last(), Some(&true));
    let infos: Vec<_> = sent.iter().map(|(payload, _)| inspect(kind, payload).unwrap()).collect();
    assert!(infos.last().unwrap().ends_frame);
    if !matches!(kind, CodecKind::H264 | CodecKind::H265) {
        // The first unit made up by proptest may be one that never starts a frame.
        assert!(infos[0].starts_frame);
    }
    if matches!(kind, CodecKind::Vp8 | CodecKind::Vp9) {
        assert!(infos.iter().skip(1).all(|info| !info.starts_frame && !info.keyframe));
        let id = infos[0].picture_id.unwrap();
        assert!(infos.iter().all(|info| info.picture_id == Some(id)));
        let lens = sent.iter().map(|(payload, _)| payload.len());
        assert!(lens.clone().max().unwrap() - lens.min().unwrap() <= 1, "fragments are balanced");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn frames_come_back_as_they_went((kind, framing, frames) in stream()) {
        let mut packetizer = Packetizer::new(kind, &options(framing));
        let mut depacketizer = Depacketizer::with_framing(kind, framing);
        for (frame, max) in frames {
            let sent = payloads(&mut packetizer, &frame, &FrameInfo::default(), max);
            check(kind, max, &sent);
            let bytes: Vec<&[u8]> = sent.iter().map(|(payload, _)| payload.as_slice()).collect();
            prop_assert_eq!(put_together(&mut depacketizer, &bytes), Ok(frame.clone()));
            if matches!(kind, CodecKind::Vp8 | CodecKind::Vp9 | CodecKind::Av1) {
                prop_assert_eq!(inspect(kind, bytes[0]).unwrap().keyframe, is_keyframe(kind, &frame));
            }
        }
    }

    #[test]
    fn a_frame_with_a_payload_missing_is_never_taken_for_another(
        (kind, framing, frames) in stream(), lost in any::<prop::sample::Index>(),
    ) {
        let (frame, max) = &frames[0];
        let sent = payloads(&mut Packetizer::new(kind, &options(framing)), frame, &FrameInfo::default(), *max);
        let lost = lost.index(sent.len());
        let kept: Vec<&[u8]> =
            sent.iter().enumerate().filter(|(at, _)| *at != lost).map(|(_, (payload, _))| payload.as_slice()).collect();
        // What went missing between two units nobody but the sequence number can know, yet nothing longer comes out.
        if let Ok(got) = put_together(&mut Depacketizer::with_framing(kind, framing), &kept) {
            prop_assert!(got.len() < frame.len());
        }
    }

    #[test]
    fn layers_are_said_and_the_picture_ends_once(
        temporal in 0_u8..4, max in MIN_MAX_PAYLOAD..200, len in 1_usize..1000,
    ) {
        let with_layers = PacketizerOptions { layers: true, spatial_layers: 2, ..PacketizerOptions::default() };
        for kind in [CodecKind::Vp8, CodecKind::Vp9] {
            let mut packetizer = Packetizer::new(kind, &with_layers);
            let lower = Layer { temporal, ends_picture: false, switching_up: true, ..Layer::default() };
            let upper = Layer { temporal, spatial: 1, inter_layer: true, ..Layer::default() };
            let mut sent = Vec::new();
            for layer in [lower, upper] {
                let info = FrameInfo { layer, ..FrameInfo::default() };
                let more = payloads(&mut packetizer, &vec![0x87; len], &info, max);
                for (payload, _) in &more {
                    let said = inspect(kind, payload).unwrap();
                    prop_assert_eq!(said.temporal, Some(temporal));
                    prop_assert_eq!(said.switching_up, layer.switching_up);
                    prop_assert_eq!(said.spatial.unwrap_or(layer.spatial), layer.spatial);
                    prop_assert!(payload.len() <= max);
                }
                sent.extend(more);
            }
            prop_assert_eq!(sent.iter().filter(|(_, last)| *last).count(), 1);
            prop_assert!(sent.last().unwrap().1);
        }
    }
}

#[test]
fn misuse_is_refused_and_emits_nothing() {
    let refuse = |kind, frame: &[u8], max| {
        let mut packetizer = Packetizer::new(kind, &PacketizerOptions::default());
        packetizer.packetize(frame, max, &mut |_, _| panic!("nothing is emitted")).unwrap_err()
    };
    let min = MIN_MAX_PAYLOAD;
    for kind in CodecKind::ALL {
        assert_eq!(refuse(kind, &[1; 100], min - 1), PacketizeError::MaxPayload { max: min - 1, min });
        let empty = refuse(kind, &[], min);
        assert!(matches!(empty, PacketizeError::Empty | PacketizeError::Report { len: 0 }), "{kind:?}");
    }
    assert_eq!(refuse(CodecKind::Opus, &[1; 33], 32), PacketizeError::TooLong { len: 33, max: 32 });
    assert_eq!(refuse(CodecKind::TelephoneEvent, &[1; 5], 32), PacketizeError::Report { len: 5 });
    assert_eq!(refuse(CodecKind::H264, &[0x65, 1], 32), PacketizeError::NoStartCode);
    assert_eq!(refuse(CodecKind::H264, &[0, 0, 1], 32), PacketizeError::Empty);
    assert_eq!(
        refuse(CodecKind::H265, &[0, 0, 1, 0x26, 1, 5, 0, 0, 1, 9], 32),
        PacketizeError::ShortUnit { at: 9 }
    );
    assert_eq!(refuse(CodecKind::Av1, &[0x32, 1, 0, 0x32, 9], 32), PacketizeError::Obu { at: 3 });
    let many = [0, 0, 1, 9].repeat(5000);
    assert!(matches!(refuse(CodecKind::H264, &many, 32), PacketizeError::TooManyUnits { .. }));
    let many = [0x32, 0].repeat(5000);
    assert!(matches!(refuse(CodecKind::Av1, &many, 32), PacketizeError::TooManyUnits { .. }));
}
