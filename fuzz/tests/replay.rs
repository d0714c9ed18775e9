//! Replays every saved input of every target, and checks that there is at least one.

use std::path::Path;

fn replay(target: &str, body: fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(target);
    let mut paths: Vec<_> = std::fs::read_dir(&folder)
        .expect("each target has a corpus")
        .map(|entry| entry.expect("an entry").path())
        .collect();
    paths.sort();
    assert!(!paths.is_empty(), "`{}` has no input", folder.display());
    for path in paths {
        let input = std::fs::read(&path).expect("a saved input");
        // The name is shown when the input makes the body panic.
        println!("{}", path.display());
        body(&input);
    }
}

#[test]
fn open_bundle() {
    replay("open_bundle", barrow_fuzz::open_bundle);
}

#[test]
fn mutate_bundle() {
    replay("mutate_bundle", barrow_fuzz::mutate_bundle);
}

#[test]
fn roundtrip() {
    replay("roundtrip", barrow_fuzz::roundtrip);
}

#[test]
fn query_plan() {
    replay("query_plan", barrow_fuzz::query_plan);
}

#[test]
fn ingest_csv() {
    replay("ingest_csv", barrow_fuzz::ingest_csv);
}

#[test]
fn pool_ops() {
    replay("pool_ops", barrow_fuzz::pool_ops);
}

#[test]
fn hostile_catalog() {
    replay("hostile_catalog", barrow_fuzz::hostile_catalog);
}

#[test]
fn sealed_bundle() {
    replay("sealed_bundle", barrow_fuzz::sealed_bundle);
}

#[test]
fn segmented_bundle() {
    replay("segmented_bundle", barrow_fuzz::segmented_bundle);
}

#[test]
fn decode_block() {
    replay("decode_block", barrow_fuzz::decode_block);
}
