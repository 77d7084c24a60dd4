//! Two sessions and the packets between them: sizes, keys, Cryptex, the caller's mistakes.
#![expect(clippy::unwrap_used, reason = "a test may panic, its helpers too")]

mod srtp_support;

use antiphon::base::arena::Arena;
use antiphon::base::limits;
use antiphon::srtp::{ProtectError, Session, Side, SrtpProfile, UnprotectError};
use srtp_support::{PROFILES, SSRC, keys, pair, protect, protect_rtcp, rtcp, rtp, unprotect, unprotect_rtcp};

#[test]
fn both_directions_carry_rtp_and_rtcp() {
    for profile in PROFILES {
        let mut ends = pair(profile);
        for from in [0, 1] {
            for round in 0..3 {
                let packet = rtp(SSRC, round);
                let sealed = protect(&mut ends[from], &packet).unwrap();
                assert_ne!(sealed[12..packet.len()], packet[12..], "{profile:?} is not encrypted");
                assert_eq!(sealed[..12], packet[..12]);
                assert_eq!(unprotect(&mut ends[1 - from], &sealed).unwrap(), packet);
                let report = rtcp(SSRC, 3);
                let sealed = protect_rtcp(&mut ends[from], &report).unwrap();
                assert_ne!(sealed[8..report.len()], report[8..]);
                assert_eq!(unprotect_rtcp(&mut ends[1 - from], &sealed).unwrap(), report);
            }
        }
        let stats = ends[0].stats();
        assert_eq!((stats.rtp_protected, stats.rtp_unprotected), (3, 3));
        assert_eq!((stats.rtcp_protected, stats.rtcp_unprotected), (3, 3));
    }
}

#[test]
fn tags_are_as_long_as_the_profile_says() {
    // RFC 5764 §4.1.2, RFC 7714 §12: RTCP adds four bytes of index.
    let lengths = PROFILES.map(|profile| {
        let mut session = pair(profile).into_iter().next().unwrap();
        let media = protect(&mut session, &rtp(SSRC, 0)).unwrap().len() - rtp(SSRC, 0).len();
        let control = protect_rtcp(&mut session, &rtcp(SSRC, 0)).unwrap().len() - rtcp(SSRC, 0).len();
        assert_eq!((media, control), (session.rtp_overhead(), session.rtcp_overhead()));
        (media, control)
    });
    assert_eq!(lengths, [(10, 14), (4, 14), (16, 20), (16, 20)]);
}

#[test]
fn one_side_does_not_open_its_own_packets() {
    for profile in PROFILES {
        let mut ends = pair(profile);
        let sealed = protect(&mut ends[0], &rtp(SSRC, 5)).unwrap();
        assert_eq!(unprotect(&mut ends[0], &sealed), Err(UnprotectError::Unauthenticated));
        let sealed = protect_rtcp(&mut ends[0], &rtcp(SSRC, 5)).unwrap();
        assert_eq!(unprotect_rtcp(&mut ends[0], &sealed), Err(UnprotectError::Unauthenticated));
        let mut other = Session::new(&keys(profile, 2), Side::Server).unwrap();
        let sealed = protect(&mut ends[0], &rtp(SSRC, 6)).unwrap();
        assert_eq!(unprotect(&mut other, &sealed), Err(UnprotectError::Unauthenticated));
    }
}

#[test]
fn an_empty_payload_and_the_shortest_rtcp_have_tags() {
    for profile in PROFILES {
        let mut ends = pair(profile);
        let packet = &rtp(SSRC, 5)[..12];
        let sealed = protect(&mut ends[0], packet).unwrap();
        assert_eq!(unprotect(&mut ends[1], &sealed).unwrap(), packet);
        let report = [0x80, 201, 0, 1, 0, 0, 0, 9];
        let sealed = protect_rtcp(&mut ends[0], &report).unwrap();
        assert_eq!(unprotect_rtcp(&mut ends[1], &sealed).unwrap(), report);
    }
}

#[test]
fn the_longest_datagram_goes_through_and_a_longer_one_does_not() {
    let mut ends = pair(SrtpProfile::AeadAes128Gcm);
    let mut packet = rtp(SSRC, 1);
    packet.resize(limits::MAX_DATAGRAM - 16, 7);
    let sealed = protect(&mut ends[0], &packet).unwrap();
    assert_eq!(unprotect(&mut ends[1], &sealed).unwrap(), packet);
    let mut packet = rtp(SSRC, 2);
    packet.resize(limits::MAX_DATAGRAM + 1, 7);
    let len = packet.len();
    assert_eq!(protect(&mut ends[0], &packet), Err(ProtectError::Malformed { len }));
    let len = len + 16;
    packet.resize(len, 7);
    assert!(unprotect(&mut ends[1], &packet).is_err());
}

