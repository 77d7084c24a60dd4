//! Codecs, payload types, feedback and header extensions through offers and answers.
#![expect(
    clippy::similar_names,
    clippy::wildcard_enum_match_arm,
    clippy::cloned_ref_to_slice_refs,
    clippy::format_collect,
    reason = "a test picks what it wants, and fails where it stands"
)]

use super::capabilities::MediaCapabilities;
use super::codec::{Codec, Feedback};
use super::format;
use super::matching;
use super::negotiated::{NegotiatedMedia, Refusal};
use super::test_peer::{Peer, exchange_media, media_peer, settled, travel};
use super::transceiver::{Encoding, TransceiverError, TransceiverId, TransceiverInit};
use super::{NegotiationError, SessionDescription};
use crate::base::bitrate::Bitrate;
use crate::codec::MediaKind::{Audio, Video};
use crate::sdp::{Attribute, Direction, Media};
use crate::wire::rtp::ExtensionKind;

const TRANSPORT: &str = "a=ice-ufrag:Vs3v\r\na=ice-pwd:J681eCENDm/XxbRJzXGMFU7q\r\na=setup:actpass\r\n\
    a=fingerprint:sha-256 40:4A:1F:54:07:D2:15:1F:62:C9:19:BE:B2:51:5C:11:E0:E9:B7:E1:94:62:AE:B2:72:29:82:56:0E:8F:20:F6\r\n";

/// An offer of one section with these lines beside those of its transport.
fn offer_of(media: &str, lines: &str) -> SessionDescription {
    let text = format!(
        "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\nm={media}\r\na=mid:0\r\na=rtcp-mux\r\n{TRANSPORT}{lines}"
    );
    SessionDescription::offer(&text).unwrap()
}

fn video(formats: &str, lines: &str) -> SessionDescription {
    offer_of(&format!("video 9 UDP/TLS/RTP/SAVPF {formats}"), lines)
}

/// What a peer with all we have settles on an offer, and its section.
fn answer(offer: &SessionDescription) -> (Option<NegotiatedMedia>, Media) {
    let mut bob = media_peer(2);
    bob.set_remote(offer).unwrap();
    let negotiated = bob.set_local(None).unwrap().negotiated.unwrap();
    let media = bob.negotiator.local_description().unwrap().session().media[0].clone();
    (negotiated.media.into_iter().next(), media)
}

fn numbers(media: &Media) -> Vec<String> {
    media.formats.iter().map(ToString::to_string).collect()
}

fn fmtp(media: &Media, payload_type: &str) -> Option<String> {
    media.attributes.iter().find_map(|a| match a {
        Attribute::Fmtp(format, text) if *format == *payload_type => Some(text.to_string()),
        _ => None,
    })
}

fn add(peer: &mut Peer, kind: crate::codec::MediaKind) -> TransceiverId {
    peer.negotiator.add_transceiver(kind, TransceiverInit::default()).unwrap()
}

fn names(media: &Media) -> Vec<String> {
    format::read(media).iter().map(|format| format.codec.name.to_string()).collect()
}

#[test]
fn an_offer_has_the_codecs_that_must_be_there_and_each_number_once() {
    let mut alice = media_peer(1);
    add(&mut alice, Audio);
    add(&mut alice, Video);
    let offer = alice.offer(false);
    let media = &offer.session().media;
    // RFC 7874 §3, RFC 7742 §5.
    for name in ["opus", "PCMU", "PCMA", "telephone-event"] {
        assert!(names(&media[0]).iter().any(|its| its == name), "{name}");
    }
    for name in ["VP8", "H264", "VP9", "AV1", "H265"] {
        assert!(names(&media[1]).iter().any(|its| its == name), "{name}");
    }
    let mut seen = std::collections::BTreeSet::new();
    for format in media.iter().flat_map(format::read) {
        assert!(seen.insert(format.payload_type), "{}", format.payload_type);
        // RFC 5761 §4.
        assert!(!(64..=95).contains(&format.payload_type));
        assert_eq!(format.codec.is("rtx"), format.apt.is_some());
        if format.codec.is("H264") {
            assert!(format.codec.parameters.get("profile-level-id").is_some());
        }
    }
    let formats = format::read(&media[1]);
    for primary in formats.iter().filter(|format| format.codec.is_primary()) {
        assert_eq!(formats.iter().filter(|rtx| rtx.repeats(primary.payload_type)).count(), 1);
        for feedback in ["nack", "nack pli", "ccm fir", "goog-remb", "transport-cc"] {
            assert!(offer.to_sdp().contains(&format!("a=rtcp-fb:{} {feedback}\r\n", primary.payload_type)));
        }
    }
    // PCMU and PCMA have numbers of their own (RFC 3551 §6).
    assert!(numbers(&media[0]).contains(&"0".into()) && numbers(&media[0]).contains(&"8".into()));
    assert!(!offer.to_sdp().contains("a=crypto") && !offer.to_sdp().contains("a=bundle-only"));
    assert!(offer.to_sdp().contains("a=rtcp-mux\r\na=rtcp-mux-only\r\na=rtcp-rsize\r\n"));
}

