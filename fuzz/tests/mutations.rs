//! Runs every target over seeded mutations of its saved inputs, so that each run of the tests looks a
//! little beyond them without a fuzzer.

use std::path::Path;

/// A small generator of numbers (`SplitMix64`), so that a failure repeats.
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, bound: usize) -> usize {
        let bound = u64::try_from(bound.max(1)).expect("64 bits");
        usize::try_from(self.next() % bound).expect("below a usize")
    }
}

/// Bytes that are likelier than others to matter.
const TELLING: [u8; 20] = *b"\0\xff\x7f\n\r\",;.-+0129eE:/Z";

fn mutate(input: &mut Vec<u8>, others: &[Vec<u8>], numbers: &mut Numbers) {
    for _ in 0..=numbers.below(4) {
        let at = numbers.below(input.len());
        match numbers.below(6) {
            0 if !input.is_empty() => input[at] ^= 1 << numbers.below(8),
            1 if !input.is_empty() => input[at] = TELLING[numbers.below(TELLING.len())],
            2 => input.insert(at, TELLING[numbers.below(TELLING.len())]),
            3 if !input.is_empty() => {
                let end = input.len().min(at + 1 + numbers.below(12));
                input.drain(at..end);
            }
            4 => input.truncate(at),
            _ => {
                let other = &others[numbers.below(others.len())];
                let start = numbers.below(other.len());
                let end = other.len().min(start + numbers.below(40));
                input.splice(at..at, other[start..end].iter().copied());
            }
        }
    }
}

fn run(target: &str, runs: u64, body: fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(target);
    let mut paths: Vec<_> = std::fs::read_dir(&folder)
        .expect("each target has a corpus")
        .map(|entry| entry.expect("an entry").path())
        .collect();
    paths.sort();
    let saved: Vec<Vec<u8>> =
        paths.iter().map(|path| std::fs::read(path).expect("a saved input")).collect();
    for seed in 0..runs {
        let mut numbers = Numbers(seed);
        let mut input = saved[numbers.below(saved.len())].clone();
        mutate(&mut input, &saved, &mut numbers);
        let name = format!("barrow-fuzz-{target}-{}", std::process::id());
        let kept = std::env::temp_dir().join(name);
        std::fs::write(&kept, &input).expect("a temporary file");
        println!("seed {seed}: `{}` is kept when this run ends here", kept.display());
        body(&input);
        std::fs::remove_file(&kept).expect("the temporary file");
    }
}

#[test]
fn open_bundle() {
    run("open_bundle", 2_000, barrow_fuzz::open_bundle);
}

#[test]
fn mutate_bundle() {
    run("mutate_bundle", 1_000, barrow_fuzz::mutate_bundle);
}

#[test]
fn roundtrip() {
    run("roundtrip", 2_000, barrow_fuzz::roundtrip);
}

#[test]
fn ingest_csv() {
    run("ingest_csv", 1_500, barrow_fuzz::ingest_csv);
}

#[test]
fn pool_ops() {
    run("pool_ops", 60, barrow_fuzz::pool_ops);
}

#[test]
fn hostile_catalog() {
    run("hostile_catalog", 200, barrow_fuzz::hostile_catalog);
}

#[test]
fn sealed_bundle() {
    run("sealed_bundle", 2_000, barrow_fuzz::sealed_bundle);
}

#[test]
fn segmented_bundle() {
    run("segmented_bundle", 600, barrow_fuzz::segmented_bundle);
}

#[test]
fn decode_block() {
    run("decode_block", 20_000, barrow_fuzz::decode_block);
}
