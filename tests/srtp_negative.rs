//! What is forged, repeated or lost: nothing changes but a counter, and the stream goes on. Numbers are those of the list of
//! negative tests.

mod srtp_support;

use antiphon::base::limits;
use antiphon::base::window::{ReplayWindow, WideReplayWindow};
use antiphon::srtp::{Session, SrtpProfile, Stats, UnprotectError};
use srtp_support::{PROFILES, SSRC, pair, protect, protect_rtcp, rtcp, rtp, unprotect, unprotect_rtcp};

/// The session but for its counters: all that could have changed.
fn state(session: &Session) -> (usize, usize, u64, u64) {
    let (media, control) = session.receiving_sources();
    (media, control, session.stats().rtp_unprotected, session.stats().rtcp_unprotected)
}

/// Packets of which none may be taken: bits turned one by one, and the packet cut short.
fn forgeries(packet: &[u8]) -> impl Iterator<Item = Vec<u8>> {
    let turned = (0..packet.len() * 8).map(move |bit| {
        let mut forged = packet.to_vec();
        forged[bit / 8] ^= 1 << (bit % 8);
        forged
    });
    let cut = (0..packet.len()).map(move |len| packet[..len].to_vec());
    turned.chain(cut).chain([[packet, &[0]].concat()])
}

#[test]
fn n36_a_turned_bit_or_a_short_tag_is_refused_and_changes_nothing() {
    for profile in PROFILES {
        let [mut ours, mut theirs] = pair(profile);
        let packet = rtp(SSRC, 65_533);
        let sealed = protect(&mut ours, &packet).unwrap();
        let report = rtcp(SSRC, 1);
        let control = protect_rtcp(&mut ours, &report).unwrap();
        // Of a source that is not known, then of one that is.
        for known in [false, true] {
            let before = state(&theirs);
            for forged in forgeries(&sealed) {
                assert!(unprotect(&mut theirs, &forged).is_err(), "{profile:?} {forged:x?}");
            }
            for forged in forgeries(&control) {
                assert!(unprotect_rtcp(&mut theirs, &forged).is_err(), "{profile:?} {forged:x?}");
            }
            assert_eq!(state(&theirs), before);
            if !known {
                assert_eq!(theirs.receiving_sources(), (0, 0));
                assert_eq!(unprotect(&mut theirs, &sealed).unwrap(), packet);
                assert_eq!(unprotect_rtcp(&mut theirs, &control).unwrap(), report);
            }
        }
        // The window is where it was: the packets around are taken.
        for index in [65_532, 65_534, 65_537] {
            let sealed = protect(&mut ours, &rtp(SSRC, index)).unwrap();
            assert_eq!(unprotect(&mut theirs, &sealed).unwrap(), rtp(SSRC, index));
        }
    }
}

#[test]
fn n36_a_zero_tag_is_refused_and_counted_once() {
    for profile in PROFILES {
        let [mut ours, mut theirs] = pair(profile);
        let packet = rtp(SSRC, 1);
        let mut sealed = protect(&mut ours, &packet).unwrap();
        let tag = packet.len();
        sealed[tag..].fill(0);
        assert_eq!(unprotect(&mut theirs, &sealed), Err(UnprotectError::Unauthenticated));
        let mut expected = Stats::default();
        expected.unauthenticated = 1;
        assert_eq!(theirs.stats(), expected);
        assert_eq!(unprotect(&mut theirs, &sealed[..12]), Err(UnprotectError::Malformed { len: 12 }));
        expected.malformed = 1;
        assert_eq!(theirs.stats(), expected);
    }
}

#[test]
fn n36_what_is_refused_leaves_no_plaintext_in_the_buffer() {
    for profile in PROFILES {
        let [mut ours, mut theirs] = pair(profile);
        let mut sealed = protect(&mut ours, &rtp(SSRC, 1)).unwrap();
        *sealed.last_mut().unwrap() ^= 1;
        let mut out = [0; 128];
        theirs.unprotect_rtp_into(&sealed, &mut out).unwrap_err();
        assert!(!out.windows(8).any(|window| window == [0x5a; 8]), "{profile:?}");
    }
}

#[test]
fn n37_a_million_forged_sources_leave_nothing_behind() {
    for (profile, count) in PROFILES.into_iter().zip([50_000, 50_000, 1_000_000, 50_000]) {
        let [mut ours, mut theirs] = pair(profile);
        let mut forged = protect(&mut ours, &rtp(SSRC, 1)).unwrap();
        let mut control = protect_rtcp(&mut ours, &rtcp(SSRC, 1)).unwrap();
        let mut out = [0; 128];
        for ssrc in 0..count {
            forged[8..12].copy_from_slice(&u32::to_be_bytes(ssrc));
            control[4..8].copy_from_slice(&u32::to_be_bytes(ssrc));
            let refused = theirs.unprotect_rtp_into(&forged, &mut out);
            assert_eq!(refused, Err(UnprotectError::Unauthenticated));
            let refused = theirs.unprotect_rtcp_into(&control, &mut out);
            assert_eq!(refused, Err(UnprotectError::Unauthenticated));
        }
        assert_eq!(theirs.receiving_sources(), (0, 0));
        assert_eq!(theirs.stats().unauthenticated, 2 * u64::from(count));
    }
}

