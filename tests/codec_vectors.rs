//! Payloads, frames and parameter sets that other implementations are tested with, read below `ANTIPHON_SHARED`.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
#![expect(clippy::print_stderr, reason = "a test that skips says so")]
#![expect(
    clippy::string_slice,
    clippy::missing_asserts_for_indexing,
    reason = "vectors are well-formed, or the test fails"
)]

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

#[path = "codec_support/feed.rs"]
mod feed;

use antiphon::codec::av1_obu::SequenceHeader;
use antiphon::codec::h264_nal::Sps;
use antiphon::codec::red::Blocks;
use antiphon::codec::vp9_header::FrameHeader;
use antiphon::codec::{
    CodecKind, Depacketizer, NalFraming, PacketizeError, Packetizer, PacketizerOptions, PayloadError,
    PictureId, h265_nal, inspect, is_keyframe, is_keyframe_framed,
};
use bytes::BytesMut;
use feed::feed;
use serde_json::Value;

/// A vector: the test file it is of, the test, its name, its bytes.
struct Vector {
    file: String,
    test: String,
    name: String,
    bytes: Vec<u8>,
}

/// Where the published vectors stand; `None`, and a word about it, where they are not to be had.
fn shared() -> Option<PathBuf> {
    #[expect(clippy::disallowed_methods, reason = "a test may ask where its vectors are")]
    let found = std::env::var("ANTIPHON_SHARED").ok().map(|root| Path::new(&root).join("vectors/rtp"));
    if found.is_none() {
        eprintln!("skipped: ANTIPHON_SHARED is not set");
    }
    found
}

fn hex(text: &str) -> Vec<u8> {
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
}

fn vectors(root: &Path) -> Vec<Vector> {
    let mut all = Vec::new();
    for set in ["libwebrtc_video_vectors.json", "libwebrtc_rtp_rtcp_vectors.json", "pion_rtp_vectors.json"] {
        let json: Value = serde_json::from_slice(&fs::read(root.join(set)).unwrap()).unwrap();
        for (file, vectors) in json["files"].as_object().unwrap() {
            for vector in vectors.as_array().unwrap() {
                let field = |key: &str| vector[key].as_str().unwrap().to_owned();
                let bytes = hex(&field("hex"));
                all.push(Vector { file: file.clone(), test: field("test"), name: field("name"), bytes });
            }
        }
    }
    all
}

fn find<'a>(all: &'a [Vector], test: &str, name: &str) -> &'a [u8] {
    let found = all.iter().find(|vector| vector.test.contains(test) && vector.name == name);
    &found.unwrap_or_else(|| panic!("{test} {name}")).bytes
}

/// Which payload format the vectors of a file are of.
fn kind_of(file: &str) -> Option<CodecKind> {
    let kinds = [
        ("h264", CodecKind::H264),
        ("h265", CodecKind::H265),
        ("vp8", CodecKind::Vp8),
        ("vp9", CodecKind::Vp9),
        ("av1", CodecKind::Av1),
        ("opus", CodecKind::Opus),
        ("dtmf", CodecKind::TelephoneEvent),
    ];
    kinds.into_iter().find(|(name, _)| file.to_lowercase().contains(name)).map(|(_, kind)| kind)
}

/// Everything that reads bytes, whatever they are.
fn feed_all(bytes: &[u8]) {
    for kind in CodecKind::ALL {
        let _either = feed(kind, bytes);
        is_keyframe(kind, bytes);
        is_keyframe_framed(kind, bytes, NalFraming::LengthPrefixed);
        for max in [32, 1150] {
            let mut packetizer = Packetizer::new(kind, &PacketizerOptions::default());
            let _either = packetizer.packetize(bytes, max, &mut |slices, _| {
                assert!(slices.iter().map(|slice| slice.len()).sum::<usize>() <= max);
            });
        }
    }
    let _either = Blocks::parse(bytes).map(Iterator::count);
    let _either = (Sps::parse(bytes), h265_nal::Sps::parse(bytes), SequenceHeader::parse(bytes));
}

/// What a name promises to be refused.
fn promises_refusal(vector: &Vector) -> bool {
    ["Invalid", "Short", "Truncat"]
        .iter()
        .any(|word| vector.name.contains(word) || vector.test.contains(word))
}

#[test]
fn no_vector_panics_and_what_is_called_invalid_is_refused() {
    let Some(root) = shared() else { return };
    let all = vectors(&root);
    assert!(all.len() > 600, "{}", all.len());
    let start = cpu_time::ThreadTime::now();
    let mut refused = 0;
    for vector in &all {
        feed_all(&vector.bytes);
        let Some(kind) = kind_of(&vector.file).filter(|_| promises_refusal(vector)) else { continue };
        let error = feed(kind, &vector.bytes);
        assert!(error.is_err(), "{} {} {}: {error:?}", vector.file, vector.test, vector.name);
        refused += 1;
    }
    assert_eq!(refused, 7, "names that promise it");
    assert!(start.elapsed() < Duration::from_secs(5), "work is bounded: {:?}", start.elapsed());
}

