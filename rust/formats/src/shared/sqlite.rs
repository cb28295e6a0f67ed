//! A database, opened so that nothing in its folder changes.

use std::borrow::Cow;
use std::fs;
use std::io;
use std::path::Path;
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::types::ValueRef;
use rusqlite::{Connection, OpenFlags, Row};
use tempfile::NamedTempFile;

use super::input::Input;
use super::on_disk::{copy, is_on_disk};
use super::sink::Sink;
use stepbridge_records::{Problem, ProblemKind};

/// What every database begins with.
pub(crate) const MAGIC: &[u8; 16] = b"SQLite format 3\0";
/// Where the header says whether it has a write-ahead log: 2 there.
const READ_VERSION: u64 = 19;

/// An open database, and the file that it is in where that is a copy.
pub(crate) struct OpenedDatabase {
    connection: Connection,
    _copy: Option<NamedTempFile>,
}

impl OpenedDatabase {
    pub(crate) fn connection(&self) -> &Connection {
        &self.connection
    }
}

/// Opens what the input holds: the file itself, or a copy where that was compressed or is not a file.
pub(crate) fn open(input: &Input, sink: &mut Sink) -> io::Result<rusqlite::Result<OpenedDatabase>> {
    if !is_on_disk(input)? {
        let copy = copy(input)?;
        return Ok(connect(copy.path(), true).map(|connection| OpenedDatabase { connection, _copy: Some(copy) }));
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
                let reason = "changes in the file next to it (-wal or -journal) cannot be read; the rest was";
                sink.problem(Problem::new(input.file, ProblemKind::Unreadable, reason));
            }
            connect(input.path, true)
        }
        opened => opened,
    };
    Ok(opened.map(|connection| OpenedDatabase { connection, _copy: None }))
}

/// The columns of a table that are stored as they are; none where it is not a plain table. A view, or a column that is
/// computed, is a program of whoever made the file, and could run forever.
pub(crate) fn stored_columns(connection: &Connection, table: &str) -> rusqlite::Result<Vec<String>> {
    let plain = "SELECT count(*) FROM sqlite_master WHERE type = 'table' AND name = ?1 AND sql LIKE 'CREATE TABLE%'";
    let tables: i64 = connection.query_row(plain, [table], |row| row.get(0))?;
    if tables == 0 {
        return Ok(Vec::new());
    }
    let mut ask = connection.prepare("SELECT name FROM pragma_table_xinfo(?1) WHERE hidden = 0")?;
    ask.query_map([table], |row| row.get(0))?.collect()
}

/// The bytes of a database that these statements make.
pub(crate) fn bytes_of(statements: &str) -> io::Result<Vec<u8>> {
    let file = NamedTempFile::new()?;
    Connection::open(file.path()).and_then(|made| made.execute_batch(statements)).map_err(io::Error::other)?;
    fs::read(file.path())
}

/// A column that should be text.
pub(crate) fn text<'a>(row: &'a Row, index: usize) -> Cow<'a, str> {
    match row.get_ref(index) {
        Ok(ValueRef::Text(bytes) | ValueRef::Blob(bytes)) => String::from_utf8_lossy(bytes),
        Ok(ValueRef::Integer(number)) => number.to_string().into(),
        _ => "".into(),
    }
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
