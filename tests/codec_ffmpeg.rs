//! A foreign peer: ffmpeg's packets come out as its frames, and ours decode as what ffmpeg encoded, picture by picture.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
#![expect(clippy::print_stderr, reason = "a test that skips says so")]
#![expect(
    clippy::disallowed_types,
    clippy::disallowed_methods,
    reason = "loopback sockets, pauses and time limits"
)]

use std::net::UdpSocket;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use antiphon::codec::nal::NalUnits;
use antiphon::codec::{
    CodecKind, Depacketizer, NalFraming, Packetizer, PacketizerOptions, frame_duration, inspect, is_keyframe,
};
use bytes::BytesMut;

/// How long one run of ffmpeg may take on a busy machine.
const LIMIT: Duration = Duration::from_secs(40);
const PAYLOAD: usize = 1100;

/// What is tried for one codec.
struct Case {
    kind: CodecKind,
    encoder: &'static str,
    /// Arguments of the encoder.
    encode: &'static str,
    /// Arguments of the reader of the file that comes out.
    read: &'static str,
    /// Arguments of ffmpeg's own sender.
    send: &'static str,
    container: &'static str,
    sdp: &'static str,
}

const PICTURES: &str = "-f lavfi -i testsrc2=size=320x240:rate=25:duration=1";
const SOUND: &str = "-f lavfi -i sine=frequency=440:duration=1";

const VP8: Case = Case {
    kind: CodecKind::Vp8,
    encoder: "libvpx",
    encode: "-b:v 800k -g 10 -deadline realtime",
    read: "",
    send: "",
    container: "ivf",
    sdp: "m=video {} RTP/AVP 96\r\na=rtpmap:96 VP8/90000\r\n",
};
const VP9: Case = Case {
    kind: CodecKind::Vp9,
    encoder: "libvpx-vp9",
    encode: "-b:v 800k -g 10 -deadline realtime -cpu-used 8 -lag-in-frames 0",
    read: "",
    send: "-strict experimental",
    container: "ivf",
    sdp: "m=video {} RTP/AVP 96\r\na=rtpmap:96 VP9/90000\r\n",
};
const H264: Case = Case {
    kind: CodecKind::H264,
    encoder: "libx264",
    encode: "-preset ultrafast -x264-params aud=1:slices=3:keyint=10:repeat-headers=1",
    read: "",
    send: "",
    container: "h264",
    sdp: "m=video {} RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\na=fmtp:96 packetization-mode=1\r\n",
};
const H265: Case = Case {
    kind: CodecKind::H265,
    encoder: "libx265",
    encode: "-preset ultrafast -x265-params aud=1:keyint=10:bframes=0:repeat-headers=1:log-level=none",
    read: "",
    send: "",
    container: "hevc",
    sdp: "m=video {} RTP/AVP 96\r\na=rtpmap:96 H265/90000\r\n",
};
const OPUS: Case = Case {
    kind: CodecKind::Opus,
    encoder: "libopus",
    encode: "-b:a 64k",
    read: "",
    send: "",
    container: "ogg",
    sdp: "m=audio {} RTP/AVP 96\r\na=rtpmap:96 opus/48000/2\r\n",
};
const PCMU: Case = Case {
    kind: CodecKind::Pcmu,
    encoder: "pcm_mulaw",
    encode: "-ar 8000 -ac 1 -f mulaw",
    read: "-f mulaw -ar 8000 -ac 1",
    send: "",
    container: "ulaw",
    sdp: "m=audio {} RTP/AVP 0\r\n",
};
const AV1: Case = Case {
    kind: CodecKind::Av1,
    encoder: "libaom-av1",
    encode: "-b:v 800k -g 10 -usage realtime -cpu-used 8 -lag-in-frames 0 -row-mt 1 -tiles 2x1",
    read: "",
    send: "",
    container: "obu",
    sdp: "",
};

/// A folder of this test, and ffmpeg; `None`, and a word about it, where ffmpeg or the encoder is not to be had.
struct Lab {
    folder: PathBuf,
    /// The encoded file.
    file: PathBuf,
    /// How it is given to ffmpeg.
    input: String,
}

