//! A database, opened so that nothing in its folder changes.

use std::fs;
use std::io::{self, Write};
use std::path::Path;
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};
use tempfile::NamedTempFile;

use super::{Input, Sink};
use stepbridge_io::bytes::ReadAt;
use stepbridge_io::open::open_file;
use stepbridge_records::{Problem, ProblemKind};

/// What every database begins with.
pub(super) const MAGIC: &[u8; 16] = b"SQLite format 3\0";
/// Where the header says whether it has a write-ahead log: 2 there.
const READ_VERSION: u64 = 19;

/// An open database, and the file that it is in where that is a copy.
pub(super) struct OpenedStore {
    connection: Connection,
    _copy: Option<NamedTempFile>,
}

impl OpenedStore {
    pub(super) fn connection(&self) -> &Connection {
        &self.connection
    }
}

/// Opens what the input holds: the file itself, or a copy where that was compressed or is not a file.
pub(super) fn open(input: &Input, sink: &mut Sink) -> io::Result<rusqlite::Result<OpenedStore>> {
    if !is_file(input)? {
        let copy = copy(input)?;
        return Ok(connect(copy.path(), true).map(|connection| OpenedStore { connection, _copy: Some(copy) }));
    }
    let beside = |ending: &str| {
        let mut name = input.path.as_os_str().to_owned();
        name.push(ending);
        fs::metadata(Path::new(&name)).is_ok_and(|found| found.len() > 0)
    };
    let mut version = [0];
    input.bytes.read_at(&mut version, READ_VERSION)?;
    // Without a log to read, SQLite would only make files to share it with others.
    let alone = version == [2] && !beside("-wal");
    let opened = connect(input.path, alone);
    let opened = match opened {
        Err(_) if !alone => {
            let waits = beside("-wal") || beside("-journal");
            if waits {
                let reason = "changes that wait in the file beside it (-wal or -journal) cannot be read; the rest was";
                sink.problem(Problem::new(input.file, ProblemKind::Unreadable, reason));
            }
            connect(input.path, true)
        }
        opened => opened,
    };
    Ok(opened.map(|connection| OpenedStore { connection, _copy: None }))
}

/// A connection that was used once, so that it is known to work.
fn connect(path: &Path, immutable: bool) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX | OpenFlags::SQLITE_OPEN_URI;
    let connection = if immutable {
        Connection::open_with_flags(uri(path), flags)?
    } else {
        Connection::open_with_flags(path, flags)?
    };
    connection.busy_timeout(Duration::from_secs(5))?;
    // The schema is somebody else's: no function of ours is called for it.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false)?;
    // A page that is damaged is found before its cells are followed; one that is missing at the end costs no other.
    connection.execute_batch("PRAGMA cell_size_check = ON; PRAGMA writable_schema = ON;")?;
    connection.query_row("SELECT count(*) FROM sqlite_master", [], |_| Ok(()))?;
    Ok(connection)
}

/// The path as `SQLite` takes it with the promise that nobody changes the file.
fn uri(path: &Path) -> String {
    let mut uri = "file:".to_owned();
    for byte in path.as_os_str().as_encoded_bytes() {
        match *byte {
            byte @ (b'/' | b'.' | b'-' | b'_' | b'0'..=b'9' | b'a'..=b'z' | b'A'..=b'Z') => uri.push(char::from(byte)),
            b'\\' if cfg!(windows) => uri.push('/'),
            byte => {
                let digit = |half: u8| char::from(b"0123456789ABCDEF"[usize::from(half)]);
                uri.extend(['%', digit(byte >> 4), digit(byte & 15)]);
            }
        }
    }
    uri + "?immutable=1"
}

/// Whether the bytes are those of the file at the input's path.
fn is_file(input: &Input) -> io::Result<bool> {
    let Ok((file, found)) = open_file(input.path) else { return Ok(false) };
    let same = found.len() == input.size;
    let (mut here, mut there) = ([0; 100], [0; 100]);
    let lengths = (input.bytes.read_at(&mut here, 0)?, ReadAt::read_at(&file, &mut there, 0)?);
    Ok(same && lengths.0 == lengths.1 && here == there)
}

fn copy(input: &Input) -> io::Result<NamedTempFile> {
    let mut copy = NamedTempFile::new()?;
    let (mut block, mut at) = (vec![0; 1 << 16], 0);
    loop {
        match input.bytes.read_at(&mut block, at) {
            Ok(0) => break,
            Ok(count) => {
                copy.write_all(&block[..count])?;
                at += count as u64;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    copy.flush()?;
    Ok(copy)
}
