//! What bad senders of RTP and RTCP get: each numbered case of the list of negative tests that concerns packets.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use antiphon::wire::rtcp::{Compound, Packet as Rtcp, PacketError as RtcpError, XrBlock};
use antiphon::wire::rtp::{ExtensionBlock, Packet, PacketError};

/// The fixed header of payload type 96 with that first byte.
fn header(first: u8) -> Vec<u8> {
    vec![first, 96, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3]
}

fn rtp(first: u8, rest: &[u8]) -> Vec<u8> {
    [header(first), rest.to_vec()].concat()
}

#[test]
fn n40_rtp_headers_that_lie() {
    // Padding of zero, of more than there is, of 255, of nothing at all.
    for (rest, sound) in
        [(&[1, 2, 0][..], false), (&[1, 2, 4], false), (&[1, 255], false), (&[], false), (&[1, 2, 3], true)]
    {
        assert_eq!(Packet::parse(&rtp(0xa0, rest)).is_ok(), sound, "{rest:?}");
    }
    assert_eq!(Packet::parse(&rtp(0xa0, &[0, 0, 3])).unwrap().payload(), b"");
    // Fifteen sources that are not there.
    assert_eq!(Packet::parse(&rtp(0x8f, &[0; 59])), Err(PacketError::Short { len: 71 }));
    assert_eq!(Packet::parse(&rtp(0x8f, &[0; 60])).unwrap().csrcs().len(), 15);
    // An extension of 65535 words, and one whose own header is cut.
    assert!(Packet::parse(&rtp(0x90, &[0xbe, 0xde, 0xff, 0xff, 0, 0, 0, 0])).is_err());
    assert!(Packet::parse(&rtp(0x90, &[0xbe, 0xde, 0])).is_err());
    for first in [0x00, 0x40, 0xc0] {
        assert!(matches!(Packet::parse(&header(first)), Err(PacketError::Version { .. })));
    }
    for payload_type in 0..128 {
        let mut bytes = header(0x80);
        bytes[1] = 0x80 | payload_type;
        assert_eq!(Packet::parse(&bytes).is_ok(), !(64..=95).contains(&payload_type), "{payload_type}");
    }
    // A header alone is a packet; less is not.
    assert!(Packet::parse(&header(0x80)).is_ok());
    assert!((0..12).all(|len| Packet::parse(&header(0x80)[..len]).is_err()));
}

#[test]
fn n41_header_extensions_that_lie() {
    for (profile, one_byte) in [(0xbede, true), (0x1000, false)] {
        for first in 0..=255_u8 {
            let data = [0x10, 9, first, 1, 2, 3, 4, 5];
            let data = if one_byte { data } else { [1, 1, 9, first, 2, 3, 4, 5] };
            let block = ExtensionBlock { profile, data: &data };
            let elements: Vec<_> = block.elements().collect();
            assert_eq!((elements[0].id, elements[0].data), (1, &[9][..]), "what stands before stays");
            assert!(elements.iter().map(|e| e.data.len() + 1).sum::<usize>() <= data.len());
            assert!(elements.iter().all(|e| e.id != 0 && !(one_byte && e.id == 15)));
            if one_byte && (first >> 4 == 15 || (first >> 4 == 0 && first != 0) || first & 15 > 4) {
                assert_eq!(elements.len(), 1, "{first:#x}");
            }
        }
    }
    // Two-byte headers may carry nothing, and ids of one-byte headers' reserved values.
    let block = ExtensionBlock { profile: 0x1003, data: &[15, 0, 255, 1, 7, 0, 0, 0] };
    assert_eq!(block.elements().map(|e| (e.id, e.data.len())).collect::<Vec<_>>(), [(15, 0), (255, 1)]);
}

/// A packet of that count and type; its length is that of the body.
fn rtcp(count: u8, kind: u8, body: &[u8]) -> Vec<u8> {
    let words = u16::try_from(body.len() / 4).unwrap();
    let [high, low] = words.to_be_bytes();
    [&[0x80 | count, kind, high, low][..], body].concat()
}

fn read(bytes: &[u8]) -> Vec<Result<Rtcp<'_>, RtcpError>> {
    Compound::new(bytes).collect()
}

