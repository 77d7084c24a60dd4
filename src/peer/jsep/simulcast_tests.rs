//! Simulcast by RID, sent and received, and the checks of layers (RFC 8853, RFC 8851, W3C `addTransceiver`).
#![expect(clippy::format_collect, reason = "a test picks what it wants, and fails where it stands")]

use super::SessionDescription;
use super::negotiated::NegotiatedMedia;
use super::test_peer::{Peer, exchange_media, media_peer, settled, token, travel};
use super::transceiver::{Encoding, TransceiverError, TransceiverId, TransceiverInit};
use crate::base::bitrate::Bitrate;
use crate::base::limits;
use crate::codec::MediaKind::{Audio, Video};
use crate::sdp::{Attribute, Direction};
use crate::wire::rtp::ExtensionKind;

fn layers(names: &[&str]) -> Vec<Encoding> {
    names.iter().map(|name| Encoding::named(name).unwrap()).collect()
}

fn sending(names: &[&str]) -> TransceiverInit {
    TransceiverInit { send_encodings: layers(names), ..TransceiverInit::default() }
}

fn add(peer: &mut Peer, init: TransceiverInit) -> TransceiverId {
    peer.negotiator.add_transceiver(Video, init).unwrap()
}

fn rids(peer: &Peer, id: TransceiverId) -> Vec<String> {
    let encodings = peer.negotiator.transceiver(id).unwrap().encodings();
    encodings.map(|encoding| encoding.rid.as_ref().map(ToString::to_string).unwrap_or_default()).collect()
}

fn local(media: &NegotiatedMedia) -> Vec<String> {
    media
        .local_sources
        .iter()
        .map(|its| its.encoding.rid.as_ref().map(ToString::to_string).unwrap_or_default())
        .collect()
}

fn remote(media: &NegotiatedMedia) -> Vec<String> {
    media.remote_layers.iter().map(|its| its.rids[0].to_string()).collect()
}

fn lines(description: &SessionDescription) -> Vec<String> {
    let attributes = description.session().media[0].attributes.iter();
    let ours =
        attributes.filter(|a| matches!(a, Attribute::Rid(_) | Attribute::Simulcast(_) | Attribute::Ssrc(_)));
    ours.map(ToString::to_string).collect()
}

#[test]
fn several_layers_are_offered_and_answered_by_name() {
    let (mut alice, mut bob) = (media_peer(1), media_peer(2));
    let a = add(&mut alice, sending(&["q", "h", "f"]));
    let offer = alice.offer(false);
    assert_eq!(lines(&offer), ["rid:q send", "rid:h send", "rid:f send", "simulcast:send q;h;f"]);
    let (at_alice, at_bob) = exchange_media(&mut alice, &mut bob);
    let answer = bob.negotiator.current_local_description().unwrap();
    assert_eq!(lines(answer), ["rid:q recv", "rid:h recv", "rid:f recv", "simulcast:recv q;h;f"]);
    settled(&at_alice, &at_bob);
    assert_eq!(
        (local(&at_alice.media[0]), remote(&at_bob.media[0])),
        (rids(&alice, a), vec!["q".into(), "h".into(), "f".into()])
    );
    let ssrcs: std::collections::BTreeSet<_> =
        at_alice.media[0].local_sources.iter().flat_map(|its| [Some(its.ssrc), its.rtx_ssrc]).collect();
    assert_eq!(ssrcs.len(), 6);
    // The same lines, and the same sources, in the next round.
    let again = alice.offer(false);
    assert_eq!(lines(&again), lines(&offer));
    let (later, _) = exchange_media(&mut alice, &mut bob);
    assert_eq!(later.media[0].local_sources, at_alice.media[0].local_sources);
    // An offer of the side that receives asks for what its answer took.
    let (at_bob, at_alice) = exchange_media(&mut bob, &mut alice);
    let offer = bob.negotiator.current_local_description().unwrap();
    assert_eq!(lines(offer), ["rid:q recv", "rid:h recv", "rid:f recv", "simulcast:recv q;h;f"]);
    assert_eq!(at_alice.media[0].local_sources, later.media[0].local_sources);
    assert_eq!(remote(&at_bob.media[0]), ["q", "h", "f"]);
    let again = alice.offer(false);
    assert_eq!(lines(&again), ["rid:q send", "rid:h send", "rid:f send", "simulcast:send q;h;f"]);
    // Switching layers off is no matter of descriptions.
    let mut encodings: Vec<_> = alice.negotiator.transceiver(a).unwrap().encodings().cloned().collect();
    encodings[0].active = false;
    alice.negotiator.set_encodings(a, &encodings).unwrap();
    assert_eq!(lines(&alice.offer(false)), lines(&again));
    assert!(!alice.negotiator.negotiation_needed());
}

