//! `MLflow`'s `SQLite` store, usually called `mlflow.db`: every run's metrics in one table.
//!
//! `MLflow` has no way to say infinity in a column of floats: it writes the largest float there is, and says NaN beside. A
//! run is called `EXPERIMENT/NAME-ID`, the id's first eight digits, because names repeat; deleted runs are read as they
//! are in the file store. Rows come in the order in which they were logged.
//!
//! `SQLite` has no checksums: damage that leaves a page's structure whole cannot be seen. A damaged page costs its rows;
//! they are named by their ids, for a row has no range of bytes that could be told.

mod open;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, HashMap};
use std::io;

use rusqlite::types::ValueRef;
use rusqlite::{Connection, ErrorCode, Row};

use super::mlflow::seconds;
use super::{Format, Input, Reader, Sink};
use crate::piece::{Piece, RunOf};
use crate::problem::{Problem, ProblemKind};
use crate::record::Chunk;

/// How many records are gathered before they are handed on.
const PIECE: usize = 100_000;
/// After so many damaged places the rest is left.
const PLACES: usize = 1000;

pub(super) static READER: Reader = Reader {
    format: Format::MlflowDb,
    promised: |name| name == "mlflow.db",
    // Whose tables it holds is seen once it is open.
    recognised: |head| head.bytes.starts_with(open::MAGIC),
    otherwise: |_| Some((ProblemKind::NotALog, "it is called mlflow.db and is not an SQLite database")),
    read,
};

fn read(input: &mut Input, sink: &mut Sink) -> io::Result<()> {
    let opened = open::open(input, sink)?;
    let store = opened.as_ref().map_err(ToString::to_string).and_then(|opened| Store::of(opened.connection()));
    let store = match store {
        Ok(store) => store,
        Err(reason) => {
            let reason = format!("it is an SQLite database, and not a store of MLflow's ({reason})");
            sink.report(ProblemKind::NotALog, 0, input.size, reason);
            sink.another = true;
            return Ok(());
        }
    };
    let mut rows = Rows { file: input.file, names: store.names(sink, input.file), ..Rows::default() };
    let last = store.last();
    let mut places = 0;
    let mut from = i64::MIN;
    loop {
        let outcome = store.rows(from, |id, row| {
            rows.row(id, row, sink);
            if id % 1024 == 0 {
                sink.came_to(share(input.size, id, last))?;
            }
            Ok(())
        });
        let (at, fault) = match outcome? {
            None => break,
            Some(broken) => broken,
        };
        places += 1;
        let next = if places < PLACES && fault.is_damage() { store.behind(at) } else { None };
        let rest = next.map_or_else(|| "up to the end".to_owned(), |next| format!("up to id {next}"));
        let reason = format!("the rows of table metrics behind id {} {rest} cannot be read ({fault})", at.max(0));
        let problem = Problem::new(input.file, fault.kind(), reason);
        sink.problem(problem.of_record(u64::try_from(at.max(0)).unwrap_or(0)));
        match next {
            Some(next) => from = next,
            None => break,
        }
    }
    rows.finish(sink);
    Ok(())
}

/// How far in the file a row is, about.
fn share(size: u64, id: i64, last: i64) -> u64 {
    let (id, last) = (i128::from(id.max(0)), i128::from(last.max(1)));
    u64::try_from(i128::from(size) * id.min(last) / last).unwrap_or(size)
}

/// Why a row cannot be read.
enum Fault {
    Sqlite(rusqlite::Error),
    /// Ids go back: a page is there twice.
    Order,
}

impl Fault {
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

impl std::fmt::Display for Fault {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Sqlite(error) => error.fmt(out),
            Self::Order => out.write_str("a page is there twice"),
        }
    }
}

/// A database that holds `MLflow`'s tables.
struct Store<'a> {
    connection: &'a Connection,
    /// What is asked for of a row: old versions lack some columns.
    columns: String,
}

impl<'a> Store<'a> {
    fn of(connection: &'a Connection) -> Result<Self, String> {
        let columns = |table: &str| -> Result<Vec<String>, String> {
            let ask = || {
                // A view, or a column that is computed, could run forever.
                let plain = "SELECT count(*) FROM sqlite_master WHERE type = 'table' AND name = ?1 AND sql LIKE 'CREATE TABLE%'";
                let tables: i64 = connection.query_row(plain, [table], |row| row.get(0))?;
                let mut ask = connection.prepare("SELECT name FROM pragma_table_xinfo(?1) WHERE hidden = 0")?;
                let names = ask.query_map([table], |row| row.get(0))?.collect::<Result<Vec<String>, _>>()?;
                Ok(if tables == 0 { Vec::new() } else { names })
            };
            ask().map_err(|error: rusqlite::Error| error.to_string())
        };
        let metrics = columns("metrics")?;
        let missing =
            ["key", "value", "timestamp", "run_uuid"].into_iter().find(|name| !metrics.iter().any(|it| it == name));
        if missing.is_some() || !columns("runs")?.iter().any(|name| name == "run_uuid") {
            return Err("it has no tables metrics and runs of the right columns".to_owned());
        }
        let or =
            |name: &'static str, other: &'static str| if metrics.iter().any(|it| it == name) { name } else { other };
        let columns = format!("rowid, run_uuid, key, value, timestamp, {}, {}", or("step", "NULL"), or("is_nan", "0"));
        Ok(Self { connection, columns })
    }

