//! A transport in memory that never blocks, with faults on demand.

use std::collections::VecDeque;
use std::io::{self, Read, Write};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// One end of a connection in memory. It answers `WouldBlock` when there is nothing to read or no room to write.
/// When it is dropped, the other end reads what is left and then the end of file, and can write no more.
#[derive(Debug)]
pub struct Duplex {
    incoming: Arc<Mutex<Pipe>>,
    outgoing: Arc<Mutex<Pipe>>,
    /// The most that one read gives.
    pub read_cap: usize,
    /// The most that one write takes.
    pub write_cap: usize,
    /// The end of file comes after so many bytes were read.
    pub cut_read: Option<u64>,
    /// Writes are refused (`BrokenPipe`) once so many bytes were written; the other end then reads its end.
    pub cut_write: Option<u64>,
    /// Says `WouldBlock` at random to reads and writes that could go on.
    pub random: Option<Random>,
    /// What the next reads do.
    pub on_read: VecDeque<Fault>,
    /// What the next writes do.
    pub on_write: VecDeque<Fault>,
    /// What the next flushes do.
    pub on_flush: VecDeque<Fault>,
    /// How often it was read, written and flushed.
    pub calls: (u64, u64, u64),
}

/// What a call does that a script takes over.
#[derive(Debug)]
pub enum Fault {
    /// It does what it always does.
    Go,
    /// It fails so.
    Fail(io::ErrorKind),
    /// It fails with this `errno`.
    Os(i32),
    /// It answers with this number of bytes, whatever it did: nothing.
    Lie(usize),
    /// It panics with this message.
    Panic(&'static str),
}

/// Bytes on their way in one direction.
#[derive(Debug, Default)]
struct Pipe {
    bytes: VecDeque<u8>,
    room: Option<usize>,
    written: u64,
    read: u64,
    closed: bool,
}

/// Two ends of one connection.
pub fn duplex() -> (Duplex, Duplex) {
    let (there, back) = (Arc::default(), Arc::default());
    (Duplex::new(Arc::clone(&back), Arc::clone(&there)), Duplex::new(there, back))
}

impl Duplex {
    fn new(incoming: Arc<Mutex<Pipe>>, outgoing: Arc<Mutex<Pipe>>) -> Self {
        Self {
            incoming,
            outgoing,
            read_cap: usize::MAX,
            write_cap: usize::MAX,
            cut_read: None,
            cut_write: None,
            random: None,
            on_read: VecDeque::new(),
            on_write: VecDeque::new(),
            on_flush: VecDeque::new(),
            calls: (0, 0, 0),
        }
    }

    /// Lets at most so many bytes be on their way from this end at a time.
    pub fn set_room(&mut self, bytes: usize) {
        lock(&self.outgoing).room = Some(bytes);
    }

    /// Takes the limit of [`set_room`](Self::set_room) off.
    pub fn clear_room(&mut self) {
        lock(&self.outgoing).room = None;
    }

    /// Ends what this end sends: the other end reads what is left, and then the end of file.
    pub fn close(&mut self) {
        lock(&self.outgoing).closed = true;
    }

    /// How many bytes this end ever read and wrote.
    pub fn moved(&self) -> (u64, u64) {
        (lock(&self.incoming).read, lock(&self.outgoing).written)
    }

    /// How many bytes wait to be read at this end.
    pub fn waiting(&self) -> usize {
        lock(&self.incoming).bytes.len()
    }

    /// Takes all bytes that wait at this end, past every fault.
    pub fn take_incoming(&mut self) -> Vec<u8> {
        let mut pipe = lock(&self.incoming);
        let bytes: Vec<u8> = pipe.bytes.drain(..).collect();
        pipe.read += bytes.len() as u64;
        bytes
    }

    /// Puts bytes on their way to the other end, past every fault.
    pub fn push_outgoing(&mut self, bytes: &[u8]) {
        let mut pipe = lock(&self.outgoing);
        pipe.bytes.extend(bytes);
        pipe.written += bytes.len() as u64;
    }

    fn blocks(&mut self) -> bool {
        self.random.as_mut().is_some_and(|random| random.below(2) == 0)
    }
}

impl Read for Duplex {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        self.calls.0 += 1;
        if let Some(answer) = self.on_read.pop_front().and_then(Fault::answer) {
            return answer;
        }
        if self.blocks() {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let mut pipe = lock(&self.incoming);
        let until_cut = self.cut_read.map_or(u64::MAX, |cut| cut.saturating_sub(pipe.read));
        if until_cut == 0 {
            return Ok(0);
        }
        let len = buf
            .len()
            .min(pipe.bytes.len())
            .min(self.read_cap)
            .min(usize::try_from(until_cut).unwrap_or(usize::MAX));
        if len == 0 && !buf.is_empty() {
            return if pipe.closed { Ok(0) } else { Err(io::ErrorKind::WouldBlock.into()) };
        }
        for (to, from) in buf.iter_mut().zip(pipe.bytes.drain(..len)) {
            *to = from;
        }
        pipe.read += len as u64;
        Ok(len)
    }
}

impl Write for Duplex {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        self.calls.1 += 1;
        if let Some(answer) = self.on_write.pop_front().and_then(Fault::answer) {
            return answer;
        }
        if self.blocks() {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let mut pipe = lock(&self.outgoing);
        let until_cut = self.cut_write.map_or(u64::MAX, |cut| cut.saturating_sub(pipe.written));
        if until_cut == 0 {
            pipe.closed = true;
        }
        if pipe.closed {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        let room = pipe.room.map_or(usize::MAX, |room| room.saturating_sub(pipe.bytes.len()));
        let len =
            buf.len().min(room).min(self.write_cap).min(usize::try_from(until_cut).unwrap_or(usize::MAX));
        if len == 0 && !buf.is_empty() {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        pipe.bytes.extend(&buf[..len]);
        pipe.written += len as u64;
        Ok(len)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.calls.2 += 1;
        self.on_flush.pop_front().and_then(Fault::answer).unwrap_or(Ok(0)).map(drop)
    }
}

impl Drop for Duplex {
    fn drop(&mut self) {
        lock(&self.outgoing).closed = true;
        lock(&self.incoming).closed = true;
    }
}

impl Fault {
    fn answer(self) -> Option<io::Result<usize>> {
        match self {
            Self::Go => None,
            Self::Fail(kind) => Some(Err(kind.into())),
            Self::Os(errno) => Some(Err(io::Error::from_raw_os_error(errno))),
            Self::Lie(len) => Some(Ok(len)),
            Self::Panic(message) => panic!("{message}"),
        }
    }
}

/// A pipe stays what it is when a transport panics while it holds it.
fn lock(pipe: &Mutex<Pipe>) -> MutexGuard<'_, Pipe> {
    pipe.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A seeded sequence of numbers, the same in each run.
#[derive(Clone, Debug)]
pub struct Random(u64);

impl Random {
    /// The sequence of this seed.
    pub fn new(seed: u64) -> Self {
        Self(seed ^ 0x9e37_79b9_7f4a_7c15)
    }

    /// The next number, below `bound`.
    pub fn below(&mut self, bound: u64) -> u64 {
        // splitmix64
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % bound
    }
}