#[test]
fn n37_authentic_sources_are_bounded_and_those_there_are_go_on() {
    let limit = limits::SRTP_RECEIVING_SOURCES;
    let count = u32::try_from(limit).unwrap();
    // Several senders under one key: one has no more than it may receive.
    let [mut ours, mut theirs] = pair(SrtpProfile::AeadAes128Gcm);
    let [mut more, _] = pair(SrtpProfile::AeadAes128Gcm);
    for ssrc in 0..count {
        let sealed = protect(&mut ours, &rtp(ssrc, 1)).unwrap();
        unprotect(&mut theirs, &sealed).unwrap();
        let sealed = protect_rtcp(&mut ours, &rtcp(ssrc, 1)).unwrap();
        unprotect_rtcp(&mut theirs, &sealed).unwrap();
    }
    assert_eq!(theirs.receiving_sources(), (limit, limit));
    let many = Err(UnprotectError::TooManySources { limit });
    for ssrc in count..count + 100 {
        let sealed = protect(&mut more, &rtp(ssrc, 1)).unwrap();
        assert_eq!(unprotect(&mut theirs, &sealed), many);
        let sealed = protect_rtcp(&mut more, &rtcp(ssrc, 1)).unwrap();
        assert_eq!(unprotect_rtcp(&mut theirs, &sealed), many);
    }
    assert_eq!((theirs.receiving_sources(), theirs.stats().overflow), ((limit, limit), 200));
    for ssrc in [0, 1, count - 1] {
        let sealed = protect(&mut ours, &rtp(ssrc, 2)).unwrap();
        assert_eq!(unprotect(&mut theirs, &sealed).unwrap(), rtp(ssrc, 2));
        assert_eq!(unprotect(&mut theirs, &sealed), Err(UnprotectError::Replayed));
    }
}

#[test]
fn n38_no_packet_is_taken_twice() {
    for profile in PROFILES {
        let [mut ours, mut theirs] = pair(profile);
        let sealed: Vec<_> =
            (65_400..65_700).map(|index| protect(&mut ours, &rtp(SSRC, index)).unwrap()).collect();
        for packet in &sealed {
            unprotect(&mut theirs, packet).unwrap();
            assert_eq!(unprotect(&mut theirs, packet), Err(UnprotectError::Replayed));
        }
        // Also those before the wrap, from behind it.
        for packet in &sealed {
            assert_eq!(unprotect(&mut theirs, packet), Err(UnprotectError::Replayed));
        }
        assert_eq!((theirs.stats().rtp_unprotected, theirs.stats().replayed), (300, 600));
        assert_eq!(theirs.stats().unauthenticated, 0);
    }
}

#[test]
fn n38_the_windows_edge_is_exact() {
    const WIDTH: u64 = WideReplayWindow::WIDTH;
    const { assert!(WIDTH >= 64) };
    for profile in PROFILES {
        // The highest lies behind a wrap of the sequence number, the edge before it.
        let highest = 65_536 + 100;
        let held = [highest - WIDTH, highest - WIDTH + 1, highest];
        // What sends keeps fewer in mind than what receives: forward it is.
        let [mut ours, mut theirs] = pair(profile);
        let [outside, inside, newest] = held.map(|index| protect(&mut ours, &rtp(SSRC, index)).unwrap());
        assert_eq!(unprotect(&mut theirs, &newest).unwrap(), rtp(SSRC, highest));
        assert_eq!(unprotect(&mut theirs, &outside), Err(UnprotectError::Replayed));
        assert_eq!(unprotect(&mut theirs, &inside).unwrap(), rtp(SSRC, held[1]));
        assert_eq!(unprotect(&mut theirs, &inside), Err(UnprotectError::Replayed));
    }
}

#[test]
fn n38_recorded_packets_are_not_taken_a_turn_later() {
    for profile in PROFILES {
        let [mut ours, mut theirs] = pair(profile);
        let old: Vec<_> = (0..50).map(|index| protect(&mut ours, &rtp(SSRC, index)).unwrap()).collect();
        for packet in &old {
            unprotect(&mut theirs, packet).unwrap();
        }
        // Just before the same sequence numbers come round.
        for index in (50..65_530).step_by(20_000).chain([65_530]) {
            let sealed = protect(&mut ours, &rtp(SSRC, index)).unwrap();
            unprotect(&mut theirs, &sealed).unwrap();
        }
        for packet in &old {
            assert!(unprotect(&mut theirs, packet).is_err());
        }
        assert_eq!(theirs.stats().rtp_unprotected, 55);
        let sealed = protect(&mut ours, &rtp(SSRC, 65_540)).unwrap();
        assert_eq!(unprotect(&mut theirs, &sealed).unwrap(), rtp(SSRC, 65_540));
    }
}

