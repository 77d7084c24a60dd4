//! Address translators and firewalls (RFC 4787), as plain values.

use core::time::Duration;

/// Which of a NAT's mappings a datagram from the inside takes (RFC 4787 §4.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Mapping {
    /// The same for every destination.
    EndpointIndependent,
    /// One for each destination's address.
    AddressDependent,
    /// One for each destination's address and port.
    AddressAndPortDependent,
}

/// From whom a NAT lets datagrams in (RFC 4787 §5).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Filtering {
    /// From everybody.
    EndpointIndependent,
    /// From addresses that the mapping has been used to send to.
    AddressDependent,
    /// From addresses and ports that the mapping has been used to send to.
    AddressAndPortDependent,
}

/// Which external port a mapping gets (RFC 4787 §4.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ports {
    /// A random one.
    Random,
    /// The internal one where it is free, else a random one.
    Preserve,
    /// The internal one even where another host has it: who sent to whom decides where an answer goes.
    Overload,
    /// The one after the last.
    Contiguous,
}

/// What a NAT does with datagrams from the inside to its own outside (RFC 4787 §6).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Hairpin {
    No,
    /// They come back in as from outside.
    Yes,
    /// They come back in with the sender's internal address, against REQ-9.
    InternalSource,
}

/// A NAT or a firewall, as a value. See [`Network::add_nat`](super::Network::add_nat).
///
/// ```
/// use antiphon::sim::{Filtering, Mapping, Nat};
/// use core::time::Duration;
///
/// let home = Nat::new(Mapping::EndpointIndependent, Filtering::AddressAndPortDependent)
///     .preserve_ports()
///     .lifetime(Duration::from_secs(120));
/// assert_ne!(home, Nat::symmetric());
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is one manner of its own")]
pub struct Nat {
    pub(super) mapping: Mapping,
    pub(super) filtering: Filtering,
    pub(super) ports: Ports,
    pub(super) keep_parity: bool,
    pub(super) arbitrary_pooling: bool,
    pub(super) hairpin: Hairpin,
    pub(super) lifetime: Duration,
    pub(super) refreshed_by_inbound: bool,
    /// Addresses are translated; a firewall leaves them.
    pub(super) translates: bool,
    pub(super) blocks_udp: bool,
}

impl Nat {
    /// A NAT with these manners: random ports, no hairpinning, mappings that live five minutes after the last datagram
    /// out (RFC 4787 REQ-5).
    pub const fn new(mapping: Mapping, filtering: Filtering) -> Self {
        Self {
            mapping,
            filtering,
            ports: Ports::Random,
            keep_parity: false,
            arbitrary_pooling: false,
            hairpin: Hairpin::No,
            lifetime: Duration::from_secs(300),
            refreshed_by_inbound: false,
            translates: true,
            blocks_udp: false,
        }
    }

    /// What RFC 3489 called a full cone.
    pub const fn full_cone() -> Self {
        Self::new(Mapping::EndpointIndependent, Filtering::EndpointIndependent)
    }

    /// What RFC 3489 called a restricted cone.
    pub const fn restricted() -> Self {
        Self::new(Mapping::EndpointIndependent, Filtering::AddressDependent)
    }

    /// What RFC 3489 called a port-restricted cone: most homes.
    pub const fn port_restricted() -> Self {
        Self::new(Mapping::EndpointIndependent, Filtering::AddressAndPortDependent)
    }

    /// What RFC 3489 called symmetric.
    pub const fn symmetric() -> Self {
        Self::new(Mapping::AddressAndPortDependent, Filtering::AddressAndPortDependent)
    }

    /// A firewall: it translates nothing and lets in what `filtering` says.
    pub const fn firewall(filtering: Filtering) -> Self {
        let mut firewall = Self::new(Mapping::EndpointIndependent, filtering);
        firewall.translates = false;
        firewall
    }

    /// Lets no UDP through, either way.
    #[must_use]
    pub const fn block_udp(mut self) -> Self {
        self.blocks_udp = true;
        self
    }

    /// The external port is the internal one where it is free.
    #[must_use]
    pub const fn preserve_ports(mut self) -> Self {
        self.ports = Ports::Preserve;
        self
    }

