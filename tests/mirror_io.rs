//! Buffers, flags and transports of one object.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;
mod mirror;

use std::io::Write;
use std::os::fd::AsRawFd;
use std::ptr;

use common::{client_context, client_ssl, server_context, unix_pair};
use libssl::bio::{Bio, Existing, SslBio};
use libssl::context::ProtocolVersion;
use libssl::ssl::{ShutdownFlags, ShutdownResult, ShutdownState, WriteFlags};
use libssl::{Connected, ErrorKind, Ssl, SslError, SslRef, Want};
use mirror::{Two, headers_since};

fn unsupported(error: &SslError) -> bool {
    error.error().is_some_and(|error| error.kind() == ErrorKind::Unsupported)
}

#[test]
fn buffers_can_be_made_and_freed_between_records() {
    for version in [ProtocolVersion::TLS1_2, ProtocolVersion::TLS1_3] {
        let mut two = Two::connected(version);
        if version == ProtocolVersion::TLS1_3 {
            two.drain();
        }
        for ssl in two.each() {
            ssl.free_buffers().unwrap();
            ssl.alloc_buffers().unwrap();
            ssl.free_buffers().unwrap();
        }
        two.server.write(b"still alive").unwrap();
        let mut buf = [0; 16];
        assert_eq!(two.client.read(&mut buf).unwrap(), 11);
        two.client.write(b"here too").unwrap();
        assert_eq!(two.server.read(&mut buf).unwrap(), 8);
    }
}

#[test]
fn buffers_with_something_in_them_stay() {
    let mut two = Two::connected(ProtocolVersion::TLS1_2);
    two.server.write(b"something").unwrap();
    assert_eq!(two.client.read(&mut [0; 4]).unwrap(), 4);

    assert_eq!(two.client.free_buffers().unwrap_err().kind(), ErrorKind::NotReady);

    assert_eq!((two.client.pending(), two.client.has_pending()), (5, true));
    assert_eq!(two.client.peek(&mut [0; 8]).unwrap(), 5);
    let mut rest = [0; 8];
    assert_eq!(two.client.read(&mut rest).unwrap(), 5);
    assert_eq!(&rest[..5], b"thing");
    assert_eq!((two.client.pending(), two.client.has_pending()), (0, false));
}

#[test]
fn a_buffer_with_half_a_record_in_it_stays() {
    let (mut left, right) = common::duplex();
    let (mut tap, end) = common::duplex();
    let mut two = Two::new(&client_context(), &server_context());
    two.shake();
    two.drain();
    // What the server writes is caught on its way, and only its beginning goes on.
    two.server.set_stream(right).unwrap();
    two.client.set_stream(end).unwrap();
    two.server.write(b"in two parts").unwrap();
    let record = left.take_incoming();
    tap.push_outgoing(&record[..5]);
    assert!(two.client.read(&mut [0; 4]).unwrap_err().want().is_some());
    assert_eq!(two.client.rstate_string(), "RB");

    assert_eq!(two.client.free_buffers().unwrap_err().kind(), ErrorKind::NotReady);

    tap.push_outgoing(&record[5..]);
    let mut buf = [0; 16];
    assert_eq!(two.client.read(&mut buf).unwrap(), 12);
    assert_eq!(&buf[..12], b"in two parts");
}

#[test]
fn buffers_of_an_object_that_has_not_begun_can_be_made_and_freed() {
    let mut two = Two::new(&client_context(), &server_context());
    for ssl in two.each() {
        let _ = ssl.free_buffers();
        let _ = ssl.alloc_buffers();
    }
    two.shake();
    let mut bare = Ssl::new(&client_context()).unwrap();
    let _ = (bare.alloc_buffers(), bare.free_buffers(), bare.free_buffers());
}

