//! The packets of RFC 7714 §16 and §17, whose keys are given after derivation.

use super::context::Sources;
use super::keys::SessionKeys;
use super::profile::Usage;
use super::session::Keys;
use super::transform::Transform;
use super::*;

const RTP: &str =
    "8040f17b8041f8d35501a0b247616c6c696120657374206f6d6e69732064697669736120696e207061727465732074726573";
const RTP_128: &str = "8040f17b8041f8d35501a0b2f24de3a3fb34de6cacba861c9d7e4bcabe633bd50d294e6f42a5f47a51c7d19b36de3adf8833899d7f27beb16a9152cf765ee4390cce";
const RTP_256: &str = "8040f17b8041f8d35501a0b232b1de78a822fe12ef9f78fa332e33aab18012389a58e2f3b50b2a0276ffae0f1ba63799b87b7aa3db36dfffd6b0f9bb7878d7a76c13";
const RTCP: &str = "81c8000d4d6172734e5450314e545032525450200000042a0000e9304c756e61deadbeefdeadbeefdeadbeefdeadbeefdeadbeef";
const RTCP_128: &str = "81c8000d4d61727363e94885dcdab67ca727d7662f6b7e997ff5c0f76c06f32dc676a5f1730d6fda4ce09b4686303ded0bb9275bc84aa45896cf4d2fc5abf87245d9eade800005d4";
const RTCP_256: &str = "81c8000d4d617273d50ae4d1f5ce5d304ba297e47d470c282c3ece5dbffe0a50a2eaa5c1110555be8415f658c61de0476f1b6fad1d1eb30c4446839f57ff6f6cb26ac3be800005d4";
/// The same in the clear.
const RTCP_128_CLEAR: &str = "81c8000d4d6172734e5450314e545032525450200000042a0000e9304c756e61deadbeefdeadbeefdeadbeefdeadbeefdeadbeef841dd9683dd78ec92ae58790125f62b3000005d4";
const RTCP_256_CLEAR: &str = "81c8000d4d6172734e5450314e545032525450200000042a0000e9304c756e61deadbeefdeadbeefdeadbeefdeadbeefdeadbeef91db4afbfeee5a978fab4393ed2615fe000005d4";
/// The index of the packets of RTCP.
const INDEX: u64 = 0x5d4;

fn unhex(text: &str) -> Vec<u8> {
    let pairs = text.as_bytes().chunks(2).map(|pair| core::str::from_utf8(pair).unwrap());
    pairs.map(|pair| u8::from_str_radix(pair, 16).unwrap()).collect()
}

/// A session whose four session keys are all that of the RFC.
fn session(profile: SrtpProfile) -> Session {
    let key: Vec<u8> = (0..32).take(profile.key_len()).collect();
    let keys = SessionKeys::given(&key, b"Quid pro quo");
    let transform = |usage| Transform::new(profile, usage, &keys).unwrap();
    let keys = Keys { rtp: transform(Usage::Rtp), rtcp: transform(Usage::Rtcp) };
    let mut session = Session::with_keys(profile, keys.clone(), keys);
    session.control_senders = Sources::new(1);
    session.control_senders.get_or_insert_with(0x4d61_7273, || INDEX).unwrap();
    session
}

const PROFILES: [SrtpProfile; 2] = [SrtpProfile::AeadAes128Gcm, SrtpProfile::AeadAes256Gcm];

#[test]
fn rtp_of_rfc_7714() {
    for (profile, protected) in PROFILES.into_iter().zip([RTP_128, RTP_256].map(unhex)) {
        let (mut session, mut buf) = (session(profile), [0; 66]);
        assert_eq!(session.unprotect_rtp_into(&protected, &mut buf), Ok(50));
        assert_eq!(buf[..50], unhex(RTP));
        assert_eq!(session.protect_rtp(&mut buf, 50), Ok(66));
        assert_eq!(buf[..], protected);
    }
}

#[test]
fn rtcp_of_rfc_7714() {
    for (profile, protected) in PROFILES.into_iter().zip([RTCP_128, RTCP_256].map(unhex)) {
        let (mut session, mut buf) = (session(profile), [0; 72]);
        assert_eq!(session.unprotect_rtcp_into(&protected, &mut buf), Ok(52));
        assert_eq!(buf[..52], unhex(RTCP));
        assert_eq!(session.protect_rtcp(&mut buf, 52), Ok(72));
        assert_eq!(buf[..], protected);
    }
}

#[test]
fn rtcp_in_the_clear_is_taken_if_it_is_authentic() {
    for (profile, mut packet) in PROFILES.into_iter().zip([RTCP_128_CLEAR, RTCP_256_CLEAR].map(unhex)) {
        let (mut session, mut out) = (session(profile), [0; 72]);
        packet[20] ^= 1;
        let refused = session.unprotect_rtcp_into(&packet, &mut out);
        assert_eq!(refused, Err(UnprotectError::Unauthenticated));
        packet[20] ^= 1;
        assert_eq!(session.unprotect_rtcp_into(&packet, &mut out), Ok(52));
        assert_eq!(out[..52], unhex(RTCP));
    }
}