#[test]
fn an_answer_keeps_the_numbers_and_the_order_of_the_offer() {
    let offer = video(
        "100 101 120 35 36 97",
        "a=rtpmap:100 x-unknown/90000\r\na=rtpmap:101 rtx/90000\r\na=fmtp:101 apt=100\r\na=rtpmap:120 VP9/90000\r\n\
         a=rtpmap:35 VP8/90000\r\na=rtpmap:36 rtx/90000\r\na=fmtp:36 apt=35\r\na=rtpmap:97 rtx/90000\r\na=fmtp:97 apt=120\r\n",
    );
    let (settled, media) = answer(&offer);
    assert_eq!(numbers(&media), ["120", "97", "35", "36"]);
    let settled = settled.unwrap();
    let codecs: Vec<_> = settled.send_codecs.iter().map(|c| (c.payload_type, c.rtx)).collect();
    assert_eq!(codecs, [(120, Some(97)), (35, Some(36))]);
    assert_eq!(settled.receive_codecs.iter().map(|c| c.payload_type).collect::<Vec<_>>(), [120, 35]);
}

#[test]
fn red_and_fec_are_understood_and_refused_where_we_have_none() {
    let offer = video(
        "96 118 119 120 121",
        "a=rtpmap:96 VP8/90000\r\na=rtpmap:118 red/90000\r\na=rtpmap:119 rtx/90000\r\na=fmtp:119 apt=118\r\n\
         a=rtpmap:120 ulpfec/90000\r\na=rtpmap:121 flexfec-03/90000\r\n",
    );
    assert_eq!(numbers(&answer(&offer).1), ["96"]);
    // Where we have them, they are negotiated.
    let mut bob = media_peer(2);
    for name in ["red", "ulpfec"] {
        bob.negotiator.settings.media.video.codecs.push(Codec::new(name, 90_000, 1, "").unwrap());
    }
    bob.set_remote(&offer).unwrap();
    assert_eq!(numbers(&bob.answer().session().media[0]), ["96", "118", "119", "120"]);
    // Alone they are nothing.
    let alone = video("118 120", "a=rtpmap:118 red/90000\r\na=rtpmap:120 ulpfec/90000\r\n");
    bob.set_remote(&alone).unwrap();
    assert_eq!(bob.answer().session().media[0].port, 0);
    // RED of sound names what it carries, which must be there (RFC 2198 §5).
    let sound = |carried: &str| {
        let mut bob = media_peer(2);
        bob.negotiator.settings.media.audio.codecs.push(Codec::new("red", 48_000, 2, "").unwrap());
        let lines = format!(
            "a=rtpmap:111 opus/48000/2\r\na=rtpmap:63 red/48000/2\r\na=fmtp:63 {carried}\r\na=rtpmap:9 G722/8000\r\n"
        );
        bob.set_remote(&offer_of("audio 9 UDP/TLS/RTP/SAVPF 63 111 9", &lines)).unwrap();
        bob.answer().session().media[0].clone()
    };
    let both = sound("111/111");
    assert_eq!(
        (numbers(&both), fmtp(&both, "63").as_deref()),
        (vec!["63".into(), "111".into()], Some("111/111"))
    );
    assert_eq!(numbers(&sound("9/9")), ["111"]);
    let mut alice = media_peer(1);
    alice.negotiator.settings.media.audio.codecs.insert(1, Codec::new("red", 48_000, 2, "").unwrap());
    add(&mut alice, Audio);
    let offer = alice.offer(false);
    let red =
        format::read(&offer.session().media[0]).into_iter().find(|format| format.codec.is("red")).unwrap();
    let opus = &offer.session().media[0].formats[0];
    assert_eq!(red.codec.parameters.as_str(), format!("{opus}/{opus}"));
}

