//! What the journal asks of the file system, as a trait: tests fail it, cut its power and watch it.

use std::fs::{self, File};
use std::io::{self, IoSlice};
use std::path::Path;
use std::sync::Arc;

use rustix::fs::{Mode, OFlags};

/// A file that the journal writes.
pub trait DiskFile: Send + Sync {
    /// Writes at `offset`; gives the octets written. On a file opened with `Durable::AtOnce` they are durable on return.
    ///
    /// # Errors
    /// What the system says.
    fn write_at(&self, offset: u64, octets: &[IoSlice<'_>]) -> io::Result<usize>;

    /// Makes everything written durable.
    ///
    /// # Errors
    /// What the system says.
    fn sync(&self) -> io::Result<()>;
}

/// Whether each write is durable on return.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Durable {
    /// `O_DSYNC`.
    AtOnce,
    /// Only after [`DiskFile::sync`].
    Later,
}

/// The file system below the journal. Reading goes past it.
pub trait Disk: Send + Sync + 'static {
    /// Creates an empty file, in place of one that may be there.
    ///
    /// # Errors
    /// What the system says.
    fn create(&self, path: &Path, durable: Durable) -> io::Result<Arc<dyn DiskFile>>;

    /// Opens a file for writing.
    ///
    /// # Errors
    /// What the system says.
    fn open(&self, path: &Path, durable: Durable) -> io::Result<Arc<dyn DiskFile>>;

    /// Gives a file another name, in place of one that may be there.
    ///
    /// # Errors
    /// What the system says.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;

    /// Removes a file.
    ///
    /// # Errors
    /// What the system says.
    fn remove(&self, path: &Path) -> io::Result<()>;

    /// Makes the names in a directory durable.
    ///
    /// # Errors
    /// What the system says.
    fn sync_directory(&self, path: &Path) -> io::Result<()>;

    /// Octets that an unprivileged process may still write.
    ///
    /// # Errors
    /// What the system says.
    fn free_bytes(&self, path: &Path) -> io::Result<u64>;
}

/// The real file system.
#[derive(Debug, Clone, Copy, Default)]
pub struct RealDisk;

struct RealFile(File);

impl DiskFile for RealFile {
    fn write_at(&self, offset: u64, octets: &[IoSlice<'_>]) -> io::Result<usize> {
        Ok(rustix::io::pwritev(&self.0, octets, offset)?)
    }

    fn sync(&self) -> io::Result<()> {
        self.0.sync_data()
    }
}

fn open_flags(path: &Path, durable: Durable, flags: OFlags) -> io::Result<Arc<dyn DiskFile>> {
    let synced = if durable == Durable::AtOnce { OFlags::DSYNC } else { OFlags::empty() };
    let flags = OFlags::WRONLY | OFlags::CLOEXEC | synced | flags;
    let file = rustix::fs::open(path, flags, Mode::RUSR | Mode::WUSR)?;
    Ok(Arc::new(RealFile(File::from(file))))
}

impl Disk for RealDisk {
    fn create(&self, path: &Path, durable: Durable) -> io::Result<Arc<dyn DiskFile>> {
        open_flags(path, durable, OFlags::CREATE | OFlags::TRUNC)
    }

    fn open(&self, path: &Path, durable: Durable) -> io::Result<Arc<dyn DiskFile>> {
        open_flags(path, durable, OFlags::empty())
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        fs::remove_file(path)
    }

    fn sync_directory(&self, path: &Path) -> io::Result<()> {
        File::open(path)?.sync_all()
    }

    fn free_bytes(&self, path: &Path) -> io::Result<u64> {
        let stat = rustix::fs::statvfs(path)?;
        Ok(stat.f_bavail.saturating_mul(stat.f_frsize))
    }
}

/// Writes all of `octets` in one call.
///
/// # Errors
/// What the system says; a short write is an error too.
pub fn write_whole(file: &dyn DiskFile, offset: u64, octets: &[IoSlice<'_>]) -> io::Result<()> {
    let wanted: usize = octets.iter().map(|slice| slice.len()).sum();
    match file.write_at(offset, octets)? {
        written if written == wanted => Ok(()),
        written => Err(io::Error::new(
            io::ErrorKind::WriteZero,
            format!("short write at octet {offset}: expected {wanted}, came {written}"),
        )),
    }
}

/// Writes zeros over `from..to`.
///
/// # Errors
/// What the system says.
pub fn write_zeros(file: &dyn DiskFile, from: u64, to: u64) -> io::Result<()> {
    const CHUNK: usize = 1 << 20;
    let zeros = vec![0; CHUNK.min(usize::try_from(to.saturating_sub(from)).unwrap_or(CHUNK))];
    let mut at = from;
    while at < to {
        let length = usize::try_from(to - at).unwrap_or(CHUNK).min(CHUNK);
        write_whole(file, at, &[IoSlice::new(&zeros[..length])])?;
        at += length as u64;
    }
    Ok(())
}
