//! Makes the digests of changed bytes right again, as an attacker or a broken writer would.

use barrow_format::Digest;

/// The check word as the format page defines it.
fn check_word(bytes: &[u8]) -> u64 {
    let mut words: Vec<u64> = bytes
        .chunks(8)
        .map(|chunk| {
            let mut word = [0; 8];
            word[..chunk.len()].copy_from_slice(chunk);
            u64::from_le_bytes(word)
        })
        .collect();
    words.push(bytes.len() as u64);
    (0..).zip(words).fold(0, |sum, (i, word)| {
        let factor = 0x9e37_79b9_7f4a_7c15u64.wrapping_mul(2 * i + 1);
        sum.wrapping_add((word ^ word >> 32).wrapping_mul(factor))
    })
}

/// Makes check word and digest of section `index` of the directory, and of the first page, right again.
pub(crate) fn seal(bytes: &mut [u8], index: Option<usize>) {
    if let Some(index) = index {
        let entry = 128 + 64 * index;
        let number = |at: usize| {
            let word = bytes[at..at + 8].try_into().expect("eight bytes");
            usize::try_from(u64::from_le_bytes(word)).expect("a length in memory")
        };
        let (offset, len) = (number(entry + 8), number(entry + 16));
        let section = &bytes[offset..offset + len];
        let (check, digest) = (check_word(section), Digest::of(section));
        bytes[entry + 24..entry + 32].copy_from_slice(&check.to_le_bytes());
        bytes[entry + 32..entry + 64].copy_from_slice(digest.as_bytes());
    }
    let checksum = Digest::of(&bytes[..4056]);
    bytes[4056..4088].copy_from_slice(checksum.as_bytes());
    let check = check_word(&bytes[..4088]);
    bytes[4088..4096].copy_from_slice(&check.to_le_bytes());
}