#[test]
fn formats_match_by_what_must_be_the_same() {
    let codec = |text: &str| {
        let (name, parameters) = text.split_once(' ').unwrap_or((text, ""));
        Codec::new(name, 90_000, 1, parameters).unwrap()
    };
    for (a, b, fit) in [
        ("VP8", "vp8 max-fr=30;max-fs=3600", true),
        ("VP8", "VP9", false),
        ("VP9 profile-id=0", "VP9", true),
        ("VP9 profile-id=0", "VP9 profile-id=2", false),
        (
            "H264 packetization-mode=1;profile-level-id=42e01f",
            "H264 profile-level-id=42C02A; packetization-mode=1",
            true,
        ),
        ("H264 packetization-mode=1;profile-level-id=42e01f", "H264 profile-level-id=42e01f", false),
        ("H264 packetization-mode=0;profile-level-id=42e01f", "H264 profile-level-id=42e01f", true),
        (
            "H264 packetization-mode=1;profile-level-id=42e01f",
            "H264 packetization-mode=1;profile-level-id=42001f",
            false,
        ),
        (
            "H264 packetization-mode=1;profile-level-id=42e01f",
            "H264 packetization-mode=1;profile-level-id=64001f",
            false,
        ),
        (
            "H264 packetization-mode=1;profile-level-id=42e01f",
            "H264 packetization-mode=1;profile-level-id=junk",
            false,
        ),
        ("AV1 profile=0", "AV1", true),
        ("AV1 level-idx=5;profile=0;tier=0", "AV1 profile=1", false),
        ("H265 profile-id=1;tier-flag=0", "H265 level-id=93", true),
        ("H265", "H265 profile-id=2", false),
        ("H265", "H265 tx-mode=MRST", false),
    ] {
        assert_eq!(matching::fits(&codec(a), &codec(b)), fit, "{a} / {b}");
        assert_eq!(matching::fits(&codec(b), &codec(a)), fit, "{b} / {a}");
    }
    let opus = |channels| Codec::new("opus", 48_000, channels, "").unwrap();
    assert!(matching::fits(&opus(2), &opus(2)) && !matching::fits(&opus(2), &opus(1)));
}

#[test]
fn h264_is_answered_with_the_offered_profile_and_a_level_that_holds() {
    let h264 =
        |parameters: &str| video("96", &format!("a=rtpmap:96 H264/90000\r\na=fmtp:96 {parameters}\r\n"));
    let answered = |parameters: &str| fmtp(&answer(&h264(parameters)).1, "96").unwrap();
    assert_eq!(
        answered("level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e034"),
        "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f"
    );
    // RFC 6184 §8.2.2: without asymmetry the lesser of both.
    assert_eq!(
        answered("packetization-mode=1;profile-level-id=42C00D"),
        "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42c00d"
    );
    assert_eq!(
        answered("packetization-mode=1;profile-level-id=42e034"),
        "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f"
    );
    // Interleaving is not ours.
    assert!(answer(&h264("packetization-mode=2;profile-level-id=42e01f")).0.is_none());
}

#[test]
fn sound_without_rtpmap_is_what_rfc_3551_says() {
    let offer = offer_of("audio 9 UDP/TLS/RTP/SAVPF 0 8 9 13", "");
    let (settled, media) = answer(&offer);
    assert_eq!(numbers(&media), ["0", "8"]);
    assert!(settled.unwrap().send_codecs[0].codec.is("PCMU"));
}

#[test]
fn telephone_events_go_with_their_clock() {
    let lines = "a=rtpmap:111 opus/48000/2\r\na=rtpmap:110 telephone-event/48000\r\na=rtpmap:126 telephone-event/8000\r\n\
                 a=rtpmap:112 telephone-event/16000\r\n";
    let (settled, media) = answer(&offer_of("audio 9 UDP/TLS/RTP/SAVPF 111 110 126 112 0", lines));
    assert_eq!(numbers(&media), ["111", "110", "126", "0"]);
    let clocks: Vec<_> = settled.unwrap().send_codecs.iter().map(|c| c.codec.clock_rate).collect();
    assert_eq!(clocks, [48_000, 48_000, 8000, 8000]);
    // Events alone are no call.
    let alone = offer_of("audio 9 UDP/TLS/RTP/SAVPF 110", "a=rtpmap:110 telephone-event/48000\r\n");
    assert!(answer(&alone).0.is_none());
}

#[test]
fn feedback_is_what_both_know_and_transport_cc_needs_its_extension() {
    let uri = ExtensionKind::TransportSequence.uri();
    let feedback = "a=rtpmap:96 VP8/90000\r\na=rtcp-fb:96 nack\r\na=rtcp-fb:* nack pli\r\na=rtcp-fb:96 transport-cc\r\na=rtcp-fb:96 ccm tmmbr\r\n";
    let (its, media) = answer(&video("96", feedback));
    assert_eq!(its.unwrap().send_codecs[0].feedback, [Feedback::Nack, Feedback::Pli]);
    assert!(!media.attributes.iter().any(|a| a.to_string().contains("transport-cc")));
    let (its, media) = answer(&video("96", &format!("{feedback}a=extmap:3 {uri}\r\n")));
    assert_eq!(its.unwrap().send_codecs[0].feedback, [Feedback::Nack, Feedback::Pli, Feedback::TransportCc]);
    assert!(media.attributes.iter().any(|a| a.to_string() == "rtcp-fb:96 transport-cc"));
    // In an answer to us, too.
    let (mut alice, mut bob) = (media_peer(1), media_peer(2));
    bob.negotiator.settings.media.video.extensions.retain(|kind| *kind != ExtensionKind::TransportSequence);
    add(&mut alice, Video);
    let (a, b) = exchange_media(&mut alice, &mut bob);
    settled_without(&a.media[0], Feedback::TransportCc);
    settled(&a, &b);
}

