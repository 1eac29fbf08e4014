//! Files that only their owner may read, written whole or not at all.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

/// Tells apart files that one process writes at the same time.
static UNIQUE: AtomicU64 = AtomicU64::new(0);

/// Makes a folder, its parents included, that only its owner may enter; one that exists stays as it is.
pub(super) fn create_private_folder(path: &Path) -> io::Result<()> {
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)
}

/// Returns options for files that only their owner may read and write.
pub(super) fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

/// Replaces the file by one with these bytes that only its owner may read. After a crash there is the old one or the new one.
pub(super) fn write_private(path: &Path, bytes: &[u8]) -> io::Result<()> {
    replace(path, bytes, &mut private())
}

/// Replaces the file by one with these bytes that anybody may read.
pub(super) fn write_public(path: &Path, bytes: &[u8]) -> io::Result<()> {
    replace(path, bytes, &mut OpenOptions::new())
}

fn replace(path: &Path, bytes: &[u8], options: &mut OpenOptions) -> io::Result<()> {
    let fresh = beside(path);
    let written = fill(&fresh, bytes, options).and_then(|()| fs::rename(&fresh, path));
    if written.is_err() {
        let _ = fs::remove_file(&fresh);
    }
    written?;
    sync_folder(path)
}

fn fill(path: &Path, bytes: &[u8], options: &mut OpenOptions) -> io::Result<()> {
    // A process with our number may have left one when it died.
    let _ = fs::remove_file(path);
    let mut file = options.write(true).create_new(true).open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

fn beside(path: &Path) -> PathBuf {
    let mut name = std::ffi::OsString::from(".");
    name.push(path.file_name().unwrap_or_default());
    name.push(format!(".{}.{}.new", std::process::id(), UNIQUE.fetch_add(1, Ordering::Relaxed)));
    path.with_file_name(name)
}

/// Makes the new name last through a loss of power.
fn sync_folder(path: &Path) -> io::Result<()> {
    if !cfg!(unix) {
        return Ok(());
    }
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(folder)?.sync_all()
}

/// Reads a text of at most `limit` bytes; a longer one is [`io::ErrorKind::FileTooLarge`], one that is no UTF-8
/// [`io::ErrorKind::InvalidData`].
pub(super) fn read_text(path: &Path, limit: u64) -> io::Result<String> {
    let mut bytes = Vec::new();
    File::open(path)?.take(limit + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > limit {
        return Err(io::ErrorKind::FileTooLarge.into());
    }
    String::from_utf8(bytes).map_err(|_| io::Error::new(io::ErrorKind::InvalidData, "the file is not UTF-8 text"))
}

/// Returns the permission bits that let others than the owner in, 0 when there are none or the system knows none.
pub(super) fn open_to_others(path: &Path) -> io::Result<u32> {
    let permissions = fs::metadata(path)?.permissions();
    #[cfg(unix)]
    let bits = std::os::unix::fs::PermissionsExt::mode(&permissions) & 0o077;
    #[cfg(not(unix))]
    let (bits, _) = (0, permissions);
    Ok(bits)
}
