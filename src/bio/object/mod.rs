//! BIOs as objects of their own, as C uses them: one concern a file.
//!
//! What enters a BIO's method takes `&mut self`, a question too, for the method may be anybody's; what only reads the
//! BIO itself takes `&self`.

mod base64;
mod call;
mod callback;
mod chain;
mod ctrl;
mod ex_data;
mod file;
mod filters;
mod flags;
mod io;
mod memory;
mod outcome;
mod pair;
mod poll;
mod send;
mod slice;

pub(in crate::bio) use base64::flush;
pub(in crate::bio) use callback::KTLS;
pub use callback::{BioCallbackFn, BioEvent, BioOperation, BioVerdict};
pub use chain::BioType;
pub use ex_data::BioExIndex;
pub use flags::BioFlags;
pub use memory::MemEof;
pub use outcome::{BioError, BioRetry, RetryReason};
pub use poll::PollDescriptor;
pub use send::SendBio;
pub use slice::SliceBio;
