//! Bundles of which an attacker made all checksums right.

use barrow_format::{AlignedBytes, Bundle};

pub(crate) use self::seal::seal;
use crate::content;
use crate::read_everything;

#[path = "../../format/tests/sealed/mod.rs"]
mod seal;

/// Bundles that are changed: of every type, of no assets, with zones, and with compressed columns.
const GOLDEN: [&[u8]; 3] = [
    include_bytes!("../../tests/golden/v1.2/all_types.barrow"),
    include_bytes!("../../tests/golden/v1.2/empty.barrow"),
    include_bytes!("../../tests/golden/v1.2/zones.barrow"),
];

/// A bundle with changes in one section, whose check word and digest, and those of the pages and of the first page, are
/// made right again: reading and verifying never panic. The input is the bundle, the section (255 for the
/// first page), then a list of (offset u16 times 3, value).
pub fn sealed_bundle(input: &[u8]) {
    let [choice, section, changes @ ..] = input else { return };
    let compressed;
    let whole: &[u8] = if let Some(golden) = GOLDEN.get(usize::from(choice % 4)) {
        golden
    } else {
        compressed = content::compressed_bundle();
        compressed.as_ref()
    };
    let mut bytes = AlignedBytes::copy_of(whole);
    let all = bytes.as_mut();
    let sections = number(all, 12, 4).min(61);
    let (index, start, len) = match usize::from(*section) {
        255 => (None, 0, 4056),
        section => {
            let index = section % sections.max(1);
            let entry = 128 + 64 * index;
            (Some(index), number(all, entry + 8, 8), number(all, entry + 16, 8))
        }
    };
    for change in changes.chunks_exact(3) {
        let at = usize::from(u16::from_le_bytes([change[0], change[1]])) * 3;
        if len > 0 {
            all[start + at % len] = change[2];
        }
    }
    // Data has no digest of its own: its entry holds zeros.
    let is_data = |index: &usize| number(all, 128 + 64 * index, 4) == 3;
    let index = index.filter(|index| !is_data(index));
    seal(all, index);
    if let Ok(bundle) = Bundle::open(bytes) {
        read_everything(&bundle);
        let _ = bundle.verify();
        read_everything(&bundle.checking_pages());
    }
}

pub(crate) fn number(bytes: &[u8], at: usize, width: usize) -> usize {
    let mut word = [0; 8];
    word[..width].copy_from_slice(&bytes[at..at + width]);
    usize::try_from(u64::from_le_bytes(word)).expect("64 bits")
}
