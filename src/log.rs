//! Log macros, empty without feature `tracing`.
//!
//! `debug` a state change. The network never causes more than that, and addresses and keys are never logged.

#[cfg(feature = "tracing")]
pub(crate) use tracing::debug;

#[cfg(not(feature = "tracing"))]
mod silent {
    /// Swallows a log line; the arguments are not evaluated.
    macro_rules! silent {
        ($($line:tt)*) => {{}};
    }
    pub(crate) use silent;
}
#[cfg(not(feature = "tracing"))]
pub(crate) use silent::silent as debug;
