//! What kinds of calls there are.

use std::ffi::c_int;

use super::Role;

/// What kind of call it is: a close_notify ends a handshake, but only the reading half of a connection.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    /// With the role that the call itself gives an object without one.
    Handshake(Option<Role>),
    Data,
    /// A write: libssl holds what it was given while that is suspended.
    Write,
    /// A write to a filter, or a read from one that may write for its own part: its success does not say that libssl holds
    /// nothing.
    FilteredWrite,
    FilteredRead,
    /// A file that the kernel sends, of which libssl holds nothing.
    File,
    /// A write of early data, which is a part of the handshake too.
    EarlyWrite,
    /// A flush of the transport, to which libssl gives nothing.
    Flush,
    Shutdown,
}

impl Phase {
    /// Whether it is a read or a write, and nothing else.
    #[inline]
    pub(super) fn is_plain(self) -> bool {
        matches!(self, Self::Data | Self::Write)
    }

    /// The greatest return value that is no success.
    #[inline]
    pub(super) fn first_failure(self) -> c_int {
        if self == Self::Shutdown { -1 } else { 0 }
    }

    /// Whether application data moves.
    #[inline]
    pub(crate) fn moves_data(self) -> bool {
        matches!(self, Self::Data | Self::Write | Self::File | Self::Flush) || self.is_filtered()
    }

    /// Whether data goes out, perhaps after a handshake in the same call.
    #[inline]
    pub(super) fn sends(self) -> bool {
        self.writes() || self == Self::File
    }

    /// Whether it may write.
    #[inline]
    pub(super) fn writes(self) -> bool {
        self == Self::Write || self == Self::EarlyWrite || self.is_filtered()
    }

    /// Whether it reads nothing.
    #[inline]
    pub(super) fn only_sends(self) -> bool {
        match self {
            Self::Handshake(_) | Self::Data | Self::FilteredRead => false,
            Self::Write
            | Self::FilteredWrite
            | Self::EarlyWrite
            | Self::File
            | Self::Flush
            | Self::Shutdown => true,
        }
    }

    /// Whether the handshake goes on, and nothing else does.
    #[inline]
    pub(super) fn shakes_hands(self) -> bool {
        self.is_handshake() || self == Self::EarlyWrite
    }

    #[inline]
    pub(super) fn is_handshake(self) -> bool {
        matches!(self, Self::Handshake(_))
    }

    #[inline]
    pub(crate) fn is_filtered(self) -> bool {
        matches!(self, Self::FilteredWrite | Self::FilteredRead)
    }
}
