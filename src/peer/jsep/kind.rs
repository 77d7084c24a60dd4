//! What a transceiver carries.

/// Sound or pictures: the W3C's `kind`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "lowercase"))]
pub enum MediaKind {
    /// Sound.
    Audio,
    /// Pictures.
    Video,
}
