//! What is declared is in the library.

#[test]
fn every_function_is_found_by_the_linker() {
    let symbols: &[(&str, *const ())] = &include!(concat!(env!("OUT_DIR"), "/symbols.rs"));
    assert!(symbols.len() > 800, "{} functions", symbols.len());
    for (name, address) in symbols {
        assert!(!address.is_null(), "{name}");
    }
}
