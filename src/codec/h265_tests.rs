//! H.265 payloads against the figures of RFC 7798.

use super::*;
use crate::codec::nal::{Assembler, Fragmenter, NalFraming};
use bytes::BytesMut;

fn packets(frame: &[u8], max: usize) -> Vec<(Vec<u8>, bool)> {
    let mut fragmenter = Fragmenter::new(NalFraming::AnnexB, false, false);
    let mut all = Vec::new();
    fragmenter.packetize::<H265>(frame, max, &mut |slices, last| all.push((slices.concat(), last))).unwrap();
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

#[test]
fn figure_7_an_aggregation_packet_of_two_units() {
    // VPS of temporal id 0, prefix SEI of temporal id 2.
    let frame = [0, 0, 0, 1, 0x40, 0x01, 0x0c, 0, 0, 0, 1, 0x4e, 0x03, 0x05, 0x06];
    let sent = packets(&frame, 100);
    let expected = [0x60, 0x01, 0, 3, 0x40, 0x01, 0x0c, 0, 4, 0x4e, 0x03, 0x05, 0x06];
    assert_eq!(sent, [(expected.to_vec(), true)]);
    assert_eq!(put_together(&[&expected]).unwrap(), frame);
    let info = inspect(&expected).unwrap();
    assert!(info.starts_frame && info.keyframe && info.temporal == Some(0));
}

#[test]
fn figures_9_and_10_fragments_keep_layer_and_temporal_id() {
    let mut frame = vec![0, 0, 0, 1, 0x26, 0x02];
    frame.extend((1..=100).map(|byte| byte | 0x80));
    let sent = packets(&frame, 43);
    let heads: Vec<_> =
        sent.iter().map(|(payload, last)| (payload[..3].to_vec(), payload.len(), *last)).collect();
    let expected = [
        (vec![0x62, 0x02, 0x93], 37, false),
        (vec![0x62, 0x02, 0x13], 36, false),
        (vec![0x62, 0x02, 0x53], 36, true),
    ];
    assert_eq!(heads, expected);
    let infos: Vec<_> = sent.iter().map(|(payload, _)| inspect(payload).unwrap()).collect();
    assert!(infos[0].starts_frame && infos[0].keyframe && !infos[0].ends_frame);
    assert!(!infos[1].starts_frame && !infos[1].keyframe && infos[2].ends_frame);
    assert!(infos.iter().all(|info| info.temporal == Some(1) && info.switching_up));
    let payloads: Vec<&[u8]> = sent.iter().map(|(payload, _)| payload.as_slice()).collect();
    assert_eq!(put_together(&payloads).unwrap(), frame);
    assert_eq!(put_together(&payloads[1..]), Err(PayloadError::MissingStart));
    assert_eq!(put_together(&payloads[..2]), Err(PayloadError::Unfinished));
    assert_eq!(put_together(&[payloads[0], &[0x40, 0x01, 0x0c]]), Err(PayloadError::Unfinished));
}

#[test]
fn figure_11_a_paci_is_looked_through() {
    // A=0, cType=19, PHSsize=3, F0 set; three bytes of extension; then the unit without its header.
    let fields = (19_u16 << 9 | 3 << 4 | 0b1000).to_be_bytes();
    let mut paci = vec![0x64, 0x01];
    paci.extend(fields);
    paci.extend([7, 7, 7, 0xaf, 0x08]);
    assert_eq!(put_together(&[&paci]).unwrap(), [0, 0, 0, 1, 0x26, 0x01, 0xaf, 0x08]);
    assert!(inspect(&paci).unwrap().keyframe);
    // A fragment within: cType=49.
    let fields = (49_u16 << 9).to_be_bytes();
    let whole = [0x64, 0x01, fields[0], fields[1], 0xd3, 0xaf];
    assert_eq!(put_together(&[&whole]).unwrap(), [0, 0, 0, 1, 0x26, 0x01, 0xaf]);
    // A PACI within a PACI, and one whose extension reaches beyond it.
    let fields = (50_u16 << 9).to_be_bytes();
    assert_eq!(inspect(&[0x64, 0x01, fields[0], fields[1], 1]), Err(PayloadError::Reserved { kind: 50 }));
    assert_eq!(inspect(&[0x64, 0x01, 0x26, 0x30, 1]), Err(PayloadError::Truncated { len: 5 }));
    assert_eq!(inspect(&[0x64, 0x01, 0x26]), Err(PayloadError::Truncated { len: 3 }));
}

#[test]
fn malformed_payloads_are_refused() {
    let refused = |payload: &[u8]| {
        let error = inspect(payload).unwrap_err();
        assert_eq!(put_together(&[payload]), Err(error));
        error
    };
    assert_eq!(refused(&[]), PayloadError::Empty);
    assert_eq!(refused(&[0x26]), PayloadError::Truncated { len: 1 });
    assert_eq!(refused(&[0x26, 0x00, 1]), PayloadError::Contradiction, "temporal id plus 1 is 0");
    assert_eq!(refused(&[0xa6, 0x01, 1]), PayloadError::Forbidden);
    assert_eq!(refused(&[0x60, 0x01]), PayloadError::Truncated { len: 2 });
    assert_eq!(refused(&[0x60, 0x02, 0, 0]), PayloadError::Truncated { len: 4 });
    assert_eq!(refused(&[0x60, 0x02, 0, 1, 0x26]), PayloadError::Truncated { len: 5 });
    assert_eq!(refused(&[0x60, 0x02, 0, 4, 0x26, 0x02, 0xff]), PayloadError::Truncated { len: 7 });
    assert_eq!(refused(&[0x60, 0x02, 0, 3, 0x62, 0x02, 0xff]), PayloadError::Reserved { kind: 49 });
    assert_eq!(refused(&[0x62, 0x02]), PayloadError::Truncated { len: 2 });
    assert_eq!(refused(&[0x62, 0x02, 0x93]), PayloadError::Truncated { len: 3 }, "an FU is not empty");
    assert_eq!(refused(&[0x62, 0x02, 0xb1, 1]), PayloadError::Reserved { kind: 49 });
    for kind in [51, 63] {
        assert_eq!(refused(&[kind << 1, 0x01, 1]), PayloadError::Reserved { kind });
    }
}

#[test]
fn an_end_of_sequence_is_a_header_alone() {
    assert_eq!(put_together(&[&[0x48, 0x01]]).unwrap(), [0, 0, 0, 1, 0x48, 0x01]);
    let frame = [0, 0, 0, 1, 0x26, 0x01, 0xaf, 0, 0, 0, 1, 0x48, 0x01];
    assert_eq!(put_together(&[&packets(&frame, 100)[0].0]).unwrap(), frame);
}

#[test]
fn the_first_slice_and_what_stands_before_it_start_a_frame() {
    let starts = |payload: &[u8]| inspect(payload).unwrap().starts_frame;
    assert!(starts(&[0x02, 0x01, 0xd0]) && !starts(&[0x02, 0x01, 0x50]));
    assert!(starts(&[0x44, 0x02, 0xa4]) && starts(&[0x4e, 0x02, 0x03]), "PPS, prefix SEI");
    assert!(!starts(&[0x50, 0x01, 0x81]), "suffix SEI");
    assert!(inspect(&[0x46, 0x01, 0x50]).unwrap().start_certain, "a delimiter");
    let precedes = |payload: &[u8]| inspect(payload).unwrap().precedes_picture;
    assert!(precedes(&[0x46, 0x01, 0x50]) && precedes(&[0x44, 0x02, 0xa4]) && precedes(&[0x4e, 0x02, 0x03]));
    assert!(
        !precedes(&[0x26, 0x01, 0xaf]) && !precedes(&[0x50, 0x01, 0x81]) && !precedes(&[0x62, 0x02, 0x93, 1])
    );
}
