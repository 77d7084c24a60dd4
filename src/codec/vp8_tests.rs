//! VP8's descriptor: the figures of RFC 7741, wraps, rewriting.

use super::*;
use crate::codec::info::Layer;
use proptest::prelude::*;

fn parsed(payload: &[u8]) -> Descriptor {
    Descriptor::parse(payload).unwrap().0
}

#[test]
fn figure_2_in_both_widths() {
    let short = parsed(&[0x90, 0xf0, 0x7f, 0xab, 0b1010_0011, 0]);
    assert_eq!(
        short,
        Descriptor {
            discardable: false,
            start: true,
            partition: 0,
            picture_id: Some(PictureId::Seven(127)),
            tl0_pic_idx: Some(0xab),
            temporal: Some(2),
            layer_sync: true,
            key_idx: Some(3),
        }
    );
    let long = parsed(&[0x90, 0xf0, 0xff, 0xff, 0xab, 0b1010_0011, 0]);
    assert_eq!(long, Descriptor { picture_id: Some(PictureId::Fifteen(0x7fff)), ..short });
    assert_eq!(parsed(&[0x27, 0]), Descriptor { discardable: true, partition: 7, ..Descriptor::default() });
}

#[test]
fn the_examples_of_rfc_7741_section_4_6() {
    // §4.6.1: a key frame in one packet, PictureID 17.
    let info = inspect(&[0x90, 0x80, 0x11, 0x00, 0, 0]).unwrap();
    assert!(info.start_certain && info.keyframe && info.picture_id == Some(PictureId::Seven(17)));
    // §4.6.2: an inter frame without an id.
    let info = inspect(&[0x10, 0x01, 0, 0]).unwrap();
    assert!(info.start_certain && !info.keyframe && info.picture_id.is_none() && !info.discardable);
    // §4.6.4: two partitions, the second in three packets.
    let packets: [&[u8]; 4] = [
        &[0x90, 0x80, 0x11, 0x01, 2],
        &[0x91, 0x80, 0x11, 3],
        &[0x81, 0x80, 0x11, 4],
        &[0x81, 0x80, 0x11, 5],
    ];
    let starts = packets.map(|packet| inspect(packet).unwrap().starts_frame);
    assert_eq!(starts, [true, false, false, false], "the second partition's start is no frame's");
    let (mut out, mut written) = (bytes::BytesMut::new(), 0);
    let mut assembler = Assembler::default();
    for packet in packets {
        assembler.append(packet, &mut Sink::new(&mut out, &mut written)).unwrap();
    }
    assert_eq!(out.as_ref(), [1, 2, 3, 4, 5]);
    // §4.6.5: a long PictureID, 4711.
    let info = inspect(&[0x90, 0x80, 0x92, 0x67, 0x01]).unwrap();
    assert_eq!(info.picture_id, Some(PictureId::Fifteen(4711)));
}

#[test]
fn reserved_bits_are_ignored_and_an_index_without_layer_is_let_pass() {
    assert_eq!(parsed(&[0xd8, 0x8f, 0x01, 0]), parsed(&[0x90, 0x80, 0x01, 0]));
    let permissive = parsed(&[0x90, 0x40, 0x55, 0]);
    assert_eq!((permissive.tl0_pic_idx, permissive.temporal), (Some(0x55), None));
}

#[test]
fn a_payload_that_ends_in_its_descriptor_is_refused() {
    let whole = [0x90, 0xf0, 0xff, 0xff, 0xab, 0xa3, 0x00];
    for len in 1..whole.len() {
        assert_eq!(Descriptor::parse(&whole[..len]), Err(PayloadError::Truncated { len }));
    }
    assert_eq!(Descriptor::parse(&[]), Err(PayloadError::Empty));
    assert!(Descriptor::parse(&whole).is_ok());
}

fn frames(fragmenter: &mut Fragmenter, layers: &[u8]) -> Vec<Descriptor> {
    let mut seen = Vec::new();
    for temporal in layers {
        let info =
            FrameInfo { layer: Layer { temporal: *temporal, ..Layer::default() }, ..FrameInfo::default() };
        fragmenter
            .packetize(&[1; 100], &info, 60, &mut |slices, _| seen.push(parsed(&slices.concat())))
            .unwrap();
    }
    seen
}

