//! What still arrives for an association that is over (RFC 9260 §8.4): a peer whose ABORT or SHUTDOWN COMPLETE from us was lost is told
//! again. Nothing is remembered, nothing has a timer, and [`poll_output`](Association::poll_output) has no part in it: closed is final.

use bytes::Bytes;

use super::association::Association;
use super::state::Answer;
use crate::base::limits;
use crate::wire::sctp::{Chunk, Packet, ParseError};

impl Association {
    /// Takes a packet that arrived after the end. [`late_output`](Self::late_output) has the answer, if one is due.
    pub fn late_input(&mut self, packet: &Bytes) {
        if !self.phase.is_over() || self.answers.len() >= limits::SCTP_MAX_ANSWERS {
            return;
        }
        let packet = match Packet::parse(packet) {
            Ok(packet) => packet,
            Err(ParseError::Checksum { .. }) => return self.stats.drops.checksum += 1,
            Err(_) => return self.stats.drops.malformed += 1,
        };
        if (packet.source_port, packet.destination_port) != (self.config.remote_port, self.config.local_port)
        {
            self.stats.drops.port += 1;
            return;
        }
        let tag = packet.verification_tag;
        let mut chunks = packet.chunks();
        match chunks.next() {
            None | Some(Err(_)) => self.stats.drops.malformed += 1,
            Some(Ok(Chunk::Init(init))) => {
                self.stats.drops.bad_init += 1;
                // Rule 3: there is no association to be had any more, which the ABORT says under the peer's new tag.
                if tag == 0 && chunks.next().is_none() && init.initiate_tag != 0 {
                    self.answer(Answer::Refuse { to: init.initiate_tag, reflected: false, cause: None });
                }
            }
            Some(Ok(first)) if tag == 0 && first != Chunk::ShutdownAck => {
                self.stats.drops.verification_tag += 1;
            }
            Some(Ok(_)) => self.out_of_the_blue(tag, &packet.chunks()),
        }
    }

    /// Writes the next answer into `buf`, which is as long as the MTU; its length.
    pub fn late_output(&mut self, buf: &mut [u8]) -> Option<usize> {
        if !self.phase.is_over() || buf.is_empty() {
            return None;
        }
        let len = self.draw_answer(buf)?;
        self.stats.packets_sent += 1;
        self.stats.bytes_sent += len as u64;
        Some(len)
    }
}