#[test]
fn the_corpus_of_a_fuzzer_is_survived() {
    let Some(root) = shared() else { return };
    let mut files = 0;
    for folder in fs::read_dir(root.join("libwebrtc-corpus")).unwrap() {
        let mut open = vec![folder.unwrap().path()];
        while let Some(path) = open.pop() {
            if path.is_dir() {
                open.extend(fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path()));
            } else {
                let bytes = fs::read(path).unwrap();
                let head = &bytes[..bytes.len().min(65_535)];
                feed_all(head);
                files += 1;
            }
        }
    }
    assert!(files > 40, "{files}");
}

#[test]
fn empty_aggregates_and_short_units_are_refused() {
    let Some(root) = shared() else { return };
    let all = vectors(&root);
    let h265 = |test: &str, name: &str| feed(CodecKind::H265, find(&all, test, name)).unwrap_err();
    for name in ["lone_empty_packet", "leading_empty_packet", "middle_empty_packet", "trailing_empty_packet"]
    {
        assert!(matches!(h265("EmptyApRejected", name), PayloadError::Truncated { .. }), "{name}");
    }
    let broken = find(&all, "TestH264Packet_Unmarshal", "singlePayloadWithBrokenSecondNALU");
    assert!(matches!(feed(CodecKind::H264, broken), Err(PayloadError::Truncated { .. })));
    let short = find(&all, "RtpPacketizerH265Test.TooShortNalUnitHeader", "kFrame");
    let mut packetizer = Packetizer::new(CodecKind::H265, &PacketizerOptions::default());
    let refused = packetizer.packetize(short, 1150, &mut |_, _| panic!("nothing is emitted"));
    assert_eq!(refused, Err(PacketizeError::ShortUnit { at: 4 }));
    // RED packets whose blocks are cut short, RTP header and all.
    for test in ["TruncatedPacketWithFBitSet", "TruncatedPacketWithoutDataPastFirstBlock"] {
        let mut found = all.iter().filter(|vector| vector.test.contains(test)).peekable();
        assert!(found.peek().is_some());
        for packet in found {
            let header = 12 + 4 * usize::from(packet.bytes[0] & 15);
            assert!(Blocks::parse(&packet.bytes[header..]).is_err(), "{}", packet.test);
        }
    }
}

#[test]
fn aggregates_come_apart_as_others_take_them_apart() {
    let Some(root) = shared() else { return };
    let all = vectors(&root);
    let pion = |name: &str| find(&all, "TestH264Packet_Unmarshal", name);
    let stap = pion("singlePayloadMultiNALU");
    assert_eq!(feed(CodecKind::H264, stap).unwrap(), pion("singlePayloadMultiNALUUnmarshaled"));
    let mut lengths = Depacketizer::with_framing(CodecKind::H264, NalFraming::LengthPrefixed);
    let mut out = BytesMut::new();
    lengths.append(stap, &mut out).unwrap();
    assert_eq!(out, pion("singlePayloadMultiNALUUnmarshaledAVC"));

    let h265 = |name: &str| find(&all, "VideoRtpDepacketizerH265Test.ApDelta", name);
    assert_eq!(feed(CodecKind::H265, h265("packet")).unwrap(), h265("expected_packet"));
    let key = |name: &str| find(&all, "VideoRtpDepacketizerH265Test.ApKey", name);
    let mut aggregate = vec![0x60, 0x02];
    let mut frame = Vec::new();
    for name in ["vps", "sps", "pps", "idr"] {
        aggregate.extend(u16::try_from(key(name).len()).unwrap().to_be_bytes());
        aggregate.extend(key(name));
        frame.extend([&[0, 0, 0, 1], key(name)].concat());
    }
    assert_eq!(feed(CodecKind::H265, &aggregate).unwrap(), frame);
    let info = inspect(CodecKind::H265, &aggregate).unwrap();
    assert!(info.keyframe && info.starts_frame);
    assert_eq!(info.resolution, Some((1280, 720)));
    let mut packetizer = Packetizer::new(CodecKind::H265, &PacketizerOptions::default());
    packetizer.packetize(&frame, 1150, &mut |slices, _| assert_eq!(slices.concat(), aggregate)).unwrap();
}

