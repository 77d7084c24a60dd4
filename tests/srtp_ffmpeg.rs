//! `FFmpeg`'s SRTP as the other end, over sockets on loopback: both directions, across a wrap of the sequence number.
#![expect(clippy::unwrap_used, reason = "a test may panic, its helpers too")]
#![expect(
    clippy::disallowed_types,
    clippy::disallowed_methods,
    reason = "a foreign peer needs sockets and time"
)]

use core::time::Duration;
use std::fs;
use std::net::{SocketAddr, UdpSocket};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use antiphon::base::arena::Arena;
use antiphon::srtp::{KeyingMaterial, Session, Side, SrtpProfile};

/// Our name of a profile, and `FFmpeg`'s.
const PROFILES: [(SrtpProfile, &str); 2] = [
    (SrtpProfile::Aes128CmSha1_80, "SRTP_AES128_CM_HMAC_SHA1_80"),
    (SrtpProfile::Aes128CmSha1_32, "SRTP_AES128_CM_HMAC_SHA1_32"),
];

/// The master key and the master salt, as an SDES line has them (RFC 4568 §6.1).
const KEY: [u8; 30] = *b"a key of 16 byte, salt of 14 b";
const KEY_BASE64: &str = "YSBrZXkgb2YgMTYgYnl0ZSwgc2FsdCBvZiAxNCBi";
const SSRC: u32 = 0x1234_5678;

/// A session that sends and receives under the one key.
fn session(profile: SrtpProfile) -> Session {
    let (key, salt) = KEY.split_at(16);
    let keys = KeyingMaterial::split(profile, &[key, key, salt, salt].concat()).unwrap();
    Session::new(&keys, Side::Client).unwrap()
}

/// Whether there is no `FFmpeg`; says so.
#[expect(clippy::print_stderr, reason = "a test that skips says so")]
fn is_missing() -> bool {
    let run = Command::new("ffmpeg").arg("-version").stdout(Stdio::null()).stderr(Stdio::null()).status();
    if run.is_err() {
        eprintln!("skipped: there is no program ffmpeg");
    }
    run.is_err()
}

/// `FFmpeg`, ended with the test; and where its output goes.
struct Ffmpeg {
    process: Child,
    directory: PathBuf,
}

impl Ffmpeg {
    fn start(name: &str, args: impl FnOnce(&str) -> Vec<String>) -> Self {
        let directory = std::env::temp_dir().join(format!("antiphon-srtp-{name}-{}", std::process::id()));
        fs::create_dir_all(&directory).unwrap();
        let process = Command::new("ffmpeg")
            .args(["-hide_banner", "-nostdin", "-y", "-loglevel", "warning"])
            .args(args(directory.to_str().unwrap()))
            .stdout(Stdio::null())
            .stderr(fs::File::create(directory.join("log")).unwrap())
            .spawn()
            .unwrap();
        Self { process, directory }
    }

    fn has_ended(&mut self) -> bool {
        self.process.try_wait().unwrap().is_some()
    }

    fn log(&self) -> String {
        fs::read_to_string(self.directory.join("log")).unwrap_or_default()
    }
}

impl Drop for Ffmpeg {
    fn drop(&mut self) {
        let _ended = self.process.kill();
        let _status = self.process.wait();
        let _removed = fs::remove_dir_all(&self.directory);
    }
}

fn socket() -> UdpSocket {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.set_read_timeout(Some(Duration::from_millis(100))).unwrap();
    socket
}

#[test]
fn packets_of_ffmpeg_are_opened() {
    if is_missing() {
        return;
    }
    for (profile, suite) in PROFILES {
        let (socket, mut session, mut arena) = (socket(), session(profile), Arena::new(2048, 4));
        let port = socket.local_addr().unwrap().port();
        let mut ffmpeg = Ffmpeg::start(&format!("from-{}", profile.code()), |_| {
            let input =
                "-f lavfi -i sine=frequency=440:sample_rate=8000 -t 2 -c:a pcm_mulaw -f rtp -seq 65530";
            let mut args: Vec<_> = input.split(' ').map(str::to_owned).collect();
            args.extend(["-srtp_out_suite", suite, "-srtp_out_params", KEY_BASE64].map(str::to_owned));
            args.push(format!("srtp://127.0.0.1:{port}?rtcpport={port}&pkt_size=200"));
            args
        });
        let (mut sequences, mut samples, mut reports) = (Vec::new(), 0, 0);
        let mut buf = [0; 2048];
        for _ in 0..200 {
            let ended = ffmpeg.has_ended();
            while let Ok(len) = socket.recv(&mut buf) {
                let datagram = &buf[..len];
                if (192..224).contains(&datagram[1]) {
                    let report = session.unprotect_rtcp(datagram, &mut arena).unwrap();
                    reports += usize::from(report[1] == 200);
                } else {
                    let packet = session.unprotect_rtp(datagram, &mut arena).unwrap();
                    let [0x80, kind, high, low, ..] = packet[..] else { panic!("{packet:?}") };
                    assert_eq!(kind & 0x7f, 0);
                    sequences.push(u16::from_be_bytes([high, low]));
                    samples += packet.len() - 12;
                }
            }
            if ended {
                break;
            }
        }
        // Two seconds of 8000 samples, over the wrap.
        let expected = (0..u16::try_from(sequences.len()).unwrap()).map(|at| at.wrapping_add(65530));
        assert!(sequences.iter().copied().eq(expected), "{sequences:?} {}", ffmpeg.log());
        assert_eq!(samples, 16_000, "{suite}: {}", ffmpeg.log());
        assert!(sequences.len() > 20 && reports > 0, "{suite}: {} {reports}", sequences.len());
    }
}

