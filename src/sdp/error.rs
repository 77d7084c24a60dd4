//! What can be wrong with a description, and where.

use thiserror::Error;

/// A description that does not parse. Lines and columns count from 1; columns count bytes.
///
/// ```
/// use antiphon::sdp::Session;
///
/// let error = "v=0\no=- 1 1 IN IP7 x\ns=-\n".parse::<Session>().unwrap_err();
/// assert_eq!((error.line, error.column), (2, 12));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("line {line}, column {column}: {kind}")]
pub struct ParseError {
    /// The line, from 1; 0 where the whole text is meant.
    pub line: usize,
    /// The byte in that line, from 1.
    pub column: usize,
    /// What is wrong there.
    pub kind: ParseErrorKind,
}

/// Why a description was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ParseErrorKind {
    /// More text than is looked at.
    #[error("{bytes} bytes of {limit}")]
    TooLong {
        /// How long it is.
        bytes: usize,
        /// How long it may be.
        limit: usize,
    },
    /// A line longer than is looked at.
    #[error("a line of {bytes} bytes, of {limit}")]
    LineTooLong {
        /// How long it is.
        bytes: usize,
        /// How long it may be.
        limit: usize,
    },
    /// More lines than are looked at.
    #[error("more than {limit} lines")]
    TooManyLines {
        /// How many there may be.
        limit: usize,
    },
    /// More media sections than are looked at.
    #[error("more than {limit} media sections")]
    TooManyMedia {
        /// How many there may be.
        limit: usize,
    },
    /// More candidates than are looked at.
    #[error("more than {limit} candidates")]
    TooManyCandidates {
        /// How many there may be.
        limit: usize,
    },
    /// More groups than are looked at.
    #[error("more than {limit} groups")]
    TooManyGroups {
        /// How many there may be.
        limit: usize,
    },
    /// More formats, mids, streams, sources, layers and options than are looked at, in the lists of all lines together.
    #[error("more than {limit} entries of lists")]
    TooManyListed {
        /// How many there may be.
        limit: usize,
    },
    /// A NUL, or a carriage return that no line feed follows.
    #[error("byte {0:#04x} may not stand in a line")]
    ControlCharacter(u8),
    /// A line that is not `letter=value`.
    #[error("not a line of the form x=value")]
    NotALine,
    /// The value of a line breaks its grammar.
    #[error("malformed {0}= line")]
    MalformedLine(char),
    /// A line that may stand once stands again.
    #[error("{0}= stands more than once")]
    RepeatedLine(char),
    /// A line without which there is no description.
    #[error("{0}= is missing")]
    MissingLine(char),
    /// The value of an attribute breaks its grammar.
    #[error("malformed {0} attribute")]
    MalformedAttribute(&'static str),
}

/// A string with characters, or of a length, that its field cannot have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("not a {field}: {bytes} bytes, the first that is wrong is {position}")]
pub struct InvalidText {
    /// Which kind of field it was meant for.
    pub field: &'static str,
    /// How long it is.
    pub bytes: usize,
    /// Where the first wrong character stands; `bytes` where the length is wrong.
    pub position: usize,
}
