//@ error: E0277
//! And a failed one, which holds it.
use std::io::{Read, Result, Write};
use std::rc::Rc;

struct Stream(Rc<()>);

impl Read for Stream {
    fn read(&mut self, _: &mut [u8]) -> Result<usize> {
        Ok(0)
    }
}

impl Write for Stream {
    fn write(&mut self, buf: &[u8]) -> Result<usize> {
        Ok(buf.len())
    }

    fn flush(&mut self) -> Result<()> {
        Ok(())
    }
}

fn main() {
    fn takes<T: Send>() {}
    takes::<libssl::HandshakeError<Stream>>();
}
