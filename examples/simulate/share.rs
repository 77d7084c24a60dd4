//! The application of the example: it sends a file over a data channel and puts it together at the other end. It knows nothing of the
//! simulator: a program with sockets calls it alike.

use antiphon::{DataChannelId, DataChannelInit, Event, Instant, Message, PeerConnection, SendError};
use bytes::Bytes;

/// What one message carries of the file.
const CHUNK: usize = 16 * 1024;

/// One end of a transfer.
#[derive(Debug, Default)]
pub(crate) struct Share {
    /// What is to be sent, and how much of it has been given to the channel.
    file: Bytes,
    given: usize,
    /// What has come.
    pub(crate) received: Vec<u8>,
    /// The whole file is there, here or as the other end says.
    pub(crate) complete: bool,
    expected: Option<usize>,
}

impl Share {
    /// The end that has the file: its channel's name tells the length.
    pub(crate) fn sends(file: Bytes, pc: &mut PeerConnection) -> Self {
        let label = file.len().to_string();
        pc.create_data_channel(&label, DataChannelInit::default()).expect("a new connection has room for it");
        Self { file, ..Self::default() }
    }

    /// The end that waits for it.
    pub(crate) fn receives() -> Self {
        Self::default()
    }

    /// To be called for every event of the connection.
    pub(crate) fn on_event(&mut self, now: Instant, pc: &mut PeerConnection, event: &Event) {
        match *event {
            Event::DataChannel(id) => {
                let label = pc.data_channel(id).map(|channel| channel.label().to_owned());
                self.expected = label.and_then(|label| label.parse().ok());
            }
            Event::DataChannelOpen(id) | Event::DataChannelBufferedAmountLow(id) => self.send(now, pc, id),
            Event::DataChannelReadable(id) => self.read(now, pc, id),
            _ => {}
        }
    }

    /// Gives the channel as much as it takes.
    fn send(&mut self, now: Instant, pc: &mut PeerConnection, id: DataChannelId) {
        let Some(mut channel) = pc.data_channel(id) else { return };
        while self.given < self.file.len() {
            let end = self.file.len().min(self.given + CHUNK);
            let chunk = Message { binary: true, data: self.file.slice(self.given..end) };
            match channel.send(now, &chunk) {
                Ok(()) => self.given = end,
                // `DataChannelBufferedAmountLow` follows.
                Err(SendError::BufferFull { .. }) => return,
                Err(error) => panic!("the channel is open, the chunk is short: {error}"),
            }
        }
    }

    /// Takes what has come; the last byte is answered.
    fn read(&mut self, now: Instant, pc: &mut PeerConnection, id: DataChannelId) {
        let Some(mut channel) = pc.data_channel(id) else { return };
        while let Some(message) = channel.recv() {
            if !message.binary {
                self.complete = true;
                continue;
            }
            self.received.extend_from_slice(&message.data);
            if Some(self.received.len()) == self.expected {
                self.complete = channel.send(now, &Message::text("thanks")).is_ok();
            }
        }
    }
}
