//! Hello extensions: the list and the typed ones.

use crate::base::reader::Reader;

/// Number of an extension (IANA registry "TLS Extensions").
///
/// ```
/// use antiphon::wire::dtls::extension::ExtensionType;
/// assert_eq!(ExtensionType::USE_SRTP.0, 14);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ExtensionType(pub u16);

#[expect(missing_docs, reason = "the names are IANA's")]
impl ExtensionType {
    pub const SUPPORTED_GROUPS: Self = Self(10);
    pub const EC_POINT_FORMATS: Self = Self(11);
    pub const SIGNATURE_ALGORITHMS: Self = Self(13);
    pub const USE_SRTP: Self = Self(14);
    pub const EXTENDED_MASTER_SECRET: Self = Self(23);
    pub const SUPPORTED_VERSIONS: Self = Self(43);
    pub const RENEGOTIATION_INFO: Self = Self(0xff01);
}

/// Most extensions one hello may carry; browsers send about twenty.
pub const MAX_EXTENSIONS: usize = 100;

/// Why a list of extensions was refused.
///
/// ```
/// use antiphon::wire::dtls::extension::{ExtensionError, Extensions};
/// let twice = Extensions::parse(&[0, 23, 0, 0, 0, 23, 0, 0]);
/// assert_eq!(twice.expect_err("twice"), ExtensionError::Duplicate(23));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ExtensionError {
    /// The bytes do not add up.
    #[error("malformed extensions")]
    Malformed,
    /// One number stands twice (RFC 5246 §7.4.1.4).
    #[error("extension {0} stands twice")]
    Duplicate(u16),
}

/// A hello's extensions, in any order, none twice.
///
/// ```
/// use antiphon::wire::dtls::extension::{ExtensionType, Extensions};
///
/// let extensions = Extensions::parse(&[0, 23, 0, 0, 0xff, 1, 0, 1, 0])?;
/// assert_eq!(extensions.get(ExtensionType::RENEGOTIATION_INFO), Some(&[0][..]));
/// assert!(!extensions.has(ExtensionType::USE_SRTP));
/// # Ok::<(), antiphon::wire::dtls::extension::ExtensionError>(())
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct Extensions<'a> {
    list: &'a [u8],
}

impl<'a> Extensions<'a> {
    /// Reads the list (without its length) and looks for duplicates.
    ///
    /// # Errors
    /// [`ExtensionError`] if it is malformed, too long a list, or has an extension twice.
    pub fn parse(list: &'a [u8]) -> Result<Self, ExtensionError> {
        let mut reader = Reader::new(list);
        let mut seen = [0_u16; MAX_EXTENSIONS];
        let mut count = 0;
        while !reader.is_empty() {
            let (Some(number), Some(_)) = (reader.u16(), reader.vec16()) else {
                return Err(ExtensionError::Malformed);
            };
            if seen.iter().take(count).any(|other| *other == number) {
                return Err(ExtensionError::Duplicate(number));
            }
            *seen.get_mut(count).ok_or(ExtensionError::Malformed)? = number;
            count += 1;
        }
        Ok(Self { list })
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = (ExtensionType, &'a [u8])> + use<'a> {
        let mut reader = Reader::new(self.list);
        core::iter::from_fn(move || Some((ExtensionType(reader.u16()?), reader.vec16()?)))
    }

    /// The content of one.
    pub fn get(&self, wanted: ExtensionType) -> Option<&'a [u8]> {
        self.iter().find(|(number, _)| *number == wanted).map(|(_, content)| content)
    }

    /// Whether it is there.
    pub fn has(&self, wanted: ExtensionType) -> bool {
        self.get(wanted).is_some()
    }
}

/// The 16-bit numbers of a list, in order.
pub fn numbers(list: &[u8]) -> impl Iterator<Item = u16> + '_ {
    list.chunks_exact(2).filter_map(|pair| pair.first_chunk::<2>()).map(|pair| u16::from_be_bytes(*pair))
}

/// Reads a list of 16-bit numbers preceded by its length in two bytes (groups, signature schemes): not empty, and
/// nothing after it.
pub fn number_list(content: &[u8]) -> Option<&[u8]> {
    let mut reader = Reader::new(content);
    let list = reader.vec16()?;
    (reader.is_empty() && !list.is_empty() && list.len() % 2 == 0).then_some(list)
}

