//@ error: E0502
//! A configuration has what it changes for itself.
fn main() {}

fn look(context: &mut libssl::SslContextBuilderRef) {
    let mut conf = libssl::conf::SslConf::for_context(context).unwrap();
    let _ = context.options();
    let _ = conf.finish();
}
