//! All conversations, through this adapter's reference app.

#[path = "../examples/reference.rs"]
#[allow(dead_code, unreachable_pub)] // its main is not called here
mod reference;

#[test]
fn conversations() {
    let directory = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("flash-{}", std::process::id()));
    std::fs::create_dir_all(&directory).unwrap();
    let flash = format!("flash:{}", directory.display());
    reference_app::converse("edge-http", &["memory:", "fixed:", &flash], reference::serve);
    std::fs::remove_dir_all(directory).unwrap();
}