/// Reads the client's `supported_versions` (RFC 8446 §4.2.1).
pub fn version_list(content: &[u8]) -> Option<&[u8]> {
    let mut reader = Reader::new(content);
    let list = reader.vec8()?;
    (reader.is_empty() && !list.is_empty() && list.len() % 2 == 0).then_some(list)
}

/// Whether the point formats hold the uncompressed one; `None` if malformed (RFC 8422 §5.1.2).
pub fn has_uncompressed_format(content: &[u8]) -> Option<bool> {
    let mut reader = Reader::new(content);
    let formats = reader.vec8()?;
    (reader.is_empty() && !formats.is_empty()).then(|| formats.contains(&0))
}

/// `use_srtp` (RFC 5764 §4.1.1).
///
/// ```
/// use antiphon::wire::dtls::extension::UseSrtp;
/// let content = UseSrtp::parse(&[0, 2, 0, 7, 0]).expect("one profile and no key identifier");
/// assert_eq!((content.profiles, content.mki), (&[0, 7][..], &[][..]));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UseSrtp<'a> {
    /// Profile numbers, two bytes each.
    pub profiles: &'a [u8],
    /// Master key identifier.
    pub mki: &'a [u8],
}

impl<'a> UseSrtp<'a> {
    /// Reads the extension's content.
    pub fn parse(content: &'a [u8]) -> Option<Self> {
        let mut reader = Reader::new(content);
        let profiles = reader.vec16()?;
        let mki = reader.vec8()?;
        let whole = reader.is_empty() && !profiles.is_empty() && profiles.len() % 2 == 0;
        whole.then_some(Self { profiles, mki })
    }
}

/// Appends an extension whose content `fill` appends.
pub fn push(out: &mut Vec<u8>, number: ExtensionType, fill: impl FnOnce(&mut Vec<u8>)) {
    out.extend_from_slice(&number.0.to_be_bytes());
    push_vec16(out, fill);
}

/// Appends what `fill` appends, preceded by its length in two bytes. Ours are all far shorter than 64 KiB.
pub fn push_vec16(out: &mut Vec<u8>, fill: impl FnOnce(&mut Vec<u8>)) {
    let start = out.len();
    out.extend_from_slice(&[0, 0]);
    fill(out);
    let len = u16::try_from(out.len() - start - 2).unwrap_or(u16::MAX);
    if let Some(place) = out.get_mut(start..).and_then(|rest| rest.first_chunk_mut()) {
        *place = len.to_be_bytes();
    }
}

/// Appends what `fill` appends, preceded by its length in one byte. Ours are all shorter than 256 bytes.
pub fn push_vec8(out: &mut Vec<u8>, fill: impl FnOnce(&mut Vec<u8>)) {
    let start = out.len();
    out.push(0);
    fill(out);
    let len = u8::try_from(out.len() - start - 1).unwrap_or(u8::MAX);
    if let Some(place) = out.get_mut(start) {
        *place = len;
    }
}

/// Appends an extension that is a list of 16-bit numbers with a length before it.
pub fn push_numbers(out: &mut Vec<u8>, number: ExtensionType, numbers: impl Iterator<Item = u16>) {
    push(out, number, |out| {
        push_vec16(out, |out| numbers.for_each(|number| out.extend_from_slice(&number.to_be_bytes())));
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_extension_that_stands_twice_is_refused() {
        let twice = [0, 23, 0, 0, 0x1a, 0x1a, 0, 0, 0, 23, 0, 0];
        assert_eq!(Extensions::parse(&twice).unwrap_err(), ExtensionError::Duplicate(23));
        assert_eq!(Extensions::parse(&twice[..7]).unwrap_err(), ExtensionError::Malformed);
    }

    #[test]
    fn what_follows_a_list_is_refused() {
        assert_eq!(number_list(&[0, 2, 0, 29]), Some(&[0, 29][..]));
        assert_eq!(number_list(&[0, 2, 0, 29, 0]), None);
        assert_eq!(number_list(&[0, 3, 0, 29, 0]), None);
        assert_eq!(UseSrtp::parse(&[0, 2, 0, 7, 0]).map(|srtp| srtp.mki.len()), Some(0));
        assert_eq!(UseSrtp::parse(&[0, 2, 0, 7, 1]), None);
    }
}
