//! Packets of other stacks: none does harm, what is called invalid is refused, what is good rebuilds to the same bytes.
#![expect(
    clippy::unwrap_used,
    clippy::unwrap_in_result,
    clippy::wildcard_enum_match_arm,
    reason = "a test that cannot go on has failed, and picks the packets it wants"
)]

use std::fs;
use std::path::{Path, PathBuf};

use antiphon::base::writer::Full;
use antiphon::wire::rtcp::{self, Compound, CompoundWriter, PacketStatus, XrBlock};
use antiphon::wire::rtp::{self, DependencyDescriptor, ExtensionKind, ExtensionMap, PacketWriter};

/// The directory of published vectors, if there is one.
#[expect(
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "where the vectors are is told by the environment"
)]
fn vectors() -> Option<PathBuf> {
    let found = std::env::var("ANTIPHON_SHARED").ok().map(|shared| Path::new(&shared).join("vectors/rtp"));
    if found.is_none() {
        println!("skipped: ANTIPHON_SHARED is not set");
    }
    found
}

struct Vector {
    file: String,
    test: String,
    name: String,
    bytes: Vec<u8>,
}

impl Vector {
    fn is(&self, words: &[&str]) -> bool {
        words.iter().any(|word| self.name.contains(word) || self.test.contains(word))
    }
}

fn bytes(hex: &str) -> Vec<u8> {
    let pairs = hex.as_bytes().chunks(2);
    pairs.map(|pair| u8::from_str_radix(str::from_utf8(pair).unwrap(), 16).unwrap()).collect()
}

/// All vectors of the collections, with the fuzzers' corpora under the names of their folders.
fn all() -> Option<Vec<Vector>> {
    let root = vectors()?;
    let mut vectors = Vec::new();
    for collection in ["pion_rtp", "pion_rtcp", "pion_interceptor", "libwebrtc_rtp_rtcp"] {
        let text = fs::read_to_string(root.join(format!("{collection}_vectors.json"))).unwrap();
        let json: serde_json::Value = serde_json::from_str(&text).unwrap();
        for (file, entries) in json["files"].as_object().unwrap() {
            for entry in entries.as_array().unwrap() {
                let text = |field: &str| entry[field].as_str().unwrap().to_owned();
                let file = format!("{collection}/{file}");
                vectors.push(Vector {
                    file,
                    test: text("test"),
                    name: text("name"),
                    bytes: bytes(&text("hex")),
                });
            }
        }
    }
    for corpus in ["rtp-corpus", "rtcp-corpus", "dependency_descriptor-corpus"] {
        for entry in fs::read_dir(root.join("libwebrtc-corpus").join(corpus)).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            vectors.push(Vector {
                file: corpus.into(),
                test: name,
                name: String::new(),
                bytes: fs::read(path).unwrap(),
            });
        }
    }
    Some(vectors)
}

/// A map of every known kind, so that every value is looked at.
fn map() -> ExtensionMap {
    let mut map = ExtensionMap::new();
    let ids = (1..).filter(|id| *id != 15);
    ids.zip(ExtensionKind::ALL).for_each(|(id, kind)| map.insert(id, *kind).unwrap());
    map
}

fn rebuild(packet: &rtp::Packet<'_>) -> Vec<u8> {
    let mut buf = vec![0; 70_000];
    let mut writer = PacketWriter::new(&mut buf, &packet.header()).unwrap();
    packet.csrcs().for_each(|csrc| writer.csrc(csrc).unwrap());
    packet.extension().into_iter().for_each(|block| writer.extension_block(block).unwrap());
    writer.payload(packet.payload()).unwrap();
    writer.padding(u8::try_from(packet.padding_len()).unwrap()).unwrap();
    let len = writer.finish().unwrap();
    buf.truncate(len);
    buf
}

#[test]
fn rtp_rebuilds_to_the_same_bytes() {
    let Some(vectors) = all() else { return };
    let (map, mut rebuilt) = (map(), 0);
    for vector in &vectors {
        let Ok(packet) = rtp::Packet::parse(&vector.bytes) else { continue };
        let values = map.read(&packet);
        if let Some(data) = values.dependency_descriptor {
            drop(DependencyDescriptor::parse(data).and_then(|descriptor| descriptor.frame(None)));
        }
        let mut expected = vector.bytes.clone();
        let end = packet.payload_range().end;
        // What stands in the padding but its count is free; we write zeros.
        let count = expected.len() - usize::from(packet.padding_len() > 0);
        expected[end..count].fill(0);
        assert_eq!(rebuild(&packet), expected, "{} {}", vector.file, vector.test);
        rebuilt += 1;
    }
    assert!(rebuilt > 40, "{rebuilt} packets");
}