#[test]
fn n42_rtcp_that_lies() {
    // A length of zero where fields must be, in many packets on end: bounded by the bytes, and each refused alone.
    let empty = [0x80, 200, 0, 0].repeat(300);
    assert_eq!(read(&empty).len(), 300);
    assert!(read(&empty).iter().all(Result::is_err));
    // First packet no report: accepted, as reduced size is.
    assert!(matches!(read(&rtcp(1, 206, &[0; 8]))[..], [Ok(Rtcp::Pli(_))]));
    // SDES whose chunk has no end; BYE whose reason runs over.
    assert!(read(&rtcp(1, 202, &[0, 0, 0, 1, 1, 2, b'a', b'b']))[0].is_err());
    assert!(read(&rtcp(1, 202, &[0, 0, 0, 1, 1, 9, b'a', 0]))[0].is_err());
    assert!(read(&rtcp(1, 203, &[0, 0, 0, 1, 9, b'a', 0, 0]))[0].is_err());
    assert!(read(&rtcp(31, 203, &[0; 8]))[0].is_err());
    // NACK and FIR with half an entry (padding makes that possible) or none.
    let mut odd = rtcp(1, 205, &[0, 0, 0, 1, 0, 0, 0, 2, 0, 5, 0, 0, 0, 6, 0, 2]);
    odd[0] |= 0x20;
    assert!(read(&odd)[0].is_err());
    assert!(read(&rtcp(1, 205, &[0; 8]))[0].is_err());
    assert!(read(&rtcp(4, 206, &[0; 12]))[0].is_err());
    // Feedback on 65535 packets that are all missing costs its eight chunks; one without the chunks is refused.
    let mut feedback = vec![0, 0, 0, 1, 0, 0, 0, 2, 0xff, 0xf0, 0xff, 0xff, 0, 0, 1, 0];
    assert!(read(&rtcp(15, 205, &feedback))[0].is_err());
    feedback.extend([0x1f, 0xff].repeat(8));
    feedback.extend([0, 7, 0, 0]);
    let packet = rtcp(15, 205, &feedback);
    let [Ok(Rtcp::TransportFeedback(all_missing))] = read(&packet)[..] else { panic!("not read") };
    assert_eq!((all_missing.status_count, all_missing.received().count()), (65_535, 0));
    // Congestion control feedback (RFC 8888), here with a wrap of its numbers, and other formats are passed over.
    let ccfb = [0, 0, 0, 1, 0, 0, 0, 2, 0xff, 0xff, 0, 2, 0x80, 0, 0x80, 0, 0, 0, 0, 9];
    for bytes in [rtcp(11, 205, &ccfb), rtcp(31, 206, &[0; 8]), rtcp(0, 195, &[0; 4]), rtcp(0, 223, &[])] {
        assert!(matches!(read(&bytes)[..], [Ok(Rtcp::Unknown { .. })]));
    }
    // XR: a block beyond the packet is refused, a known one of a wrong length counts as unknown.
    assert!(read(&rtcp(0, 207, &[0, 0, 0, 1, 4, 0, 0, 9, 0, 0, 0, 0]))[0].is_err());
    let short = rtcp(0, 207, &[0, 0, 0, 1, 4, 0, 0, 1, 0, 0, 0, 0]);
    let [Ok(Rtcp::ExtendedReport(report))] = read(&short)[..] else { panic!("not read") };
    assert_eq!(report.blocks().collect::<Vec<_>>(), [XrBlock::Unknown { kind: 4 }]);
    // APP is told apart and passed over; one without a name is refused.
    assert!(matches!(read(&rtcp(3, 204, b"\0\0\0\x01NAMEdata"))[..], [Ok(Rtcp::App(_))]));
    assert!(read(&rtcp(3, 204, &[0; 4]))[0].is_err());
    // Thirty-one blocks are the most that can be counted; 255 do not fit a packet that says so.
    assert!(read(&rtcp(31, 201, &vec![0; 4 + 31 * 24]))[0].is_ok());
    assert!(read(&rtcp(31, 201, &vec![0; 4 + 30 * 24]))[0].is_err());
    let many = rtcp(31, 201, &vec![0; 4 + 255 * 24]);
    let [Ok(Rtcp::ReceiverReport(report))] = read(&many)[..] else { panic!("not read") };
    assert_eq!(report.blocks().count(), 31);
}