fn settled_without(media: &NegotiatedMedia, feedback: Feedback) {
    assert!(media.send_codecs.iter().chain(media.receive_codecs.iter()).all(|codec| !codec.has(feedback)));
}

#[test]
fn extensions_keep_their_numbers_and_are_the_subset_both_know() {
    let mid = ExtensionKind::Mid.uri();
    let orientation = ExtensionKind::VideoOrientation.uri();
    let lines = format!(
        "a=rtpmap:96 VP8/90000\r\na=extmap:7 {mid}\r\na=extmap:3/recvonly {orientation}\r\na=extmap:5 urn:x-unknown\r\na=extmap:15 {}\r\n\
         a=extmap:4096 {}\r\na=extmap:9 {mid}\r\na=extmap:20 {}\r\n",
        ExtensionKind::PlayoutDelay.uri(),
        ExtensionKind::AbsSendTime.uri(),
        ExtensionKind::Rid.uri(),
    );
    let (media, section) = answer(&video("96", &lines));
    let media = media.unwrap();
    let seen: Vec<_> = media.extensions.iter().map(|its| (its.id, its.kind, its.send, its.receive)).collect();
    assert_eq!(
        seen,
        [(7, ExtensionKind::Mid, true, true), (3, ExtensionKind::VideoOrientation, true, false)]
    );
    assert_eq!(media.send_extension(ExtensionKind::Mid), Some(7));
    assert!(section.attributes.iter().any(|a| a.to_string() == format!("extmap:3/sendonly {orientation}")));
    // Two-byte headers where both forms may be mixed (RFC 8285 §4.3).
    let (media, section) = answer(&video("96", &format!("{lines}a=extmap-allow-mixed\r\n")));
    let media = media.unwrap();
    assert!(media.extensions_mixed && section.attributes.has(&Attribute::ExtmapAllowMixed));
    assert_eq!(media.extensions.iter().map(|its| its.id).collect::<Vec<_>>(), [7, 3, 20]);
}

#[test]
fn an_id_that_changes_its_meaning_is_an_error() {
    let (mut alice, mut bob) = (media_peer(1), media_peer(2));
    add(&mut alice, Video);
    exchange_media(&mut alice, &mut bob);
    let text = alice.offer(false).to_sdp();
    let line = text.lines().find(|line| line.starts_with("a=extmap:1 ")).unwrap();
    let changed = text.replace(line, "a=extmap:1 urn:something-else");
    let error = bob.set_remote(&SessionDescription::offer(&changed).unwrap()).unwrap_err();
    assert_eq!(error, NegotiationError::DuplicateExtension { section: 0, id: 1 });
}

#[test]
fn extensions_have_one_number_in_all_sections() {
    let (mut alice, mut bob) = (media_peer(1), media_peer(2));
    add(&mut alice, Audio);
    add(&mut alice, Video);
    let (a, _) = exchange_media(&mut alice, &mut bob);
    let ids = |media: &NegotiatedMedia| {
        media.extensions.iter().map(|its| (its.kind, its.id)).collect::<std::collections::BTreeMap<_, _>>()
    };
    let (audio, video) = (ids(&a.media[0]), ids(&a.media[1]));
    assert_eq!(audio[&ExtensionKind::Mid], video[&ExtensionKind::Mid]);
    // The answerer's own sections follow.
    bob.negotiator.add_transceiver(Video, TransceiverInit::default()).unwrap();
    let (b, _) = exchange_media(&mut bob, &mut alice);
    assert_eq!(ids(&b.media[2]), video);
}

