//! Header extension blocks: elements with one-byte and with two-byte headers (RFC 8285 §4).

use crate::base::reader::Reader;
use crate::base::writer::{Full, Writer};

/// "Defined by profile" of a block with one-byte headers (RFC 8285 §4.2).
const ONE_BYTE: u16 = 0xbede;
/// That of a block with two-byte headers, less its four application bits (RFC 8285 §4.3).
const TWO_BYTE: u16 = 0x1000;
/// The one-byte id at which reading stops (RFC 8285 §4.2).
const RESERVED_ID: u8 = 15;

/// How the elements of a block are headed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ExtensionForm {
    /// Ids 1 to 14, 1 to 16 bytes.
    #[default]
    OneByte,
    /// Ids 1 to 255, 0 to 255 bytes.
    TwoByte,
}

impl ExtensionForm {
    pub(super) const fn profile(self) -> u16 {
        match self {
            Self::OneByte => ONE_BYTE,
            Self::TwoByte => TWO_BYTE,
        }
    }

    /// Whether an element of that id and length can be written in this form.
    pub const fn fits(self, id: u8, len: usize) -> bool {
        element_len(self, id, len).is_some()
    }
}

/// One element.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Extension<'a> {
    /// Its id, which a description maps to a meaning.
    pub id: u8,
    /// Its value.
    pub data: &'a [u8],
}

/// The extension block of a packet as it stands there.
///
/// ```
/// use antiphon::wire::rtp::ExtensionBlock;
///
/// let block = ExtensionBlock { profile: 0xbede, data: &[0x10, 0xaa, 0, 0] };
/// assert_eq!(block.elements().map(|element| element.id).collect::<Vec<_>>(), [1]);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ExtensionBlock<'a> {
    /// "Defined by profile", which tells the form.
    pub profile: u16,
    /// What follows the length, a multiple of four bytes.
    pub data: &'a [u8],
}

impl<'a> ExtensionBlock<'a> {
    /// The form, unless it is neither of RFC 8285's.
    pub const fn form(&self) -> Option<ExtensionForm> {
        match self.profile {
            ONE_BYTE => Some(ExtensionForm::OneByte),
            profile if profile & 0xfff0 == TWO_BYTE => Some(ExtensionForm::TwoByte),
            _ => None,
        }
    }

    /// The elements up to the first that cannot be read; none of a block of another profile.
    pub const fn elements(&self) -> ExtensionElements<'a> {
        match self.form() {
            Some(form) => ExtensionElements { reader: Reader::new(self.data), form },
            None => ExtensionElements { reader: Reader::new(&[]), form: ExtensionForm::OneByte },
        }
    }
}

/// The elements of a block, in order.
#[derive(Clone, Debug)]
pub struct ExtensionElements<'a> {
    reader: Reader<'a>,
    form: ExtensionForm,
}

impl<'a> ExtensionElements<'a> {
    fn read(&mut self) -> Option<Extension<'a>> {
        loop {
            let first = self.reader.u8()?;
            let (id, len) = match self.form {
                ExtensionForm::OneByte => (first >> 4, usize::from(first & 0x0f) + 1),
                // A zero byte is padding, with no length after it.
                ExtensionForm::TwoByte if first == 0 => continue,
                ExtensionForm::TwoByte => (first, usize::from(self.reader.u8()?)),
            };
            if first == 0 {
                continue;
            }
            // Id 0 with a length ends the block (RFC 8285 §4.2), as does the reserved id.
            if self.form == ExtensionForm::OneByte && (id == 0 || id == RESERVED_ID) {
                return None;
            }
            return self.reader.bytes(len).map(|data| Extension { id, data });
        }
    }
}

impl<'a> Iterator for ExtensionElements<'a> {
    type Item = Extension<'a>;

    fn next(&mut self) -> Option<Extension<'a>> {
        let element = self.read();
        if element.is_none() {
            self.reader = Reader::new(&[]);
        }
        element
    }
}

/// Bytes of an element with its header; `None` if the form cannot express it.
pub(super) const fn element_len(form: ExtensionForm, id: u8, len: usize) -> Option<usize> {
    match form {
        ExtensionForm::OneByte if id >= 1 && id < RESERVED_ID && len >= 1 && len <= 16 => Some(1 + len),
        ExtensionForm::TwoByte if id >= 1 && len <= 255 => Some(2 + len),
        ExtensionForm::OneByte | ExtensionForm::TwoByte => None,
    }
}

/// Writes an element that [`element_len`] has allowed.
pub(super) fn write_element(
    out: &mut Writer<'_>,
    form: ExtensionForm,
    id: u8,
    data: &[u8],
) -> Result<(), Full> {
    let len = u8::try_from(data.len()).unwrap_or(u8::MAX);
    match form {
        ExtensionForm::OneByte => out.u8(id << 4 | len.saturating_sub(1))?,
        ExtensionForm::TwoByte => out.bytes(&[id, len])?,
    }
    out.bytes(data)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn elements(profile: u16, data: &[u8]) -> Vec<(u8, Vec<u8>)> {
        ExtensionBlock { profile, data }.elements().map(|e| (e.id, e.data.to_vec())).collect()
    }

    #[test]
    fn padding_is_skipped_in_both_forms() {
        let one = [0x10, 0xaa, 0, 0, 0x21, 0xbb, 0xbb, 0];
        assert_eq!(elements(0xbede, &one), [(1, vec![0xaa]), (2, vec![0xbb, 0xbb])]);
        let two = [1, 0, 2, 1, 0xbb, 0, 3, 4, 1, 2, 3, 4];
        assert_eq!(elements(0x1000, &two), [(1, vec![]), (2, vec![0xbb]), (3, vec![1, 2, 3, 4])]);
    }

    #[test]
    fn application_bits_do_not_change_the_form_and_other_profiles_have_no_elements() {
        assert_eq!(elements(0x100f, &[7, 1, 9, 0]), [(7, vec![9])]);
        assert_eq!(elements(0x1010, &[7, 1, 9, 0]), []);
        assert_eq!(elements(0xc0de, &[0x10, 9, 0, 0]), []);
    }

    #[test]
    fn zero_with_a_length_and_fifteen_end_the_block() {
        assert_eq!(elements(0xbede, &[0x10, 9, 0x01, 8, 8, 0x20, 7, 0]), [(1, vec![9])]);
        assert_eq!(elements(0xbede, &[0x10, 9, 0xf0, 8, 0x20, 7, 0, 0]), [(1, vec![9])]);
    }

    #[test]
    fn an_overrun_ends_the_block() {
        assert_eq!(elements(0xbede, &[0x10, 9, 0x2f, 8]), [(1, vec![9])]);
        assert_eq!(elements(0x1000, &[1, 1, 9, 2]), [(1, vec![9])]);
    }
}
