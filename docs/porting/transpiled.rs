use std::ffi::{c_char, c_int, c_long, c_void};

use libssl::ffi::{SSL, SSL_CTX};

pub type FILE = c_void;

unsafe extern "C" {
    static mut stderr: *mut FILE;
    fn strlen(text: *const c_char) -> usize;
    fn ERR_clear_error();
    fn ERR_print_errors_fp(fp: *mut FILE);
    fn SSL_connect(ssl: *mut SSL) -> c_int;
    fn SSL_ctrl(ssl: *mut SSL, cmd: c_int, larg: c_long, parg: *mut c_void) -> c_long;
    fn SSL_free(ssl: *mut SSL);
    fn SSL_get_error(ssl: *const SSL, ret_code: c_int) -> c_int;
    fn SSL_new(ctx: *mut SSL_CTX) -> *mut SSL;
    fn SSL_read_ex(ssl: *mut SSL, buf: *mut c_void, num: usize, readbytes: *mut usize) -> c_int;
    fn SSL_set1_host(s: *mut SSL, host: *const c_char) -> c_int;
    fn SSL_set_fd(s: *mut SSL, fd: c_int) -> c_int;
    fn SSL_set_verify(
        s: *mut SSL,
        mode: c_int,
        callback: Option<unsafe extern "C" fn(c_int, *mut c_void) -> c_int>,
    );
    fn SSL_shutdown(s: *mut SSL) -> c_int;
    fn SSL_write_ex(s: *mut SSL, buf: *const c_void, num: usize, written: *mut usize) -> c_int;
}

pub unsafe extern "C" fn fetch(
    mut ctx: *mut SSL_CTX,
    mut fd: c_int,
    mut host: *const c_char,
    mut request: *const c_char,
    mut out: *mut c_char,
    mut room: usize,
) -> c_long {
    unsafe {
        let mut ssl: *mut SSL = SSL_new(ctx);
        let mut n: usize = 0;
        let mut done: usize = 0;
        let mut answer: c_long = -(1 as c_long);
        let mut ret: c_int = 0;
        if !(ssl.is_null()
            || SSL_set_fd(ssl, fd) != 1 as c_int
            || SSL_ctrl(ssl, 55 as c_int, 0 as c_long, host as *mut c_char as *mut c_void) != 1 as c_long
            || SSL_set1_host(ssl, host) != 1 as c_int)
        {
            SSL_set_verify(ssl, 0x1 as c_int, None);
            ERR_clear_error();
            if !(SSL_connect(ssl) != 1 as c_int) {
                if !(SSL_write_ex(ssl, request as *const c_void, strlen(request), &mut n) != 1 as c_int) {
                    loop {
                        ret = SSL_read_ex(
                            ssl,
                            out.offset(done as isize) as *mut c_void,
                            room.wrapping_sub(done),
                            &mut n,
                        );
                        if !(ret == 1 as c_int) {
                            break;
                        }
                        done = done.wrapping_add(n);
                    }
                    if !(SSL_get_error(ssl, ret) != 6 as c_int) {
                        SSL_shutdown(ssl);
                        answer = done as c_long;
                    }
                }
            }
        }
        if answer < 0 as c_long {
            ERR_print_errors_fp(stderr);
        }
        SSL_free(ssl);
        return answer;
    }
}