impl Lab {
    fn new(case: &Case) -> Option<Self> {
        let encoders = Command::new("ffmpeg").args(["-hide_banner", "-encoders"]).output();
        let known =
            encoders.is_ok_and(|output| String::from_utf8_lossy(&output.stdout).contains(case.encoder));
        if !known {
            eprintln!("skipped: no ffmpeg with {}", case.encoder);
            return None;
        }
        let name = format!("antiphon-{}-{}", case.encoder, std::process::id());
        let folder = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&folder).unwrap();
        let file = folder.join(format!("in.{}", case.container));
        let input = format!("{} -i {}", case.read, file.display());
        let lab = Self { folder, file, input };
        let (source, stream) = if case.sdp.contains("audio") { (SOUND, "-c:a") } else { (PICTURES, "-c:v") };
        let encode = format!("{source} {stream} {} {} {}", case.encoder, case.encode, lab.file.display());
        lab.run(&encode);
        Some(lab)
    }

    fn start(&self, arguments: &str) -> Child {
        let mut command = Command::new("ffmpeg");
        command.args(["-hide_banner", "-nostdin", "-loglevel", "error", "-y"]);
        command.args(arguments.split_whitespace()).current_dir(&self.folder);
        command.stdout(Stdio::piped()).stderr(Stdio::inherit()).spawn().unwrap()
    }

    /// What ffmpeg prints.
    fn run(&self, arguments: &str) -> String {
        finish(self.start(arguments), arguments)
    }

    /// Length and checksum of each packet of the input.
    fn packets(&self, input: &str) -> Vec<(usize, u32)> {
        checksums(&self.run(&format!("{input} -c copy -f framecrc -")))
    }

    /// Length and checksum of each decoded picture or piece of sound.
    fn decoded(&self, input: &str) -> Vec<(usize, u32)> {
        checksums(&self.run(&format!("{input} -fps_mode passthrough -f framecrc -")))
    }

    fn path(&self, name: &str) -> String {
        self.folder.join(name).display().to_string()
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        drop(std::fs::remove_dir_all(&self.folder));
    }
}

fn finish(mut child: Child, what: &str) -> String {
    let mut out = child.stdout.take().unwrap();
    let reader = std::thread::spawn(move || {
        let mut text = String::new();
        std::io::Read::read_to_string(&mut out, &mut text).unwrap();
        text
    });
    let end = Instant::now() + LIMIT;
    let status = loop {
        if let Some(status) = child.try_wait().unwrap() {
            break status;
        }
        if Instant::now() > end {
            child.kill().unwrap();
            child.wait().unwrap();
            panic!("ffmpeg {what} did not end");
        }
        sleep(Duration::from_millis(5));
    };
    assert!(status.success(), "ffmpeg {what}: {status}");
    reader.join().unwrap()
}

/// The last two columns of `framecrc`: length and Adler-32.
fn checksums(text: &str) -> Vec<(usize, u32)> {
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    lines
        .map(|line| {
            let mut columns = line.split(',').map(str::trim).skip(4);
            let len = columns.next().unwrap().parse().unwrap();
            let sum = columns.next().unwrap().trim_start_matches("0x");
            (len, u32::from_str_radix(sum, 16).unwrap())
        })
        .collect()
}

/// As `framecrc` sums it: Adler-32 that starts at 0.
fn checksum(bytes: &[u8]) -> (usize, u32) {
    let (mut low, mut high) = (0_u32, 0_u32);
    for byte in bytes {
        low = (low + u32::from(*byte)) % 65_521;
        high = (high + low) % 65_521;
    }
    (bytes.len(), high << 16 | low)
}

/// The access units of an elementary stream, each with a delimiter first, every start code four bytes long.
fn access_units(kind: CodecKind, stream: &[u8]) -> Vec<Vec<u8>> {
    let mut units: Vec<Vec<u8>> = Vec::new();
    for unit in NalUnits::new(stream, NalFraming::AnnexB).map(Result::unwrap) {
        let delimiter = if kind == CodecKind::H264 { unit[0] & 0x1f == 9 } else { unit[0] >> 1 & 0x3f == 35 };
        if delimiter {
            units.push(Vec::new());
        }
        units.last_mut().unwrap().extend([&[0, 0, 0, 1], unit].concat());
    }
    units
}

/// Two neighbouring ports, the first one even, that nobody has.
fn ports() -> (UdpSocket, u16) {
    loop {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        let port = socket.local_addr().unwrap().port();
        if port.is_multiple_of(2) && port < 65_534 && UdpSocket::bind(("127.0.0.1", port + 1)).is_ok() {
            return (socket, port);
        }
    }
}

/// Sequence number, timestamp, marker and payload of an RTP packet.
fn rtp(packet: &[u8]) -> (u16, u32, bool, Vec<u8>) {
    assert!(packet.len() > 12);
    assert_eq!(packet[0] & 0xf0, 0x80, "version 2, no padding, no extension");
    let payload = packet[12 + 4 * usize::from(packet[0] & 15)..].to_vec();
    let number = u16::from_be_bytes([packet[2], packet[3]]);
    let timestamp = u32::from_be_bytes(packet[4..8].try_into().unwrap());
    (number, timestamp, packet[1] & 0x80 != 0, payload)
}