#[test]
fn ids_wrap_and_the_base_layer_is_counted() {
    let mut fragmenter = Fragmenter::new(0x7fff, 0xff, true);
    let seen = frames(&mut fragmenter, &[0, 2, 1, 2, 0]);
    let ids: Vec<_> =
        seen.iter().filter_map(|descriptor| descriptor.picture_id).map(PictureId::value).collect();
    assert_eq!(ids, [0x7fff, 0x7fff, 0, 0, 1, 1, 2, 2, 3, 3]);
    let bases: Vec<_> = seen.iter().filter_map(|descriptor| descriptor.tl0_pic_idx).collect();
    assert_eq!(bases, [0, 0, 0, 0, 0, 0, 0, 0, 1, 1]);
    let starts: Vec<_> = seen.iter().map(|descriptor| descriptor.start).collect();
    assert_eq!(starts, [true, false].repeat(5));
}

#[test]
fn a_rewritten_id_keeps_its_width() {
    let mut short = [0x90, 0x80, 0x05, 0x01];
    rewrite(&mut short, Rewrite { picture_id: Some(0x1234), ..Rewrite::default() }).unwrap();
    assert_eq!(short, [0x90, 0x80, 0x34, 0x01]);
    let mut long = [0x90, 0x80, 0x80, 0x05, 0x01];
    rewrite(&mut long, Rewrite { picture_id: Some(0xffff), ..Rewrite::default() }).unwrap();
    assert_eq!(long, [0x90, 0x80, 0xff, 0xff, 0x01]);
    let mut none = [0x10, 0x01];
    let all = Rewrite { picture_id: Some(1), tl0_pic_idx: Some(1), key_idx: Some(1) };
    rewrite(&mut none, all).unwrap();
    assert_eq!(none, [0x10, 0x01]);
    let mut key = [0x90, 0x10, 0b0110_0001, 0x01];
    rewrite(&mut key, Rewrite { key_idx: Some(33), ..Rewrite::default() }).unwrap();
    assert_eq!(key, [0x90, 0x10, 0b0110_0001, 0x01], "the index has five bits, the others stay");
}

#[test]
fn a_frame_is_put_together_from_its_first_packet_on() {
    let mut out = bytes::BytesMut::new();
    let mut written = 0;
    let mut sink = Sink::new(&mut out, &mut written);
    let mut assembler = Assembler::default();
    assert_eq!(assembler.append(&[0x00, 1], &mut sink), Err(PayloadError::MissingStart));
    assert_eq!(
        assembler.append(&[0x11, 1], &mut sink),
        Err(PayloadError::MissingStart),
        "of a later partition"
    );
    assert_eq!(assembler.append(&[0x10, 1], &mut sink), Ok(()));
    assert_eq!(assembler.append(&[0x11, 2], &mut sink), Ok(()));
    assert_eq!(assembler.append(&[0x10, 1], &mut sink), Err(PayloadError::Unfinished));
    assert_eq!(out.as_ref(), [1, 2]);
}

proptest! {
    #[test]
    fn what_is_written_is_read_again(
        (discardable, start, partition) in (any::<bool>(), any::<bool>(), 0_u8..8),
        id in proptest::option::of(prop_oneof![
            (0_u8..128).prop_map(PictureId::Seven), (0_u16..0x8000).prop_map(PictureId::Fifteen)
        ]),
        tl0 in any::<Option<u8>>(),
        temporal in proptest::option::of(0_u8..4),
        key_idx in proptest::option::of(0_u8..32),
        sync in any::<bool>(),
    ) {
        let layer_sync = sync && (temporal.is_some() || key_idx.is_some());
        let (picture_id, tl0_pic_idx) = (id, tl0);
        let descriptor =
            Descriptor { discardable, start, partition, picture_id, tl0_pic_idx, temporal, layer_sync, key_idx };
        let mut buf = [0; Descriptor::MAX_LEN + 1];
        let mut writer = Writer::new(&mut buf);
        descriptor.write(&mut writer).unwrap();
        writer.u8(0x55).unwrap();
        prop_assert_eq!(Descriptor::parse(writer.written()), Ok((descriptor, &[0x55][..])));
    }
}
