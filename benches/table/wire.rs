//! A transport in memory: the same few lines as in `table.c`.

use std::cell::UnsafeCell;
use std::io::{self, Read, Write};

const ROOM: usize = 1 << 17;

/// One direction.
struct Queue(UnsafeCell<Bytes>);

struct Bytes {
    start: usize,
    end: usize,
    bytes: [u8; ROOM],
}

// SAFETY: this program has one thread.
unsafe impl Sync for Queue {}

static TO_SERVER: Queue = Queue::new();
static TO_CLIENT: Queue = Queue::new();

/// One end.
pub struct Wire {
    incoming: &'static Queue,
    outgoing: &'static Queue,
}

/// The client's end and the server's, empty. There is one pair in use at a time.
pub fn wires() -> (Wire, Wire) {
    TO_SERVER.with(|queue| (queue.start, queue.end) = (0, 0));
    TO_CLIENT.with(|queue| (queue.start, queue.end) = (0, 0));
    (Wire { incoming: &TO_CLIENT, outgoing: &TO_SERVER }, Wire { incoming: &TO_SERVER, outgoing: &TO_CLIENT })
}

impl Queue {
    const fn new() -> Self {
        Self(UnsafeCell::new(Bytes { start: 0, end: 0, bytes: [0; ROOM] }))
    }

    #[inline]
    fn with<T>(&self, use_it: impl FnOnce(&mut Bytes) -> T) -> T {
        // SAFETY: this program has one thread, and none of the closures in this file comes here again.
        use_it(unsafe { &mut *self.0.get() })
    }
}

impl Read for Wire {
    #[inline]
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        self.incoming.with(|queue| {
            let there = &queue.bytes[queue.start..queue.end];
            if there.is_empty() {
                return Err(io::ErrorKind::WouldBlock.into());
            }
            let len = there.len().min(out.len());
            out[..len].copy_from_slice(&there[..len]);
            queue.start += len;
            if queue.start == queue.end {
                (queue.start, queue.end) = (0, 0);
            }
            Ok(len)
        })
    }
}

impl Write for Wire {
    #[inline]
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        self.outgoing.with(|queue| {
            let room = &mut queue.bytes[queue.end..];
            if room.is_empty() {
                return Err(io::ErrorKind::WouldBlock.into());
            }
            let len = room.len().min(data.len());
            room[..len].copy_from_slice(&data[..len]);
            queue.end += len;
            Ok(len)
        })
    }

    #[inline]
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