#[test]
fn an_answer_without_simulcast_leaves_the_first_layer() {
    let (mut alice, mut bob) = (media_peer(1), media_peer(2));
    bob.negotiator.settings.media.receive_simulcast = false;
    let a = add(&mut alice, sending(&["q", "h"]));
    let (at_alice, at_bob) = exchange_media(&mut alice, &mut bob);
    assert_eq!((at_alice.media[0].local_sources.len(), local(&at_alice.media[0])), (1, vec![String::new()]));
    assert!(at_bob.media[0].remote_layers.is_empty());
    assert_eq!(rids(&alice, a), [""]);
    // From then on it is one stream, announced by its source.
    assert!(lines(&alice.offer(false)).iter().all(|line| line.starts_with("ssrc:")));
}

#[test]
fn an_answer_may_take_fewer_layers() {
    let (mut alice, mut bob) = (media_peer(1), media_peer(2));
    let a = add(&mut alice, sending(&["q", "h", "f"]));
    bob.set_remote(&alice.describe()).unwrap();
    let mut encodings: Vec<_> = alice.negotiator.transceiver(a).unwrap().encodings().cloned().collect();
    encodings[2].max_bitrate = Some(Bitrate::from_bps(7));
    alice.negotiator.set_encodings(a, &encodings).unwrap();
    let text = bob
        .describe()
        .to_sdp()
        .replace("a=simulcast:recv q;h;f", "a=simulcast:recv f;~q")
        .replace("a=rid:h recv\r\n", "");
    let settled = alice.set_remote(&SessionDescription::answer(&text).unwrap()).unwrap().negotiated.unwrap();
    let sources = &settled.media[0].local_sources;
    // In our order, and what was set in the meantime holds.
    assert_eq!(local(&settled.media[0]), ["q", "f"]);
    assert_eq!((sources[0].paused, sources[1].paused), (true, false));
    // RFC 8853 §5.1: paused is not switched off.
    assert!(sources[0].encoding.active);
    assert_eq!(sources[1].encoding.max_bitrate, Some(Bitrate::from_bps(7)));
    assert_eq!(rids(&alice, a), ["q", "f"]);
    assert_eq!(lines(&alice.offer(false)), ["rid:q send", "rid:f send", "simulcast:send q;f"]);
}

#[test]
fn an_offer_that_asks_for_layers_makes_them() {
    let (mut sfu, mut bob) = (media_peer(1), media_peer(2));
    let receive_layers = vec![token("a"), token("b"), token("c")];
    add(
        &mut sfu,
        TransceiverInit { direction: Direction::RecvOnly, receive_layers, ..TransceiverInit::default() },
    );
    let b = bob.negotiator.add_track(Video, Vec::new()).unwrap();
    let ssrc = bob.negotiator.transceiver(b).unwrap().settled.layers[0].ssrc;
    let (at_sfu, at_bob) = exchange_media(&mut sfu, &mut bob);
    settled(&at_sfu, &at_bob);
    assert_eq!((rids(&bob, b), local(&at_bob.media[0]), remote(&at_sfu.media[0])), {
        let all = || vec!["a".to_string(), "b".into(), "c".into()];
        (all(), all(), all())
    });
    let scales: Vec<_> =
        bob.negotiator.transceiver(b).unwrap().encodings().map(|its| its.scale_resolution_down_by).collect();
    assert_eq!(scales, [Some(4.0), Some(2.0), Some(1.0)]);
    assert_eq!(at_bob.media[0].local_sources[0].ssrc, ssrc);
    let answer = bob.negotiator.current_local_description().unwrap();
    assert_eq!(lines(answer), ["rid:a send", "rid:b send", "rid:c send", "simulcast:send a;b;c"]);
    // A later offer can narrow them, and end simulcast: the first stays.
    let text = sfu.offer(false).to_sdp();
    let fewer = text.replace("recv a;b;c", "recv c;b");
    bob.set_remote(&SessionDescription::offer(&fewer).unwrap()).unwrap();
    assert_eq!(rids(&bob, b), ["b", "c"]);
    bob.set_remote(&SessionDescription::rollback()).unwrap();
    assert_eq!(rids(&bob, b), ["a", "b", "c"]);
    let none: String =
        text.lines().filter(|line| !line.contains("simulcast")).map(|line| format!("{line}\r\n")).collect();
    bob.set_remote(&SessionDescription::offer(&none).unwrap()).unwrap();
    assert_eq!(rids(&bob, b), [""]);
}

