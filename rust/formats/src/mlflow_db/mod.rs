//! `MLflow`'s `SQLite` store, usually called `mlflow.db`: every run's metrics in one table.
//!
//! `MLflow` cannot store infinity in a column of floats: it writes the largest float there is, and marks NaN in another
//! column. A run is called `EXPERIMENT/NAME-ID`, the id's first eight digits, because names repeat; deleted runs are read as
//! they are in the file store. Rows come in the order in which they were logged.
//!
//! `SQLite` has no checksums: damage that leaves a page's structure whole cannot be seen. A damaged page costs its rows;
//! they are named by their ids, since a row has no known range of bytes.

mod example;
mod rows;
mod store;
#[cfg(test)]
pub(super) mod tests;

use std::io;

use crate::shared::example::{Example, ExampleUnits, Examples, Framing};
use crate::shared::input::Input;
use crate::shared::reader::FormatReader;
use crate::shared::sink::Sink;
use crate::shared::sqlite;
use rows::MetricRows;
use stepbridge_records::{FormatDescription, ProblemKind};
use store::Store;

pub(super) static READER: FormatReader = FormatReader {
    description: FormatDescription {
        name: "mlflow_db",
        title: "MLflow SQLite store",
        writer: Some("MLflow"),
        ..FormatDescription::UNKNOWN
    },
    claims_name: |name| name == "mlflow.db",
    // Whose tables it holds is seen once it is open.
    matches: |head| head.bytes.starts_with(sqlite::MAGIC),
    explain_mismatch: |_| Some((ProblemKind::NotALog, "it is called mlflow.db and is not an SQLite database")),
    read,
    examples: Examples {
        file: "mlflow.db",
        framing: Framing::Whole,
        all: &[Example { head: b"", units: ExampleUnits::Document(example::example), tail: "" }],
    },
    ..FormatReader::NONE
};

fn read(input: &mut Input, sink: &mut Sink) -> io::Result<()> {
    let opened = sqlite::open(input, sink)?;
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
    let mut rows = MetricRows::new(store.names(sink, input.file), store.configs(input.file), input.file);
    store.table().each_row(input, sink, |row, sink| rows.row(row, sink))?;
    rows.finish(sink)
}
