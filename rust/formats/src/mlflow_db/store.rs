//! What is asked of the database: its rows in order, around damage too, and what its runs are called.

use std::collections::HashMap;

use rusqlite::Connection;
use rusqlite::types::ValueRef;

use crate::shared::config::{common_item, entries, whole};
use crate::shared::metrics_table::MetricsTable;
use crate::shared::sink::Sink;
use crate::shared::sqlite::{stored_columns, text};
use stepbridge_records::{ConfigEntry, Problem, ProblemKind};

/// How many digits of a run's id follow its name.
const SHORT: usize = 8;

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
        let columns = format!("run_uuid, key, value, timestamp, {}, {}", or("step", "NULL"), or("is_nan", "0"));
        Ok(Self { connection, columns })
    }

    /// The rows of its metrics.
    pub(super) fn table(&self) -> MetricsTable<'a> {
        MetricsTable::new(self.connection, &self.columns)
    }

    /// What the parameters of each run say of its plan, by its id. What cannot be read of them costs no record.
    pub(super) fn configs(&self, file: &str) -> HashMap<String, Vec<ConfigEntry>> {
        let mut configs: HashMap<String, Vec<ConfigEntry>> = HashMap::new();
        let stored = stored_columns(self.connection, "params").unwrap_or_default();
        if !["run_uuid", "key", "value"].iter().all(|name| stored.iter().any(|it| it == name)) {
            return configs;
        }
        let Ok(mut ask) = self.connection.prepare("SELECT run_uuid, key, value FROM params") else { return configs };
        let Ok(mut rows) = ask.query([]) else { return configs };
        while let Ok(Some(row)) = rows.next() {
            let setting = whole(&text(row, 2)).map(|value| (text(row, 1).into_owned(), value));
            let found = entries(file, setting, common_item);
            if !found.is_empty() {
                configs.entry(text(row, 0).into_owned()).or_default().extend(found);
            }
        }
        configs
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
