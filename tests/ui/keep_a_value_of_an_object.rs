//@ error: E0505
//! What an object holds is lent as long as the object lives.
use libssl::Ssl;
use libssl::ex_data::ExIndex;

static INDEX: ExIndex<Ssl, String> = ExIndex::new();

fn main() {}

fn keep(ssl: Ssl) -> usize {
    let value = ssl.ex_data(&INDEX);
    drop(ssl);
    value.map_or(0, String::len)
}