/// Two neighbouring ports that are free, the first even: `FFmpeg` listens for RTCP at the second.
fn free_ports() -> u16 {
    let free = (0..1000).find_map(|_| {
        let port = socket().local_addr().unwrap().port() & !1;
        let both = [port, port + 1].map(|port| UdpSocket::bind(("127.0.0.1", port)).is_ok());
        (both == [true, true]).then_some(port)
    });
    free.unwrap()
}

/// Whether somebody is bound to this UDP port.
fn is_bound(port: u16) -> bool {
    let table = fs::read_to_string("/proc/net/udp").unwrap_or_default();
    table.contains(&format!(":{port:04X} "))
}

/// A block of twenty milliseconds that says which it is.
fn block(count: u16) -> [u8; 160] {
    let [high, low] = count.to_be_bytes();
    core::array::from_fn(|at| match at {
        0 => high,
        1 => low,
        _ => 0x55,
    })
}

/// Waits until `FFmpeg` listens, sends it packets over the wrap, and says goodbye in RTCP until it ends.
fn send(ffmpeg: &mut Ffmpeg, profile: SrtpProfile, port: u16) {
    for _ in 0..400 {
        if (is_bound(port) && is_bound(port + 1)) || ffmpeg.has_ended() {
            break;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    let (socket, mut session) = (socket(), session(profile));
    let to = |port| SocketAddr::from(([127, 0, 0, 1], port));
    let mut buf = [0; 300];
    for count in 0..300_u16 {
        let [high, low] = count.wrapping_add(65_400).to_be_bytes();
        let [_, a, b, c] = (u32::from(count) * 160).to_be_bytes();
        let head = [&[0x80, 0, high, low, 0, a, b, c][..], &SSRC.to_be_bytes(), &block(count)].concat();
        buf[..head.len()].copy_from_slice(&head);
        let len = session.protect_rtp(&mut buf, head.len()).unwrap();
        socket.send_to(&buf[..len], to(port)).unwrap();
        std::thread::sleep(Duration::from_millis(4));
    }
    for _ in 0..100 {
        let goodbye = [&[0x80, 201, 0, 1][..], &SSRC.to_be_bytes(), &[0x81, 203, 0, 1], &SSRC.to_be_bytes()];
        let goodbye = goodbye.concat();
        buf[..goodbye.len()].copy_from_slice(&goodbye);
        let len = session.protect_rtcp(&mut buf, goodbye.len()).unwrap();
        socket.send_to(&buf[..len], to(port + 1)).unwrap();
        std::thread::sleep(Duration::from_millis(100));
        if ffmpeg.has_ended() {
            return;
        }
    }
    panic!("FFmpeg took no notice of the goodbye: {}", ffmpeg.log());
}

#[test]
fn packets_of_ours_are_opened_by_ffmpeg() {
    if is_missing() {
        return;
    }
    for (profile, suite) in PROFILES {
        let port = free_ports();
        let mut ffmpeg = Ffmpeg::start(&format!("to-{}", profile.code()), |directory| {
            let sdp = format!(
                "v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n\
                 m=audio {port} RTP/SAVP 0\r\na=crypto:1 {suite} inline:{KEY_BASE64}\r\n"
            );
            fs::write(format!("{directory}/session.sdp"), sdp).unwrap();
            let input = "-protocol_whitelist file,udp,rtp,srtp,crypto -probesize 32 -analyzeduration 0";
            let mut args: Vec<_> = input.split(' ').map(str::to_owned).collect();
            args.extend(["-i".to_owned(), format!("{directory}/session.sdp")]);
            args.extend(["-c", "copy", "-f", "mulaw"].map(str::to_owned));
            args.push(format!("{directory}/out"));
            args
        });
        send(&mut ffmpeg, profile, port);
        let out = fs::read(ffmpeg.directory.join("out")).unwrap();
        // From some packet before the wrap on to the last.
        let blocks = out.as_chunks::<160>();
        assert!(blocks.1.is_empty() && blocks.0.len() > 200, "{suite}: {} {}", out.len(), ffmpeg.log());
        let first = 300 - u16::try_from(blocks.0.len()).unwrap();
        assert!(blocks.0.iter().copied().eq((first..300).map(block)), "{suite}: {}", ffmpeg.log());
    }
}
