//! Connections that end at each byte, and bytes that are not what was sent.

use std::io;

use libssl::ErrorKind;

use super::scene::{Scene, Serving, run};
use crate::common::duplex;

const DATA: &[u8] = b"early data";

fn scene() -> Scene {
    // One session serves all attempts.
    Scene::with(|server| server.danger_allow_early_data_replays())
}

/// How many bytes go there and back in a whole exchange.
fn whole() -> (u64, u64) {
    let scene = scene();
    let (left, right) = duplex();
    let (client, served) = run(scene.client(), left, DATA, Serving::new(scene.server(), right, b"answer"));
    drop(client.unwrap());
    let moved = served.unwrap().connected.channel().moved();
    (moved.0, moved.1)
}

/// What came before the cut is a part of what was sent, and nothing takes a cut for an end.
#[test]
fn a_client_that_is_cut_off_anywhere_is_no_client() {
    let (scene, (there, _)) = (scene(), whole());
    let session = scene.session();
    let mut partial = 0;
    for cut in 0..there {
        let (left, mut right) = duplex();
        right.cut_read = Some(cut);
        let mut server = Some(scene.server().accept_early(right).unwrap());
        let mut client = scene.resuming(&session).connect_early(left).unwrap();
        assert_eq!(client.write_early(DATA).unwrap(), DATA.len());
        let (mut early, mut buf) = (Vec::new(), [0; 4]);
        let mut error = None;
        let mut client = Some(client);
        // The server reads what is there; then the client finishes, and the server reads on.
        for _ in 0..10 {
            let Some(state) = &mut server else { break };
            match state.read_early(&mut buf) {
                Ok(Some(data)) => early.extend(data.danger_accept_replay()),
                Ok(None) => match server.take().unwrap().finish() {
                    Ok(_) => panic!("{cut} of {there} bytes are a connection"),
                    Err(unfinished) => match unfinished.into_state() {
                        Ok(state) => server = Some(state),
                        Err(failure) => error = Some(io::Error::from(failure)),
                    },
                },
                Err(failed) if failed.kind() == io::ErrorKind::WouldBlock => {
                    if let Some(client) = client.take() {
                        let _ = client.finish();
                    }
                }
                Err(failed) => {
                    error = Some(failed);
                    break;
                }
            }
        }
        let error = error.unwrap_or_else(|| panic!("no error at {cut}"));
        assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof, "at {cut}: {error:?}");
        assert!(DATA.starts_with(&early), "at {cut}: {early:?}");
        partial += usize::from(early == DATA);
    }
    assert!(partial > 10, "early data is read only if all came: {partial}");
}

#[test]
fn a_server_that_is_cut_off_before_its_finished_is_no_server() {
    let (scene, (_, back)) = (scene(), whole());
    let session = scene.session();
    let (mut failed, mut done) = (0, 0);
    for cut in 0..back {
        let (mut left, right) = duplex();
        left.cut_read = Some(cut);
        let (client, _served) =
            run(scene.resuming(&session), left, DATA, Serving::new(scene.server(), right, b"answer"));
        match client {
            Err(error) => {
                assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof, "at {cut}: {error:?}");
                assert_eq!(done, 0, "a later cut fails");
                failed += 1;
            }
            // The cut is in the answer, or in the tickets.
            Ok(_) => done += 1,
        }
    }
    assert!(failed > 100 && done > 0, "{failed} {done}");
}

#[test]
fn a_changed_byte_is_never_early_data() {
    let (scene, session) = {
        let scene = scene();
        let session = scene.session();
        (scene, session)
    };
    let (left, mut tap) = duplex();
    let mut client = scene.resuming(&session).connect_early(left).unwrap();
    client.write_early(DATA).unwrap();
    let bytes = tap.take_incoming();
    // All but the version of the first record, which nobody reads.
    for place in (0..bytes.len()).filter(|place| !(1..=2).contains(place)) {
        let mut changed = bytes.clone();
        changed[place] ^= 1;
        let (mut attacker, right) = duplex();
        attacker.push_outgoing(&changed);
        attacker.close();
        let mut server = scene.server().accept_early(right).unwrap();
        let mut buf = [0; 100];
        for _ in 0..4 {
            match server.read_early(&mut buf) {
                Ok(Some(data)) => panic!("byte {place}: {data:?}"),
                Ok(None) => {
                    let want = server.finish().map(drop).map_err(|end| end.want());
                    assert_eq!(want, Err(None), "byte {place} is a connection");
                    break;
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => {
                    let kind = super::scene::kind(&error);
                    assert_ne!(kind, Some(ErrorKind::Unspecified), "byte {place}: {error:?}");
                    break;
                }
            }
        }
    }
}
