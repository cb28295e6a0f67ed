//! What a later reading needs to know of this one.

use std::fmt::{self, Write as _};
use std::fs::{self, Metadata};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use stepbridge_formats::Mark;
use stepbridge_io::read_ranges::ReadRanges;
use stepbridge_records::{BatchRun, Problem, ProblemList};

use crate::file_path::FilePath;

/// A smaller file that has grown is read as a whole. That takes no time, and its first lines may now show another format.
pub(super) const READ_WHOLE: u64 = 64 << 10;

/// The coarsest clock of a file system: that of FAT.
const CLOCK: Duration = Duration::from_secs(2);

/// What a later reading needs to know of this one.
#[derive(Clone, Default)]
pub(crate) struct RefreshState {
    /// Every file that was found, log or not.
    pub(crate) seen: Vec<SeenFile>,
    /// For each of [`crate::Logs::files`].
    pub(crate) files: Vec<RefreshFile>,
    /// The folders and links that could not be followed.
    pub(crate) unfollowed: Vec<Problem>,
    /// When all files were last known to hold what was read of them, in nanoseconds since 1970.
    verified: Arc<AtomicU64>,
}

impl fmt::Debug for RefreshState {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("RefreshState").field("seen", &self.seen).finish_non_exhaustive()
    }
}

impl RefreshState {
    /// Notes that all files hold what was read of them. `begin` is when the check began.
    pub(crate) fn verify(&self, begin: SystemTime) {
        self.verified.store(since_1970(begin), Ordering::Relaxed);
    }

    /// Whether a path is that of a file that was found, by whatever name. A file without content does not count.
    pub(crate) fn has_read(&self, path: &Path) -> bool {
        let Ok(metadata) = fs::metadata(path) else { return false };
        let (real, identity) = (fs::canonicalize(path).ok(), identity(&metadata));
        let is_same = |stamp: &FileStamp| match (&identity, &stamp.identity) {
            (Some(one), Some(other)) => (one.device, one.inode) == (other.device, other.inode),
            _ => fs::canonicalize(&stamp.path).ok() == real,
        };
        metadata.len() > 0 && self.seen.iter().any(|seen| is_same(&seen.stamp))
    }

    /// Whether a file with this stamp may have changed after it was read and still have the same stamp, because the clock of
    /// the file system is coarse.
    pub(crate) fn may_hide_a_change(&self, stamp: &FileStamp) -> bool {
        let verified = self.verified.load(Ordering::Relaxed);
        stamp.modified.is_none_or(|modified| since_1970(modified + CLOCK) >= verified)
    }
}

fn since_1970(time: SystemTime) -> u64 {
    let since = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
}

/// A file as it was when it was read.
#[derive(Debug, Clone, Default)]
pub(crate) struct SeenFile {
    pub(crate) stamp: FileStamp,
    /// What was read of it.
    pub(crate) ranges: ReadRanges,
}

/// What the system says of a file. If any of it changes, the content of the file is looked at again.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct FileStamp {
    pub(crate) path: Arc<Path>,
    pub(crate) size: u64,
    modified: Option<SystemTime>,
    identity: Option<FileIdentity>,
    /// The size and the time of the log that `SQLite` may keep next to a database.
    write_ahead: Option<(u64, Option<SystemTime>)>,
}

/// Which file it is, whatever its name; and when its content, its name or its rights last changed.
#[derive(Debug, Clone, PartialEq)]
struct FileIdentity {
    device: u64,
    inode: u64,
    changed: (i64, i64),
}

impl Default for FileStamp {
    /// That of a log in memory.
    fn default() -> Self {
        Self { path: Path::new("").into(), size: 0, modified: None, identity: None, write_ahead: None }
    }
}

impl FileStamp {
    /// What the system says of a file now.
    pub(crate) fn now(file: &FilePath) -> Self {
        Self::of(file, fs::metadata(&file.path).ok().as_ref())
    }

    /// What the system said of a file when it was opened.
    pub(crate) fn of(file: &FilePath, metadata: Option<&Metadata>) -> Self {
        Self {
            path: Arc::clone(&file.path),
            size: metadata.map_or(0, Metadata::len),
            modified: metadata.and_then(|metadata| metadata.modified().ok()),
            identity: metadata.and_then(identity),
            write_ahead: write_ahead(file),
        }
    }

    /// The same as one text. It ends with `?` if the file may yet change at `now` and keep its size and its time, because the clock of
    /// the file system is coarse: later on the text is another one.
    pub(crate) fn e_tag(&self, now: SystemTime) -> String {
        // Another machine of a cluster may know the device by another number.
        let (inode, changed) = self.identity.as_ref().map_or((0, (0, 0)), |known| (known.inode, known.changed));
        let mut tag = format!("{inode:x}-{:x}-{:x}-{:x}-{:x}", time(self.modified), changed.0, changed.1, self.size);
        if let Some((size, modified)) = self.write_ahead {
            // Writing to a string does not fail.
            let _ = write!(tag, "-{size:x}-{:x}", time(modified));
        }
        let is_fresh = |time: SystemTime| time + CLOCK >= now;
        let times = [self.modified, self.write_ahead.and_then(|(_, modified)| modified)];
        if self.modified.is_none() || times.into_iter().flatten().any(is_fresh) {
            tag.push('?');
        }
        tag
    }
}

fn time(time: Option<SystemTime>) -> u64 {
    time.map_or(0, since_1970)
}

#[cfg(unix)]
#[expect(clippy::unnecessary_wraps, reason = "other systems have none")]
fn identity(metadata: &Metadata) -> Option<FileIdentity> {
    use std::os::unix::fs::MetadataExt;
    let changed = (metadata.ctime(), metadata.ctime_nsec());
    Some(FileIdentity { device: metadata.dev(), inode: metadata.ino(), changed })
}

#[cfg(not(unix))]
fn identity(_: &Metadata) -> Option<FileIdentity> {
    None
}

/// A database may change in a file next to it alone. Only files with the name of a database are looked at.
fn write_ahead(file: &FilePath) -> Option<(u64, Option<SystemTime>)> {
    let ending = file.path.extension().map(|ending| ending.to_string_lossy().to_ascii_lowercase());
    if ending.is_some_and(|ending| !ending.contains("db") && !ending.contains("sql")) {
        return None;
    }
    let mut name = file.path.as_os_str().to_owned();
    name.push("-wal");
    let metadata = fs::metadata(PathBuf::from(name)).ok()?;
    Some((metadata.len(), metadata.modified().ok()))
}

/// What a later reading needs to know of a file that was read.
#[derive(Clone, Default)]
pub(crate) struct RefreshFile {
    /// Where its reader can go on.
    pub(crate) mark: Option<Mark>,
    /// Its problems.
    pub(crate) problems: ProblemList,
    /// The runs of its records, each with how many records come before.
    pub(crate) runs: Vec<(u64, BatchRun)>,
}
