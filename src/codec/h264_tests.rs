//! H.264 payloads against the figures of RFC 6184.

use super::*;
use crate::codec::nal::{Assembler, Fragmenter, NalFraming};
use bytes::BytesMut;

fn packets(frame: &[u8], mode: PacketizationMode, max: usize) -> Vec<(Vec<u8>, bool)> {
    let single = mode == PacketizationMode::SingleNal;
    let mut fragmenter = Fragmenter::new(NalFraming::AnnexB, single, false);
    let mut all = Vec::new();
    fragmenter.packetize::<H264>(frame, max, &mut |slices, last| all.push((slices.concat(), last))).unwrap();
    all
}

fn put_together(payloads: &[&[u8]]) -> Result<Vec<u8>, PayloadError> {
    let (mut out, mut written) = (BytesMut::new(), 0);
    let mut assembler = Assembler::new(NalFraming::AnnexB);
    for payload in payloads {
        append(&mut assembler, payload, &mut Sink::new(&mut out, &mut written))?;
    }
    if assembler.is_open() { Err(PayloadError::Unfinished) } else { Ok(out.to_vec()) }
}

const FRAME: [u8; 18] = [0, 0, 0, 1, 0x67, 0x42, 0xc0, 0x1f, 0, 0, 0, 1, 0x68, 0xce, 0, 0, 1, 0x65];

#[test]
fn figure_7_a_stap_a_of_two_units() {
    let sent = packets(&FRAME, PacketizationMode::NonInterleaved, 100);
    // STAP-A header with the greatest NRI, then size and unit, size and unit, size and unit.
    let expected = [0x78, 0, 4, 0x67, 0x42, 0xc0, 0x1f, 0, 2, 0x68, 0xce, 0, 1, 0x65];
    assert_eq!(sent, [(expected.to_vec(), true)]);
    let info = inspect(&expected).unwrap();
    assert!(info.starts_frame && info.keyframe && !info.discardable);
    let whole = [0, 0, 0, 1, 0x67, 0x42, 0xc0, 0x1f, 0, 0, 0, 1, 0x68, 0xce, 0, 0, 0, 1, 0x65];
    assert_eq!(put_together(&[&expected]).unwrap(), whole);
}

#[test]
fn mode_0_sends_a_unit_a_packet() {
    let sent = packets(&FRAME, PacketizationMode::SingleNal, 100);
    assert_eq!(sent, [(vec![0x67, 0x42, 0xc0, 0x1f], false), (vec![0x68, 0xce], false), (vec![0x65], true)]);
}

#[test]
fn figure_14_fragments_keep_nri_and_type_in_two_octets() {
    let mut frame = vec![0, 0, 0, 1, 0x45];
    frame.extend(1..=100);
    let sent = packets(&frame, PacketizationMode::NonInterleaved, 42);
    let heads: Vec<_> =
        sent.iter().map(|(payload, last)| (payload[0], payload[1], payload.len(), *last)).collect();
    // FU indicator: NRI 2, type 28. FU header: S, E, type 5.
    assert_eq!(heads, [(0x5c, 0x85, 36, false), (0x5c, 0x05, 35, false), (0x5c, 0x45, 35, true)]);
    let infos: Vec<_> = sent.iter().map(|(payload, _)| inspect(payload).unwrap()).collect();
    assert_eq!(infos.iter().map(|info| info.ends_frame).collect::<Vec<_>>(), [false, false, true]);
    assert!(infos.iter().skip(1).all(|info| !info.starts_frame && !info.keyframe));
    let payloads: Vec<&[u8]> = sent.iter().map(|(payload, _)| payload.as_slice()).collect();
    assert_eq!(put_together(&payloads).unwrap(), frame);
    assert_eq!(put_together(&payloads[1..]), Err(PayloadError::MissingStart));
    assert_eq!(put_together(&payloads[..2]), Err(PayloadError::Unfinished));
    assert_eq!(put_together(&[payloads[0], &[0x67, 1]]), Err(PayloadError::Unfinished));
    assert_eq!(put_together(&[payloads[0], payloads[0]]), Err(PayloadError::Unfinished));
    assert_eq!(
        put_together(&[payloads[0], &[0x5c, 0x41, 1]]),
        Err(PayloadError::MissingStart),
        "another type"
    );
}

#[test]
fn units_larger_than_a_packet_stand_between_joined_ones() {
    let mut frame = FRAME.to_vec();
    frame.extend([0x88; 200]);
    frame.extend([0, 0, 1, 0x06, 5, 0, 0, 1, 0x06, 6]);
    let sent = packets(&frame, PacketizationMode::NonInterleaved, 100);
    let types: Vec<_> = sent.iter().map(|(payload, _)| payload[0] & 0x1f).collect();
    assert_eq!(types, [24, 28, 28, 28, 24]);
    assert_eq!(sent.iter().filter(|(_, last)| *last).count(), 1);
}