    /// The external port is the internal one, even for two hosts at a time (against RFC 4787 REQ-3).
    #[must_use]
    pub const fn overload_ports(mut self) -> Self {
        self.ports = Ports::Overload;
        self
    }

    /// External ports follow one another.
    #[must_use]
    pub const fn contiguous_ports(mut self) -> Self {
        self.ports = Ports::Contiguous;
        self
    }

    /// The external port is even where the internal one is (RFC 4787 REQ-4).
    #[must_use]
    pub const fn keep_parity(mut self) -> Self {
        self.keep_parity = true;
        self
    }

    /// With several external addresses, any of them for each mapping, where "paired" keeps a host on one (RFC 4787 REQ-2).
    #[must_use]
    pub const fn arbitrary_pooling(mut self) -> Self {
        self.arbitrary_pooling = true;
        self
    }

    /// Hosts inside reach one another by their external addresses.
    #[must_use]
    pub const fn hairpin(mut self) -> Self {
        self.hairpin = Hairpin::Yes;
        self
    }

    /// Like [`Nat::hairpin`], but what comes back has the sender's internal address.
    #[must_use]
    pub const fn hairpin_internal_source(mut self) -> Self {
        self.hairpin = Hairpin::InternalSource;
        self
    }

    /// How long a mapping lives after the last datagram out.
    #[must_use]
    pub const fn lifetime(mut self, lifetime: Duration) -> Self {
        self.lifetime = lifetime;
        self
    }

    /// Datagrams in keep a mapping alive too (RFC 4787 REQ-6 forbids to rely on it).
    #[must_use]
    pub const fn refreshed_by_inbound(mut self) -> Self {
        self.refreshed_by_inbound = true;
        self
    }

    /// How it maps.
    pub const fn mapping(&self) -> Mapping {
        self.mapping
    }

    /// How it filters.
    pub const fn filtering(&self) -> Filtering {
        self.filtering
    }

    /// Whether UDP passes at all.
    pub const fn passes_udp(&self) -> bool {
        !self.blocks_udp
    }
}

/// Whether two hosts, each behind this on a network of its own, find a direct path by ICE with host, server-reflexive
/// and peer-reflexive candidates; `None` stands for a public address.
///
/// One side must have an address that stays the same for the other, the other must come to know it, and must get in there.
///
/// ```
/// use antiphon::sim::{Nat, finds_direct_path};
/// assert!(finds_direct_path(Some(&Nat::restricted()), Some(&Nat::symmetric())));
/// assert!(!finds_direct_path(Some(&Nat::port_restricted()), Some(&Nat::symmetric())));
/// ```
pub fn finds_direct_path(a: Option<&Nat>, b: Option<&Nat>) -> bool {
    let passes = |nat: Option<&Nat>| nat.is_none_or(Nat::passes_udp);
    let manners = |nat: Option<&Nat>| {
        let open = (Mapping::EndpointIndependent, Filtering::EndpointIndependent);
        nat.map_or(open, |nat| (nat.mapping, nat.filtering))
    };
    let (left, right) = (manners(a), manners(b));
    passes(a) && passes(b) && (is_reached(left, right) || is_reached(right, left))
}

/// Whether a side keeps an address that the other comes to know and gets in at.
fn is_reached(
    (mapping, filtering): (Mapping, Filtering),
    (other_mapping, other_filtering): (Mapping, Filtering),
) -> bool {
    let fixed = mapping == Mapping::EndpointIndependent;
    let other_fixed = other_mapping == Mapping::EndpointIndependent;
    // Mapped by address, it is one for all ports of the other side.
    let stays = mapping != Mapping::AddressAndPortDependent;
    // Its checks arrive where the other's server-reflexive address is open to them.
    let is_heard = match other_filtering {
        Filtering::EndpointIndependent => true,
        Filtering::AddressDependent => other_fixed,
        Filtering::AddressAndPortDependent => false,
    };
    // Or the other got in first, and what is sent back gets in there.
    let answers =
        filtering == Filtering::EndpointIndependent && other_filtering != Filtering::AddressAndPortDependent;
    let is_known = fixed || is_heard || answers;
    let admits = filtering != Filtering::AddressAndPortDependent || other_fixed;
    stays && is_known && admits
}
