//! Early data over each kind of channel.

use std::io::{self, Read, Write};
use std::os::fd::AsFd;
use std::thread;
use std::time::{Duration, Instant};

use libssl::bio::{Pair, PairMut, Socket};
use libssl::early::{EarlyOutcome, Unfinished};
use libssl::{Channel, Connected, EarlyClient, EarlyServer, Error, Want, poll};

use super::scene::Scene;
use crate::common::{tcp_pair, unix_pair};

const DATA: &[u8] = b"early data";

/// One end of a conversation over pairs.
enum End<S> {
    Early(S),
    Done(Connected<Pair>),
}

impl End<EarlyClient<Pair>> {
    fn pair(&mut self) -> PairMut<'_> {
        match self {
            Self::Early(client) => client.channel_mut(),
            Self::Done(connected) => connected.channel_mut(),
        }
    }
}

impl End<EarlyServer<Pair>> {
    fn pair(&mut self) -> PairMut<'_> {
        match self {
            Self::Early(server) => server.channel_mut(),
            Self::Done(connected) => connected.channel_mut(),
        }
    }
}

/// Carries bytes, so many at the most, and says whether there were any.
fn carry(mut from: PairMut<'_>, mut to: PairMut<'_>, step: usize) -> bool {
    let moved = from.drain_with(|bytes| Ok::<_, ()>(to.feed(&bytes[..bytes.len().min(step)])));
    moved.unwrap() > 0
}

#[test]
fn a_pair_carries_early_data_a_few_bytes_at_a_time() {
    for step in [1, 7, 100, 20_000] {
        let scene = Scene::new();
        let mut client = End::Early(scene.client().connect_early(Pair::new(0, 512).unwrap()).unwrap());
        let mut server = End::Early(scene.server().accept_early(Pair::new(512, 0).unwrap()).unwrap());
        let data = vec![3; 5000];
        let (mut sent, mut early, mut over, mut end) = (0, Vec::new(), false, None);
        for _ in 0..100_000 {
            client = match client {
                End::Early(mut state) if sent < data.len() => {
                    match state.write_early(&data[sent..]) {
                        Ok(taken) => sent += taken,
                        Err(error) => assert_eq!(error.kind(), io::ErrorKind::WouldBlock),
                    }
                    End::Early(state)
                }
                End::Early(state) => match state.finish() {
                    Ok((connected, outcome)) => {
                        end = Some(outcome);
                        End::Done(connected)
                    }
                    Err(unfinished) => End::Early(unfinished.into_state().unwrap()),
                },
                done => done,
            };
            server = match server {
                End::Early(mut state) if !over => {
                    over = read(&mut state, &mut early);
                    End::Early(state)
                }
                End::Early(state) => match state.finish() {
                    Ok((connected, _)) => End::Done(connected),
                    Err(unfinished) => End::Early(unfinished.into_state().unwrap()),
                },
                done => done,
            };
            let there = carry(client.pair(), server.pair(), step);
            let back = carry(server.pair(), client.pair(), step);
            if let (End::Done(_), End::Done(_), false, false) = (&client, &server, there, back) {
                break;
            }
        }
        assert_eq!(end, Some(EarlyOutcome::Accepted), "{step} at a time");
        assert!(matches!(server, End::Done(_)), "the server waits for ever, {step} at a time");
        assert_eq!(early, data);
    }
}

/// Reads what is there; whether it was the end.
fn read(server: &mut EarlyServer<Pair>, early: &mut Vec<u8>) -> bool {
    let mut buf = [0; 1000];
    loop {
        match server.read_early(&mut buf) {
            Ok(Some(data)) => early.extend(data.danger_accept_replay()),
            Ok(None) => return true,
            Err(error) => {
                assert_eq!(error.kind(), io::ErrorKind::WouldBlock, "{error:?}");
                return false;
            }
        }
    }
}

/// Makes a call again whenever what it waits for has come.
fn patiently<S: AsFd, T>(
    state: &mut S,
    wants: impl Fn(&S) -> Option<Want>,
    mut call: impl FnMut(&mut S) -> io::Result<T>,
) -> T {
    loop {
        match call(state) {
            Ok(value) => return value,
            Err(error) => {
                assert_eq!(error.kind(), io::ErrorKind::WouldBlock, "{error:?}");
                assert!(poll::wait(state, wants(state).unwrap(), None).unwrap());
            }
        }
    }
}