#[test]
fn both_directions_can_be_simulcast_at_once() {
    let (mut alice, mut bob) = (media_peer(1), media_peer(2));
    add(&mut alice, TransceiverInit { receive_layers: vec![token("x"), token("y")], ..sending(&["q", "h"]) });
    let b = bob.negotiator.add_track(Video, Vec::new()).unwrap();
    let (at_alice, at_bob) = exchange_media(&mut alice, &mut bob);
    settled(&at_alice, &at_bob);
    assert_eq!(
        (local(&at_alice.media[0]), local(&at_bob.media[0])),
        (vec!["q".into(), "h".into()], vec!["x".into(), "y".into()])
    );
    assert_eq!(rids(&bob, b), ["x", "y"]);
    let answer = bob.negotiator.current_local_description().unwrap().to_sdp();
    assert!(answer.contains("a=simulcast:send x;y recv q;h\r\n"), "{answer}");
}

#[test]
fn alternatives_and_restrictions_are_kept_as_far_as_they_are_understood() {
    let mut alice = media_peer(1);
    add(&mut alice, sending(&["q", "h", "f"]));
    let text = alice.offer(false).to_sdp();
    let vp8 = "pt=96,127;max-width=640";
    let text = text
        .replace("a=rid:q send", &format!("a=rid:q send {vp8}"))
        .replace("a=rid:h send", "a=rid:h send pt=126")
        .replace("a=rid:f send", "a=rid:f send max-br=1000\r\na=rid:g send\r\na=rid:u send depend=f")
        .replace("send q;h;f", "send q,g;h;~f;u");
    let mut bob = media_peer(2);
    bob.set_remote(&SessionDescription::offer(&text).unwrap()).unwrap();
    let settled = bob.set_local(None).unwrap().negotiated.unwrap();
    let answer = bob.negotiator.current_local_description().unwrap();
    assert_eq!(
        lines(answer),
        ["rid:q recv pt=96;max-width=640", "rid:g recv", "rid:f recv max-br=1000", "simulcast:recv q,g;f"]
    );
    let layers = &settled.media[0].remote_layers;
    assert_eq!(layers.len(), 2);
    assert_eq!((layers[0].rids.clone(), layers[0].paused), (vec![token("q"), token("g")], false));
    assert_eq!(
        (layers[0].payload_types.as_slice(), layers[0].restrictions.as_deref()),
        (&[96][..], Some("max-width=640"))
    );
    assert!(layers[1].paused);
}

#[test]
fn without_the_extension_there_is_no_simulcast() {
    let (mut alice, mut bob) = (media_peer(1), media_peer(2));
    bob.negotiator.settings.media.video.extensions.retain(|kind| *kind != ExtensionKind::Rid);
    add(&mut alice, sending(&["q", "h"]));
    let (at_alice, at_bob) = exchange_media(&mut alice, &mut bob);
    assert_eq!(at_alice.media[0].local_sources.len(), 1);
    assert!(at_bob.media[0].remote_layers.is_empty());
    assert!(lines(bob.negotiator.current_local_description().unwrap()).is_empty());
}

#[test]
fn two_simulcast_lines_switch_it_off() {
    let mut alice = media_peer(1);
    add(&mut alice, sending(&["q", "h"]));
    let text = alice
        .offer(false)
        .to_sdp()
        .replace("a=simulcast:send q;h\r\n", "a=simulcast:send q;h\r\na=simulcast:send h;q\r\n");
    let mut bob = media_peer(2);
    bob.set_remote(&SessionDescription::offer(&text).unwrap()).unwrap();
    assert!(bob.set_local(None).unwrap().negotiated.unwrap().media[0].remote_layers.is_empty());
}