#[test]
fn payload_types_stay_and_are_not_given_twice() {
    let (mut alice, mut bob) = (media_peer(1), media_peer(2));
    // The peer's own numbers, which are not ours.
    let offer =
        video("120 121", "a=rtpmap:120 VP8/90000\r\na=rtpmap:121 rtx/90000\r\na=fmtp:121 apt=120\r\n");
    alice.set_remote(&offer).unwrap();
    alice.set_local(None).unwrap();
    let later = alice.offer(false);
    // All that we have is offered, what was agreed first and by its number (RFC 9429 §5.2.2).
    let first = &later.session().media[0];
    assert_eq!(&numbers(first)[..2], ["120", "121"]);
    assert!(names(first).iter().any(|name| name == "H264"));
    add(&mut alice, Video);
    let both = alice.offer(false);
    let sections = &both.session().media;
    let shape = |media: &Media| {
        let mut all: Vec<_> = format::read(media)
            .iter()
            .map(|f| (f.payload_type, f.codec.name.to_string(), f.codec.parameters.to_string()))
            .collect();
        all.sort();
        all
    };
    // One number, one meaning (RFC 9143 §9.1).
    for (number, name, _) in shape(&sections[0]) {
        assert!(
            shape(&sections[1]).iter().all(|(its, other, _)| *its != number || *other == name),
            "{number}"
        );
    }
    // And the next offer has them again.
    assert_eq!(shape(&alice.offer(false).session().media[1]), shape(&sections[1]));
    drop(bob.offer(false));
}

#[test]
fn a_later_offer_has_what_an_answer_left_out_again() {
    let (mut alice, mut bob) = (media_peer(1), media_peer(2));
    bob.negotiator.settings.media.video.codecs.retain(|codec| codec.is("VP8"));
    add(&mut alice, Video);
    let (a, _) = exchange_media(&mut alice, &mut bob);
    assert_eq!(a.media[0].send_codecs.len(), 1);
    let offer = alice.offer(false);
    let media = &offer.session().media[0];
    assert_eq!(names(media)[0], "VP8");
    assert!(names(media).contains(&"H264".into()) && names(media).contains(&"rtx".into()));
    // Of feedback and extensions only what was left (RFC 9429 §5.2.2).
    bob.negotiator.settings.media = MediaCapabilities::new().into();
    let (a, _) = exchange_media(&mut alice, &mut bob);
    assert!(a.media[0].send_codecs.len() > 5);
}

#[test]
fn an_answer_may_have_numbers_of_its_own_and_codecs_that_were_not_offered() {
    let mut alice = media_peer(1);
    let id = add(&mut alice, Video);
    let vp8 = alice.negotiator.settings.media.video.codecs[0].clone();
    alice.negotiator.set_codec_preferences(id, &[vp8]).unwrap();
    let offer = alice.describe();
    let mut bob = media_peer(2);
    bob.set_remote(&offer).unwrap();
    let text = bob.describe().to_sdp();
    // RFC 3264 §6.1: VP8 by another number; VP9, which the offer has not, is not allowed by our preferences.
    let text = text
        .replace("SAVPF 96", "SAVPF 98 96")
        .replace("rtpmap:96 VP8/90000", "rtpmap:98 VP8/90000\r\na=rtpmap:96 VP9/90000");
    let negotiated =
        alice.set_remote(&SessionDescription::answer(&text).unwrap()).unwrap().negotiated.unwrap();
    let media = &negotiated.media[0];
    assert_eq!(media.send_codecs.iter().map(|c| c.payload_type).collect::<Vec<_>>(), [98]);
    assert_eq!(media.receive_codecs.iter().map(|c| c.payload_type).collect::<Vec<_>>(), [96]);
    // Without preferences it may be sent.
    alice.negotiator.set_codec_preferences(id, &[]).unwrap();
    let offer = alice.offer(false);
    assert!(names(&offer.session().media[0]).contains(&"VP9".into()));
}

#[test]
fn preferences_are_codecs_of_ours_in_the_order_that_is_wanted() {
    let mut alice = media_peer(1);
    let (audio, video) = (add(&mut alice, Audio), add(&mut alice, Video));
    let ours = MediaCapabilities::new();
    let set = |peer: &mut Peer, id, codecs: &[Codec]| peer.negotiator.set_codec_preferences(id, codecs);
    set(&mut alice, audio, &ours.audio.codecs).unwrap();
    set(&mut alice, video, &ours.video.codecs).unwrap();
    set(&mut alice, video, &[]).unwrap();
    assert_eq!(set(&mut alice, audio, &ours.video.codecs), Err(TransceiverError::UnknownCodec(0)));
    let rtx = ours.video.codecs.iter().find(|codec| codec.is("rtx")).unwrap().clone();
    assert_eq!(set(&mut alice, video, &[rtx.clone()]), Err(TransceiverError::NoMediaCodec));
    let vp8 = ours.video.codecs[0].clone();
    for wrong in [
        Codec::new("x-vp8", 90_000, 1, "").unwrap(),
        Codec { clock_rate: 48_000, ..vp8.clone() },
        Codec { channels: 2, ..vp8.clone() },
        Codec::new("VP8", 90_000, 1, "max-fr=30").unwrap(),
    ] {
        assert_eq!(set(&mut alice, video, &[vp8.clone(), wrong]), Err(TransceiverError::UnknownCodec(1)));
    }
    // Case does not matter, and once is enough.
    let lower = Codec::new("vp8", 90_000, 1, "").unwrap();
    let h264 = ours.video.codecs.iter().find(|codec| codec.is("H264")).unwrap().clone();
    set(&mut alice, video, &[h264.clone(), lower, vp8.clone()]).unwrap();
    assert_eq!(alice.negotiator.transceiver(video).unwrap().codec_preferences(), [h264.clone(), vp8.clone()]);
    let offer = alice.offer(false);
    // Without `rtx` among them there is none.
    assert_eq!(names(&offer.session().media[1]), ["H264", "VP8"]);
    set(&mut alice, video, &[vp8, rtx, h264]).unwrap();
    assert_eq!(names(&alice.offer(false).session().media[1]), ["VP8", "rtx", "H264", "rtx"]);
    let reversed: Vec<Codec> = ours.audio.codecs.iter().rev().cloned().collect();
    set(&mut alice, audio, &reversed).unwrap();
    assert_eq!(names(&alice.offer(false).session().media[0]).last().map(String::as_str), Some("opus"));
}