#[test]
fn what_is_called_invalid_is_refused() {
    let Some(vectors) = all() else { return };
    let words = ["Invalid", "invalid", "Short", "Truncated", "TooSmall", "ErrorHandling", "missingExtension"];
    let mut refused = 0;
    for vector in vectors.iter().filter(|vector| vector.is(&words)) {
        // Payload formats and redundancy are other tests' subjects.
        if ["codecs/", "ulpfec", "_h264_", "_h265_", "h26"].iter().any(|part| vector.file.contains(part)) {
            continue;
        }
        // The bytes are sound and that test's subject is the writer, or that they are another kind of feedback.
        if vector.test.contains("LossNotification") || vector.file.contains("_extension_") {
            continue;
        }
        let label = format!("{} {} {}", vector.file, vector.test, vector.name);
        if vector.file.contains("rtcp") && !vector.test.starts_with("RtpUtil") {
            let sound = Compound::new(&vector.bytes).all(
                |packet| matches!(packet, Ok(ref packet) if !matches!(packet, rtcp::Packet::Unknown { .. })),
            );
            assert!(!sound || vector.bytes.is_empty(), "{label}");
        } else {
            assert!(rtp::Packet::parse(&vector.bytes).is_err(), "{label}");
        }
        refused += 1;
    }
    assert!(refused >= 15, "{refused} packets");
}

#[test]
fn padding_counts_of_zero_and_beyond_the_payload_are_refused() {
    let Some(vectors) = all() else { return };
    let basic = vectors.iter().filter(|vector| vector.test == "TestBasic" && vector.name == "rawPkt");
    let verdicts: Vec<_> = basic.map(|vector| rtp::Packet::parse(&vector.bytes).is_ok()).collect();
    // In the order of the file: count 0 and 6 of 5 are wrong; 4, 5 of 5, and 5 of 5 without payload are right.
    assert_eq!(verdicts, [true, true, true, true, false, false, true, true, true, true, true]);
}

/// Writes a packet again; false if it is one we do not write as it came.
fn rewrite(writer: &mut CompoundWriter<'_>, packet: &rtcp::Packet<'_>) -> Result<bool, Full> {
    match packet {
        rtcp::Packet::SenderReport(report) => drop(writer.sender_report(&report.info, report.blocks())?),
        rtcp::Packet::ReceiverReport(report) => drop(writer.receiver_report(report.ssrc, report.blocks())?),
        rtcp::Packet::SourceDescription(description) => {
            let chunks = description.chunks().map(|chunk| {
                (chunk.ssrc, chunk.items().map(|item| (item.kind, str::from_utf8(item.value).unwrap_or("?"))))
            });
            writer.source_description(chunks)?;
        }
        rtcp::Packet::Goodbye(bye) => {
            let reason = bye.reason.and_then(|reason| str::from_utf8(reason).ok());
            writer.goodbye(&bye.ssrcs().collect::<Vec<_>>(), reason)?;
        }
        rtcp::Packet::App(app) => writer.app(app.ssrc, app.subtype, app.name, app.data)?,
        rtcp::Packet::Nack(nack) => drop(writer.nack(nack.sender_ssrc, nack.media_ssrc, nack.pairs())?),
        rtcp::Packet::Pli(pli) => writer.pli(pli.sender_ssrc, pli.media_ssrc)?,
        rtcp::Packet::Fir(fir) => writer.fir(fir.sender_ssrc, fir.entries())?,
        rtcp::Packet::Remb(remb) => {
            writer.remb(remb.sender_ssrc, remb.bitrate_bps, &remb.ssrcs().collect::<Vec<_>>())?;
        }
        rtcp::Packet::TransportFeedback(feedback) => {
            let mut statuses = vec![PacketStatus::Missing; usize::from(feedback.status_count)];
            for (sequence, delta) in feedback.received() {
                let at = sequence.0.wrapping_sub(feedback.header.base.0);
                statuses[usize::from(at)] = PacketStatus::Received { delta };
            }
            writer.transport_feedback(&feedback.header, &statuses)?;
        }
        rtcp::Packet::ExtendedReport(report) => match report.blocks().collect::<Vec<_>>()[..] {
            [XrBlock::ReceiverReferenceTime { ntp }] => writer.receiver_reference_time(report.ssrc, ntp)?,
            [XrBlock::Dlrr(block)] => writer.dlrr(report.ssrc, &block.entries().collect::<Vec<_>>())?,
            _ => return Ok(false),
        },
        _ => return Ok(false),
    }
    Ok(true)
}

