use std::error::Error;
use std::ffi::{CStr, c_char, c_int, c_long};
use std::io::{self, Write};

use libssl::context::SslVerifyMode;
use libssl::error::ErrorCode;
use libssl::ffi::SSL_CTX;
use libssl::{Ssl, SslContextRef, SslRef};

/// The same function, for the C that calls it (with `#[unsafe(no_mangle)]`). What C promises is said once, at the door.
///
/// # Safety
///
/// None is NULL: `ctx` is live and no longer changed, `fd` is open, `host` and `request` are C strings, and `out` has `room`
/// bytes that nobody else uses.
pub unsafe extern "C" fn fetch(
    ctx: *mut SSL_CTX,
    fd: c_int,
    host: *const c_char,
    request: *const c_char,
    out: *mut c_char,
    room: usize,
) -> c_long {
    // SAFETY: by this function's contract. C need not have written to its buffer yet; the bytes of a slice are written.
    let (ctx, host, request, out) = unsafe {
        out.write_bytes(0, room);
        (
            SslContextRef::from_ptr(ctx),
            CStr::from_ptr(host),
            CStr::from_ptr(request),
            std::slice::from_raw_parts_mut(out.cast(), room),
        )
    };
    let Ok(host) = host.to_str() else { return -1 };
    // SAFETY: as above; the descriptor stays open while the object has it.
    match unsafe { exchange(ctx, fd, host, request.to_bytes(), out) } {
        Ok(length) => length as c_long,
        Err(error) => {
            // Not `eprintln!`: it panics where stderr takes nothing, and a panic would end C's program here.
            let _ = writeln!(io::stderr(), "{error}");
            -1
        }
    }
}

/// Line by line what C did: SSL_connect is `SslRef::connect`, SSL_read_ex is `SslRef::read`, and so on.
unsafe fn exchange(
    ctx: &SslContextRef,
    fd: c_int,
    host: &str,
    request: &[u8],
    out: &mut [u8],
) -> Result<usize, Box<dyn Error>> {
    let mut ssl = Ssl::new(ctx)?;
    // SAFETY: by this function's contract.
    unsafe { ssl.set_fd(fd) }?;
    ssl.set_server_name(host)?; // SSL_set_tlsext_host_name and SSL_set1_host, which takes addresses too
    ssl.set_verify(SslVerifyMode::PEER)?;
    SslRef::connect(&mut ssl)?;
    ssl.write(request)?;
    let (mut done, mut one_more) = (0, [0]);
    loop {
        // An empty buffer is answered with `Ok(0)`: where `out` is full, one more byte tells of the end.
        let is_full = done == out.len();
        match ssl.read(if is_full { &mut one_more } else { &mut out[done..] }) {
            Ok(_) if is_full => return Err("there is no room for the whole answer".into()),
            Ok(length) => done += length,
            Err(error) if error.code() == ErrorCode::ZeroReturn => break,
            Err(error) => return Err(error.into()), // cut off, or failed: never a short answer
        }
    }
    let _ = ssl.shutdown(); // the answer is whole, whatever becomes of our end
    Ok(done)
}
