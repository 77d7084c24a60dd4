//! `srtp`: what protecting and unprotecting a packet of 1200 bytes costs above its cipher, and what refusing a forged one costs.

use antiphon::base::arena::Arena;
use antiphon::base::limits;
use antiphon::crypto::aead::{AeadKey, Algorithm, TAG_LEN};
use antiphon::crypto::ctr::AesCtr;
use antiphon::crypto::digest::HmacSha1;
use antiphon::srtp::{KeyingMaterial, Session, Side, SrtpProfile};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region};
use std::hint::black_box;

use super::measure::{Line, cpu_of, interleaved, print};

/// Bytes of a packet without its tag.
const PACKET: usize = 1200;
/// Bytes of its header.
const HEADER: usize = 12;
/// Packets of one batch: they stay in the processor's second cache.
const BATCH: usize = 64;
/// Batches of one round, alternately of ours and of the bare cipher.
const BATCHES: usize = 160;
/// Forged packets whose memory is counted.
const FORGED: u32 = 1_000_000;

const PROFILES: [(&str, SrtpProfile); 4] = [
    ("sha1_80", SrtpProfile::Aes128CmSha1_80),
    ("sha1_32", SrtpProfile::Aes128CmSha1_32),
    ("gcm128", SrtpProfile::AeadAes128Gcm),
    ("gcm256", SrtpProfile::AeadAes256Gcm),
];

fn pair(profile: SrtpProfile) -> [Session; 2] {
    let exported = vec![7; profile.keying_material_len()];
    let keys = KeyingMaterial::split(profile, &exported).unwrap();
    [Side::Client, Side::Server].map(|side| Session::new(&keys, side).unwrap())
}

/// The cipher calls of a profile, and nothing else.
enum Bare {
    Cm { cipher: AesCtr, mac: HmacSha1, tag_len: usize },
    Gcm(AeadKey),
}

impl Bare {
    fn new(profile: SrtpProfile) -> Self {
        let key = vec![7; profile.key_len()];
        let gcm = |algorithm| Self::Gcm(AeadKey::new(algorithm, &key).unwrap());
        // A salt of fourteen bytes is AES-CM's.
        match (profile.salt_len(), profile) {
            (14, profile) => Self::Cm {
                cipher: AesCtr::new(&key).unwrap(),
                mac: HmacSha1::new(&[7; 20]),
                tag_len: if profile == SrtpProfile::Aes128CmSha1_32 { 4 } else { 10 },
            },
            (_, SrtpProfile::AeadAes128Gcm) => gcm(Algorithm::Aes128Gcm),
            _ => gcm(Algorithm::Aes256Gcm),
        }
    }

    fn tag_len(&self) -> usize {
        match self {
            Self::Cm { tag_len, .. } => *tag_len,
            Self::Gcm(_) => TAG_LEN,
        }
    }

    /// Encrypts the packet in place, and writes its tag.
    fn seal(&mut self, packet: &mut [u8], count: u64) {
        let (body, tag) = packet.split_at_mut(PACKET);
        match self {
            Self::Cm { cipher, mac, tag_len } => {
                cipher.apply(&block(count), &mut body[HEADER..]).unwrap();
                let code = mac.sign(&[body, &[0; 4]]);
                tag[..*tag_len].copy_from_slice(&code[..*tag_len]);
            }
            Self::Gcm(key) => {
                let (head, body) = body.split_at_mut(HEADER);
                tag[..TAG_LEN].copy_from_slice(&key.seal(&nonce(count), head, body).unwrap());
            }
        }
    }

    /// Decrypts in place what [`seal`](Self::seal) made.
    fn open(&mut self, packet: &mut [u8], count: u64) {
        let (body, tag) = packet.split_at_mut(PACKET);
        match self {
            Self::Cm { cipher, mac, tag_len } => {
                let code = mac.sign(&[body, &[0; 4]]);
                assert!(antiphon::crypto::digest::constant_time_eq(&code[..*tag_len], &tag[..*tag_len]));
                cipher.apply(&block(count), &mut body[HEADER..]).unwrap();
            }
            Self::Gcm(key) => {
                let (head, body) = body.split_at_mut(HEADER);
                key.open(&nonce(count), head, body, &tag[..TAG_LEN]).unwrap();
            }
        }
    }
}

