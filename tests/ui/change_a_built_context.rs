//@ error: E0599
//! A context is frozen once it is built.
fn main() {}

fn change(mut context: libssl::SslContext) {
    let _ = context.set_min_proto_version(None);
}