#[test]
fn reading_ahead_is_off_until_it_is_set() {
    let mut two = Two::new(&client_context(), &server_context());

    assert!(!two.client.read_ahead());
    two.client.set_read_ahead(true);
    assert!(two.client.read_ahead());
    two.shake();
    two.server.write(b"one").unwrap();
    two.server.write(b"two").unwrap();
    let mut buf = [0; 8];
    assert_eq!(two.client.read(&mut buf).unwrap(), 3);
    assert!(two.client.has_pending(), "the second record came along");
    assert_eq!(two.client.read(&mut buf).unwrap(), 3);
    two.client.set_read_ahead(false);
    assert!(!two.client.read_ahead());
}

#[test]
fn a_quiet_shutdown_sends_nothing() {
    let mut two = Two::connected(ProtocolVersion::TLS1_3);
    two.drain();
    assert!(!two.client.quiet_shutdown());

    two.client.set_quiet_shutdown(true);

    assert!(two.client.quiet_shutdown());
    assert_eq!(two.client.shutdown().unwrap(), ShutdownResult::Complete);
    assert_eq!(two.client.shutdown_state(), ShutdownState::SENT | ShutdownState::RECEIVED);
    let error = two.server.read(&mut [0; 8]).unwrap_err();
    assert!(error.want().is_some(), "nothing came: {error:?}");
}

#[test]
fn shutdown_goes_in_two_steps() {
    let mut two = Two::connected(ProtocolVersion::TLS1_3);
    two.drain();

    assert_eq!(two.client.shutdown_state(), ShutdownState::empty());
    assert_eq!(two.client.shutdown().unwrap(), ShutdownResult::Sent);
    assert_eq!(two.client.shutdown_state(), ShutdownState::SENT);
    assert!(two.server.read(&mut [0; 8]).unwrap_err().is_zero_return());
    assert_eq!(two.server.shutdown_state(), ShutdownState::RECEIVED);
    assert_eq!(two.server.shutdown().unwrap(), ShutdownResult::Complete);
    assert_eq!(two.client.shutdown().unwrap(), ShutdownResult::Complete);
    two.client.set_shutdown_state(ShutdownState::empty());
    assert_eq!(two.client.shutdown_state(), ShutdownState::empty());
}

#[test]
fn shutdown_with_flags_is_shutdown_over_tls() {
    let mut two = Two::connected(ProtocolVersion::TLS1_3);
    two.drain();

    match two.client.shutdown_ex(ShutdownFlags::RAPID, 7, Some("bye")) {
        Ok(result) => {
            assert_eq!(result, ShutdownResult::Sent);
            assert!(two.server.read(&mut [0; 8]).unwrap_err().is_zero_return());
            let error = two.client.shutdown_ex(ShutdownFlags::empty(), 0, Some("a\0b")).unwrap_err();
            assert_eq!(error.error().unwrap().kind(), ErrorKind::InvalidInput);
        }
        Err(error) => assert!(unsupported(&error) && !headers_since(3, 2), "{error:?}"),
    }
}

#[test]
fn writing_with_flags_is_writing_over_tls() {
    let mut two = Two::connected(ProtocolVersion::TLS1_3);
    two.drain();

    match two.client.write_ex2(b"bytes", WriteFlags::empty()) {
        Ok(written) => {
            assert_eq!(written, 5);
            assert_eq!(two.client.write_ex2(b"", WriteFlags::empty()).unwrap(), 0);
            let mut buf = [0; 8];
            assert_eq!(two.server.read(&mut buf).unwrap(), 5);
            let error = two.client.write_ex2(b"last", WriteFlags::CONCLUDE).unwrap_err();
            assert_eq!(error.error().unwrap().kind(), ErrorKind::InvalidInput);
            assert_eq!(two.client.write(b"more").unwrap(), 4, "the refusal broke nothing");
        }
        Err(error) => assert!(unsupported(&error) && !headers_since(3, 3), "{error:?}"),
    }
}

