//! The little DER that certificates need: nested values read with bounds, and written.

use super::error::CryptoError;
use crate::base::reader::Reader;

pub(super) const INTEGER: u8 = 0x02;
pub(super) const BIT_STRING: u8 = 0x03;
pub(super) const OID: u8 = 0x06;
pub(super) const UTF8_STRING: u8 = 0x0c;
pub(super) const UTC_TIME: u8 = 0x17;
pub(super) const GENERALIZED_TIME: u8 = 0x18;
pub(super) const SEQUENCE: u8 = 0x30;
pub(super) const SET: u8 = 0x31;
/// `[0] EXPLICIT`: the version of a certificate.
pub(super) const CONTEXT_0: u8 = 0xa0;

/// Content of the next value: its tag and a reader over what it holds.
pub(super) fn next<'a>(reader: &mut Reader<'a>) -> Option<(u8, Reader<'a>)> {
    let mut ahead = *reader;
    let tag = ahead.u8()?;
    // Tags of more than one byte appear nowhere in a certificate's upper levels.
    if tag & 0x1f == 0x1f {
        return None;
    }
    let len = match ahead.u8()? {
        short @ 0..=0x7f => usize::from(short),
        0x81 => usize::from(ahead.u8().filter(|len| *len >= 0x80)?),
        0x82 => usize::from(ahead.u16().filter(|len| *len >= 0x100)?),
        0x83 => usize::try_from(ahead.u24().filter(|len| *len >= 0x1_0000)?).ok()?,
        _ => return None,
    };
    let content = ahead.sub(len)?;
    *reader = ahead;
    Some((tag, content))
}

/// Content of the next value, which must have this tag.
pub(super) fn expect<'a>(reader: &mut Reader<'a>, tag: u8) -> Option<Reader<'a>> {
    let mut ahead = *reader;
    let (found, content) = next(&mut ahead)?;
    if found != tag {
        return None;
    }
    *reader = ahead;
    Some(content)
}

/// A value of this tag that holds the concatenated parts.
pub(super) fn value(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    let len: usize = parts.iter().map(|part| part.len()).sum();
    let mut out = Vec::with_capacity(len + 5);
    out.push(tag);
    let [.., a, b, c] = len.to_be_bytes();
    match len {
        0..0x80 => out.push(c),
        0x80..0x100 => out.extend_from_slice(&[0x81, c]),
        0x100..0x1_0000 => out.extend_from_slice(&[0x82, b, c]),
        _ => out.extend_from_slice(&[0x83, a, b, c]),
    }
    for part in parts {
        out.extend_from_slice(part);
    }
    out
}

/// The parts of a certificate that we read (RFC 5280 §4.1).
#[derive(Debug)]
pub(super) struct CertificateParts<'a> {
    /// The `tbsCertificate`, header included: what is signed.
    #[cfg_attr(
        not(feature = "sim"),
        expect(dead_code, reason = "only the simulator signs a certificate anew")
    )]
    pub(super) to_be_signed: &'a [u8],
    /// Content of the validity: two dates.
    pub(super) validity: Reader<'a>,
    /// Content of the public key's algorithm identifier.
    pub(super) key_algorithm: Reader<'a>,
    /// The public key, without the count of unused bits.
    pub(super) key: &'a [u8],
}

/// Walks to the public key. Signature, names and dates are not looked at: WebRTC trusts the fingerprint.
pub(super) fn certificate(der: &[u8]) -> Result<CertificateParts<'_>, CryptoError> {
    parse_certificate(der).ok_or(CryptoError::Malformed("certificate"))
}

fn parse_certificate(der: &[u8]) -> Option<CertificateParts<'_>> {
    let mut outer = Reader::new(der);
    let mut certificate = expect(&mut outer, SEQUENCE)?;
    if !outer.is_empty() {
        return None;
    }
    let whole = certificate.rest();
    let mut tbs = expect(&mut certificate, SEQUENCE)?;
    let to_be_signed = whole.get(..certificate.position())?;
    // The version is absent in version 1.
    if tbs.rest().first() == Some(&CONTEXT_0) {
        expect(&mut tbs, CONTEXT_0)?;
    }
    expect(&mut tbs, INTEGER)?;
    // Signature algorithm, issuer, validity, subject.
    for _ in 0..2 {
        expect(&mut tbs, SEQUENCE)?;
    }
    let validity = expect(&mut tbs, SEQUENCE)?;
    expect(&mut tbs, SEQUENCE)?;
    let mut info = expect(&mut tbs, SEQUENCE)?;
    let key_algorithm = expect(&mut info, SEQUENCE)?;
    let mut key = expect(&mut info, BIT_STRING)?;
    if key.u8()? != 0 || !info.is_empty() {
        return None;
    }
    // The signature's algorithm and value must be there, even though nobody believes them.
    expect(&mut certificate, SEQUENCE)?;
    expect(&mut certificate, BIT_STRING)?;
    let parts = CertificateParts { to_be_signed, validity, key_algorithm, key: key.rest() };
    certificate.is_empty().then_some(parts)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_are_written_in_the_shortest_form_and_read_back() {
        for len in [0, 1, 127, 128, 255, 256, 65_535, 65_536] {
            let content = vec![5; len];
            let der = value(SEQUENCE, &[&content]);
            let mut reader = Reader::new(&der);
            assert_eq!(expect(&mut reader, SEQUENCE).unwrap().rest(), content);
            assert!(reader.is_empty());
        }
    }

    #[test]
    fn long_forms_of_short_lengths_and_indefinite_lengths_are_refused() {
        for bad in [
            &[0x30, 0x81, 0x01, 0][..],
            &[0x30, 0x80, 0, 0],
            &[0x30, 0x82, 0, 1, 0],
            &[0x3f, 1, 0],
            &[0x30, 2, 0],
        ] {
            assert!(next(&mut Reader::new(bad)).is_none());
        }
    }
}
