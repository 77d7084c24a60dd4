//! `profile-level-id` of H.264 (RFC 6184 §8.1): which profiles are the same, and which level an answer names.

use core::fmt;
use core::str::FromStr;

/// The profiles of RFC 6184 table 5, and Constrained High, which browsers offer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Profile {
    /// CB.
    ConstrainedBaseline,
    /// B.
    Baseline,
    /// M.
    Main,
    /// E.
    Extended,
    /// High with `constraint_set4_flag` and `constraint_set5_flag`: no fields and no B slices.
    ConstrainedHigh,
    /// H.
    High,
    /// H10.
    High10,
    /// H42.
    High422,
    /// H44.
    High444Predictive,
    /// H10I.
    High10Intra,
    /// H42I.
    High422Intra,
    /// H44I.
    High444Intra,
    /// C44I.
    Cavlc444Intra,
}

/// Three bytes: `profile_idc`, `profile-iop`, `level_idc`.
///
/// ```
/// use antiphon::codec::h264_profile::{Level, Profile, ProfileLevelId};
///
/// let offered: ProfileLevelId = "42e01f".parse()?;
/// assert_eq!(offered.profile(), Some(Profile::ConstrainedBaseline));
/// assert_eq!(offered.level(), Level::from_idc(31));
/// assert!(offered.is_same_profile("4d801f".parse()?));
/// assert!(!offered.is_same_profile("42001f".parse()?));
/// # Ok::<(), antiphon::codec::h264_profile::InvalidProfileLevelId>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ProfileLevelId {
    profile_idc: u8,
    iop: u8,
    level_idc: u8,
}

/// Not six hexadecimal digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("profile-level-id is not six hexadecimal digits")]
pub struct InvalidProfileLevelId;

/// A level, ordered by what it demands: 1b stands between 1 and 1.1.
///
/// ```
/// use antiphon::codec::h264_profile::Level;
///
/// assert!(Level::from_idc(10) < Level::ONE_B && Level::ONE_B < Level::from_idc(11));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Level(u16);

impl Level {
    /// Level 1b.
    pub const ONE_B: Self = Self(21);

    /// Ten times the level's number, as `level_idc` has it.
    pub const fn from_idc(idc: u8) -> Self {
        Self(idc as u16 * 2)
    }
}

const CONSTRAINT_3: u8 = 0x10;

impl ProfileLevelId {
    /// What holds where a description names none: Baseline, level 1 (RFC 6184 §8.1).
    pub const DEFAULT: Self = Self::from_bytes([66, 0, 10]);

    /// From the bytes as a sequence parameter set has them.
    pub const fn from_bytes([profile_idc, iop, level_idc]: [u8; 3]) -> Self {
        Self { profile_idc, iop, level_idc }
    }

    /// `profile_idc`.
    pub const fn profile_idc(self) -> u8 {
        self.profile_idc
    }

    /// The profile; `None` for combinations that RFC 6184 table 5 does not list.
    pub const fn profile(self) -> Option<Profile> {
        // Table 5, rows with `x` as masks. The last four bits are 0 in all but Constrained High.
        let reserved = matches!(self.iop & 0x0f, 0);
        match (self.profile_idc, self.iop) {
            (66, iop) if reserved && iop & 0x40 != 0 => Some(Profile::ConstrainedBaseline),
            (66, _) if reserved => Some(Profile::Baseline),
            (77, iop) if reserved && iop & 0x80 != 0 => Some(Profile::ConstrainedBaseline),
            (77, iop) if reserved && iop & 0xa0 == 0 => Some(Profile::Main),
            (88, iop) if reserved && iop & 0xc0 == 0xc0 => Some(Profile::ConstrainedBaseline),
            (88, iop) if reserved && iop & 0xc0 == 0x80 => Some(Profile::Baseline),
            (88, iop) if reserved && iop & 0xc0 == 0 => Some(Profile::Extended),
            (100, 0x00) => Some(Profile::High),
            (100, 0x0c) => Some(Profile::ConstrainedHigh),
            (110, 0x00) => Some(Profile::High10),
            (122, 0x00) => Some(Profile::High422),
            (244, 0x00) => Some(Profile::High444Predictive),
            (110, 0x10) => Some(Profile::High10Intra),
            (122, 0x10) => Some(Profile::High422Intra),
            (244, 0x10) => Some(Profile::High444Intra),
            (44, 0x10) => Some(Profile::Cavlc444Intra),
            _ => None,
        }
    }

    /// The level. 1b is level 1.1 with `constraint_set3_flag` in Baseline, Main and Extended, `level_idc` 9 elsewhere.
    pub const fn level(self) -> Level {
        match (self.profile_idc, self.level_idc) {
            (66 | 77 | 88, 11) if self.iop & CONSTRAINT_3 != 0 => Level::ONE_B,
            (66 | 77 | 88, idc) => Level::from_idc(idc),
            (_, 9) => Level::ONE_B,
            (_, idc) => Level::from_idc(idc),
        }
    }

