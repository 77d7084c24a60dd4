//! Where a frame is put together: the caller's buffer, up to the longest frame allowed.

use bytes::BytesMut;

use super::error::PayloadError;
use crate::base::limits;

/// The caller's buffer and how much of it is this frame.
#[derive(Debug)]
pub(super) struct Sink<'a> {
    out: &'a mut BytesMut,
    written: &'a mut usize,
}

impl<'a> Sink<'a> {
    pub(super) const fn new(out: &'a mut BytesMut, written: &'a mut usize) -> Self {
        Self { out, written }
    }

    /// Appends `bytes`.
    pub(super) fn put(&mut self, bytes: &[u8]) -> Result<(), PayloadError> {
        let len = *self.written + bytes.len();
        if len > limits::CODEC_FRAME {
            return Err(PayloadError::TooLong { len, limit: limits::CODEC_FRAME });
        }
        self.out.extend_from_slice(bytes);
        *self.written = len;
        Ok(())
    }

    /// How many bytes of this frame there are.
    pub(super) const fn written(&self) -> usize {
        *self.written
    }

    /// The bytes of this frame; fewer if the caller took some away.
    pub(super) fn frame(&mut self) -> &mut [u8] {
        let start = self.out.len().saturating_sub(*self.written);
        self.out.get_mut(start..).unwrap_or_default()
    }

    /// Drops the bytes of this frame from `at` on.
    pub(super) fn truncate(&mut self, at: usize) {
        let drop = self.written.saturating_sub(at);
        self.out.truncate(self.out.len().saturating_sub(drop));
        *self.written -= drop;
    }
}