#[test]
fn an_object_over_a_descriptor_shakes_hands_and_tells_it() {
    let (left, right) = unix_pair();
    let (left_fd, right_fd) = (left.as_raw_fd(), right.as_raw_fd());
    let client = std::thread::spawn(move || {
        let mut ssl = client_ssl(&client_context());
        // SAFETY: `left` outlives the object, which nobody else reads or writes through.
        unsafe { ssl.set_fd(left.as_raw_fd()) }.unwrap();
        assert_eq!((ssl.rfd(), ssl.wfd()), (Some(left_fd), Some(left_fd)));
        SslRef::connect(&mut ssl).unwrap();
        assert_eq!(ssl.write(b"over a descriptor").unwrap(), 17);
        drop(ssl);
    });
    let mut ssl = Ssl::new(&server_context()).unwrap();
    // SAFETY: `right` outlives the object.
    unsafe {
        ssl.set_rfd(right.as_raw_fd()).unwrap();
        ssl.set_wfd(right.as_raw_fd()).unwrap();
    }
    assert_eq!((ssl.rfd(), ssl.wfd()), (Some(right_fd), Some(right_fd)));
    SslRef::accept(&mut ssl).unwrap();
    let mut buf = [0; 32];
    assert_eq!(ssl.read(&mut buf).unwrap(), 17);
    client.join().unwrap();
    drop(ssl);
}

#[test]
fn an_object_without_a_transport_says_so() {
    let mut ssl = client_ssl(&client_context());

    assert!(ssl.rbio().is_null() && ssl.wbio().is_null());
    assert_eq!((ssl.rfd(), ssl.wfd()), (None, None));
    let error = SslRef::connect(&mut ssl).unwrap_err();
    assert_eq!(error.error().unwrap().kind(), ErrorKind::NoTransport);
}

#[test]
fn a_stream_has_no_descriptor_and_can_be_taken_away() {
    let mut two = Two::new(&client_context(), &server_context());
    assert!(!two.client.rbio().is_null() && !two.client.wbio().is_null());
    assert_eq!((two.client.rfd(), two.client.wfd()), (None, None));

    // SAFETY: NULL takes the BIOs away.
    unsafe { two.client.set_bio(ptr::null_mut(), ptr::null_mut()) };

    assert!(two.client.rbio().is_null() && two.client.wbio().is_null());
}

/// A server over a transport that takes little, until its client reads.
fn without_room() -> Two {
    let ((left, mut right), client) = (common::duplex(), client_ssl(&client_context()));
    right.set_room(2000);
    let mut two = Two::over(client, left, Ssl::new(&server_context()).unwrap(), right);
    two.shake();
    two.drain();
    two
}

/// A server [`without_room`], whose write of this waits, and that has read since.
fn held_write(data: &[u8]) -> Two {
    let mut two = without_room();
    assert_eq!(two.server.write(data).unwrap_err().want(), Some(Want::Write));
    assert_eq!(two.server.read(&mut [0; 1]).unwrap_err().want(), Some(Want::Read));
    two
}

#[test]
fn a_flush_and_a_filter_that_takes_more_finish_no_write_that_waits() {
    let data: Vec<u8> = (0..5000_u32).map(|n| (n % 251) as u8).collect();
    for filtered in [false, true] {
        let Two { mut client, server } = held_write(&data);
        let mut bio = SslBio::from_ssl(server).map_err(|(error, _)| error).unwrap();
        if filtered {
            bio = bio.behind(Bio::buffer().unwrap()).unwrap();
            assert_eq!(bio.write(b"stays in the buffer").unwrap(), 19);
        } else {
            bio.flush().unwrap();
        }

        let failure = Connected::adopt(bio.into_ssl().unwrap()).expect_err("libssl holds what was written");
        assert_eq!(failure.kind(), ErrorKind::NotReady);
        let (_, ssl, Existing) = failure.into_parts();
        let mut connected = Connected::adopt_writing(ssl, &data).unwrap();
        let (mut came, mut buf) = (Vec::new(), [0; 1000]);
        while connected.flush().is_err() || came.len() < data.len() {
            if let Ok(read) = client.read(&mut buf) {
                came.extend_from_slice(&buf[..read]);
            }
        }
        assert_eq!(came, data, "filtered: {filtered}");
    }
}

