//! `profile-level-id` (RFC 6184 §8.1): which profile, and which level an answer has.

use crate::peer::jsep::codec::CodecParameters;

/// What the three bytes say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct ProfileLevel {
    profile: Profile,
    /// Ten times the level; 1b lies between 1 and 1.1.
    level: u16,
    /// The bytes themselves.
    bytes: [u8; 3],
}

/// Profiles that differ in what a decoder must know (H.264 annex A, RFC 6184 table 5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Profile {
    ConstrainedBaseline,
    Baseline,
    Main,
    Extended,
    ConstrainedHigh,
    High,
    /// Another one, by its number and constraints.
    Other(u8, u8),
}

/// Level 1b by its own number (High and above); the others set a flag beside level 1.1.
const LEVEL_1B: u8 = 9;
const CONSTRAINT_SET3: u8 = 0x10;

impl ProfileLevel {
    /// Baseline at level 1 where nothing is said (RFC 6184 §8.1); `None` where what is said is no such thing.
    fn read(parameters: &CodecParameters) -> Option<Self> {
        let text = parameters.get("profile-level-id").unwrap_or("42000a");
        let is_hex = text.len() == 6 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        let [_, idc, iop, level] =
            is_hex.then(|| u32::from_str_radix(text, 16).ok()).flatten()?.to_be_bytes();
        let profile = match idc {
            0x42 if iop & 0x40 != 0 => Profile::ConstrainedBaseline,
            0x42 => Profile::Baseline,
            0x4d if iop & 0x80 != 0 => Profile::ConstrainedBaseline,
            0x4d => Profile::Main,
            0x58 if iop & 0xc0 == 0xc0 => Profile::ConstrainedBaseline,
            0x58 if iop & 0x80 != 0 => Profile::Baseline,
            0x58 => Profile::Extended,
            0x64 if iop & 0x0c == 0x0c => Profile::ConstrainedHigh,
            0x64 => Profile::High,
            _ => Profile::Other(idc, iop),
        };
        let low = matches!(idc, 0x42 | 0x4d | 0x58);
        let is_1b = level == LEVEL_1B || low && level == 11 && iop & CONSTRAINT_SET3 != 0;
        // In tenths of a level's number, so that 1b has a place.
        let rank = if is_1b { 105 } else { u16::from(level) * 10 };
        Some(Self { profile, level: rank, bytes: [idc, iop, level] })
    }
}

/// Whether the profiles are the same. Symmetric.
pub(super) fn same_profile(a: &CodecParameters, b: &CodecParameters) -> bool {
    let pair = ProfileLevel::read(a).zip(ProfileLevel::read(b));
    pair.is_some_and(|(a, b)| a.profile == b.profile)
}

/// The parameters of an answer: the offered profile, and our level, or the lesser of both where they may not differ (RFC 6184 §8.2.2).
pub(super) fn answer(ours: &CodecParameters, theirs: &CodecParameters) -> CodecParameters {
    let Some((own, offered)) = ProfileLevel::read(ours).zip(ProfileLevel::read(theirs)) else {
        return ours.clone();
    };
    let asymmetric = |of: &CodecParameters| of.get("level-asymmetry-allowed") == Some("1");
    let [idc, iop, level] = if asymmetric(ours) && asymmetric(theirs) || own.level < offered.level {
        let [idc, iop, _] = offered.bytes;
        [idc, iop, own.bytes[2]]
    } else {
        offered.bytes
    };
    ours.with("profile-level-id", &format!("{idc:02x}{iop:02x}{level:02x}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parameters(profile_level_id: &str, asymmetric: bool) -> CodecParameters {
        let allowed = u8::from(asymmetric);
        let text = format!(
            "level-asymmetry-allowed={allowed};packetization-mode=1;profile-level-id={profile_level_id}"
        );
        CodecParameters::new(&text).unwrap()
    }

    /// RFC 6184 table 5.
    #[test]
    fn profiles_are_told_by_number_and_constraints() {
        for (id, profile) in [
            ("42e01f", Profile::ConstrainedBaseline),
            ("42C00A", Profile::ConstrainedBaseline),
            ("42001f", Profile::Baseline),
            ("4d801f", Profile::ConstrainedBaseline),
            ("4d001f", Profile::Main),
            ("4D401F", Profile::Main),
            ("58c01f", Profile::ConstrainedBaseline),
            ("58801f", Profile::Baseline),
            ("58001f", Profile::Extended),
            ("640c1f", Profile::ConstrainedHigh),
            ("64001f", Profile::High),
            ("f4001f", Profile::Other(0xf4, 0)),
        ] {
            let read = ProfileLevel::read(&parameters(id, true)).unwrap();
            assert_eq!(read.profile, profile, "{id}");
        }
        for id in ["", "42e0", "42e01f0", "42e0zz", "+2e01f"] {
            assert_eq!(ProfileLevel::read(&parameters(id, true)), None, "{id}");
        }
        let absent = ProfileLevel::read(&CodecParameters::NONE).unwrap();
        assert_eq!((absent.profile, absent.bytes[2]), (Profile::Baseline, 10));
    }

    #[test]
    fn an_answer_has_our_level_or_the_lesser_one() {
        for (ours, theirs, asymmetric, answered) in [
            ("42e01f", "42e034", true, "42e01f"),
            ("42e034", "42e01f", true, "42e034"),
            ("42e034", "42e01f", false, "42e01f"),
            ("42e01f", "42e034", false, "42e01f"),
            // 1b is less than 1.1 and more than 1.
            ("42e00b", "42f00b", false, "42f00b"),
            ("42e00a", "42f00b", false, "42f00a"),
        ] {
            let answer = answer(&parameters(ours, true), &parameters(theirs, asymmetric));
            assert_eq!(answer.get("profile-level-id"), Some(answered), "{ours} {theirs}");
            assert_eq!(answer.get("packetization-mode"), Some("1"));
        }
    }
}