#[test]
fn layers_stay_when_nothing_is_sent_for_a_while() {
    let (mut alice, mut bob) = (media_peer(1), media_peer(2));
    let a = add(&mut alice, sending(&["q", "h"]));
    exchange_media(&mut alice, &mut bob);
    alice.negotiator.set_direction(a, Direction::Inactive).unwrap();
    exchange_media(&mut alice, &mut bob);
    assert_eq!(rids(&alice, a), ["q", "h"]);
    alice.negotiator.set_direction(a, Direction::SendOnly).unwrap();
    let (at_alice, _) = exchange_media(&mut alice, &mut bob);
    assert_eq!(local(&at_alice.media[0]), ["q", "h"]);
}

#[test]
fn who_decides_to_send_after_the_offer_sends_its_layers() {
    let (mut sfu, mut bob) = (media_peer(1), media_peer(2));
    let receive_layers = vec![token("a"), token("b"), token("c")];
    add(
        &mut sfu,
        TransceiverInit { direction: Direction::RecvOnly, receive_layers, ..TransceiverInit::default() },
    );
    let offer = sfu.offer(false).to_sdp();
    bob.set_remote(&SessionDescription::offer(&offer).unwrap()).unwrap();
    let b = bob.negotiator.transceivers[0].id;
    bob.negotiator.set_direction(b, Direction::SendOnly).unwrap();
    bob.set_local(None).unwrap();
    assert_eq!(rids(&bob, b), ["a", "b", "c"]);
    let answer = bob.negotiator.current_local_description().unwrap();
    assert!(lines(answer).contains(&"simulcast:send a;b;c".into()), "{:?}", lines(answer));
}

/// Who has not heard of the layers offers to receive one stream of a section that is inactive: that says nothing about when it will not be.
#[test]
fn an_offer_to_who_is_muted_takes_no_layer_away() {
    let (mut alice, mut bob) = (media_peer(1), media_peer(2));
    let a = add(&mut alice, sending(&["q", "h"]));
    alice.negotiator.set_direction(a, Direction::Inactive).unwrap();
    exchange_media(&mut alice, &mut bob);
    exchange_media(&mut bob, &mut alice);
    assert_eq!(rids(&alice, a), ["q", "h"]);
    alice.negotiator.set_direction(a, Direction::SendOnly).unwrap();
    let (at_alice, _) = exchange_media(&mut alice, &mut bob);
    assert_eq!(local(&at_alice.media[0]), ["q", "h"]);
}