#[test]
fn each_source_of_rtcp_has_its_own_index() {
    for profile in PROFILES {
        let mut ends = pair(profile);
        let mut seen = Vec::new();
        for ssrc in [1, 2, 1, 2, 1] {
            let sealed = protect_rtcp(&mut ends[0], &rtcp(ssrc, 9)).unwrap();
            // The tag of AES-GCM stands before it, that of HMAC-SHA-1 after it.
            let at = sealed.len() - if profile.salt_len() == 12 { 4 } else { 14 };
            seen.push(u32::from_be_bytes(sealed[at..at + 4].try_into().unwrap()));
            unprotect_rtcp(&mut ends[1], &sealed).unwrap();
        }
        let encrypted = 1 << 31;
        assert_eq!(seen, [0, 0, 1, 1, 2].map(|index: u32| encrypted | index));
    }
}

#[test]
fn a_wrong_call_is_an_error_and_changes_nothing() {
    for profile in PROFILES {
        let [mut ours, mut theirs] = pair(profile);
        let packet = rtp(SSRC, 9);
        let mut exact = packet.clone();
        let wanted = packet.len() + ours.rtp_overhead();
        let short = ProtectError::BufferTooShort { len: packet.len(), wanted };
        assert_eq!(ours.protect_rtp(&mut exact, packet.len()), Err(short));
        assert_eq!(exact, packet);
        let len = packet.len() + 1;
        assert_eq!(ours.protect_rtp(&mut exact, len), Err(ProtectError::Malformed { len }));
        let mut other = [[0x40; 40], [0; 40], [0xff; 40]];
        for packet in &mut other {
            assert_eq!(ours.protect_rtp(packet, 20), Err(ProtectError::Malformed { len: 20 }));
            assert_eq!(ours.protect_rtcp(packet, 20), Err(ProtectError::Malformed { len: 20 }));
        }
        let mut report = rtcp(SSRC, 1);
        let (len, wanted) = (report.len(), report.len() + ours.rtcp_overhead());
        let short = ProtectError::BufferTooShort { len, wanted };
        assert_eq!(ours.protect_rtcp(&mut report, len), Err(short));
        assert_eq!(ours.protect_rtcp(&mut report, 7), Err(ProtectError::Malformed { len: 7 }));
        assert_eq!(report, rtcp(SSRC, 1));
        // None of them used up an index.
        let sealed = protect(&mut ours, &packet).unwrap();
        let mut out = [0; 39];
        let short = UnprotectError::BufferTooShort { len: 39, wanted: packet.len() };
        assert_eq!(theirs.unprotect_rtp_into(&sealed, &mut out), Err(short));
        assert_eq!(unprotect(&mut theirs, &sealed).unwrap(), packet);
        let sealed = protect_rtcp(&mut ours, &report).unwrap();
        let short = UnprotectError::BufferTooShort { len: 5, wanted: report.len() };
        assert_eq!(theirs.unprotect_rtcp_into(&sealed, &mut out[..5]), Err(short));
        assert_eq!(unprotect_rtcp(&mut theirs, &sealed).unwrap(), report);
    }
}

#[test]
fn no_sequence_number_is_used_twice() {
    for profile in PROFILES {
        let [mut ours, mut theirs] = pair(profile);
        let packet = rtp(SSRC, 9);
        let sealed = protect(&mut ours, &packet).unwrap();
        // The same header over another payload would give away the difference of the two.
        let mut other = packet;
        other[20] ^= 1;
        let used = ProtectError::SequenceUsed { ssrc: SSRC, sequence: 9 };
        assert_eq!(protect(&mut ours, &other), Err(used));
        assert!(unprotect(&mut theirs, &sealed).is_ok());
        // A little out of order is well; very old is not.
        for (index, well) in [(2000, true), (1950, true), (1950, false), (900, false), (10, false)] {
            assert_eq!(protect(&mut ours, &rtp(SSRC, index)).is_ok(), well, "{index}");
        }
    }
}

#[test]
fn sources_that_send_are_bounded() {
    let [mut ours, _] = pair(SrtpProfile::AeadAes128Gcm);
    let limit = limits::SRTP_SENDING_SOURCES;
    for ssrc in 0..u32::try_from(limit).unwrap() {
        protect(&mut ours, &rtp(ssrc, 1)).unwrap();
        protect_rtcp(&mut ours, &rtcp(ssrc, 1)).unwrap();
    }
    let many = ProtectError::TooManySources { limit };
    assert_eq!(protect(&mut ours, &rtp(SSRC, 1)), Err(many));
    assert_eq!(protect_rtcp(&mut ours, &rtcp(SSRC, 1)), Err(many));
    assert!(protect(&mut ours, &rtp(0, 2)).is_ok());
}

/// An RTP packet with so many contributing sources and this extension.
fn extended(sequence: u16, csrcs: u8, extension: Option<(u16, &[u8])>) -> Vec<u8> {
    let [high, low] = sequence.to_be_bytes();
    let first = 0x80 | csrcs | if extension.is_some() { 0x10 } else { 0 };
    let mut packet = vec![first, 96, high, low, 0, 0, 0, 7, 1, 2, 3, 4];
    (0..csrcs).for_each(|csrc| packet.extend([0xc5, 0xc5, 0xc5, csrc]));
    if let Some((profile, data)) = extension {
        packet.extend(profile.to_be_bytes());
        packet.extend(u16::try_from(data.len() / 4).unwrap().to_be_bytes());
        packet.extend(data);
    }
    packet.extend(b"the payload of the packet");
    packet
}