/// Finishes a state, whenever what it waits for has come.
fn finish<S: AsFd, C: Channel, T>(mut state: S, call: impl Fn(S) -> Result<T, Unfinished<S, C>>) -> T {
    loop {
        match call(state) {
            Ok(end) => return end,
            Err(unfinished) => {
                let want = unfinished.want();
                state = unfinished.into_state().map_err(Error::from).unwrap();
                assert!(poll::wait(&state, want.unwrap(), None).unwrap());
            }
        }
    }
}

/// Sends the data early, and reads its echo.
fn send<C: Channel + AsFd>(mut client: EarlyClient<C>) {
    assert_eq!(patiently(&mut client, EarlyClient::wants, |client| client.write_early(DATA)), DATA.len());
    let (mut connected, outcome) = finish(client, EarlyClient::finish);
    assert_eq!(outcome, EarlyOutcome::Accepted);
    let mut echo: Vec<u8> = Vec::new();
    while echo.len() < 2 * DATA.len() {
        let mut buf = [0; 100];
        let len = patiently(&mut connected, Connected::wants, |connected| connected.read(&mut buf));
        echo.extend(&buf[..len]);
    }
    assert_eq!(echo, [DATA, DATA].concat());
    connected.shutdown().unwrap();
}

/// Echoes early data, once early and once later.
fn serve<C: Channel + AsFd>(mut server: EarlyServer<C>) {
    let mut early = Vec::new();
    while early.len() < DATA.len() {
        let mut buf = [0; 4];
        let data = patiently(&mut server, EarlyServer::wants, |server| {
            Ok(server.read_early(&mut buf)?.map(|data| data.danger_accept_replay().to_vec()))
        });
        early.extend(data.unwrap());
    }
    patiently(&mut server, EarlyServer::wants, |server| server.write_early(&early));
    let (mut connected, unread) = finish(server, EarlyServer::finish);
    assert!(unread.is_empty());
    patiently(&mut connected, Connected::wants, |connected| connected.write(&early));
    patiently(&mut connected, Connected::wants, Connected::flush);
    let end = patiently(&mut connected, Connected::wants, |connected| connected.read(&mut [0; 10]));
    assert_eq!(end, 0);
}

#[test]
fn openssls_own_sockets_that_do_not_block_carry_early_data() {
    let scene = Scene::new();
    let (left, right) = unix_pair();
    left.set_nonblocking(true).unwrap();
    right.set_nonblocking(true).unwrap();
    let (client, server) = (scene.client(), scene.server());
    let served = thread::spawn(move || serve(server.accept_early(Socket::new(right)).unwrap()));
    send(client.connect_early(Socket::new(left)).unwrap());
    served.join().unwrap();
}

#[test]
fn a_deadline_ends_the_wait_and_not_the_handshake() {
    let scene = Scene::new();
    let (left, right) = unix_pair();
    left.set_nonblocking(true).unwrap();
    right.set_nonblocking(true).unwrap();
    let mut client = scene.client().connect_early(left).unwrap();
    client.write_early(DATA).unwrap();
    let soon = Some(Instant::now() + Duration::from_millis(5));
    let waits = client.finish_and_wait(soon).unwrap_err();
    assert_eq!(waits.want(), Some(Want::Read));
    let client = waits.into_state().unwrap();
    let server = scene.server().accept_early(right).unwrap();
    let served = thread::spawn(move || server.finish_and_wait(None).unwrap().1.danger_accept_replay());
    assert_eq!(client.finish_and_wait(None).unwrap().1, EarlyOutcome::Accepted);
    assert_eq!(served.join().unwrap(), DATA);
}

#[test]
fn streams_that_block_carry_early_data() {
    let scene = Scene::new();
    let (left, right) = tcp_pair();
    let (client, server) = (scene.client(), scene.server());
    let served = thread::spawn(move || serve(server.accept_early(right).unwrap()));
    send(client.connect_early(left).unwrap());
    served.join().unwrap();
}
