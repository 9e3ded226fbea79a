//! How is a file read as if it were memory?

use memmap2::Mmap;
use std::{fs::File, io};

/// Maps a file that nobody writes any more.
#[expect(
    unsafe_code,
    reason = "a mapping is as safe as its file: this one is renamed to its place when it is complete, and \
              removed later but never written or cut"
)]
pub(super) fn map(file: &File) -> io::Result<Mmap> {
    // SAFETY: see the reason above.
    let map = unsafe { Mmap::map(file)? };
    #[cfg(unix)]
    map.advise(memmap2::Advice::Random)?;
    Ok(map)
}
