//! Session descriptions (RFC 8866, RFC 8839, RFC 8841) as values, parsed and written.
//!
//! [`Session`] is a whole description. What is understood is typed; what is not is kept word for word and in its
//! place among the attributes. A field is made of characters that may stand in it ([`Token`], [`Word`], [`Text`]),
//! so no value, whoever supplied it, can add a line to what is written.
//!
//! ```
//! use antiphon::sdp::{Attribute, Session};
//!
//! let text = "v=0\r\no=- 1 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=ice-lite\r\na=x-new:thing\r\n";
//! let session: Session = text.parse()?;
//! assert!(session.attributes.contains(&Attribute::IceLite));
//! assert_eq!(session.to_string(), text);
//! # Ok::<(), antiphon::sdp::ParseError>(())
//! ```

pub mod attribute;
pub mod candidate;
mod error;
mod media;
mod parse;
mod parse_attribute;
mod session;
mod text;
mod write;

pub use attribute::{Attribute, Attributes, Direction, Setup};
pub use candidate::{Candidate, CandidateAddress, CandidateKind, CandidateParseError, TcpType, Transport};
pub use error::{InvalidText, ParseError, ParseErrorKind};
pub use media::{Media, MediaKind, OtherKind};
pub use session::{AddressKind, Bandwidth, Connection, Origin, Session, Timing};
pub use text::{Password, Text, TlsId, Token, Ufrag, Word};
