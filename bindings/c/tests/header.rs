//! The committed header, which is generated from the crate.

use std::path::Path;

/// `ABLY_AUTH_HEADER=accept cargo test --test header` renews the header.
#[test]
fn header_is_generated_from_the_crate() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    let config = cbindgen::Config::from_file(folder.join("cbindgen.toml")).unwrap();
    let builder = cbindgen::Builder::new().with_src(folder.join("src/lib.rs"));
    let mut header = Vec::new();
    builder.with_config(config).generate().unwrap().write(&mut header);
    // A heading for readers of Rust.
    let header = String::from_utf8(header).unwrap().replace("// # Safety\n", "// Required of the caller:\n");
    let path = folder.join("include/ably_auth.h");
    if std::env::var("ABLY_AUTH_HEADER").is_ok_and(|wish| wish == "accept") {
        std::fs::write(&path, &header).unwrap();
    }
    let committed = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(committed == header, "the header is old; renew it with `ABLY_AUTH_HEADER=accept cargo test --test header`");
}