#[test]
fn slices_say_whether_they_are_the_first() {
    let Some(root) = shared() else { return };
    let all = vectors(&root);
    let starts = |kind, test: &str| {
        let payload = find(&all, test, "kPayload");
        inspect(kind, payload).unwrap().starts_frame
    };
    assert!(!starts(CodecKind::H264, "H264Test.SecondSliceIdrNalu"));
    for test in ["SingleNaluFromIdrSecondSlice", "SingleNaluFromNonIdrSecondSlice", "SuffixSeiNotSetFirst"] {
        assert!(!starts(CodecKind::H265, test), "{test}");
    }
    for test in ["FuFromIdrFrameSecondSlice", "FuFromNonIdrFrameSecondSlice"] {
        assert!(!starts(CodecKind::H265, test), "{test}");
    }
    for test in ["PrefixSeiSetsFirstPacketInFrame", "PpsSetsFirstPacketInFrame"] {
        assert!(starts(CodecKind::H265, test), "{test}");
    }
}

#[test]
fn sizes_are_read_from_key_frames() {
    let Some(root) = shared() else { return };
    let all = vectors(&root);
    let sps = |test: &str| Sps::parse(&[&[0x67], find(&all, test, "buffer")].concat()).unwrap().resolution;
    assert_eq!(sps("H264SpsParserTest.TestSampleSPSHdLandscape"), (1280, 720));
    assert_eq!(sps("H264SpsParserTest.TestSampleSPSVgaLandscape"), (640, 360));
    assert_eq!(sps("H264SpsParserTest.TestSampleSPSWeirdResolution"), (200, 400));
    assert_eq!(sps("H264SpsParserTest.TestSampleSPSWithScalingLists"), (1920, 1080));
    let sps = |test: &str| {
        h265_nal::Sps::parse(&[&[0x42, 0x01], find(&all, test, "buffer")].concat()).unwrap().resolution
    };
    assert_eq!(sps("H265SpsParserTest.TestSampleSPSHdLandscape"), (1280, 720));
    assert_eq!(sps("H265SpsParserTest.TestSampleSPSVerticalCropLandscape"), (640, 260));
    assert_eq!(sps("H265SpsParserTest.TestSampleSPSHorizontalAndVerticalCrop"), (260, 260));
    let vp8 = find(&all, "", "kCodedFrameVp8Qp25");
    assert!(is_keyframe(CodecKind::Vp8, vp8));
    for name in ["kCodedFrameH264SpsPpsIdrQp38", "kCodedFrameH264SpsPpsIdrQp49"] {
        assert!(is_keyframe(CodecKind::H264, find(&all, "", name)), "{name}");
    }
    assert!(!is_keyframe(CodecKind::H264, find(&all, "", "kCodedFrameH264InterSliceQpDelta0")));
    let vp9 = FrameHeader::parse(find(&all, "", "kCodedFrameVp9Qp96")).unwrap();
    assert_eq!((vp9.key, vp9.profile), (true, 1));
    let av1 = find(&all, "", "kAv1FrameWith36x20EncodededAnd32x16RenderResolution");
    assert!(is_keyframe(CodecKind::Av1, av1));
}

/// The packets of an rtpdump file: length, offset, then an RTP packet.
fn rtpdump(bytes: &[u8]) -> Vec<&[u8]> {
    let mut rest = &bytes[bytes.iter().position(|byte| *byte == b'\n').unwrap() + 17..];
    let mut packets = Vec::new();
    while rest.len() >= 8 {
        let len = usize::from(u16::from_be_bytes([rest[0], rest[1]]));
        let Some(packet) = rest.get(8..len) else { break };
        packets.push(packet);
        rest = &rest[len..];
    }
    packets
}

#[test]
fn a_recorded_vp9_stream_of_layers_comes_out_picture_by_picture() {
    let Some(root) = shared() else { return };
    let bytes = fs::read(root.join("libwebrtc-corpus/rtpdump-corpus/vp9/vp9.rtpdump")).unwrap();
    // Another stream's padding stands between.
    let packets: Vec<_> = rtpdump(&bytes).into_iter().filter(|packet| packet[1] & 0x7f == 124).collect();
    assert_eq!(packets.len(), 187);
    let (mut depacketizer, mut out) = (Depacketizer::new(CodecKind::Vp9), BytesMut::new());
    let (mut pictures, mut keys, mut last_id) = (0, 0, None);
    for packet in packets {
        let payload = &packet[12 + 4 * usize::from(packet[0] & 15)..];
        let info = inspect(CodecKind::Vp9, payload).unwrap();
        if info.keyframe {
            assert_eq!(info.resolution, Some((640, 480)));
        }
        if info.starts_frame {
            assert!(last_id.is_none_or(|last: u16| info.picture_id.unwrap().value() > last), "ids count up");
            last_id = info.picture_id.map(PictureId::value);
        }
        depacketizer.append(payload, &mut out).unwrap();
        if packet[1] & 0x80 != 0 {
            depacketizer.finish().unwrap();
            keys += usize::from(is_keyframe(CodecKind::Vp9, &out));
            pictures += 1;
            out.clear();
        }
    }
    assert_eq!((pictures, keys), (119, 1));
}
