//! The callbacks that one SSL object has of its own.

/// All callbacks of one object, in its state.
#[derive(Default)]
pub(crate) struct SslCallbacks {}