#[test]
fn an_answer_follows_the_preferences_of_the_answerer() {
    let (mut alice, mut bob) = (media_peer(1), media_peer(2));
    add(&mut alice, Video);
    bob.set_remote(&alice.describe()).unwrap();
    let id = bob.negotiator.transceivers().next().unwrap().id();
    let pick =
        |name: &str| MediaCapabilities::new().video.codecs.into_iter().find(|codec| codec.is(name)).unwrap();
    bob.negotiator.set_codec_preferences(id, &[pick("AV1"), pick("VP8")]).unwrap();
    let answer = bob.describe();
    assert_eq!(names(&answer.session().media[0]), ["AV1", "VP8"]);
    // The offerer sends what the answer has first (RFC 3264 §6.1).
    let a = alice.set_remote(&answer).unwrap().negotiated.unwrap();
    assert!(a.media[0].send_codecs[0].codec.is("AV1"));
    // Nothing in common is a refusal of the section.
    let offer = video("96", "a=rtpmap:96 VP8/90000\r\n");
    let mut bob = media_peer(2);
    bob.set_remote(&offer).unwrap();
    let id = bob.negotiator.transceivers().next().unwrap().id();
    bob.negotiator.set_codec_preferences(id, &[pick("AV1")]).unwrap();
    assert_eq!(bob.set_local(None).unwrap().negotiated.unwrap().refused, [(0, Refusal::Codec)]);
}

#[test]
fn bandwidth_lines_are_told_and_taken() {
    let bitrate = |lines: &str| {
        let offer = video("96", "a=rtpmap:96 VP8/90000\r\n")
            .to_sdp()
            .replace("a=mid:0\r\n", &format!("{lines}a=mid:0\r\n"));
        answer(&SessionDescription::offer(&offer).unwrap()).0.unwrap().max_send_bitrate
    };
    assert_eq!(bitrate(""), None);
    // RFC 9429 §5.10: AS * 1000 * 0.95 - 50 * 40 * 8.
    assert_eq!(bitrate("b=AS:1000\r\n"), Some(Bitrate::from_bps(934_000)));
    assert_eq!(bitrate("b=AS:1000\r\nb=TIAS:500000\r\n"), Some(Bitrate::from_bps(500_000)));
    assert_eq!(bitrate("b=CT:7\r\nb=X-YZ:1\r\n"), None);
    let (mut alice, mut bob) = (media_peer(1), media_peer(2));
    let limit = Some(Bitrate::from_bps(1_000_000));
    alice
        .negotiator
        .add_transceiver(Video, TransceiverInit { max_receive_bitrate: limit, ..TransceiverInit::default() })
        .unwrap();
    let (a, b) = exchange_media(&mut alice, &mut bob);
    assert_eq!((a.media[0].max_receive_bitrate, b.media[0].max_send_bitrate), (limit, limit));
    let text = alice.negotiator.current_local_description().unwrap().to_sdp();
    assert!(text.contains("b=AS:1070\r\nb=TIAS:1000000\r\n"), "{text}");
}

#[test]
fn packet_times_are_read() {
    let lines = "a=rtpmap:111 opus/48000/2\r\na=ptime:20\r\na=maxptime:60.5\r\n";
    let media = answer(&offer_of("audio 9 UDP/TLS/RTP/SAVPF 111", lines)).0.unwrap();
    assert_eq!(media.packet_time, Some(core::time::Duration::from_millis(20)));
    assert_eq!(media.max_packet_time, Some(core::time::Duration::from_micros(60_500)));
    for wrong in ["-1", "1e400", "nan", "x"] {
        let lines = format!("a=rtpmap:111 opus/48000/2\r\na=ptime:{wrong}\r\n");
        assert_eq!(answer(&offer_of("audio 9 UDP/TLS/RTP/SAVPF 111", &lines)).0.unwrap().packet_time, None);
    }
}

