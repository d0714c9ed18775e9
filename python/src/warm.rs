//! Makes the first opening quick: brings in the code that it runs through.
//!
//! The pages of a library are mapped as they are first run, sixteen at a time, at some eight microseconds each time. Opening a
//! bundle of a catalog runs through thirty such places of the store, which take longer than all else that it does. One call
//! maps the pages around them for about a fifth of a millisecond, while the package is imported.

/// How far before and behind its middle the code of the store reaches.
#[cfg(target_os = "linux")]
const REACH: usize = 5 << 18;

/// Maps the pages of the store's code. Where that cannot be done they are mapped as they are run.
pub(crate) fn warm() {
    #[cfg(target_os = "linux")]
    {
        let middle = (barrow_store::BundlePool::global as *const ()).addr() & !0xffff;
        let first = std::ptr::without_provenance_mut(middle.saturating_sub(REACH));
        // SAFETY: this advice reads pages that are mapped already and changes none. Where pages are not mapped, it is an error.
        // Kernels before 5.14 do not know it.
        #[expect(unsafe_code, reason = "advice to the kernel has no safe form")]
        let _ =
            unsafe { rustix::mm::madvise(first, 2 * REACH, rustix::mm::Advice::LinuxPopulateRead) };
    }
}
