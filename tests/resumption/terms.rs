//! Who may resume a session.