/// Has ffmpeg send its file; gives the frames that come out of its packets.
fn received(lab: &Lab, case: &Case) -> Vec<Vec<u8>> {
    let (socket, port) = ports();
    socket.set_read_timeout(Some(Duration::from_millis(10))).unwrap();
    let to = format!("rtp://127.0.0.1:{port}?pkt_size={}", PAYLOAD + 12);
    let sender = lab.start(&format!("-re {} -c copy {} -f rtp {to}", lab.input, case.send));
    let collecting = std::thread::spawn(move || finish(sender, "send"));
    let (mut packets, mut buf, mut ended) = (Vec::new(), [0; 2048], false);
    loop {
        match socket.recv(&mut buf) {
            Ok(len) => packets.push(rtp(&buf[..len])),
            Err(_) if ended => break,
            Err(_) => ended = collecting.is_finished(),
        }
    }
    assert!(collecting.join().unwrap().starts_with("v=0") || !packets.is_empty());
    assert!(packets.windows(2).all(|pair| pair[1].0 == pair[0].0.wrapping_add(1)), "loopback loses nothing");
    let (mut depacketizer, mut frame, mut frames) =
        (Depacketizer::new(case.kind), BytesMut::new(), Vec::new());
    let video = !case.sdp.contains("audio");
    for (index, (number, timestamp, marker, payload)) in packets.iter().enumerate() {
        let info = inspect(case.kind, payload).unwrap();
        if frame.is_empty() {
            assert!(info.starts_frame, "packet {number} starts the frame at {timestamp}");
        }
        depacketizer.append(payload, &mut frame).unwrap();
        let next = packets.get(index + 1).map(|next| next.1);
        assert_eq!(*marker || !video, next != Some(*timestamp), "the marker ends a timestamp");
        if *marker || !video {
            assert!(info.ends_frame);
            depacketizer.finish().unwrap();
            frames.push(frame.split().to_vec());
        }
    }
    frames
}

/// Sends frames to ffmpeg as our payloads; gives what it decodes.
fn sent(lab: &Lab, case: &Case, frames: &[Vec<u8>]) -> Vec<(usize, u32)> {
    let (placeholder, port) = ports();
    drop(placeholder);
    let head = "v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n";
    let sdp = lab.path("session.sdp");
    std::fs::write(&sdp, format!("{head}{}", case.sdp.replace("{}", &port.to_string()))).unwrap();
    let receive = format!(
        "-protocol_whitelist file,udp,rtp -reorder_queue_size 0 -i {sdp} -fps_mode passthrough -f framecrc -"
    );
    let receiver = lab.start(&receive);
    let decoding = std::thread::spawn(move || finish(receiver, "receive"));
    // It listens once the port is taken.
    let end = Instant::now() + LIMIT;
    while UdpSocket::bind(("127.0.0.1", port + 1)).is_ok() {
        assert!(Instant::now() < end && !decoding.is_finished(), "ffmpeg does not listen");
        sleep(Duration::from_millis(5));
    }
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let payload_type = if case.kind == CodecKind::Pcmu { 0 } else { 96 };
    let mut packetizer = Packetizer::new(case.kind, &PacketizerOptions::default());
    let (mut number, mut timestamp) = (1000_u16, 5000_u32);
    for frame in frames {
        packetizer
            .packetize(frame, PAYLOAD, &mut |slices, last| {
                let mut packet = vec![0x80, payload_type | if last { 0x80 } else { 0 }];
                packet.extend(number.to_be_bytes());
                packet.extend(timestamp.to_be_bytes());
                packet.extend([0, 0, 0, 7]);
                for slice in slices {
                    packet.extend_from_slice(slice);
                }
                socket.send_to(&packet, ("127.0.0.1", port)).unwrap();
                number += 1;
            })
            .unwrap();
        timestamp += frame_duration(case.kind, frame).unwrap_or(3600);
        sleep(Duration::from_millis(10));
    }
    // A report and BYE, on the port of RTCP; again, should ffmpeg be at work.
    let goodbye = [0x80, 201, 0, 1, 0, 0, 0, 7, 0x81, 203, 0, 1, 0, 0, 0, 7];
    while !decoding.is_finished() {
        sleep(Duration::from_millis(200));
        drop(socket.send_to(&goodbye, ("127.0.0.1", port + 1)));
    }
    checksums(&decoding.join().unwrap())
}