    /// Whether both name one profile, level aside: only then is an offered format ours (RFC 6184 §8.2.2). Combinations
    /// that table 5 does not list must be equal bit for bit.
    pub fn is_same_profile(self, other: Self) -> bool {
        match (self.profile(), other.profile()) {
            (Some(ours), Some(theirs)) => ours == theirs,
            (None, None) => (self.profile_idc, self.iop) == (other.profile_idc, other.iop),
            (Some(_), None) | (None, Some(_)) => false,
        }
    }

    /// What an answer says to the offer of `remote`: our own where both sides allow asymmetric levels
    /// (`level-asymmetry-allowed=1`), else the profile with the lower level of both. `None`: not the same profile.
    #[must_use]
    pub fn answer(self, remote: Self, asymmetry: bool) -> Option<Self> {
        if !self.is_same_profile(remote) {
            return None;
        }
        if asymmetry || self.level() <= remote.level() {
            return Some(self);
        }
        // The same profile can be said in several ways; the peer's has the level in the peer's.
        Some(remote)
    }
}

impl FromStr for ProfileLevelId {
    type Err = InvalidProfileLevelId;

    fn from_str(text: &str) -> Result<Self, InvalidProfileLevelId> {
        let valid = text.len() == 6 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        let value = u32::from_str_radix(text, 16).ok().filter(|_| valid).ok_or(InvalidProfileLevelId)?;
        let [_, bytes @ ..] = value.to_be_bytes();
        Ok(Self::from_bytes(bytes))
    }
}

impl fmt::Display for ProfileLevelId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:02x}{:02x}{:02x}", self.profile_idc, self.iop, self.level_idc)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(text: &str) -> ProfileLevelId {
        text.parse().unwrap()
    }

    #[test]
    fn the_rows_of_table_5() {
        let rows = [
            ("42c00b", Some(Profile::ConstrainedBaseline)),
            ("42e01f", Some(Profile::ConstrainedBaseline)),
            ("4d801f", Some(Profile::ConstrainedBaseline)),
            ("58c01f", Some(Profile::ConstrainedBaseline)),
            ("42001f", Some(Profile::Baseline)),
            ("42801f", Some(Profile::Baseline)),
            ("58a01f", Some(Profile::Baseline)),
            ("4d001f", Some(Profile::Main)),
            ("4d401f", Some(Profile::Main)),
            ("4d201f", None),
            ("58001f", Some(Profile::Extended)),
            ("58201f", Some(Profile::Extended)),
            ("58401f", None),
            ("64001f", Some(Profile::High)),
            ("640c1f", Some(Profile::ConstrainedHigh)),
            ("64081f", None),
            ("6e001f", Some(Profile::High10)),
            ("6e101f", Some(Profile::High10Intra)),
            ("7a001f", Some(Profile::High422)),
            ("7a101f", Some(Profile::High422Intra)),
            ("f4001f", Some(Profile::High444Predictive)),
            ("f4101f", Some(Profile::High444Intra)),
            ("2c101f", Some(Profile::Cavlc444Intra)),
            ("42e11f", None),
        ];
        for (text, profile) in rows {
            assert_eq!(id(text).profile(), profile, "{text}");
            assert_eq!(id(text).to_string(), text);
        }
    }

    #[test]
    fn level_1b_is_said_in_two_ways() {
        assert_eq!(id("42100b").level(), Level::ONE_B);
        assert_eq!(id("42000b").level(), Level::from_idc(11));
        assert_eq!(id("640009").level(), Level::ONE_B);
        assert!(Level::from_idc(10) < Level::ONE_B);
        assert!(Level::ONE_B < Level::from_idc(11));
    }

    #[test]
    fn an_answer_keeps_the_profile_and_never_raises_the_level() {
        let ours = id("42e01f");
        assert_eq!(ours.answer(id("42e00d"), false), Some(id("42e00d")));
        assert_eq!(ours.answer(id("42e034"), false), Some(ours));
        assert_eq!(ours.answer(id("42e00d"), true), Some(ours));
        assert_eq!(ours.answer(id("42001f"), true), None, "Baseline is not Constrained Baseline");
        assert_eq!(id("640c1f").answer(id("64001f"), true), None, "nor High Constrained High");
    }

    #[test]
    fn what_is_not_six_digits_is_refused() {
        for text in ["", "42e01", "42e01f0", "+2e01f", "42e01g", "42e0 f"] {
            assert_eq!(text.parse::<ProfileLevelId>(), Err(InvalidProfileLevelId), "{text}");
        }
        assert_eq!(id("42E01F"), id("42e01f"));
    }
}
