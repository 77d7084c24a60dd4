//! Packets of SRTP and SRTCP, authentic, changed, repeated and invented: what is handed out was sent, and once; a packet that the
//! window allows is taken whatever came before it.
//!
//! The input is a byte for the profile and Cryptex, then a list of steps: `kind length bytes`. The keys are of the whole input: what
//! the fuzzer saw sealed in one run, it cannot bring as a packet that nobody sent in another.
#![no_main]

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{DefaultHasher, Hash, Hasher};

use antiphon::base::arena::Arena;
use antiphon::srtp::{KeyingMaterial, ProtectError, Session, Side, SrtpProfile, UnprotectError};
use libfuzzer_sys::fuzz_target;

const PROFILES: [SrtpProfile; 4] = [
    SrtpProfile::Aes128CmSha1_80,
    SrtpProfile::Aes128CmSha1_32,
    SrtpProfile::AeadAes128Gcm,
    SrtpProfile::AeadAes256Gcm,
];
/// How far ahead of the highest index a packet is certain to be taken, and how far behind.
const AHEAD: u64 = 32_767;
const BEHIND: u64 = 1023;

struct Packet {
    rtcp: bool,
    ssrc: u32,
    index: u64,
    plain: Vec<u8>,
    sealed: Vec<u8>,
}

struct World {
    sender: Session,
    receiver: Session,
    arena: Arena,
    cryptex: bool,
    /// The index of the last packet of each source.
    sent: BTreeMap<u32, u64>,
    /// How many packets of RTCP each has sent.
    reports: BTreeMap<u32, u64>,
    packets: Vec<Packet>,
    taken: BTreeSet<(bool, u32, u64)>,
    /// The highest index that has been taken of each source.
    highest: BTreeMap<u32, u64>,
}

impl World {
    fn new(choice: u8, input: &[u8]) -> Self {
        let profile = PROFILES[usize::from(choice % 4)];
        let mut hasher = DefaultHasher::new();
        input.hash(&mut hasher);
        let secret = hasher.finish().to_be_bytes();
        let material: Vec<u8> = secret.iter().copied().cycle().take(profile.keying_material_len()).collect();
        let keys = KeyingMaterial::split(profile, &material).expect("keys");
        let session = |side| Session::new(&keys, side).expect("a session");
        let (mut sender, receiver) = (session(Side::Server), session(Side::Client));
        let cryptex = choice & 0x80 != 0;
        sender.set_cryptex(cryptex);
        Self {
            sender,
            receiver,
            arena: Arena::new(2048, 4),
            cryptex,
            sent: BTreeMap::new(),
            reports: BTreeMap::new(),
            packets: Vec::new(),
            taken: BTreeSet::new(),
            highest: BTreeMap::new(),
        }
    }

    /// A packet of one of four sources, so many numbers after its last; the rest of the header is the input's.
    fn send_rtp(&mut self, bytes: &[u8]) {
        let [source, step, far, flags, rest @ ..] = bytes else { return };
        let ssrc = u32::from(source % 4);
        let step = u64::from(*step) + u64::from(far % 100) * 256;
        let last = self.sent.get(&ssrc).copied();
        let index = last.map_or(65_300 + step, |index| index + step);
        let [.., high, low] = index.to_be_bytes();
        let mut plain = vec![*flags, 96, high, low, 0, 0, 0, 0];
        plain.extend(ssrc.to_be_bytes());
        plain.extend(rest);
        let mut buf = plain.clone();
        buf.resize(plain.len() + self.sender.rtp_overhead(), 0xee);
        match self.sender.protect_rtp(&mut buf, plain.len()) {
            Ok(len) => {
                buf.truncate(len);
                let index = if last.is_none() { index % 65_536 } else { index };
                self.sent.insert(ssrc, index);
                let expected = self.expected(plain);
                self.packets.push(Packet { rtcp: false, ssrc, index, plain: expected, sealed: buf });
            }
            Err(error) => {
                assert_eq!(buf[..plain.len()], plain, "a refused packet is left as it was");
                let used = matches!(error, ProtectError::SequenceUsed { .. });
                let malformed =
                    matches!(error, ProtectError::Malformed { .. } | ProtectError::ReservedExtension { .. });
                assert!(malformed || (used && step == 0), "{error:?}");
            }
        }
    }

