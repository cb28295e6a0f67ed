//! What is asked of the database: its rows in order, around damage too, and what its runs are called.

use std::collections::HashMap;
use std::io;

use rusqlite::types::ValueRef;
use rusqlite::{Connection, ErrorCode, Row};

use crate::shared::sink::Sink;
use crate::shared::sqlite::stored_columns;
use stepbridge_records::{Problem, ProblemKind};

/// How many digits of a run's id follow its name.
const SHORT: usize = 8;

/// Why a row cannot be read.
pub(super) enum StoreFault {
    Sqlite(rusqlite::Error),
    /// Ids go back: a page is there twice.
    Order,
}

impl StoreFault {
    pub(super) fn is_damage(&self) -> bool {
        match self {
            Self::Order => true,
            Self::Sqlite(error) => matches!(
                error.sqlite_error_code(),
                Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase | ErrorCode::SystemIoFailure)
            ),
        }
    }

    pub(super) fn kind(&self) -> ProblemKind {
        if self.is_damage() { ProblemKind::Corrupt } else { ProblemKind::Unreadable }
    }
}

impl std::fmt::Display for StoreFault {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Sqlite(error) => error.fmt(out),
            Self::Order => out.write_str("a page is there twice"),
        }
    }
}

/// A database that holds `MLflow`'s tables.
pub(super) struct Store<'a> {
    connection: &'a Connection,
    /// What is asked for of a row: old versions lack some columns.
    columns: String,
}

impl<'a> Store<'a> {
    pub(super) fn of(connection: &'a Connection) -> Result<Self, String> {
        let columns = |table: &str| stored_columns(connection, table).map_err(|error| error.to_string());
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

    /// The highest id, if it is known.
    pub(super) fn last(&self) -> i64 {
        self.connection.query_row("SELECT max(rowid) FROM metrics", [], |row| row.get(0)).unwrap_or(1)
    }

    /// Hands on every row after an id; where that ends early, the last id that was read, and why.
    pub(super) fn rows(
        &self,
        from: i64,
        mut take: impl FnMut(i64, &Row) -> io::Result<()>,
    ) -> io::Result<Option<(i64, StoreFault)>> {
        let mut at = from;
        let ask = format!("SELECT {} FROM metrics WHERE rowid > ?1 ORDER BY rowid", self.columns);
        let mut ask = match self.connection.prepare(&ask) {
            Ok(ask) => ask,
            Err(error) => return Ok(Some((at, StoreFault::Sqlite(error)))),
        };
        let mut rows = match ask.query([from]) {
            Ok(rows) => rows,
            Err(error) => return Ok(Some((at, StoreFault::Sqlite(error)))),
        };
        loop {
            match rows.next() {
                Ok(None) => return Ok(None),
                Ok(Some(row)) => match row.get::<_, i64>(0) {
                    Ok(id) if id > at || at == i64::MIN => {
                        at = id;
                        take(id, row)?;
                    }
                    Ok(_) => return Ok(Some((at, StoreFault::Order))),
                    Err(error) => return Ok(Some((at, StoreFault::Sqlite(error)))),
                },
                Err(error) => return Ok(Some((at, StoreFault::Sqlite(error)))),
            }
        }
    }

    /// The lowest id after which rows can be read again, as far as it is found by doubling and halving.
    pub(super) fn behind(&self, at: i64) -> Option<i64> {
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

    /// What each run is called, by its id.
    pub(super) fn names(&self, sink: &mut Sink, file: &str) -> HashMap<String, String> {
        let pairs = |tables: &[(&str, &[&str])], ask: &str| -> Result<Vec<(String, Option<String>)>, rusqlite::Error> {
            for (table, wanted) in tables {
                let stored = stored_columns(self.connection, table)?;
                if !wanted.iter().all(|name| stored.iter().any(|it| it == name)) {
                    return Ok(Vec::new());
                }
            }
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
        let runs = pairs(&[("runs", &["run_uuid", "name"])], "SELECT run_uuid, name FROM runs ORDER BY rowid");
        if let Err(error) = &runs {
            let reason = format!("the names of its runs cannot be read ({error}); they are called by their ids");
            sink.problem(Problem::new(file, ProblemKind::Corrupt, reason));
        }
        // Neither is in every version.
        let tags = pairs(
            &[("tags", &["run_uuid", "key", "value"])],
            "SELECT run_uuid, value FROM tags WHERE key = 'mlflow.runName'",
        )
        .unwrap_or_default();
        let experiments = pairs(
            &[("runs", &["run_uuid", "experiment_id"]), ("experiments", &["experiment_id", "name"])],
            "SELECT runs.run_uuid, experiments.name FROM runs JOIN experiments USING (experiment_id)",
        );
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
