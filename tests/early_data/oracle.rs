//! C as the oracle: the same calls in the same order, once through the mirror layer and once to C itself.

use std::ffi::c_int;
use std::fmt::Debug;

use libssl::ssl::EarlyRead;
use libssl::{Ssl, SslContext, SslError, SslMethod, SslRef};
use openssl_sys as sys;

use super::scene::{Scene, resume, session_of};
use crate::common::{Random, duplex};
use crate::mirror::Two;

/// What a call answers: the bytes or the return value, or SSL_get_error and the reasons in the queue.
#[derive(Debug, PartialEq, Eq)]
enum Answer {
    Done(c_int, Vec<u8>),
    Failed(c_int, Vec<(c_int, c_int)>),
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Op {
    WriteEarly(usize),
    ReadEarly(usize),
    Write(usize),
    Read(usize),
    DoHandshake,
    Handshake,
    Status,
}

fn op(random: &mut Random) -> Op {
    let len = [1, 5, 40, 3000][random.below(4) as usize];
    match random.below(10) {
        0..=2 => Op::WriteEarly(len),
        3..=5 => Op::ReadEarly(len),
        6 => Op::Write(len),
        7 => Op::Read(len),
        8 => Op::Handshake,
        _ if random.below(2) == 0 => Op::DoHandshake,
        _ => Op::Status,
    }
}

/// Through the mirror layer.
fn mirrored(ssl: &mut SslRef, client: bool, op: Op) -> Answer {
    let data = [7; 3000];
    let mut buf = [0; 3000];
    let outcome: Result<(c_int, Vec<u8>), SslError> = match op {
        Op::WriteEarly(len) => ssl.write_early_data(&data[..len]).map(|len| (1, vec![7; len])),
        Op::ReadEarly(len) => ssl.read_early_data(&mut buf[..len]).map(|read| match read {
            EarlyRead::Data(len) => (1, buf[..len].to_vec()),
            EarlyRead::Finish => (2, Vec::new()),
        }),
        Op::Write(len) => ssl.write(&data[..len]).map(|len| (1, vec![7; len])),
        Op::Read(len) => ssl.read(&mut buf[..len]).map(|len| (1, buf[..len].to_vec())),
        Op::Handshake if client => ssl.connect().map(|()| (1, Vec::new())),
        Op::Handshake => ssl.accept().map(|()| (1, Vec::new())),
        Op::DoHandshake => ssl.do_handshake().map(|()| (1, Vec::new())),
        Op::Status => Ok((ssl.early_data_status() as c_int, Vec::new())),
    };
    match outcome {
        Ok((ret, data)) => Answer::Done(ret, data),
        Err(error) => {
            let reasons =
                error.stack().iter().map(|reason| (reason.library_code(), reason.reason_code())).collect();
            Answer::Failed(error.code().as_raw(), reasons)
        }
    }
}

/// To C itself.
fn raw(ssl: *mut sys::SSL, client: bool, op: Op) -> Answer {
    let data = [7_u8; 3000];
    let mut buf = [0_u8; 3000];
    let mut len_done = 0;
    // SAFETY: a live object with BIOs, and buffers of the lengths that are told.
    unsafe {
        sys::ERR_clear_error();
        let done = &raw mut len_done;
        let ret = match op {
            Op::WriteEarly(len) => sys::SSL_write_early_data(ssl, data.as_ptr().cast(), len, done),
            Op::ReadEarly(len) => sys::SSL_read_early_data(ssl, buf.as_mut_ptr().cast(), len, done),
            Op::Write(len) => sys::SSL_write_ex(ssl, data.as_ptr().cast(), len, done),
            Op::Read(len) => sys::SSL_read_ex(ssl, buf.as_mut_ptr().cast(), len, done),
            Op::Handshake if client => sys::SSL_connect(ssl),
            Op::Handshake => sys::SSL_accept(ssl),
            Op::DoHandshake => sys::SSL_do_handshake(ssl),
            Op::Status => {
                return Answer::Done(openssl_sys_ext::SSL_get_early_data_status(ssl), Vec::new());
            }
        };
        if ret > 0 {
            let bytes = match op {
                Op::WriteEarly(_) | Op::Write(_) => vec![7; len_done],
                Op::ReadEarly(_) | Op::Read(_) => buf[..len_done].to_vec(),
                _ => Vec::new(),
            };
            return Answer::Done(ret, bytes);
        }
        let code = sys::SSL_get_error(ssl, ret);
        let mut reasons = Vec::new();
        loop {
            match sys::ERR_get_error() {
                0 => return Answer::Failed(code, reasons),
                error => reasons.push((sys::ERR_GET_LIB(error), sys::ERR_GET_REASON(error))),
            }
        }
    }
}

/// Objects that shake hands as C's own defaults say, without a name that is demanded.
fn twin(client: &SslContext, scene: &Scene, room: usize) -> Two {
    let mut ssl = Ssl::new(client).unwrap();
    ssl.set_connect_state();
    resume(&mut ssl, &session_of(client, &scene.server));
    let mut server = scene.server();
    server.set_accept_state();
    let (mut left, mut right) = duplex();
    left.set_room(room);
    right.set_room(room.max(2500));
    Two::over(ssl, left, server, right)
}

fn same<T: Debug + PartialEq>(what: &dyn Debug, ours: &T, of_c: &T) {
    assert_eq!(ours, of_c, "{what:?}");
}

#[test]
fn the_calls_answer_as_c_does_whatever_their_order() {
    let scene = Scene::new();
    let client = SslContext::builder(SslMethod::tls_client()).unwrap().build();
    let (mut finished, mut early, mut refused, mut dead) = (0, 0, 0, 0);
    for seed in 0..400 {
        let mut random = Random::new(seed);
        let room = if random.below(3) == 0 { 200 + random.below(2000) as usize } else { 1 << 20 };
        let (mut ours, theirs) = (twin(&client, &scene, room), twin(&client, &scene, room));
        let mut repeat = [None, None];
        for step in 0..30 {
            let side = random.below(2) as usize;
            // C's rule: what was suspended comes again as it was.
            let op = repeat[side].take().unwrap_or_else(|| op(&mut random));
            let is_client = side == 0;
            let object = if is_client { &mut ours.client } else { &mut ours.server };
            let twin = if is_client { theirs.client.as_ptr() } else { theirs.server.as_ptr() };
            let answer = mirrored(object, is_client, op);
            let what = (seed, step, is_client, op, object.state_string_long());
            // Here alone more is refused than C does: what would take early data for confirmed data.
            let mixes = matches!(op, Op::Read(_) | Op::Write(_))
                && matches!(&answer, Answer::Failed(1, reasons) if reasons.is_empty())
                && !object.is_poisoned();
            if mixes {
                assert!(!is_client && !object.is_init_finished(), "{what:?}");
                refused += 1;
                continue;
            }
            let of_c = raw(twin, is_client, op);
            if let (Answer::Failed(..), Answer::Done(2, _), Op::ReadEarly(_)) = (&answer, &of_c, op) {
                // C says nothing of what ended the connection, and fails in the next call.
                assert!(object.is_poisoned(), "{what:?}: {answer:?}");
                dead += 1;
                break;
            }
            same(&what, &answer, &of_c);
            let waits = matches!(&answer, Answer::Failed(2..=3, reasons) if reasons.is_empty());
            if waits && matches!(op, Op::WriteEarly(_) | Op::Write(_)) {
                repeat[side] = Some(op);
            }
            early += usize::from(matches!((&answer, op), (Answer::Done(1, _), Op::ReadEarly(_))));
            if object.is_poisoned() {
                dead += 1;
                break;
            }
        }
        finished += usize::from(ours.server.is_init_finished());
    }
    assert!(finished > 20 && early > 50 && refused > 10 && dead > 20, "{finished} {early} {refused} {dead}");
}
