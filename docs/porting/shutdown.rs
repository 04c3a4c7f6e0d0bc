use std::io;

use libssl::connected::ShutdownProgress;
use libssl::{Channel, Connected};

/// Ends our direction of a blocking connection, reads what the peer still sends, and waits for its end. How many bytes
/// came late; an error where one of both was cut off.
pub fn finish<C: Channel>(connected: &mut Connected<C>) -> io::Result<u64> {
    match connected.shutdown()? {
        ShutdownProgress::Complete => Ok(0), // the peer was first
        _ => io::copy(connected, &mut io::sink()),
    }
}
