//! ClientHello, ServerHello and HelloVerifyRequest (RFC 6347 §4.2.1, RFC 5246 §7.4.1).

use super::extension::{ExtensionError, Extensions, push_vec8, push_vec16};
use super::record::Version;
use crate::base::reader::Reader;

/// The hello's 32 random bytes.
pub type Random = [u8; 32];

/// A `ClientHello`.
///
/// ```
/// use antiphon::wire::dtls::extension::Extensions;
/// use antiphon::wire::dtls::hello::ClientHello;
/// use antiphon::wire::dtls::record::Version;
///
/// let hello = ClientHello {
///     version: Version::DTLS_1_2,
///     random: [7; 32],
///     session_id: &[],
///     cookie: &[],
///     suites: &[0xc0, 0x2b],
///     compression: &[0],
///     extensions: Extensions::default(),
/// };
/// let mut body = Vec::new();
/// hello.write(&mut body, |extensions| extensions.extend_from_slice(&[0, 23, 0, 0]));
/// assert_eq!(ClientHello::parse(&body)?.suites, hello.suites);
/// # Ok::<(), antiphon::wire::dtls::extension::ExtensionError>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct ClientHello<'a> {
    /// The newest version the client speaks, unless `supported_versions` says otherwise.
    pub version: Version,
    /// Its random bytes.
    pub random: Random,
    /// A session to resume.
    pub session_id: &'a [u8],
    /// What a `HelloVerifyRequest` asked for.
    pub cookie: &'a [u8],
    /// Suite numbers, two bytes each, best first.
    pub suites: &'a [u8],
    /// Compression method numbers.
    pub compression: &'a [u8],
    /// Its extensions.
    pub extensions: Extensions<'a>,
}

impl<'a> ClientHello<'a> {
    /// Reads the message's body.
    ///
    /// # Errors
    /// [`ExtensionError`] if anything in it is malformed, or an extension stands twice.
    pub fn parse(body: &'a [u8]) -> Result<Self, ExtensionError> {
        let mut reader = Reader::new(body);
        let mut fixed = || {
            let (version, random) = (Version(reader.u16()?), reader.array()?);
            let (session_id, cookie) = (reader.vec8()?, reader.vec8()?);
            let (suites, compression) = (reader.vec16()?, reader.vec8()?);
            let whole = session_id.len() <= 32
                && !suites.is_empty()
                && suites.len() % 2 == 0
                && !compression.is_empty();
            let extensions = Extensions::default();
            whole.then_some(Self { version, random, session_id, cookie, suites, compression, extensions })
        };
        let hello = fixed().ok_or(ExtensionError::Malformed)?;
        Ok(Self { extensions: tail(reader)?, ..hello })
    }

    /// Appends the message's body; `extensions` appends the list.
    pub fn write(&self, out: &mut Vec<u8>, extensions: impl FnOnce(&mut Vec<u8>)) {
        out.extend_from_slice(&self.version.0.to_be_bytes());
        out.extend_from_slice(&self.random);
        push_vec8(out, |out| out.extend_from_slice(self.session_id));
        push_vec8(out, |out| out.extend_from_slice(self.cookie));
        push_vec16(out, |out| out.extend_from_slice(self.suites));
        push_vec8(out, |out| out.extend_from_slice(self.compression));
        push_vec16(out, extensions);
    }
}

