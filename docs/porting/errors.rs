use libssl::{Channel, Connected, ErrorKind, HandshakeError};

/// What became of `Ssl::connect`, in one line. It can be asked at any time, on any thread.
pub fn tell<C: Channel>(outcome: &Result<Connected<C>, HandshakeError<C>>) -> String {
    let failure = match outcome {
        Ok(_) => return "connected".into(),
        Err(HandshakeError::WantRead(_)) => return "wants to read".into(),
        Err(HandshakeError::WantWrite(_)) => return "wants to write".into(),
        Err(HandshakeError::Failed(failure)) => failure.error(),
        Err(other) => return other.to_string(),
    };
    match failure.kind() {
        ErrorKind::Closed => "closed".into(),
        ErrorKind::UnexpectedEof => "cut".into(),
        ErrorKind::Verification(error) => format!("refused: {error}"),
        ErrorKind::Alert(alert) => format!("alert {}", alert.0),
        _ => match failure.stack().root() {
            Some(reason) => format!("failed: {}", reason.reason()),
            None => failure.to_string(),
        },
    }
}
