//! Storing ahead: the device begins with what is written, before anybody waits for it.

use std::fs::File;

/// Has the device begin to store a range of a file, so that a flush finds less to do. Promises nothing: what could not be begun
/// is left to the flush, and so is an error of the device, which this call does not take from it.
#[cfg(target_os = "linux")]
pub(crate) fn begin_storing(file: &File, offset: u64, len: u64) {
    use std::os::fd::AsRawFd as _;

    let (Ok(offset), Ok(len)) = (offset.try_into(), len.try_into()) else { return };
    #[expect(unsafe_code, reason = "no crate that we use has a safe form of this call")]
    // SAFETY: the call takes numbers only, and touches no memory of this process. The descriptor is open as long as `file` is
    // borrowed. A range that the file does not have, or a file system that cannot, is an error that it returns.
    let _ = unsafe {
        libc::sync_file_range(file.as_raw_fd(), offset, len, libc::SYNC_FILE_RANGE_WRITE)
    };
}

/// Does nothing where the operating system has no such call.
#[cfg(not(target_os = "linux"))]
pub(crate) fn begin_storing(_: &File, _: u64, _: u64) {}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::FileExt as _;

    use super::*;
    use crate::testing;

    #[test]
    fn the_bytes_stay_and_no_range_is_an_error() {
        let dir = testing::dir();
        let path = dir.path().join("file");
        let file = File::create_new(&path).unwrap();
        file.write_all_at(&[7; 10_000], 0).unwrap();
        for (offset, len) in [(0, 4096), (4096, 1 << 20), (1 << 40, 1), (u64::MAX, u64::MAX)] {
            begin_storing(&file, offset, len);
        }
        assert_eq!(std::fs::read(&path).unwrap(), [7; 10_000]);
    }
}