/// The extensions that end a hello, if it has any.
fn tail(mut reader: Reader<'_>) -> Result<Extensions<'_>, ExtensionError> {
    if reader.is_empty() {
        return Ok(Extensions::default());
    }
    let list = reader.vec16().filter(|_| reader.is_empty()).ok_or(ExtensionError::Malformed)?;
    Extensions::parse(list)
}

/// A `ServerHello`.
///
/// ```
/// use antiphon::wire::dtls::extension::Extensions;
/// use antiphon::wire::dtls::hello::ServerHello;
/// use antiphon::wire::dtls::record::Version;
///
/// let hello = ServerHello {
///     version: Version::DTLS_1_2,
///     random: [7; 32],
///     session_id: &[],
///     suite: 0xc02b,
///     compression: 0,
///     extensions: Extensions::default(),
/// };
/// let mut body = Vec::new();
/// hello.write(&mut body, |_| {});
/// assert_eq!(ServerHello::parse(&body)?.suite, 0xc02b);
/// # Ok::<(), antiphon::wire::dtls::extension::ExtensionError>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct ServerHello<'a> {
    /// The version chosen.
    pub version: Version,
    /// Its random bytes.
    pub random: Random,
    /// A session that might be resumed later.
    pub session_id: &'a [u8],
    /// The suite chosen.
    pub suite: u16,
    /// The compression method chosen.
    pub compression: u8,
    /// Its extensions.
    pub extensions: Extensions<'a>,
}

impl<'a> ServerHello<'a> {
    /// Reads the message's body.
    ///
    /// # Errors
    /// [`ExtensionError`] if anything in it is malformed, or an extension stands twice.
    pub fn parse(body: &'a [u8]) -> Result<Self, ExtensionError> {
        let mut reader = Reader::new(body);
        let mut fixed = || {
            let (version, random) = (Version(reader.u16()?), reader.array()?);
            let session_id = reader.vec8().filter(|id| id.len() <= 32)?;
            let (suite, compression) = (reader.u16()?, reader.u8()?);
            Some(Self { version, random, session_id, suite, compression, extensions: Extensions::default() })
        };
        let hello = fixed().ok_or(ExtensionError::Malformed)?;
        Ok(Self { extensions: tail(reader)?, ..hello })
    }

    /// Appends the message's body; `extensions` appends the list.
    pub fn write(&self, out: &mut Vec<u8>, extensions: impl FnOnce(&mut Vec<u8>)) {
        out.extend_from_slice(&self.version.0.to_be_bytes());
        out.extend_from_slice(&self.random);
        push_vec8(out, |out| out.extend_from_slice(self.session_id));
        out.extend_from_slice(&self.suite.to_be_bytes());
        out.push(self.compression);
        push_vec16(out, extensions);
    }
}

/// Reads a `HelloVerifyRequest`: the cookie. Its version says nothing (RFC 6347 §4.2.1).
pub fn parse_verify_request(body: &[u8]) -> Option<&[u8]> {
    let mut reader = Reader::new(body);
    reader.u16()?;
    let cookie = reader.vec8()?;
    reader.is_empty().then_some(cookie)
}

/// Appends a `HelloVerifyRequest`'s body.
pub fn write_verify_request(out: &mut Vec<u8>, cookie: &[u8]) {
    out.extend_from_slice(&Version::DTLS_1_0.0.to_be_bytes());
    push_vec8(out, |out| out.extend_from_slice(cookie));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_hello_survives_a_round_trip() {
        let hello = ClientHello {
            version: Version::DTLS_1_2,
            random: [7; 32],
            session_id: &[],
            cookie: &[1, 2, 3],
            suites: &[0xc0, 0x2b],
            compression: &[0],
            extensions: Extensions::default(),
        };
        let mut body = Vec::new();
        hello.write(&mut body, |out| out.extend_from_slice(&[0, 23, 0, 0]));
        let read = ClientHello::parse(&body).unwrap();
        assert_eq!((read.random, read.cookie, read.suites), ([7; 32], &[1, 2, 3][..], &[0xc0, 0x2b][..]));
        assert_eq!(read.extensions.iter().count(), 1);
        for len in 0..body.len() {
            // Without any extensions a hello is whole (RFC 5246 §7.4.1.2); any other cut is not.
            assert_eq!(ClientHello::parse(&body[..len]).is_ok(), len == body.len() - 6, "{len}");
        }
    }

    #[test]
    fn trailing_bytes_are_refused() {
        let mut body = Vec::new();
        write_verify_request(&mut body, &[9; 4]);
        assert_eq!(parse_verify_request(&body), Some(&[9; 4][..]));
        body.push(0);
        assert_eq!(parse_verify_request(&body), None);
    }
}
