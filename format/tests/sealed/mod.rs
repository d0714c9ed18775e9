//! Makes the digests of changed bytes right again, as an attacker or a broken writer would.

use barrow_format::Digest;

/// Where the section of an entry of the directory lies, if that is possible.
pub(crate) fn section(bytes: &[u8], index: usize) -> Option<std::ops::Range<usize>> {
    let entry = 128 + 64 * index;
    let number = |at: usize| {
        let word = bytes.get(at..at + 8)?.try_into().expect("eight bytes");
        usize::try_from(u64::from_le_bytes(word)).ok()
    };
    let (offset, len) = (number(entry + 8)?, number(entry + 16)?);
    let range = offset..offset.checked_add(len)?;
    bytes.get(range.clone()).map(|_| range)
}

fn seal_section(bytes: &mut [u8], index: usize) {
    let entry = 128 + 64 * index;
    let section = &bytes[section(bytes, index).expect("a section in the file")];
    let (check, digest) = (check_word(section), Digest::of(section));
    bytes[entry + 24..entry + 32].copy_from_slice(&check.to_le_bytes());
    bytes[entry + 32..entry + 64].copy_from_slice(digest.as_bytes());
}

/// Makes the check words of all pages right, if the last entry of the directory is for their section.
fn seal_pages(bytes: &mut [u8], last: usize) {
    let is_checks = last < 61 && bytes[128 + 64 * last..][..4] == [14, 0, 0, 0];
    let Some(checks) = section(bytes, last).filter(|_| is_checks) else { return };
    for (page, at) in (1..).zip(checks.step_by(8)) {
        let whole = bytes.get(4096 * page..4096 * (page + 1)).filter(|_| 4096 * page < at);
        // All words of a page, but not its length.
        let word = whole.map(|page| check_word(page).wrapping_sub(check_word_of_length()));
        if let (Some(word), Some(target)) = (word, bytes.get_mut(at..at + 8)) {
            target.copy_from_slice(&word.to_le_bytes());
        }
    }
    seal_section(bytes, last);
}

/// What the length of a page adds to its check word as the bytes of a section.
fn check_word_of_length() -> u64 {
    4096u64.wrapping_mul(0x9e37_79b9_7f4a_7c15u64.wrapping_mul(2 * 512 + 1))
}

/// The check word as the format page defines it.
fn check_word(bytes: &[u8]) -> u64 {
    sum(bytes, bytes.len() as u64)
}

/// Sums the words of some bytes and one more.
pub(crate) fn sum(bytes: &[u8], last: u64) -> u64 {
    let mut words: Vec<u64> = bytes
        .chunks(8)
        .map(|chunk| {
            let mut word = [0; 8];
            word[..chunk.len()].copy_from_slice(chunk);
            u64::from_le_bytes(word)
        })
        .collect();
    words.push(last);
    (0..).zip(words).fold(0, |sum, (i, word)| {
        let factor = 0x9e37_79b9_7f4a_7c15u64.wrapping_mul(2 * i + 1);
        sum.wrapping_add((word ^ word >> 32).wrapping_mul(factor))
    })
}

/// Makes check word and digest of section `index` of the directory, the check words of all pages unless that is their section,
/// and what stands for the first page, right again.
pub(crate) fn seal(bytes: &mut [u8], index: Option<usize>) {
    if let Some(index) = index {
        seal_section(bytes, index);
    }
    let last = u32::from_le_bytes(bytes[12..16].try_into().expect("four bytes"));
    let last = usize::try_from(last).expect("an index in memory").wrapping_sub(1).min(61);
    if index != Some(last) {
        seal_pages(bytes, last);
    }
    let checksum = Digest::of(&bytes[..4056]);
    bytes[4056..4088].copy_from_slice(checksum.as_bytes());
    let check = check_word(&bytes[..4088]);
    bytes[4088..4096].copy_from_slice(&check.to_le_bytes());
}