#[test]
fn rtcp_is_read_again_as_it_was_and_canonical_packets_are_the_same_bytes() {
    let Some(vectors) = all() else { return };
    let (mut read, mut same) = (0, Vec::new());
    for vector in &vectors {
        let packets: Result<Vec<_>, _> = Compound::new(&vector.bytes).collect();
        let Ok(packets) = packets else { continue };
        if vector.test.contains("Overflow") {
            continue; // A bit rate beyond 64 bits is cut, so it is not written as it came.
        }
        let mut buf = vec![0; 2000];
        let mut writer = CompoundWriter::new(&mut buf);
        if packets.is_empty() || !packets.iter().all(|packet| rewrite(&mut writer, packet).unwrap()) {
            continue;
        }
        let len = writer.finish();
        let again: Vec<_> =
            Compound::new(&buf[..len]).map(|packet| rebuild_debug(&packet.unwrap())).collect();
        let before: Vec<_> = packets.iter().map(rebuild_debug).collect();
        assert_eq!(again, before, "{} {}", vector.file, vector.test);
        read += 1;
        if buf[..len] == vector.bytes[..] {
            same.push(format!("{} {}", vector.file, vector.name));
        }
    }
    assert!(read > 40, "{read} datagrams");
    for (file, name) in [
        ("pli", "kPacket"),
        ("fir", "kPacket"),
        ("receiver_report", "kPacket"),
        ("remb", "kPacket"),
        ("sender_report", "kPacket"),
        ("application_defined", "Want"),
        ("picture_loss", "Data"),
        ("receiver_estimated", "expected"),
        ("transport_layer_nack", "Data"),
    ] {
        assert!(
            same.iter().any(|entry| entry.contains(file) && entry.ends_with(name)),
            "{file} {name}: {same:?}"
        );
    }
}

/// What a packet says, independent of the bytes around it.
fn rebuild_debug(packet: &rtcp::Packet<'_>) -> String {
    match packet {
        rtcp::Packet::SenderReport(report) => {
            format!("{:?} {:?}", report.info, report.blocks().collect::<Vec<_>>())
        }
        rtcp::Packet::ReceiverReport(report) => {
            format!("{} {:?}", report.ssrc, report.blocks().collect::<Vec<_>>())
        }
        rtcp::Packet::SourceDescription(description) => {
            let chunks = description.chunks().map(|chunk| (chunk.ssrc, chunk.items().collect::<Vec<_>>()));
            format!("{:?}", chunks.collect::<Vec<_>>())
        }
        rtcp::Packet::TransportFeedback(feedback) => {
            format!(
                "{:?} {} {:?}",
                feedback.header,
                feedback.status_count,
                feedback.received().collect::<Vec<_>>()
            )
        }
        rtcp::Packet::App(app) => format!("{} {} {:?}", app.ssrc, app.subtype, app.name),
        other => format!("{other:?}"),
    }
}

#[test]
fn transport_feedback_reads_as_published() {
    let Some(vectors) = all() else { return };
    let wanted =
        vectors.iter().filter(|v| v.file.ends_with("transport_layer_cc_test.go") && v.name == "Want");
    // One says that it is padded and is not; that is refused here as elsewhere.
    let read: Vec<_> = wanted
        .filter(|vector| vector.bytes.last() != Some(&0))
        .map(|vector| {
            let Some(Ok(rtcp::Packet::TransportFeedback(feedback))) = Compound::new(&vector.bytes).next()
            else {
                panic!("{}", vector.test);
            };
            (feedback.header.base.0, feedback.status_count, feedback.received().count())
        })
        .collect();
    assert_eq!(read, [(153, 1, 1), (372, 2, 2), (4, 7, 7), (1, 14, 4), (39956, 12, 7)]);
}

#[test]
fn nothing_does_harm_under_any_reading() {
    let Some(vectors) = all() else { return };
    for vector in &vectors {
        let data = &vector.bytes[..];
        let work: usize = Compound::new(data)
            .flatten()
            .map(|packet| match packet {
                rtcp::Packet::TransportFeedback(feedback) => feedback.arrivals().count(),
                rtcp::Packet::Nack(nack) => nack.pairs().map(|pair| pair.sequences().count()).sum(),
                rtcp::Packet::ExtendedReport(report) => report.blocks().count(),
                _ => 1,
            })
            .sum();
        assert!(work <= 14 * data.len().max(1));
        if let Ok(descriptor) = DependencyDescriptor::parse(data) {
            drop(descriptor.frame(None));
        }
    }
}
