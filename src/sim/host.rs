//! One machine on the network: its addresses, its clock, its application.

use core::time::Duration;
use std::net::SocketAddr;

use bytes::Bytes;

use super::network::HostId;
use crate::machine::Machine;
use crate::net::{Datagram, Path};
use crate::time::Instant;

/// What an application does with a machine's events. Closures of the same shape are applications too.
pub trait App<M: Machine> {
    /// The machine of `host` reports `event` at `now` on its own clock. Whatever is called on it here is polled for
    /// before anything else happens.
    fn on_event(&mut self, now: Instant, host: HostId, machine: &mut M, event: M::Event);
}

impl<M: Machine, F: FnMut(Instant, HostId, &mut M, M::Event)> App<M> for F {
    fn on_event(&mut self, now: Instant, host: HostId, machine: &mut M, event: M::Event) {
        self(now, host, machine, event);
    }
}

/// The application that does nothing.
pub fn ignore_events<M: Machine>(_now: Instant, _host: HostId, _machine: &mut M, _event: M::Event) {}

/// What a machine takes in, made from a datagram that arrived.
pub trait FromDatagram<'i> {
    /// The input this datagram is.
    fn from_datagram(datagram: Datagram<'i>) -> Self;
}

impl<'i> FromDatagram<'i> for Datagram<'i> {
    fn from_datagram(datagram: Datagram<'i>) -> Self {
        datagram
    }
}

impl<'i> FromDatagram<'i> for &'i [u8] {
    fn from_datagram(datagram: Datagram<'i>) -> Self {
        datagram.data
    }
}

impl FromDatagram<'_> for Bytes {
    fn from_datagram(datagram: Datagram<'_>) -> Self {
        Self::copy_from_slice(datagram.data)
    }
}

/// How a machine says where a datagram goes: a [`Path`], or `()` on the one path its host has.
pub trait Route: Copy {
    /// The path, where `own` is that of the host.
    fn path(self, own: Option<Path>) -> Option<Path>;
}

impl Route for Path {
    fn path(self, _own: Option<Path>) -> Option<Path> {
        Some(self)
    }
}

impl Route for () {
    fn path(self, own: Option<Path>) -> Option<Path> {
        own
    }
}

/// A machine and what the network knows of it.
#[derive(Debug)]
pub(super) struct Host<M> {
    pub(super) machine: M,
    pub(super) addresses: Vec<SocketAddr>,
    /// Where the datagrams of a machine that knows no paths go.
    pub(super) path: Option<Path>,
    /// How far its clock is ahead of the network's.
    pub(super) ahead: Duration,
    /// The deadline of its last `Wait`, on the network's clock.
    pub(super) deadline: Option<Instant>,
    /// The instant of the alarm in the network's heap that counts; others are stale.
    pub(super) alarm: Option<Instant>,
    /// Its machine was called from outside and has not been polled since.
    pub(super) touched: bool,
}

impl<M> Host<M> {
    pub(super) fn new(machine: M, addresses: &[SocketAddr]) -> Self {
        Self {
            machine,
            addresses: addresses.to_vec(),
            path: None,
            ahead: Duration::ZERO,
            deadline: None,
            alarm: None,
            touched: true,
        }
    }
}
