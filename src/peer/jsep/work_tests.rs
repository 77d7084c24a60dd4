//! How much work the largest descriptions are: in proportion to their text, whatever they are full of.

use super::error::NegotiationError;
use super::test_peer::{Peer, media_peer, peer};
use super::{SdpType, SessionDescription};

const HEAD: &str = "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\n";
const TRANSPORT: &str =
    "a=ice-ufrag:Vs3v\r\na=ice-pwd:J681eCENDm/XxbRJzXGMFU7q\r\na=setup:actpass\r\na=rtcp-mux\r\n";

/// Fingerprints of so many certificates.
fn fingerprints(count: usize) -> String {
    let one =
        |index: usize| format!("a=fingerprint:sha-256 {}\r\n", vec![format!("{index:02X}"); 32].join(":"));
    (0..count).map(one).collect()
}

fn attributes(description: &SessionDescription) -> usize {
    let session = description.session();
    session.attributes.len() + session.media.iter().map(|media| media.attributes.len()).sum::<usize>()
}

#[cfg(feature = "sim")]
fn steps(peer: &Peer) -> u64 {
    peer.negotiator.ops.count()
}

#[cfg(not(feature = "sim"))]
fn steps(_peer: &Peer) -> u64 {
    1_000_000
}

#[test]
fn n57_the_work_for_an_offer_is_in_proportion_to_its_lines() {
    // As many sections as there may be, and before them as many groups, and lines that mean nothing; what the sections need stands last
    // of all, so that each has to look for it.
    let mids: Vec<String> = (0..1024).map(|index| format!("s{index}")).collect();
    let bundle = format!("a=group:BUNDLE {}\r\n", mids.join(" "));
    let filler = format!("{}{}", "a=group:BUNDLE\r\n".repeat(1023), "a=x\r\n".repeat(35_000));
    let section = |mid: &String| format!("m=audio 9 UDP/TLS/RTP/SAVPF 0\r\na=mid:{mid}\r\n");
    let sections: String = mids.iter().map(section).collect();
    let text = format!("{HEAD}{filler}{bundle}{TRANSPORT}{}{sections}", fingerprints(1));
    let offer = SessionDescription::offer(&text).unwrap();
    let size = u64::try_from(attributes(&offer) + mids.len()).unwrap();
    let mut bob = media_peer(2);
    bob.negotiator.set_remote(offer).unwrap();
    let to_take = steps(&bob);
    assert!(to_take <= 2 * size, "{to_take} steps to take an offer of {size} attributes and mids");
    bob.set_local(None).unwrap();
    let to_answer = steps(&bob) - to_take;
    assert!(to_answer <= 2 * size, "{to_answer} steps to answer an offer of {size} attributes and mids");
    let answer = bob.negotiator.current_local_description().unwrap();
    assert_eq!(answer.session().media.iter().filter(|media| media.port != 0).count(), 1024);
    assert_eq!(
        answer.session().attributes.groups().map(|group| group.mids.len()).collect::<Vec<_>>(),
        [1024]
    );
}

#[test]
fn n57_sections_without_a_name_get_one_each() {
    let section = "m=audio 9 UDP/TLS/RTP/SAVPF 0\r\n".repeat(300);
    let named = "m=audio 9 UDP/TLS/RTP/SAVPF 0\r\na=mid:7\r\n";
    let text = format!("{HEAD}{TRANSPORT}{}{section}{named}", fingerprints(1));
    let mut bob = media_peer(2);
    bob.set_remote(&SessionDescription::offer(&text).unwrap()).unwrap();
    let mids: std::collections::BTreeSet<_> =
        bob.negotiator.transceivers().filter_map(|its| its.mid().cloned()).collect();
    assert_eq!(mids.len(), 301);
    assert!(mids.iter().all(|mid| mid.parse::<u32>().is_ok_and(|number| number <= 300)));
}

#[test]
fn n57_fingerprints_beyond_what_is_compared_are_refused() {
    let offer = |count| {
        let section = "m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\na=sctp-port:5000\r\n";
        let text = format!("{HEAD}{section}{TRANSPORT}{}", fingerprints(count));
        SessionDescription::parse(SdpType::Offer, &text).unwrap()
    };
    let refused = peer(2).set_remote(&offer(17)).map(drop);
    assert_eq!(refused, Err(NegotiationError::TooManyFingerprints { section: 0, limit: 16 }));
    let mut bob = peer(2);
    bob.set_remote(&offer(16)).unwrap();
    let settled = bob.set_local(None).unwrap().negotiated.unwrap().transport.unwrap();
    assert_eq!(settled.remote_fingerprints.len(), 16);
}