#[test]
fn n38_rtcp_has_a_window_of_its_own() {
    for profile in PROFILES {
        let [mut ours, mut theirs] = pair(profile);
        let count = 2 * usize::try_from(ReplayWindow::WIDTH).unwrap();
        let sealed: Vec<_> = (0..count).map(|_| protect_rtcp(&mut ours, &rtcp(SSRC, 4)).unwrap()).collect();
        assert!(unprotect_rtcp(&mut theirs, &sealed[count - 1]).is_ok());
        assert_eq!(unprotect_rtcp(&mut theirs, &sealed[count - 1]), Err(UnprotectError::Replayed));
        let edge = count / 2;
        assert_eq!(unprotect_rtcp(&mut theirs, &sealed[edge - 1]), Err(UnprotectError::Replayed));
        assert!(unprotect_rtcp(&mut theirs, &sealed[edge]).is_ok());
        assert_eq!(unprotect_rtcp(&mut theirs, &sealed[edge]), Err(UnprotectError::Replayed));
        assert_eq!((theirs.stats().rtcp_unprotected, theirs.stats().replayed), (2, 3));
    }
}

#[test]
fn n39_a_stream_whose_first_packets_are_lost_around_the_wrap_is_found() {
    for profile in PROFILES {
        for first in [65_436_u64, 65_486, 65_535] {
            let [mut ours, mut theirs] = pair(profile);
            for index in first..first + 400 {
                let sealed = protect(&mut ours, &rtp(SSRC, index)).unwrap();
                if index < first + 100 {
                    continue;
                }
                assert_eq!(unprotect(&mut theirs, &sealed).unwrap(), rtp(SSRC, index), "{profile:?} {first}");
            }
        }
    }
}

#[test]
fn n39_a_stream_that_begins_with_a_long_loss_is_found_within_eight_packets() {
    for profile in PROFILES {
        for lost in [5_000_u64, 20_000, 32_000] {
            let [mut ours, mut theirs] = pair(profile);
            protect(&mut ours, &rtp(SSRC, 65_000)).unwrap();
            let first = 65_536 + lost;
            let taken = (first..first + 10)
                .map(|index| protect(&mut ours, &rtp(SSRC, index)).unwrap())
                .filter(|packet| unprotect(&mut theirs, packet).is_ok());
            assert!(taken.count() >= 3, "{profile:?} {lost}");
        }
    }
}

#[test]
fn n39_late_packets_from_before_the_wrap_are_taken_after_it() {
    for profile in PROFILES {
        let [mut ours, mut theirs] = pair(profile);
        let indices = 65_500..65_580;
        let sealed: Vec<_> =
            indices.clone().map(|index| protect(&mut ours, &rtp(SSRC, index)).unwrap()).collect();
        // The very first to arrive is one from after the wrap; then all the others, last to first.
        for (packet, index) in sealed.iter().zip(indices).collect::<Vec<_>>().into_iter().rev() {
            assert_eq!(unprotect(&mut theirs, packet).unwrap(), rtp(SSRC, index), "{profile:?} {index}");
        }
    }
}

#[test]
fn n39_a_stream_goes_on_after_a_long_gap() {
    for profile in PROFILES {
        for start in [3_u64, 30_000, 60_000, 200_000] {
            // Gaps, and how many packets at most until one is taken again.
            for (gap, tries) in [(32_768_u64, 1), (40_000, 1), (65_000, 24), (65_536, 24), (150_000, 24)] {
                let [mut ours, mut theirs] = pair(profile);
                // What sends has no gaps, and knows nothing of those of the path.
                for index in (0..start).step_by(30_000).chain([start]) {
                    let sealed = protect(&mut ours, &rtp(SSRC, index)).unwrap();
                    unprotect(&mut theirs, &sealed).unwrap();
                }
                for index in (start..start + gap).step_by(20_000).skip(1) {
                    protect(&mut ours, &rtp(SSRC, index)).unwrap();
                }
                let resumed = start + gap;
                let sealed: Vec<_> = (resumed..resumed + 40)
                    .map(|index| protect(&mut ours, &rtp(SSRC, index)).unwrap())
                    .collect();
                let taken: Vec<_> =
                    sealed.iter().map(|packet| unprotect(&mut theirs, packet).is_ok()).collect();
                let first = taken.iter().position(|taken| *taken);
                assert!(first.is_some_and(|first| first < tries), "{profile:?} {start} {gap}: {taken:?}");
                assert!(taken[first.unwrap()..].iter().all(|taken| *taken));
            }
        }
    }
}