/// Both ways, for codecs whose packets in the file are its frames.
fn both_ways(case: &Case) {
    let Some(lab) = Lab::new(case) else { return };
    let original = lab.packets(&lab.input);
    let frames = received(&lab, case);
    assert!(frames.len() >= 25);
    let sums: Vec<_> = frames.iter().map(|frame| checksum(frame)).collect();
    assert_eq!(sums, original, "every frame as it stands in the file");
    if case.sdp.contains("video") {
        let keys = frames.iter().filter(|frame| is_keyframe(case.kind, frame)).count();
        assert_eq!(keys, 3, "of 25 frames every tenth");
        assert_eq!(sent(&lab, case, &frames), lab.decoded(&lab.input), "picture by picture");
    } else {
        assert_eq!(sent(&lab, case, &frames).len(), lab.decoded(&lab.input).len());
    }
}

#[test]
fn vp8() {
    both_ways(&VP8);
}

#[test]
fn vp9() {
    both_ways(&VP9);
}

#[test]
fn opus() {
    both_ways(&OPUS);
}

/// Both ways, for codecs whose files are units behind start codes.
fn both_ways_in_units(case: &Case) {
    let Some(lab) = Lab::new(case) else { return };
    let frames = access_units(case.kind, &std::fs::read(&lab.file).unwrap());
    assert_eq!(frames.len(), 25);
    let sums = |frames: &[Vec<u8>]| frames.iter().map(|frame| checksum(frame)).collect::<Vec<_>>();
    // Of H.265 ffmpeg sends the zero that begins the next start code along.
    let received = received(&lab, case);
    let trimmed: Vec<_> = received.iter().map(|frame| access_units(case.kind, frame).concat()).collect();
    assert_eq!(sums(&trimmed), sums(&frames), "every access unit as it stands in the file");
    let keys = frames.iter().filter(|frame| is_keyframe(case.kind, frame)).count();
    assert_eq!(keys, 3, "of 25 frames every tenth");
    assert_eq!(sent(&lab, case, &frames), lab.decoded(&lab.input), "picture by picture");
}

#[test]
fn h264() {
    both_ways_in_units(&H264);
}

#[test]
fn h265() {
    both_ways_in_units(&H265);
}

#[test]
fn pcmu() {
    let Some(lab) = Lab::new(&PCMU) else { return };
    let samples = std::fs::read(&lab.file).unwrap();
    assert_eq!(samples.len(), 8000);
    assert_eq!(received(&lab, &PCMU).concat(), samples);
    let frames: Vec<Vec<u8>> = samples.chunks(160).map(<[u8]>::to_vec).collect();
    let heard: usize = sent(&lab, &PCMU, &frames).iter().map(|(len, _)| len / 2).sum();
    assert_eq!(heard, 8000, "every sample is heard");
}

/// ffmpeg before 7.1 has no packets of AV1: what it encodes goes through ours and is decoded by it.
#[test]
fn av1() {
    let Some(lab) = Lab::new(&AV1) else { return };
    let stream = std::fs::read(&lab.file).unwrap();
    let mut packetizer = Packetizer::new(AV1.kind, &PacketizerOptions::default());
    let mut depacketizer = Depacketizer::new(AV1.kind);
    let (mut copy, mut keys, mut several) = (Vec::new(), 0, 0);
    for unit in temporal_units(&stream) {
        let (mut out, mut packets) = (BytesMut::new(), 0);
        packetizer
            .packetize(unit, 500, &mut |slices, _| {
                let payload = slices.concat();
                let info = inspect(AV1.kind, &payload).unwrap();
                assert_eq!(info.keyframe, packets == 0 && is_keyframe(AV1.kind, unit));
                keys += usize::from(info.keyframe);
                depacketizer.append(&payload, &mut out).unwrap();
                packets += 1;
            })
            .unwrap();
        depacketizer.finish().unwrap();
        several += usize::from(packets > 1);
        assert_eq!(unit, [&[0x12, 0x00], &out[..]].concat(), "but for the delimiter it is what it was");
        copy.extend([&[0x12, 0x00], &out[..]].concat());
    }
    assert!(keys == 3 && several > 3, "{keys} key frames, {several} frames of several packets");
    let out = lab.path("out.obu");
    std::fs::write(Path::new(&out), copy).unwrap();
    let decoded = lab.decoded(&lab.input);
    assert_eq!((decoded.len(), lab.decoded(&format!("-i {out}"))), (25, decoded));
}

/// The stream cut before each temporal delimiter.
fn temporal_units(stream: &[u8]) -> Vec<&[u8]> {
    let mut starts: Vec<usize> = Vec::new();
    for obu in antiphon::codec::av1_obu::Obus::new(stream) {
        let obu = obu.unwrap();
        if obu.header.kind == antiphon::codec::av1_obu::kind::TEMPORAL_DELIMITER {
            starts.push(obu.at - 2);
        }
    }
    let ends = starts.iter().copied().skip(1).chain([stream.len()]);
    starts.iter().zip(ends).map(|(start, end)| &stream[*start..end]).collect()
}
