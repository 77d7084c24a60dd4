//! Answers to checks, kept as what they say until there is a buffer to write them into.

use std::net::SocketAddr;

use crate::base::limits;
use crate::base::writer::Full;
use crate::ice::agent::Agent;
use crate::ice::event::Attached;
use crate::net::{Path, Transmit};
use crate::stun::{
    Attribute, AttributeType, Builder, Class, ErrorCode, IntegrityKey, IntegrityKind, Method, TransactionId,
};

/// What an answer says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    Success,
    /// 487.
    RoleConflict,
    /// 420 with these types; 0 fills the rest.
    Unknown([u16; limits::MAX_UNKNOWN_ATTRIBUTES]),
}

/// One answer that waits.
#[derive(Clone, Debug)]
pub(crate) struct Reply {
    /// Where the request came in and whence.
    pub(crate) path: Path,
    pub(crate) id: TransactionId,
    pub(crate) answer: Answer,
    /// It is protected by the password before the restart.
    pub(crate) previous: bool,
    /// What protected the request protects the answer (RFC 8489 §9.1.3).
    pub(crate) integrity: IntegrityKind,
}

impl Agent {
    /// Queues an answer. The request was authentic: nobody else is ever answered.
    pub(crate) fn reply(&mut self, reply: Reply) {
        if self.replies.len() >= limits::MAX_ICE_REPLIES {
            self.counters.replies_refused += 1;
            return;
        }
        self.replies.push_back(reply);
        self.busy = true;
    }

    /// Writes the next answer.
    pub(crate) fn draw_reply(&mut self, buf: &mut [u8]) -> Option<Transmit<Path>> {
        while let Some(reply) = self.replies.pop_front() {
            let Some(session) = self.session(reply.previous) else { continue };
            let Ok(len) = reply.write(buf, &session.local_key, &self.attached, self.config.mtu) else {
                self.counters.too_long += 1;
                continue;
            };
            self.counters.replies_sent += 1;
            return Some(Transmit::new(reply.path, len));
        }
        None
    }
}

impl Reply {
    fn write(
        &self,
        buf: &mut [u8],
        key: &IntegrityKey,
        attached: &Attached,
        mtu: usize,
    ) -> Result<usize, Full> {
        let mtu = match self.integrity {
            IntegrityKind::Sha1 => mtu,
            IntegrityKind::Sha256 => mtu.saturating_sub(32 - 20),
        };
        let class = if self.answer == Answer::Success { Class::Success } else { Class::Error };
        let mut message = Builder::new(buf, class, Method::BINDING, self.id)?;
        match self.answer {
            Answer::Success => {
                message.add(&Attribute::XorMappedAddress(mapped(self.path.remote)))?;
                attach(&mut message, attached, mtu)?;
            }
            Answer::RoleConflict => {
                message.add(&Attribute::ErrorCode(ErrorCode::new(ErrorCode::ROLE_CONFLICT)))?;
            }
            Answer::Unknown(kinds) => {
                message.add(&Attribute::ErrorCode(ErrorCode::new(ErrorCode::UNKNOWN_ATTRIBUTE)))?;
                let kinds = kinds.into_iter().filter(|kind| *kind != 0).map(AttributeType);
                message.unknown_attributes(kinds)?;
            }
        }
        match self.integrity {
            IntegrityKind::Sha1 => message.integrity(key)?,
            IntegrityKind::Sha256 => message.integrity_sha256(key)?,
        };
        message.fingerprint()?;
        Ok(message.finish())
    }
}

/// The address without scope, which means nothing to the peer.
const fn mapped(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(address.ip(), address.port())
}

/// Adds the parent's attributes, each if it leaves room for integrity and fingerprint in a datagram.
pub(crate) fn attach(message: &mut Builder<'_>, attached: &Attached, mtu: usize) -> Result<(), Full> {
    /// MESSAGE-INTEGRITY and FINGERPRINT.
    const TAIL: usize = 24 + 8;
    let parts = [
        (AttributeType::META_DTLS, &attached.data),
        (AttributeType::META_DTLS_ACK, &attached.acknowledgement),
    ];
    for (kind, value) in parts {
        if let Some(value) = value
            && message.len() + 4 + value.len().next_multiple_of(4) + TAIL <= mtu
        {
            message.raw(kind, &[value])?;
        }
    }
    Ok(())
}