    /// With Cryptex, contributing sources bring an empty extension along.
    fn expected(&self, mut plain: Vec<u8>) -> Vec<u8> {
        let csrcs = usize::from(plain[0] & 15);
        if self.cryptex && plain[0] & 0x10 == 0 && csrcs > 0 {
            plain[0] |= 0x10;
            let after = plain.split_off(12 + 4 * csrcs);
            plain.extend([0xbe, 0xde, 0, 0]);
            plain.extend(after);
        }
        plain
    }

    fn send_rtcp(&mut self, bytes: &[u8]) {
        let [source, rest @ ..] = bytes else { return };
        let ssrc = u32::from(source % 4);
        let mut plain = vec![0x80, 200, 0, 1];
        plain.extend(ssrc.to_be_bytes());
        plain.extend(rest);
        let mut sealed = plain.clone();
        sealed.resize(plain.len() + self.sender.rtcp_overhead(), 0xee);
        assert_eq!(self.sender.protect_rtcp(&mut sealed, plain.len()), Ok(sealed.len()));
        let count = self.reports.entry(ssrc).or_default();
        let index = *count;
        *count += 1;
        self.packets.push(Packet { rtcp: true, ssrc, index, plain, sealed });
    }

    fn open(&mut self, rtcp: bool, bytes: &[u8]) -> Result<Vec<u8>, UnprotectError> {
        let opened = if rtcp {
            self.receiver.unprotect_rtcp(bytes, &mut self.arena)
        } else {
            self.receiver.unprotect_rtp(bytes, &mut self.arena)
        };
        opened.map(Vec::from)
    }

    /// A packet as it was sent, perhaps not for the first time.
    fn deliver(&mut self, which: u8) {
        let Some(at) = usize::from(which).checked_rem(self.packets.len()) else { return };
        let (rtcp, sealed) = (self.packets[at].rtcp, self.packets[at].sealed.clone());
        let opened = self.open(rtcp, &sealed);
        let packet = &self.packets[at];
        let highest = self.highest.get(&packet.ssrc).copied();
        let near = match highest {
            Some(highest) => packet.index <= highest + AHEAD && packet.index + BEHIND >= highest,
            None => packet.index < 65_536,
        };
        let fresh = !self.taken.contains(&(rtcp, packet.ssrc, packet.index));
        match opened {
            Ok(plain) => {
                assert!(fresh, "taken twice");
                assert_eq!(plain, packet.plain);
                self.taken.insert((rtcp, packet.ssrc, packet.index));
                if !rtcp {
                    let highest = self.highest.entry(packet.ssrc).or_default();
                    *highest = packet.index.max(*highest);
                }
            }
            Err(error) => assert!(!fresh || rtcp || !near, "{error:?} of a packet that is due"),
        }
    }

    /// Bytes that nobody sent.
    fn forge(&mut self, rtcp: bool, bytes: &[u8]) {
        let sources = self.receiver.receiving_sources();
        if self.packets.iter().any(|packet| packet.rtcp == rtcp && packet.sealed == bytes) {
            return;
        }
        assert!(self.open(rtcp, bytes).is_err());
        assert_eq!(self.receiver.receiving_sources(), sources);
    }

    /// One byte of a packet is another, or its end is missing.
    fn change(&mut self, bytes: &[u8]) {
        let [which, at, change, cut, ..] = bytes else { return };
        let Some(packet) = usize::from(*which).checked_rem(self.packets.len()) else { return };
        let packet = &self.packets[packet];
        let (rtcp, mut forged) = (packet.rtcp, packet.sealed.clone());
        let at = usize::from(*at) % forged.len();
        forged[at] ^= change;
        forged.truncate(forged.len() - usize::from(*cut) % forged.len());
        self.forge(rtcp, &forged);
    }
}

fuzz_target!(|data: &[u8]| {
    let Some((choice, mut rest)) = data.split_first() else { return };
    let mut world = World::new(*choice, data);
    while let [kind, len, bytes @ ..] = rest {
        let (bytes, after) = bytes.split_at(usize::from(*len).min(bytes.len()));
        rest = after;
        match kind % 7 {
            0 | 1 => world.send_rtp(bytes),
            2 => world.send_rtcp(bytes),
            3 => bytes.iter().for_each(|which| world.deliver(*which)),
            4 => world.change(bytes),
            5 => world.forge(false, bytes),
            _ => world.forge(true, bytes),
        }
        if world.packets.len() > 200 {
            break;
        }
    }
});
