//! The table `metrics` of a database, row by row in the order of its ids, around damage too.

use std::io;

use rusqlite::{Connection, ErrorCode, Row};
use stepbridge_records::{Problem, ProblemKind};

use super::input::Input;
use super::sink::Sink;

/// After so many damaged places the rest is left.
const PLACES: usize = 1000;

/// Why a row cannot be read.
enum RowFault {
    Sqlite(rusqlite::Error),
    /// Ids go back: a page is there twice.
    Order,
}

impl RowFault {
    fn is_damage(&self) -> bool {
        match self {
            Self::Order => true,
            Self::Sqlite(error) => matches!(
                error.sqlite_error_code(),
                Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase | ErrorCode::SystemIoFailure)
            ),
        }
    }

    fn kind(&self) -> ProblemKind {
        if self.is_damage() { ProblemKind::Corrupt } else { ProblemKind::Unreadable }
    }
}

impl std::fmt::Display for RowFault {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Sqlite(error) => error.fmt(out),
            Self::Order => out.write_str("a page is there twice"),
        }
    }
}

/// A table of metrics.
pub(crate) struct MetricsTable<'a> {
    connection: &'a Connection,
    /// What is asked for of a row; the id comes first.
    columns: String,
}

impl<'a> MetricsTable<'a> {
    /// The table, of whose rows these columns are asked for.
    pub(crate) fn new(connection: &'a Connection, columns: &str) -> Self {
        Self { connection, columns: format!("rowid, {columns}") }
    }

    /// Passes every row to `take`. The first column of a row is its id.
    pub(crate) fn each_row(
        &self,
        input: &Input,
        sink: &mut Sink,
        mut take: impl FnMut(&Row, &mut Sink) -> io::Result<()>,
    ) -> io::Result<()> {
        let last = self.last();
        let mut places = 0;
        let mut from = i64::MIN;
        loop {
            let outcome = self.rows(from, |id, row| {
                take(row, sink)?;
                if id % 1024 == 0 {
                    sink.came_to(share(input.size, id, last))?;
                }
                Ok(())
            });
            let Some((at, fault)) = outcome? else { return Ok(()) };
            places += 1;
            let next = if places < PLACES && fault.is_damage() { self.behind(at) } else { None };
            let rest = next.map_or_else(|| "up to the end".to_owned(), |next| format!("up to id {next}"));
            let reason = format!("the rows of table metrics after id {} {rest} cannot be read ({fault})", at.max(0));
            let problem = Problem::new(input.file, fault.kind(), reason);
            sink.problem(problem.of_record(u64::try_from(at.max(0)).unwrap_or(0)));
            match next {
                Some(next) => from = next,
                None => return Ok(()),
            }
        }
    }

    /// The highest id, if it is known.
    fn last(&self) -> i64 {
        self.connection.query_row("SELECT max(rowid) FROM metrics", [], |row| row.get(0)).unwrap_or(1)
    }

    /// Hands on every row after an id; where that ends early, the last id that was read, and why.
    fn rows(
        &self,
        from: i64,
        mut take: impl FnMut(i64, &Row) -> io::Result<()>,
    ) -> io::Result<Option<(i64, RowFault)>> {
        let mut at = from;
        let ask = format!("SELECT {} FROM metrics WHERE rowid > ?1 ORDER BY rowid", self.columns);
        let mut ask = match self.connection.prepare(&ask) {
            Ok(ask) => ask,
            Err(error) => return Ok(Some((at, RowFault::Sqlite(error)))),
        };
        let mut rows = match ask.query([from]) {
            Ok(rows) => rows,
            Err(error) => return Ok(Some((at, RowFault::Sqlite(error)))),
        };
        loop {
            match rows.next() {
                Ok(None) => return Ok(None),
                Ok(Some(row)) => match row.get::<_, i64>(0) {
                    Ok(id) if id > at || at == i64::MIN => {
                        at = id;
                        take(id, row)?;
                    }
                    Ok(_) => return Ok(Some((at, RowFault::Order))),
                    Err(error) => return Ok(Some((at, RowFault::Sqlite(error)))),
                },
                Err(error) => return Ok(Some((at, RowFault::Sqlite(error)))),
            }
        }
    }

    /// The lowest id after which rows can be read again, as far as it is found by doubling and halving.
    fn behind(&self, at: i64) -> Option<i64> {
        let ask = format!("SELECT {} FROM metrics WHERE rowid > ?1 ORDER BY rowid LIMIT 1", self.columns);
        // The id of the first row after another; None where there is none, or it cannot be read.
        let readable = |id: i64| {
            self.connection.query_row(&ask, [id], |row| row.get::<_, i64>(0)).ok().is_some_and(|found| found > id)
        };
        let mut step = 1_i64;
        let mut bad = at;
        let mut good = loop {
            let next = at.checked_add(step)?;
            if readable(next) {
                break next;
            }
            bad = next;
            step = step.checked_mul(2)?;
        };
        while good - bad > 1 {
            let middle = bad + (good - bad) / 2;
            if readable(middle) {
                good = middle;
            } else {
                bad = middle;
            }
        }
        Some(good)
    }
}

/// How far in the file a row is, about.
fn share(size: u64, id: i64, last: i64) -> u64 {
    let (id, last) = (i128::from(id.max(0)), i128::from(last.max(1)));
    u64::try_from(i128::from(size) * id.min(last) / last).unwrap_or(size)
}
