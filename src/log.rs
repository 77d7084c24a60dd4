//! Log macros, empty without feature `tracing`, and a wrapper that keeps addresses out of logs.
//!
//! `trace` a packet, `debug` a state change, `warn` our own limits. The network never causes `warn`.

use core::fmt;

#[cfg(feature = "tracing")]
pub(crate) use tracing::{debug, trace, warn};

#[cfg(not(feature = "tracing"))]
mod silent {
    /// Swallows a log line; the arguments are not evaluated.
    macro_rules! silent {
        ($($line:tt)*) => {{}};
    }
    pub(crate) use silent;
}
#[cfg(not(feature = "tracing"))]
pub(crate) use silent::{silent as debug, silent as trace, silent as warn};

/// An address or name shown as its kind only: logs are copied into tickets, and addresses are people.
pub(crate) struct Redacted<T>(pub(crate) T);

impl fmt::Debug for Redacted<std::net::SocketAddr> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_ipv4() { "<v4>" } else { "<v6>" })
    }
}