fn block(count: u64) -> [u8; 16] {
    (u128::from(count) << 16).to_be_bytes()
}

fn nonce(count: u64) -> [u8; 12] {
    let mut nonce = [0; 12];
    nonce[4..].copy_from_slice(&count.to_be_bytes());
    nonce
}

/// Room for packets with their tags, one after the other.
struct Batch {
    bytes: Vec<u8>,
    stride: usize,
}

impl Batch {
    fn new() -> Self {
        let stride = PACKET + 32;
        Self { bytes: vec![0x5a; BATCH * stride], stride }
    }

    fn packets(&mut self) -> impl Iterator<Item = &mut [u8]> {
        self.bytes.chunks_exact_mut(self.stride)
    }

    /// Writes the headers of the packets from `count` on.
    fn head(&mut self, count: u64) {
        for (packet, count) in self.packets().zip(count..) {
            let [.., high, low] = count.to_be_bytes();
            packet[..HEADER].copy_from_slice(&[0x80, 96, high, low, 0, 0, 0, 0, 0, 0, 0, 9]);
        }
    }
}

/// What protection costs above the cipher, in nanoseconds a packet.
struct Protect {
    session: Session,
    bare: Bare,
    batches: [Batch; 2],
    count: u64,
}

impl Protect {
    fn new(profile: SrtpProfile) -> Self {
        let [session, _] = pair(profile);
        Self { session, bare: Bare::new(profile), batches: [Batch::new(), Batch::new()], count: 0 }
    }

    fn measure(&mut self) -> f64 {
        let (mut ours, mut bare) = (0.0, 0.0);
        for _ in 0..BATCHES {
            let [own, plain] = &mut self.batches;
            own.head(self.count);
            plain.head(self.count);
            let session = &mut self.session;
            ours += nanos(|| {
                for packet in own.packets() {
                    black_box(session.protect_rtp(black_box(packet), PACKET).unwrap());
                }
            });
            bare += nanos(|| {
                for (packet, count) in plain.packets().zip(self.count..) {
                    self.bare.seal(black_box(packet), count);
                }
            });
            self.count += BATCH as u64;
        }
        (ours - bare) / (BATCHES * BATCH) as f64
    }
}

/// What unprotection costs above the cipher, in nanoseconds a packet. Each packet is held until the next has come.
struct Unprotect {
    sessions: [Session; 2],
    bare: Bare,
    batches: [Batch; 2],
    arena: Arena,
    count: u64,
}

impl Unprotect {
    fn new(profile: SrtpProfile) -> Self {
        Self {
            sessions: pair(profile),
            bare: Bare::new(profile),
            batches: [Batch::new(), Batch::new()],
            arena: Arena::new(limits::ARENA_BLOCK, limits::ARENA_BLOCKS),
            count: 0,
        }
    }

    fn measure(&mut self) -> f64 {
        let len = PACKET + self.bare.tag_len();
        let (mut ours, mut bare) = (0.0, 0.0);
        for _ in 0..BATCHES {
            let [own, plain] = &mut self.batches;
            own.head(self.count);
            plain.head(self.count);
            let [sender, receiver] = &mut self.sessions;
            own.packets().for_each(|packet| assert_eq!(sender.protect_rtp(packet, PACKET), Ok(len)));
            for (packet, count) in plain.packets().zip(self.count..) {
                self.bare.seal(packet, count);
            }
            let mut held = None;
            ours += nanos(|| {
                for packet in own.packets() {
                    held = Some(receiver.unprotect_rtp(black_box(&packet[..len]), &mut self.arena).unwrap());
                }
            });
            drop(black_box(held));
            bare += nanos(|| {
                for (packet, count) in plain.packets().zip(self.count..) {
                    self.bare.open(black_box(packet), count);
                }
            });
            self.count += BATCH as u64;
        }
        (ours - bare) / (BATCHES * BATCH) as f64
    }
}