    /// The highest id, if it can be told.
    fn last(&self) -> i64 {
        self.connection.query_row("SELECT max(rowid) FROM metrics", [], |row| row.get(0)).unwrap_or(1)
    }

    /// Hands on every row behind an id; where that ends early, the last id that was read, and why.
    fn rows(&self, from: i64, mut take: impl FnMut(i64, &Row) -> io::Result<()>) -> io::Result<Option<(i64, Fault)>> {
        let mut at = from;
        let ask = format!("SELECT {} FROM metrics WHERE rowid > ?1 ORDER BY rowid", self.columns);
        let mut ask = match self.connection.prepare(&ask) {
            Ok(ask) => ask,
            Err(error) => return Ok(Some((at, Fault::Sqlite(error)))),
        };
        let mut rows = match ask.query([from]) {
            Ok(rows) => rows,
            Err(error) => return Ok(Some((at, Fault::Sqlite(error)))),
        };
        loop {
            match rows.next() {
                Ok(None) => return Ok(None),
                Ok(Some(row)) => match row.get::<_, i64>(0) {
                    Ok(id) if id > at || at == i64::MIN => {
                        at = id;
                        take(id, row)?;
                    }
                    Ok(_) => return Ok(Some((at, Fault::Order))),
                    Err(error) => return Ok(Some((at, Fault::Sqlite(error)))),
                },
                Err(error) => return Ok(Some((at, Fault::Sqlite(error)))),
            }
        }
    }

    /// The lowest id behind which rows can be read again, as far as it is found by doubling and halving.
    fn behind(&self, at: i64) -> Option<i64> {
        let ask = format!("SELECT {} FROM metrics WHERE rowid > ?1 ORDER BY rowid LIMIT 1", self.columns);
        // The id of the first row behind another; None where there is none, or it cannot be read.
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

    /// What each run is called, by its id.
    fn names(&self, sink: &mut Sink, file: &str) -> HashMap<String, String> {
        let pairs = |ask: &str| -> Result<Vec<(String, Option<String>)>, rusqlite::Error> {
            let text = |value: ValueRef| match value {
                ValueRef::Text(text) => Some(String::from_utf8_lossy(text).into_owned()),
                _ => None,
            };
            let mut ask = self.connection.prepare(ask)?;
            let mut rows = ask.query([])?;
            let mut pairs = Vec::new();
            while let Some(row) = rows.next()? {
                if let Some(id) = text(row.get_ref(0)?) {
                    pairs.push((id, text(row.get_ref(1)?).filter(|name| !name.is_empty())));
                }
            }
            Ok(pairs)
        };
        let runs = pairs("SELECT run_uuid, name FROM runs ORDER BY rowid");
        if let Err(error) = &runs {
            let reason = format!("the names of its runs cannot be read ({error}); they are called by their ids");
            sink.problem(Problem::new(file, ProblemKind::Corrupt, reason));
        }
        // Neither is in every version.
        let tags = pairs("SELECT run_uuid, value FROM tags WHERE key = 'mlflow.runName'").unwrap_or_default();
        let experiments =
            pairs("SELECT runs.run_uuid, experiments.name FROM runs JOIN experiments USING (experiment_id)");
        let tags: HashMap<_, _> = tags.into_iter().collect();
        let experiments: HashMap<_, _> = experiments.unwrap_or_default().into_iter().collect();
        let mut names = HashMap::new();
        let mut taken: HashMap<String, u32> = HashMap::new();
        let runs = runs.unwrap_or_default();
        let called = |id: &str, name: &Option<String>, digits: usize| {
            let name = name.as_deref().or_else(|| tags.get(id)?.as_deref());
            let short: String = id.chars().take(digits).collect();
            let own = name.map_or_else(|| id.to_owned(), |name| format!("{name}-{short}"));
            match experiments.get(id).and_then(Option::as_deref) {
                Some(experiment) => format!("{}/{own}", experiment.trim_matches('/')),
                None => own,
            }
        };
        for (id, name) in &runs {
            *taken.entry(called(id, name, SHORT)).or_default() += 1;
        }
        for (id, name) in &runs {
            let short = called(id, name, SHORT);
            let name = if taken.get(&short) == Some(&1) { short } else { called(id, name, usize::MAX) };
            names.insert(id.clone(), name);
        }
        names
    }
}

/// How many digits of a run's id stand behind its name.
const SHORT: usize = 8;

/// The rows that were read and not yet handed on, by run.
#[derive(Default)]
struct Rows<'a> {
    file: &'a str,
    names: HashMap<String, String>,
    /// By the order in which the runs first logged.
    runs: BTreeMap<usize, Run>,
    numbers: HashMap<String, usize>,
    count: usize,
    /// Rows whose value is no number, and whose step is none: how many, and the id of the first.
    odd: [(u64, i64); 2],
}