const ELEMENTS: &[u8] = &[0x51, 0xe1, 0xe2, 0, 0x10, 0xe3, 0, 0];

fn contains(packet: &[u8], part: &[u8]) -> bool {
    packet.windows(part.len()).any(|window| window == part)
}

#[test]
fn cryptex_hides_sources_and_extensions() {
    for profile in PROFILES {
        let [mut ours, mut theirs] = pair(profile);
        ours.set_cryptex(true);
        let mut sequence = 0;
        for csrcs in [0, 1, 15] {
            for extension in [0xbede, 0x1000] {
                sequence += 1;
                let packet = extended(sequence, csrcs, Some((extension, ELEMENTS)));
                let sealed = protect(&mut ours, &packet).unwrap();
                assert_eq!(sealed.len(), packet.len() + ours.rtp_overhead() - 4);
                assert_eq!(sealed[..12], packet[..12]);
                assert!(!contains(&sealed, &ELEMENTS[..3]) && !contains(&sealed, &[0xc5, 0xc5, 0xc5]));
                // A receiver needs no switch: the packet says what it is.
                assert_eq!(unprotect(&mut theirs, &sealed).unwrap(), packet);
            }
        }
    }
}

#[test]
fn cryptex_marks_a_packet_with_sources_alone_by_an_empty_extension() {
    for profile in PROFILES {
        let [mut ours, mut theirs] = pair(profile);
        ours.set_cryptex(true);
        let packet = extended(1, 3, None);
        let sealed = protect(&mut ours, &packet).unwrap();
        assert_eq!(sealed.len(), packet.len() + ours.rtp_overhead());
        assert!(!contains(&sealed, &[0xc5, 0xc5, 0xc5]));
        assert_eq!(unprotect(&mut theirs, &sealed).unwrap(), extended(1, 3, Some((0xbede, &[]))));
        // No room for it is no room at all.
        let packet = extended(2, 3, None);
        let mut buf = packet.clone();
        buf.resize(packet.len() + ours.rtp_overhead() - 1, 0);
        assert!(matches!(ours.protect_rtp(&mut buf, packet.len()), Err(ProtectError::BufferTooShort { .. })));
        assert_eq!(buf[..packet.len()], packet);
    }
}

#[test]
fn cryptex_leaves_alone_what_it_cannot_mark() {
    for profile in PROFILES {
        let [mut ours, mut theirs] = pair(profile);
        ours.set_cryptex(true);
        // An extension that RFC 8285 does not define, and nothing to hide.
        for packet in [extended(1, 2, Some((0xabac, ELEMENTS))), extended(2, 0, None)] {
            let sealed = protect(&mut ours, &packet).unwrap();
            let header = packet.len() - b"the payload of the packet".len();
            assert_eq!(sealed[..header], packet[..header]);
            assert_eq!(unprotect(&mut theirs, &sealed).unwrap(), packet);
        }
        let packet = extended(3, 0, Some((0xc0de, ELEMENTS)));
        let reserved = ProtectError::ReservedExtension { profile: 0xc0de };
        assert_eq!(protect(&mut ours, &packet), Err(reserved));
        ours.set_cryptex(false);
        assert_eq!(protect(&mut ours, &packet), Err(reserved));
        // Without the option everything but the payload is in the clear.
        let packet = extended(4, 2, Some((0xbede, ELEMENTS)));
        let sealed = protect(&mut ours, &packet).unwrap();
        assert_eq!(sealed[..32], packet[..32]);
        assert_eq!(unprotect(&mut theirs, &sealed).unwrap(), packet);
    }
}

#[test]
fn what_is_handed_out_outlives_the_session() {
    let mut arena = Arena::new(2048, 2);
    let packets: Vec<_> = {
        let [mut ours, mut theirs] = pair(SrtpProfile::AeadAes128Gcm);
        let sealed: Vec<_> = (0..20).map(|index| protect(&mut ours, &rtp(SSRC, index)).unwrap()).collect();
        sealed.iter().map(|packet| theirs.unprotect_rtp(packet, &mut arena).unwrap()).collect()
    };
    for (index, packet) in (0..).zip(&packets) {
        assert_eq!(*packet, rtp(SSRC, index));
    }
}

#[cfg(feature = "sim")]
#[test]
fn a_fork_does_the_same() {
    for profile in PROFILES {
        let [mut ours, mut theirs] = pair(profile);
        for index in 65_500..65_560 {
            let sealed = protect(&mut ours, &rtp(SSRC, index)).unwrap();
            unprotect(&mut theirs, &sealed).unwrap();
        }
        let (mut fork, mut forked) = (ours.fork(), theirs.fork());
        let sealed = protect(&mut ours, &rtp(SSRC, 65_560)).unwrap();
        assert_eq!(protect(&mut fork, &rtp(SSRC, 65_560)).unwrap(), sealed);
        assert_eq!(unprotect(&mut theirs, &sealed), unprotect(&mut forked, &sealed));
        assert_eq!(unprotect(&mut forked, &sealed), Err(UnprotectError::Replayed));
    }
}
