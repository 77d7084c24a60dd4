//! AV1 payloads: elements by hand, fragments, what is left out.

use super::*;
use bytes::BytesMut;

fn packets(frame: &[u8], max: usize) -> Vec<(Vec<u8>, bool)> {
    let mut all = Vec::new();
    Fragmenter::default()
        .packetize(frame, max, &mut |slices, last| all.push((slices.concat(), last)))
        .unwrap();
    all
}

fn put_together(payloads: &[&[u8]]) -> Result<Vec<u8>, PayloadError> {
    let (mut out, mut written) = (BytesMut::new(), 0);
    let mut assembler = Assembler::default();
    for payload in payloads {
        assembler.append(payload, &mut Sink::new(&mut out, &mut written))?;
    }
    if assembler.is_open() { Err(PayloadError::Unfinished) } else { Ok(out.to_vec()) }
}

/// Temporal delimiter, sequence header, a key frame of three bytes.
const KEY: [u8; 15] = [0x12, 0, 0x0a, 6, 0x18, 0x15, 0x23, 0x9f, 0x60, 0x10, 0x32, 3, 0x20, 0xaa, 0xbb];

#[test]
fn a_key_frame_in_one_packet() {
    let sent = packets(&KEY, 100);
    // W=2, N=1; length 7, header without size; header and body without length. No temporal delimiter.
    let expected = [0x28, 7, 0x08, 0x18, 0x15, 0x23, 0x9f, 0x60, 0x10, 0x30, 0x20, 0xaa, 0xbb];
    assert_eq!(sent, [(expected.to_vec(), true)]);
    let info = inspect(&expected).unwrap();
    assert!(info.keyframe && info.start_certain && info.starts_frame && info.ends_frame);
    assert_eq!(info.resolution, Some((36, 20)));
    assert_eq!(put_together(&[&expected]).unwrap(), KEY[2..]);
}

#[test]
fn more_than_three_elements_have_lengths_each() {
    let frame = [0x2a, 1, 1, 0x2a, 1, 2, 0x2a, 1, 3, 0x32, 2, 4, 5];
    let sent = packets(&frame, 100);
    let expected = [0x00, 2, 0x28, 1, 2, 0x28, 2, 2, 0x28, 3, 3, 0x30, 4, 5];
    assert_eq!(sent, [(expected.to_vec(), true)]);
    assert_eq!(put_together(&[&expected]).unwrap(), frame);
}

#[test]
fn a_long_obu_goes_on_in_the_next_packet() {
    let mut frame = vec![0x36, 0x48, 100]; // frame of temporal layer 2, spatial layer 1
    frame.extend(1..=100);
    let sent = packets(&frame, 41);
    let heads: Vec<_> = sent.iter().map(|(payload, last)| (payload[0], payload.len(), *last)).collect();
    assert_eq!(heads, [(0x50, 35, false), (0xd0, 35, false), (0x90, 35, true)]);
    let infos: Vec<_> = sent.iter().map(|(payload, _)| inspect(payload).unwrap()).collect();
    assert_eq!((infos[0].temporal, infos[0].spatial), (Some(2), Some(1)));
    assert!(infos[0].starts_frame && !infos[0].ends_frame && !infos[1].starts_frame && infos[2].ends_frame);
    let payloads: Vec<&[u8]> = sent.iter().map(|(payload, _)| payload.as_slice()).collect();
    assert_eq!(put_together(&payloads).unwrap(), frame);
    assert_eq!(put_together(&payloads[1..]), Err(PayloadError::MissingStart));
    assert_eq!(put_together(&payloads[..2]), Err(PayloadError::Unfinished));
    assert_eq!(put_together(&[payloads[0], payloads[0]]), Err(PayloadError::Unfinished));
}

#[test]
fn sizes_inside_are_left_out_or_put_right() {
    // With its size, in one element and in two; the size stays what it was.
    assert_eq!(put_together(&[&[0x10, 0x32, 2, 7, 8]]).unwrap(), [0x32, 2, 7, 8]);
    assert_eq!(put_together(&[&[0x50, 0x32, 2], &[0x90, 7, 8]]).unwrap(), [0x32, 2, 7, 8]);
    // Even its header may be cut.
    assert_eq!(put_together(&[&[0x50, 0x36], &[0x90, 0x08, 1, 9]]).unwrap(), [0x36, 0x08, 1, 9]);
    // A size longer than it need be is put right, one smaller than the element too.
    assert_eq!(put_together(&[&[0x10, 0x32, 0x82, 0x00, 7, 8]]).unwrap(), [0x32, 2, 7, 8]);
    assert_eq!(put_together(&[&[0x50, 0x32, 0x82], &[0x90, 0x00, 7, 8]]).unwrap(), [0x32, 2, 7, 8]);
    assert_eq!(put_together(&[&[0x00, 5, 0x22, 2, 3, 1, 2]]).unwrap(), [0x22, 3, 3, 1, 2]);
    // One that reaches beyond the element is refused, as is one that never ends.
    assert_eq!(put_together(&[&[0x00, 5, 0x22, 4, 3, 1, 2]]), Err(PayloadError::Truncated { len: 5 }));
    assert_eq!(put_together(&[&[0x00, 2, 0x22, 0xff]]), Err(PayloadError::Truncated { len: 2 }));
}

#[test]
fn delimiters_and_tile_lists_of_others_are_passed_over() {
    assert_eq!(put_together(&[&[0x20, 1, 0x10, 0x30, 1]]).unwrap(), [0x32, 1, 1]);
    assert_eq!(put_together(&[&[0x60, 2, 0x30, 1, 0x40], &[0x90, 1, 2]]).unwrap(), [0x32, 1, 1]);
    assert_eq!(packets(&[0x42, 1, 1, 0x32, 1, 1], 100), [(vec![0x10, 0x30, 1], true)]);
}

#[test]
fn layers_do_not_share_packets() {
    let frame = [0x0a, 1, 0, 0x36, 0x00, 1, 1, 0x36, 0x08, 1, 2];
    let sent = packets(&frame, 100);
    assert_eq!(sent, [(vec![0x20, 2, 0x08, 0, 0x34, 0x00, 1], false), (vec![0x10, 0x34, 0x08, 2], true)]);
}

#[test]
fn malformed_payloads_are_refused() {
    let refused = |payload: &[u8]| {
        let error = inspect(payload).unwrap_err();
        assert_eq!(put_together(&[payload]), Err(error));
        error
    };
    assert_eq!(refused(&[]), PayloadError::Empty);
    assert_eq!(refused(&[0x10]), PayloadError::Truncated { len: 1 });
    assert_eq!(refused(&[0x88, 1]), PayloadError::Contradiction);
    assert_eq!(refused(&[0x00, 9, 0x30]), PayloadError::Truncated { len: 3 });
    assert_eq!(refused(&[0x30, 1, 0x30]), PayloadError::Truncated { len: 3 }, "two of three elements");
    assert_eq!(refused(&[0x10, 0xb0]), PayloadError::Forbidden);
    assert_eq!(refused(&[0x10, 0x34]), PayloadError::Truncated { len: 1 }, "no extension");
    assert_eq!(refused(&[0x50, 0xb0]), PayloadError::Forbidden, "even of one that goes on");
}