#[test]
fn layers_are_checked_when_they_are_given() {
    let mut alice = media_peer(1);
    let mut add = |kind, send_encodings: Vec<Encoding>| {
        alice
            .negotiator
            .add_transceiver(kind, TransceiverInit { send_encodings, ..TransceiverInit::default() })
    };
    let unnamed = Encoding::default();
    assert_eq!(add(Video, vec![unnamed.clone(), unnamed.clone()]), Err(TransceiverError::Rid(0)));
    assert_eq!(
        add(Video, vec![Encoding::named("a").unwrap(), unnamed.clone()]),
        Err(TransceiverError::Rid(1))
    );
    for wrong in ["a-b", "a_b", "a.b", "abcdefghijklmnopq"] {
        assert_eq!(add(Video, layers(&["a", wrong])), Err(TransceiverError::Rid(1)), "{wrong}");
    }
    assert_eq!(add(Video, layers(&["a", "b", "a"])), Err(TransceiverError::DuplicateRid(2)));
    let names: Vec<String> = (0..=limits::MAX_ENCODINGS).map(|index| format!("r{index}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    assert_eq!(
        add(Video, layers(&names)),
        Err(TransceiverError::TooManyEncodings { limit: limits::MAX_ENCODINGS })
    );
    for scale in [0.5, -1.0, f64::NAN, f64::INFINITY] {
        let encoding = Encoding { scale_resolution_down_by: Some(scale), ..unnamed.clone() };
        assert_eq!(add(Video, vec![encoding.clone()]), Err(TransceiverError::Scale(0)), "{scale}");
        // Sound has no size: what is said of it is dropped.
        add(Audio, vec![encoding]).unwrap();
    }
    for rate in [-1.0, f64::NAN] {
        let encoding = Encoding { max_framerate: Some(rate), ..unnamed.clone() };
        assert_eq!(add(Video, vec![encoding.clone()]), Err(TransceiverError::Framerate(0)));
        add(Audio, vec![encoding]).unwrap();
    }
    let codec = super::codec::Codec::new("x-none", 90_000, 1, "").unwrap();
    let encoding = Encoding { codec: Some(codec), ..unnamed };
    assert_eq!(add(Video, vec![encoding]), Err(TransceiverError::UnknownCodec(0)));
}

#[test]
fn layers_are_completed_where_nothing_is_said() {
    let mut alice = media_peer(1);
    let scales = |peer: &Peer, id| -> Vec<_> {
        peer.negotiator.transceiver(id).unwrap().encodings().map(|its| its.scale_resolution_down_by).collect()
    };
    let id = add(&mut alice, sending(&["q", "h", "f"]));
    assert_eq!(scales(&alice, id), [Some(4.0), Some(2.0), Some(1.0)]);
    // Where one is given, the others are not scaled.
    let mut given = layers(&["q", "h"]);
    given[0].scale_resolution_down_by = Some(3.0);
    let id = add(&mut alice, TransceiverInit { send_encodings: given, ..TransceiverInit::default() });
    assert_eq!(scales(&alice, id), [Some(3.0), Some(1.0)]);
    // One layer needs no name.
    let id = add(&mut alice, sending(&["only"]));
    assert_eq!(rids(&alice, id), [""]);
    let id = add(&mut alice, TransceiverInit::default());
    assert_eq!(rids(&alice, id), [""]);
}

#[test]
fn layers_can_be_set_but_not_added_or_renamed() {
    let mut alice = media_peer(1);
    let id = add(&mut alice, sending(&["q", "h"]));
    let set = |peer: &mut Peer, encodings: &[Encoding]| peer.negotiator.set_encodings(id, encodings);
    let mut encodings = layers(&["q", "h"]);
    encodings[1].max_framerate = Some(15.0);
    set(&mut alice, &encodings).unwrap();
    assert_eq!(
        set(&mut alice, &layers(&["q"])),
        Err(TransceiverError::EncodingsChanged { expected: 2, got: 1 })
    );
    assert_eq!(
        set(&mut alice, &layers(&["h", "q"])),
        Err(TransceiverError::EncodingsChanged { expected: 2, got: 2 })
    );
    encodings[0].scale_resolution_down_by = Some(0.1);
    assert_eq!(set(&mut alice, &encodings), Err(TransceiverError::Scale(0)));
    let kept: Vec<_> =
        alice.negotiator.transceiver(id).unwrap().encodings().map(|its| its.max_framerate).collect();
    assert_eq!(kept, [None, Some(15.0)]);
}

#[test]
fn names_of_asked_layers_are_checked() {
    let mut alice = media_peer(1);
    let mut ask = |send: &[&str], receive: &[&str]| {
        let receive_layers = receive.iter().map(|name| token(name)).collect();
        alice.negotiator.add_transceiver(Video, TransceiverInit { receive_layers, ..sending(send) })
    };
    assert_eq!(ask(&[], &["a", "a"]), Err(TransceiverError::DuplicateRid(1)));
    assert_eq!(ask(&["a", "b"], &["c", "b"]), Err(TransceiverError::DuplicateRid(1)));
    assert_eq!(ask(&[], &["a", "b-c"]), Err(TransceiverError::Rid(1)));
    ask(&["a", "b"], &["c", "d"]).unwrap();
}

#[test]
fn recorded_simulcast_of_browsers_is_taken() {
    // The lines of a browser's offer, with its own names and numbers.
    {
        let declared = "a=rid:q send\r\na=rid:h send\r\na=rid:f send\r\na=simulcast:send q;h;f\r\n";
        let mut alice = media_peer(1);
        add(&mut alice, TransceiverInit::default());
        let offer = travel(&alice.offer(false)).to_sdp() + declared;
        let mut bob = media_peer(2);
        bob.set_remote(&SessionDescription::offer(&offer).unwrap()).unwrap();
        let settled = bob.set_local(None).unwrap().negotiated.unwrap();
        assert_eq!(remote(&settled.media[0]), ["q", "h", "f"]);
    }
}
