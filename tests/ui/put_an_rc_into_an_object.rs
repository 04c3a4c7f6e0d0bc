//@ error: E0277
//! An object goes from thread to thread, and its values with it.
use std::rc::Rc;

use libssl::Ssl;
use libssl::ex_data::ExIndex;

fn main() {}

fn put(ssl: &mut Ssl, index: &ExIndex<Ssl, Rc<u8>>) {
    let _ = ssl.set_ex_data(index, Rc::new(5));
}