#[test]
fn sources_are_read_with_their_groups() {
    let lines = "a=rtpmap:96 VP8/90000\r\na=ssrc-group:FID 1 11\r\na=ssrc-group:SIM 2 1 3\r\na=ssrc-group:FEC-FR 2 22\r\n\
                 a=ssrc:1 cname:x\r\na=ssrc:11 cname:x\r\na=ssrc:2 cname:x\r\na=ssrc:22 cname:x\r\na=ssrc:3 msid:s t\r\na=ssrc:9 cname:y\r\n";
    let media = answer(&video("96", lines)).0.unwrap();
    let seen: Vec<_> =
        media.remote_sources.iter().map(|s| (s.ssrc, s.rtx_ssrc, s.fec_ssrc, s.cname.as_deref())).collect();
    assert_eq!(
        seen,
        [
            (2, None, Some(22), Some("x")),
            (1, Some(11), None, Some("x")),
            (3, None, None, None),
            (9, None, None, Some("y"))
        ]
    );
    let many: String = (0..500).map(|id| format!("a=ssrc:{id} cname:x\r\n")).collect();
    let media = answer(&video("96", &format!("a=rtpmap:96 VP8/90000\r\n{many}"))).0.unwrap();
    assert_eq!(media.remote_sources.len(), crate::base::limits::MAX_SECTION_SOURCES);
}

#[test]
fn numbers_that_rtcp_would_be_taken_for_are_an_error() {
    for (number, fine) in [(35, true), (63, true), (64, false), (95, false), (96, true), (127, true)] {
        let offer = video(&number.to_string(), &format!("a=rtpmap:{number} VP8/90000\r\n"));
        let taken = media_peer(2).set_remote(&offer);
        if fine {
            taken.unwrap();
        } else {
            assert_eq!(
                taken.unwrap_err(),
                NegotiationError::PayloadTypeRange { section: 0, payload_type: number }
            );
        }
    }
}

#[test]
fn sections_that_cannot_be_served_are_refused_with_their_reason() {
    let vp8 = "a=rtpmap:96 VP8/90000\r\n";
    let good = video("96", vp8).to_sdp();
    let refusal = |text: &str| {
        let mut bob = media_peer(2);
        bob.set_remote(&SessionDescription::offer(text).unwrap()).unwrap();
        let negotiated = bob.set_local(None).unwrap().negotiated.unwrap();
        assert!(negotiated.transport.is_none());
        assert_eq!(travel(bob.negotiator.local_description().unwrap()).session().media[0].port, 0);
        negotiated.refused
    };
    let without = |what: &str| {
        good.lines()
            .filter(|line| !line.starts_with(what))
            .map(|line| format!("{line}\r\n"))
            .collect::<String>()
    };
    assert_eq!(refusal(&without("a=ice-ufrag")), [(0, Refusal::Credentials)]);
    assert_eq!(refusal(&without("a=fingerprint")), [(0, Refusal::Fingerprint)]);
    assert_eq!(refusal(&without("a=rtcp-mux")), [(0, Refusal::RtcpMux)]);
    assert_eq!(refusal(&good.replace("VP8", "XP8")), [(0, Refusal::Codec)]);
    assert_eq!(refusal(&good.replace("m=video", "m=text")), [(0, Refusal::Kind)]);
    for profile in ["RTP/AVP", "RTP/SAVP", "RTP/AVPF", "UDP/TLS/RTP/SAVP", "UDP/TLS/RTP/AVPF", "UDP"] {
        assert_eq!(
            refusal(&good.replace("UDP/TLS/RTP/SAVPF", profile)),
            [(0, Refusal::Profile)],
            "{profile}"
        );
    }
    // Two sections that are not bundled: there is one transport.
    let (head, section) = good.split_at(good.find("m=video").unwrap());
    let two = format!("{head}{section}{}", section.replace("mid:0", "mid:1"));
    let mut bob = media_peer(2);
    bob.set_remote(&SessionDescription::offer(&two).unwrap()).unwrap();
    let negotiated = bob.set_local(None).unwrap().negotiated.unwrap();
    assert_eq!(negotiated.refused, [(1, Refusal::Bundle)]);
    assert_eq!(negotiated.media.len(), 1);
    // Bundled they are both served, whichever is first.
    let bundled = two.replace("t=0 0\r\n", "t=0 0\r\na=group:BUNDLE 1 0\r\n");
    let mut bob = media_peer(2);
    bob.set_remote(&SessionDescription::offer(&bundled).unwrap()).unwrap();
    assert_eq!(bob.set_local(None).unwrap().negotiated.unwrap().media.len(), 2);
    let answer = bob.negotiator.local_description().unwrap().to_sdp();
    assert!(answer.contains("a=group:BUNDLE 1 0\r\n"), "{answer}");
}