/// Rows of one run.
struct Run {
    id: String,
    tags: Vec<String>,
    numbers: HashMap<String, u32>,
    chunk: Chunk,
    missing: Vec<bool>,
}

impl Rows<'_> {
    fn row(&mut self, id: i64, row: &Row, sink: &mut Sink) {
        let value = match (row.get_ref(3), row.get_ref(6)) {
            (_, Ok(ValueRef::Integer(1..))) => Some(f64::NAN),
            (Ok(ValueRef::Real(value)), _) => Some(unbounded(value)),
            (Ok(ValueRef::Integer(value)), _) => {
                #[expect(clippy::cast_precision_loss, reason = "a float that SQLite stores as an integer to save room")]
                let value = value as f64;
                Some(value)
            }
            _ => None,
        };
        let Some(value) = value else {
            sink.facts.others += 1;
            count(&mut self.odd[0], id);
            return;
        };
        let step = match row.get_ref(5) {
            Ok(ValueRef::Integer(step)) => Some(step),
            Ok(ValueRef::Null) => None,
            _ => {
                count(&mut self.odd[1], id);
                None
            }
        };
        let time = match row.get_ref(4) {
            Ok(ValueRef::Integer(time)) => seconds(time),
            _ => f64::NAN,
        };
        let run = self.run(&text(row, 1));
        let tag = run.tag(&text(row, 2));
        run.chunk.tag.push(tag);
        run.chunk.step.get_or_insert_default().push(step.unwrap_or(0));
        run.missing.push(step.is_none());
        run.chunk.wall_time.get_or_insert_default().push(time);
        run.chunk.value.push(value);
        sink.facts.sound += 1;
        self.count += 1;
        if self.count >= PIECE {
            self.hand_on(sink);
        }
    }

    fn run(&mut self, id: &str) -> &mut Run {
        let number = match self.numbers.get(id) {
            Some(&number) => number,
            None => {
                let number = self.numbers.len();
                self.numbers.insert(id.to_owned(), number);
                number
            }
        };
        self.runs.entry(number).or_insert_with(|| Run {
            id: id.to_owned(),
            tags: Vec::new(),
            numbers: HashMap::new(),
            chunk: Chunk::new(0, 0, Format::MlflowDb),
            missing: Vec::new(),
        })
    }

    fn hand_on(&mut self, sink: &mut Sink) {
        self.count = 0;
        for run in std::mem::take(&mut self.runs).into_values() {
            let Run { id, tags, mut chunk, missing, .. } = run;
            if !missing.contains(&false) {
                chunk.step = None;
            } else if missing.contains(&true) {
                chunk.step_missing = Some(missing);
            }
            let name = self.names.get(&id).cloned().unwrap_or(id);
            sink.piece(Piece { tags, chunk, run: RunOf::Named(name) });
        }
    }

    fn finish(mut self, sink: &mut Sink) {
        self.hand_on(sink);
        let whats = [
            "have a value that is no number; they were left out",
            "have a step that is no whole number; their values have none",
        ];
        for ((count, id), what) in self.odd.into_iter().zip(whats) {
            if count > 0 {
                let reason = format!("{count} rows of table metrics {what} (the first has id {id})");
                sink.problem(Problem::new(self.file, ProblemKind::NotANumber, reason));
            }
        }
    }
}

impl Run {
    fn tag(&mut self, name: &str) -> u32 {
        if let Some(&number) = self.numbers.get(name) {
            return number;
        }
        let number = u32::try_from(self.tags.len()).unwrap_or(u32::MAX);
        self.tags.push(name.to_owned());
        self.numbers.insert(name.to_owned(), number);
        number
    }
}

fn count(odd: &mut (u64, i64), id: i64) {
    if odd.0 == 0 {
        odd.1 = id;
    }
    odd.0 += 1;
}

/// What `MLflow` meant: it writes the largest float for infinity.
fn unbounded(value: f64) -> f64 {
    if value.abs() >= f64::MAX { f64::INFINITY.copysign(value) } else { value }
}

/// A column that should be text.
fn text<'a>(row: &'a Row, index: usize) -> std::borrow::Cow<'a, str> {
    match row.get_ref(index) {
        Ok(ValueRef::Text(bytes) | ValueRef::Blob(bytes)) => String::from_utf8_lossy(bytes),
        Ok(ValueRef::Integer(number)) => number.to_string().into(),
        _ => "".into(),
    }
}
