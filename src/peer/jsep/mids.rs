//! Names of sections that have none yet.

use std::collections::BTreeSet;

use crate::sdp::Token;

/// Mids that are not used yet, the least numbers first: they ride in RTP headers.
#[derive(Debug)]
pub(super) struct FreshMids {
    used: BTreeSet<Token>,
    next: usize,
}

impl FreshMids {
    /// Those that are none of these.
    pub(super) fn besides<'a>(used: impl Iterator<Item = &'a Token>) -> Self {
        Self { used: used.cloned().collect(), next: 0 }
    }

    /// Another one.
    pub(super) fn draw(&mut self) -> Token {
        loop {
            let mid = Token::new(self.next.to_string()).expect("a number is a token");
            self.next += 1;
            if !self.used.contains(&mid) {
                return mid;
            }
        }
    }
}