#[test]
fn malformed_payloads_are_refused() {
    let refused = |payload: &[u8]| {
        let error = inspect(payload).unwrap_err();
        assert_eq!(put_together(&[payload]), Err(error));
        error
    };
    assert_eq!(refused(&[]), PayloadError::Empty);
    assert_eq!(refused(&[0x78]), PayloadError::Truncated { len: 1 });
    assert_eq!(refused(&[0x78, 0, 2, 0x67]), PayloadError::Truncated { len: 4 });
    assert_eq!(refused(&[0x78, 0, 1, 0x67, 0]), PayloadError::Truncated { len: 5 });
    assert_eq!(refused(&[0x78, 0, 0]), PayloadError::Empty);
    assert_eq!(refused(&[0x78, 0, 2, 0x78, 0]), PayloadError::Reserved { kind: 24 }, "nested");
    assert_eq!(refused(&[0x5c]), PayloadError::Truncated { len: 1 });
    assert_eq!(refused(&[0x5c, 0x9c]), PayloadError::Reserved { kind: 28 });
    assert_eq!(refused(&[0xe5, 1]), PayloadError::Forbidden);
    for kind in [25, 26, 27, 29] {
        assert_eq!(refused(&[0x60 | kind, 0, 0, 0, 0]), PayloadError::Unsupported { kind });
    }
    for kind in [0, 30, 31] {
        assert_eq!(refused(&[0x60 | kind, 0]), PayloadError::Reserved { kind });
    }
}

#[test]
fn the_first_slice_and_parameter_sets_start_a_frame() {
    let starts = |payload: &[u8]| {
        let info = inspect(payload).unwrap();
        (info.starts_frame, info.start_certain, info.keyframe, info.discardable)
    };
    assert_eq!(starts(&[0x65, 0x88]), (true, false, true, false));
    assert_eq!(starts(&[0x65, 0x40]), (false, false, false, false), "a later slice");
    assert_eq!(starts(&[0x01, 0x9a]), (true, false, false, true), "no reference");
    assert_eq!(starts(&[0x09, 0xf0]), (true, true, false, true), "a delimiter");
    assert_eq!(starts(&[0x0c, 0xff]), (false, false, false, true), "filler");
    assert_eq!(starts(&[0x7c, 0x85, 0x88]), (true, false, true, false), "the first fragment");
}

#[test]
fn what_stands_before_the_picture_is_known() {
    let precedes = |payload: &[u8]| inspect(payload).unwrap().precedes_picture;
    assert!(
        precedes(&[0x09, 0x10]) && precedes(&[0x06, 5]) && precedes(&[0x67, 0x42]) && precedes(&[0x68, 0xce])
    );
    assert!(!precedes(&[0x65, 0x88]) && !precedes(&[0x41, 0x9a]) && !precedes(&[0x7c, 0x85, 0x88]));
    assert!(
        precedes(&[0x78, 0, 2, 0x67, 0x42, 0, 1, 0x68]) && !precedes(&[0x78, 0, 1, 0x68, 0, 2, 0x65, 0x88])
    );
    assert!(precedes(&[0x1c, 0x86, 5]) && precedes(&[0x1c, 0x46, 5]), "fragments of a long SEI");
}

#[test]
fn parameter_sets_are_sent_again_with_a_key_frame_that_lacks_them() {
    let mut fragmenter = Fragmenter::new(NalFraming::AnnexB, false, true);
    let mut send = |frame: &[u8]| {
        let mut all = Vec::new();
        fragmenter.packetize::<H264>(frame, 100, &mut |slices, _| all.push(slices.concat())).unwrap();
        all
    };
    let idr = [0, 0, 1, 0x65, 0x88];
    assert_eq!(send(&idr), [[0x65, 0x88]], "none are known yet");
    let with_sets = send(&FRAME);
    assert_eq!(send(&[0, 0, 1, 0x41, 0x9a]), [[0x41, 0x9a]]);
    let again = send(&idr);
    assert_eq!(again, [[0x78, 0, 4, 0x67, 0x42, 0xc0, 0x1f, 0, 2, 0x68, 0xce, 0, 2, 0x65, 0x88]]);
    assert_eq!(send(&FRAME), with_sets);
    // A new sequence takes the place of the old one.
    send(&[0, 0, 1, 0x67, 0x4d, 0, 0, 1, 0x68, 0xef, 0, 0, 1, 0x65]);
    assert_eq!(send(&idr), [[0x78, 0, 2, 0x67, 0x4d, 0, 2, 0x68, 0xef, 0, 2, 0x65, 0x88]]);
}