/// What refusing a forged packet costs: `far` is its distance from the highest number of its source, `None` a source that is not
/// known.
fn refuse(profile: SrtpProfile, far: Option<u16>) -> impl FnMut() -> f64 {
    let [mut sender, mut receiver] = pair(profile);
    let mut arena = Arena::new(limits::ARENA_BLOCK, limits::ARENA_BLOCKS);
    let mut batch = Batch::new();
    batch.head(0);
    let len = PACKET + sender.rtp_overhead();
    for packet in batch.packets() {
        sender.protect_rtp(packet, PACKET).unwrap();
        receiver.unprotect_rtp(&packet[..len], &mut arena).unwrap();
    }
    for (packet, count) in batch.packets().zip(0_u16..) {
        let [high, low] = far.unwrap_or(500).wrapping_add(count).to_be_bytes();
        let ssrc = if far.is_some() { 9 } else { 8 };
        packet[..HEADER].copy_from_slice(&[0x80, 96, high, low, 0, 0, 0, 0, 0, 0, 0, ssrc]);
    }
    move || {
        let spent = nanos(|| {
            for _ in 0..BATCHES / 4 {
                for packet in batch.packets() {
                    assert!(receiver.unprotect_rtp(black_box(&packet[..len]), &mut arena).is_err());
                }
            }
        });
        spent / (BATCHES / 4 * BATCH) as f64
    }
}

fn nanos(work: impl FnOnce()) -> f64 {
    cpu_of(work).as_nanos() as f64
}

/// Bytes that forged packets of as many sources leave on the heap, and the allocations they make.
fn forged_memory(profile: SrtpProfile) -> (f64, f64) {
    let [mut sender, mut receiver] = pair(profile);
    let mut arena = Arena::new(limits::ARENA_BLOCK, limits::ARENA_BLOCKS);
    let mut packet = [0x5a; 200];
    packet[..HEADER].copy_from_slice(&[0x80, 96, 0, 0, 0, 0, 0, 0, 0, 0, 0, 9]);
    let len = sender.protect_rtp(&mut packet, 150).unwrap();
    receiver.unprotect_rtp(&packet[..len], &mut arena).unwrap();
    let region = Region::new(&INSTRUMENTED_SYSTEM);
    for ssrc in 10..10 + FORGED {
        packet[8..12].copy_from_slice(&ssrc.to_be_bytes());
        assert!(receiver.unprotect_rtp(&packet[..len], &mut arena).is_err());
    }
    let change = region.change();
    assert_eq!(receiver.receiving_sources(), (1, 0));
    let left = change.bytes_allocated as f64 - change.bytes_deallocated as f64;
    let allocated = (change.allocations + change.reallocations) as f64;
    (left / f64::from(FORGED), allocated / f64::from(FORGED))
}

pub(crate) fn run() {
    let mut lines = Vec::new();
    for (name, profile) in PROFILES {
        let mut protect = Protect::new(profile);
        let line = format!("srtp.{name}_protect_overhead_ns");
        lines.push(Line::new(line, "ns", move || protect.measure()));
        let mut unprotect = Unprotect::new(profile);
        let line = format!("srtp.{name}_unprotect_overhead_ns");
        lines.push(Line::new(line, "ns", move || unprotect.measure()));
        lines.push(Line::new(format!("srtp.{name}_refuse_near_ns"), "ns", refuse(profile, Some(500))));
        lines.push(Line::new(format!("srtp.{name}_refuse_far_ns"), "ns", refuse(profile, Some(40_000))));
        lines.push(Line::new(format!("srtp.{name}_refuse_unknown_ns"), "ns", refuse(profile, None)));
    }
    interleaved(lines);
    let (left, allocated) = forged_memory(SrtpProfile::AeadAes128Gcm);
    print("srtp.forged_heap_per_packet_bytes", left, "bytes");
    print("srtp.forged_allocations_per_packet", allocated, "allocations");
}