#[test]
fn a_write_that_finishes_through_a_filter_is_finished() {
    let data = [7; 5000];
    let Two { mut client, server } = held_write(&data);
    let mut bio = SslBio::from_ssl(server).map_err(|(error, _)| error).unwrap();
    bio = bio.behind(Bio::buffer().unwrap()).unwrap();
    // More than there is room for in the buffer: it goes on to the connection.
    let (mut rest, mut buf) = (&data[..], [0; 1000]);
    while !rest.is_empty() || bio.flush().is_err() {
        if let Ok(written) = bio.write(rest) {
            rest = &rest[written..];
        }
        while client.read(&mut buf).is_ok() {}
    }
    assert!(Connected::adopt(bio.into_ssl().unwrap()).is_ok());
}

/// A buffer says how much it took, though what it passed on waits in libssl.
#[test]
fn a_filter_that_took_some_does_not_hide_a_write_that_waits() {
    let two = without_room();
    let bio = SslBio::from_ssl(two.server).map_err(|(error, _)| error).unwrap();
    let mut bio = bio.behind(Bio::buffer().unwrap()).unwrap();
    let part = (0..10).find_map(|_| bio.write(&[7; 3000]).ok().filter(|written| *written < 3000));
    assert!(part.is_some());
    assert_eq!(bio.read(&mut [0; 1]).unwrap_err().want(), Some(Want::Read));

    let failure = Connected::adopt(bio.into_ssl().unwrap()).expect_err("libssl holds what was written");
    assert_eq!(failure.kind(), ErrorKind::NotReady);
}

/// A flush of nothing reaches no libssl.
#[test]
fn a_flush_of_an_empty_filter_finishes_no_write_that_waits() {
    for filter in [Bio::buffer, Bio::null_filter] {
        let two = without_room();
        let bio = SslBio::from_ssl(two.server).map_err(|(error, _)| error).unwrap();
        let mut bio = bio.behind(filter().unwrap()).unwrap();
        // Too much for a buffer, which passes it on.
        assert_eq!(bio.write(&[7; 20_000]).unwrap_err().want(), Some(Want::Write));
        bio.flush().unwrap();
        assert_eq!(bio.read(&mut [0; 1]).unwrap_err().want(), Some(Want::Read));

        let failure = Connected::adopt(bio.into_ssl().unwrap()).expect_err("libssl holds what was written");
        assert_eq!(failure.kind(), ErrorKind::NotReady);
    }
}

#[test]
fn a_write_that_waited_is_forgotten_with_its_connection() {
    let Two { server, .. } = held_write(&[7; 5000]);
    let mut bio = SslBio::from_ssl(server).map_err(|(error, _)| error).unwrap();
    bio.reset().unwrap();
    let mut ssl = bio.into_ssl().unwrap();
    let (left, right) = common::duplex();
    ssl.set_stream(right).unwrap();
    let mut client = client_ssl(&client_context());
    client.set_stream(left).unwrap();
    let mut two = Two { client, server: ssl };
    two.shake();
    assert!(Connected::adopt(two.server).is_ok());
}

#[test]
fn a_write_that_waits_for_its_handshake_has_given_nothing_away() {
    let mut two = Two::new(&client_context(), &server_context());
    two.server.set_accept_state();
    assert_eq!(two.server.write(b"early").unwrap_err().want(), Some(Want::Read));

    let waiting = two.server.do_handshake(Existing).expect_err("there is no peer yet");
    assert!(waiting.into_handshake().is_ok(), "it waits, and may go on");
}