#[test]
fn bundle_only_sections_have_their_transport_from_the_tagged_one() {
    let text = format!(
        "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\na=group:BUNDLE a v\r\nm=audio 9 UDP/TLS/RTP/SAVPF 0\r\na=mid:a\r\na=rtcp-mux\r\n{TRANSPORT}\
         m=video 0 UDP/TLS/RTP/SAVPF 96\r\na=mid:v\r\na=bundle-only\r\na=rtpmap:96 VP8/90000\r\n"
    );
    let mut bob = media_peer(2);
    bob.set_remote(&SessionDescription::offer(&text).unwrap()).unwrap();
    assert_eq!(bob.set_local(None).unwrap().negotiated.unwrap().media.len(), 2);
    let answer = bob.negotiator.local_description().unwrap();
    assert!(answer.session().media.iter().all(|media| media.port != 0));
    assert!(!answer.to_sdp().contains("bundle-only"));
}

#[test]
fn an_answer_outside_of_the_bundle_or_without_mux_is_an_error() {
    let (mut alice, mut bob) = (media_peer(1), media_peer(2));
    add(&mut alice, Audio);
    add(&mut alice, Video);
    bob.set_remote(&alice.describe()).unwrap();
    let text = bob.describe().to_sdp();
    let set =
        |alice: &mut Peer, text: &str| alice.set_remote(&SessionDescription::answer(text).unwrap()).map(drop);
    assert_eq!(
        set(&mut alice, &text.replace("BUNDLE 0 1", "BUNDLE 0")),
        Err(NegotiationError::NotBundled(1))
    );
    assert_eq!(set(&mut alice, &text.replace("a=rtcp-mux\r\n", "")), Err(NegotiationError::NoRtcpMux(0)));
    set(&mut alice, &text).unwrap();
}

#[test]
fn the_direction_of_the_session_counts_where_a_section_has_none() {
    let offer =
        video("96", "a=rtpmap:96 VP8/90000\r\n").to_sdp().replace("t=0 0\r\n", "t=0 0\r\na=sendonly\r\n");
    let media = answer(&SessionDescription::offer(&offer).unwrap()).0.unwrap();
    assert_eq!(media.direction, Direction::RecvOnly);
}

#[test]
fn a_kind_we_have_no_codec_for_cannot_be_sent() {
    let mut alice = super::test_peer::peer(1);
    let made = alice.negotiator.add_transceiver(Video, TransceiverInit::default());
    assert_eq!(made, Err(TransceiverError::NoMediaCodec));
}

#[test]
fn a_layer_may_have_a_codec_of_its_own_that_is_negotiated() {
    let (mut alice, mut bob) = (media_peer(1), media_peer(2));
    let id = add(&mut alice, Video);
    let pick =
        |name: &str| MediaCapabilities::new().video.codecs.into_iter().find(|codec| codec.is(name)).unwrap();
    let set = |peer: &mut Peer, codec: Option<Codec>| {
        let encoding = Encoding { codec, scale_resolution_down_by: Some(1.0), ..Encoding::default() };
        peer.negotiator.set_encodings(id, &[encoding])
    };
    let chosen =
        |peer: &Peer| peer.negotiator.transceiver(id).unwrap().encodings().next().unwrap().codec.clone();
    // Before anything is negotiated, any of ours; of preferences only those.
    set(&mut alice, Some(pick("AV1"))).unwrap();
    alice.negotiator.set_codec_preferences(id, &[pick("VP8"), pick("VP9")]).unwrap();
    assert_eq!(set(&mut alice, Some(pick("AV1"))), Err(TransceiverError::UnknownCodec(0)));
    set(&mut alice, Some(pick("VP9"))).unwrap();
    let (a, _) = exchange_media(&mut alice, &mut bob);
    let media = &a.media[0];
    let sent = media.local_sources[0].encoding.codec.clone().unwrap();
    assert!(sent.is("VP9") && media.send_codecs.iter().any(|its| its.codec == sent));
    assert!(media.send_codecs[0].codec.is("VP8"));
    // What is not negotiated is refused; what is negotiated away is not wanted any more.
    assert_eq!(set(&mut alice, Some(pick("H264"))), Err(TransceiverError::UnknownCodec(0)));
    let theirs = bob.negotiator.transceivers().next().unwrap().id();
    bob.negotiator.set_codec_preferences(theirs, &[pick("VP8")]).unwrap();
    assert!(chosen(&alice).is_some());
    exchange_media(&mut alice, &mut bob);
    assert!(chosen(&alice).is_none());
    assert_eq!(set(&mut alice, Some(pick("VP9"))), Err(TransceiverError::UnknownCodec(0)));
}
