//! The handshake messages after the hellos (RFC 5246 §7.4, RFC 8422 §5).

use super::extension::{push_vec8, push_vec16};
use crate::base::reader::Reader;

/// Client certificate type `rsa_sign`.
const RSA_SIGN: u8 = 1;
/// Client certificate type `ecdsa_sign` (RFC 8422 §5.5).
const ECDSA_SIGN: u8 = 64;
/// Curve type `named_curve` (RFC 8422 §5.4).
const NAMED_CURVE: u8 = 3;

/// Reads a `Certificate`: the first certificate of the chain, empty if the chain is. The others are not looked at: what
/// vouches for the first is its fingerprint.
pub fn parse_certificate(body: &[u8]) -> Option<&[u8]> {
    let mut reader = Reader::new(body);
    let mut chain = Reader::new(reader.vec24()?);
    let first = if chain.is_empty() { &[] } else { chain.vec24().filter(|der| !der.is_empty())? };
    while !chain.is_empty() {
        chain.vec24()?;
    }
    reader.is_empty().then_some(first)
}

/// Appends a `Certificate` with a chain of one, or of none.
pub fn write_certificate(out: &mut Vec<u8>, der: Option<&[u8]>) {
    let u24 = |len: usize| {
        let [_, low @ ..] = u32::try_from(len).unwrap_or(0).to_be_bytes();
        low
    };
    let Some(der) = der else {
        out.extend_from_slice(&u24(0));
        return;
    };
    out.extend_from_slice(&u24(der.len() + 3));
    out.extend_from_slice(&u24(der.len()));
    out.extend_from_slice(der);
}

/// A signature and what made it (RFC 5246 §4.7).
///
/// ```
/// use antiphon::wire::dtls::message::Signed;
/// let mut body = Vec::new();
/// Signed { scheme: 0x0403, signature: &[8; 70] }.write(&mut body);
/// assert_eq!(Signed::parse(&body).map(|signed| signed.scheme), Some(0x0403));
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Signed<'a> {
    /// Number of the signature scheme.
    pub scheme: u16,
    /// The signature.
    pub signature: &'a [u8],
}

impl<'a> Signed<'a> {
    fn read(reader: &mut Reader<'a>) -> Option<Self> {
        Some(Self { scheme: reader.u16()?, signature: reader.vec16()? })
    }

    /// Reads the body of a `CertificateVerify`.
    pub fn parse(body: &'a [u8]) -> Option<Self> {
        let mut reader = Reader::new(body);
        let signed = Self::read(&mut reader)?;
        reader.is_empty().then_some(signed)
    }

    /// Appends it.
    pub fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.scheme.to_be_bytes());
        push_vec16(out, |out| out.extend_from_slice(self.signature));
    }
}

/// A `ServerKeyExchange` of ECDHE (RFC 8422 §5.4).
///
/// ```
/// use antiphon::wire::dtls::message::{ServerKeyExchange, Signed};
/// let mut body = Vec::new();
/// ServerKeyExchange::write_params(&mut body, 29, &[5; 32]);
/// Signed { scheme: 0x0403, signature: &[8; 70] }.write(&mut body);
/// assert_eq!(ServerKeyExchange::parse(&body).map(|exchange| exchange.group), Some(29));
/// ```
#[derive(Clone, Copy, Debug)]
pub struct ServerKeyExchange<'a> {
    /// Number of the group.
    pub group: u16,
    /// The server's point.
    pub public: &'a [u8],
    /// Group and point as they stand in the message: what the signature covers, after both randoms.
    pub params: &'a [u8],
    /// The signature.
    pub signed: Signed<'a>,
}

impl<'a> ServerKeyExchange<'a> {
    /// Reads the message's body.
    pub fn parse(body: &'a [u8]) -> Option<Self> {
        let mut reader = Reader::new(body);
        if reader.u8()? != NAMED_CURVE {
            return None;
        }
        let (group, public) = (reader.u16()?, reader.vec8()?);
        let params = body.get(..reader.position())?;
        let signed = Signed::read(&mut reader)?;
        reader.is_empty().then_some(Self { group, public, params, signed })
    }

