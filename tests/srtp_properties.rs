//! Whatever the network does to a stream within its limits, what arrives is what was sent, once.

#[expect(dead_code, reason = "each test uses a part of it")]
mod srtp_support;

use std::collections::BTreeSet;

use antiphon::srtp::{Session, SrtpProfile, UnprotectError};
use proptest::prelude::*;
use srtp_support::{PROFILES, pair, protect, protect_rtcp, rtcp, rtp, unprotect, unprotect_rtcp};

fn profile() -> impl Strategy<Value = SrtpProfile> {
    proptest::sample::select(PROFILES.to_vec())
}

/// A packet under way.
#[derive(Clone, Debug)]
struct Sent {
    ssrc: u32,
    index: u64,
    bytes: Vec<u8>,
}

/// Sends the packets of three sources, the sequence number of each advancing by these steps.
fn send(session: &mut Session, starts: [u16; 3], steps: &[(usize, u64)]) -> Vec<Sent> {
    let mut next = starts.map(u64::from);
    let packets = steps.iter().map(|(source, step)| {
        let index = next[*source];
        next[*source] += step;
        let ssrc = 100 + u32::try_from(*source).expect("three sources");
        let bytes = protect(session, &rtp(ssrc, index)).expect("the numbers only grow");
        Sent { ssrc, index, bytes }
    });
    packets.collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]

    /// Loss, repetition and disorder of up to 60 packets, around the wrap.
    #[test]
    fn any_interleaving_within_the_window_is_recovered(
        profile in profile(),
        starts in [65_300_u16.., 65_300_u16.., 0_u16..],
        steps in proptest::collection::vec((0_usize..3, 1_u64..30), 1..200),
        jitter in proptest::collection::vec((0_usize..60, 0_u8..8), 200),
    ) {
        let [mut ours, mut theirs] = pair(profile);
        let sent = send(&mut ours, starts, &steps);
        // Each arrives so many places late; one in eight is lost, one in eight comes twice.
        let mut arriving: Vec<(usize, &Sent)> = Vec::new();
        for (place, (packet, (late, fate))) in sent.iter().zip(&jitter).enumerate() {
            let copies = match fate { 0 => 0, 1 => 2, _ => 1 };
            (0..copies).for_each(|copy| arriving.push((place + late + 7 * copy, packet)));
        }
        arriving.sort_by_key(|(at, _)| *at);
        let mut taken = BTreeSet::new();
        let mut highest = std::collections::BTreeMap::new();
        for (_, packet) in arriving {
            let opened = unprotect(&mut theirs, &packet.bytes);
            let highest = highest.entry(packet.ssrc).or_insert(packet.index);
            // 60 places of one source at 30 a step are more than the window holds.
            let known = packet.index + 1024 > *highest;
            *highest = packet.index.max(*highest);
            if !known {
                prop_assert!(opened.is_err());
            } else if taken.insert((packet.ssrc, packet.index)) {
                prop_assert_eq!(opened, Ok(rtp(packet.ssrc, packet.index)));
            } else {
                prop_assert_eq!(opened, Err(UnprotectError::Replayed));
            }
        }
    }

    /// RTCP of several senders, in any order within the window.
    #[test]
    fn any_interleaving_of_rtcp_is_recovered(
        profile in profile(),
        order in Just((0..100_usize).collect::<Vec<_>>()).prop_shuffle(),
    ) {
        let [mut ours, mut theirs] = pair(profile);
        let reports: Vec<_> = (0..100).map(|at: u8| rtcp(u32::from(at) % 3, at)).collect();
        let sealed: Vec<_> =
            reports.iter().map(|report| protect_rtcp(&mut ours, report).expect("a report")).collect();
        for at in order {
            prop_assert_eq!(unprotect_rtcp(&mut theirs, &sealed[at]), Ok(reports[at].clone()));
            prop_assert_eq!(unprotect_rtcp(&mut theirs, &sealed[at]), Err(UnprotectError::Replayed));
        }
    }

    /// Changed bytes anywhere, in any packet of a running stream: refused, and the stream is not disturbed.
    #[test]
    fn corruption_is_refused_and_leaves_no_trace(
        profile in profile(),
        cryptex: bool,
        start in 65_500_u16..,
        changes in proptest::collection::vec((any::<proptest::sample::Index>(), 1_u8..), 1..4),
        before in 0_u64..80,
    ) {
        let [mut ours, mut theirs] = pair(profile);
        ours.set_cryptex(cryptex);
        let start = u64::from(start);
        for index in start..start + before {
            let sealed = protect(&mut ours, &rtp(1, index)).expect("a packet");
            prop_assert!(unprotect(&mut theirs, &sealed).is_ok());
        }
        let index = start + before;
        let sealed = protect(&mut ours, &rtp(1, index)).expect("a packet");
        let mut forged = sealed.clone();
        for (at, change) in &changes {
            *at.get_mut(&mut forged) ^= change;
        }
        let sources = theirs.receiving_sources();
        prop_assert_eq!(unprotect(&mut theirs, &forged).is_ok(), forged == sealed);
        if forged != sealed {
            prop_assert_eq!(theirs.receiving_sources(), sources);
            prop_assert_eq!(unprotect(&mut theirs, &sealed), Ok(rtp(1, index)));
        }
    }

    /// Whatever comes, nothing panics and nothing is believed.
    #[test]
    fn noise_is_refused(profile in profile(), mut noise in proptest::collection::vec(any::<u8>(), 0..200)) {
        let [_, mut theirs] = pair(profile);
        prop_assert!(unprotect(&mut theirs, &noise).is_err());
        prop_assert!(unprotect_rtcp(&mut theirs, &noise).is_err());
        if let Some(first) = noise.first_mut() {
            *first = *first & 0x3f | 0x80;
        }
        prop_assert!(unprotect(&mut theirs, &noise).is_err());
        prop_assert!(unprotect_rtcp(&mut theirs, &noise).is_err());
        prop_assert_eq!(theirs.receiving_sources(), (0, 0));
    }
}
