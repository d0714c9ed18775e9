//! Makes the first opening quick: what else happens when code first runs, happens while the package is imported.
//!
//! The pages of a library are mapped as they are first run, sixteen at a time, at some four to eight microseconds each time, and
//! opening a bundle of a catalog runs through thirty such places. One call maps all of them in half a millisecond. And before
//! the first hash the processor is asked for its instructions, which a virtual machine answers in twenty microseconds.

use barrow_format::Digest;

/// Brings in what opening a bundle needs. Where that cannot be done, it comes as it is run.
pub(crate) fn warm() {
    std::hint::black_box(Digest::of(&[]));
    #[cfg(target_os = "linux")]
    if let Some((first, bytes)) = own_code() {
        let first = std::ptr::without_provenance_mut(first);
        // SAFETY: this advice reads pages that are mapped already and changes none. Where pages are not mapped, it is an error.
        // Kernels before 5.14 do not know it.
        #[expect(unsafe_code, reason = "advice to the kernel has no safe form")]
        let _ = unsafe { rustix::mm::madvise(first, bytes, rustix::mm::Advice::LinuxPopulateRead) };
    }
}

/// Where the code of this library is mapped, and how many bytes of it.
#[cfg(target_os = "linux")]
fn own_code() -> Option<(usize, usize)> {
    let here = (warm as *const ()).addr();
    let maps = std::fs::read_to_string("/proc/self/maps").ok()?;
    maps.lines().find_map(|line| {
        let (first, rest) = line.split_once('-')?;
        let (end, _) = rest.split_once(' ')?;
        let number = |digits| usize::from_str_radix(digits, 16).ok();
        let range = number(first)?..number(end)?;
        range.contains(&here).then(|| (range.start, range.len()))
    })
}