    /// Appends group and point: what is signed.
    pub fn write_params(out: &mut Vec<u8>, group: u16, public: &[u8]) {
        out.push(NAMED_CURVE);
        out.extend_from_slice(&group.to_be_bytes());
        push_vec8(out, |out| out.extend_from_slice(public));
    }
}

/// A `CertificateRequest` (RFC 5246 §7.4.4).
///
/// ```
/// use antiphon::wire::dtls::message::CertificateRequest;
/// let mut body = Vec::new();
/// CertificateRequest::write(&mut body, [0x0403].into_iter());
/// assert!(CertificateRequest::parse(&body).is_some_and(|request| request.accepts(false)));
/// ```
#[derive(Clone, Copy, Debug)]
pub struct CertificateRequest<'a> {
    /// Client certificate types.
    pub types: &'a [u8],
    /// Signature scheme numbers, two bytes each.
    pub schemes: &'a [u8],
}

impl<'a> CertificateRequest<'a> {
    /// Reads the message's body. The names of authorities are skipped.
    pub fn parse(body: &'a [u8]) -> Option<Self> {
        let mut reader = Reader::new(body);
        let (types, schemes) = (reader.vec8()?, reader.vec16()?);
        let mut names = Reader::new(reader.vec16()?);
        while !names.is_empty() {
            names.vec16()?;
        }
        let whole = reader.is_empty() && !types.is_empty() && !schemes.is_empty() && schemes.len() % 2 == 0;
        whole.then_some(Self { types, schemes })
    }

    /// Appends a request for an ECDSA or RSA certificate of anybody.
    pub fn write(out: &mut Vec<u8>, schemes: impl Iterator<Item = u16>) {
        push_vec8(out, |out| out.extend_from_slice(&[ECDSA_SIGN, RSA_SIGN]));
        push_vec16(out, |out| schemes.for_each(|scheme| out.extend_from_slice(&scheme.to_be_bytes())));
        push_vec16(out, |_| {});
    }

    /// Whether a certificate of this kind of key was asked for.
    pub fn accepts(&self, rsa: bool) -> bool {
        self.types.contains(if rsa { &RSA_SIGN } else { &ECDSA_SIGN })
    }
}

/// Reads a `ClientKeyExchange` of ECDHE: the client's point (RFC 8422 §5.7).
pub fn parse_client_key_exchange(body: &[u8]) -> Option<&[u8]> {
    let mut reader = Reader::new(body);
    let public = reader.vec8()?;
    reader.is_empty().then_some(public)
}

/// Appends a `ClientKeyExchange` of ECDHE.
pub fn write_client_key_exchange(out: &mut Vec<u8>, public: &[u8]) {
    push_vec8(out, |out| out.extend_from_slice(public));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chain_gives_its_first_certificate() {
        let mut body = Vec::new();
        write_certificate(&mut body, Some(&[1, 2, 3]));
        assert_eq!(parse_certificate(&body), Some(&[1, 2, 3][..]));
        assert_eq!(parse_certificate(&[0, 0, 0]), Some(&[][..]));
        assert_eq!(parse_certificate(&[0, 0, 1, 0]), None);
    }

    // n33: a certificate list that claims a gigabyte is malformed, whatever follows.
    #[test]
    fn n33_a_list_longer_than_its_message_is_refused() {
        assert_eq!(parse_certificate(&[0xff, 0xff, 0xff, 0xff, 0xff, 0xff]), None);
    }

    #[test]
    fn a_key_exchange_says_what_is_signed() {
        let mut body = Vec::new();
        ServerKeyExchange::write_params(&mut body, 29, &[5; 32]);
        let params = body.clone();
        Signed { scheme: 0x0403, signature: &[8; 70] }.write(&mut body);
        let read = ServerKeyExchange::parse(&body).unwrap();
        assert_eq!((read.group, read.params, read.signed.scheme), (29, &params[..], 0x0403));
        body.push(0);
        assert!(ServerKeyExchange::parse(&body).is_none());
    }

    #[test]
    fn a_request_survives_a_round_trip() {
        let mut body = Vec::new();
        CertificateRequest::write(&mut body, [0x0403, 0x0401].into_iter());
        let read = CertificateRequest::parse(&body).unwrap();
        assert_eq!(read.schemes, &[4, 3, 4, 1]);
        assert!(read.accepts(true) && read.accepts(false));
    }
}
