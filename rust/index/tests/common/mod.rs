//! Records by hand, as a reader would give them.

use stepbridge_records::{ColumnBatch, Decimal, Format, Records};
use stepbridge_timeline::{Boundary, Plan, Timeline};

/// The format with this name.
pub(crate) fn format(name: &str) -> Format {
    stepbridge_formats::named(name).expect("a format").format()
}

/// One run with one file, `log`, and one tag: `loss`.
pub(crate) fn records(batch: ColumnBatch) -> Records {
    Records {
        runs: vec!["run".into()],
        tags: vec!["loss".into(), "epoch".into(), "train/epoch".into()],
        sources: vec!["log".into()],
        batches: vec![batch],
        problems: Vec::new(),
    }
}

/// A batch of `loss` at each step, with the epoch that is logged with it.
pub(crate) fn stating(format: Format, pairs: &[(i64, &str)]) -> ColumnBatch {
    ColumnBatch {
        tag: vec![0; pairs.len()],
        step: Some(pairs.iter().map(|(step, _)| *step).collect()),
        epoch: Some(pairs.iter().map(|(_, text)| Decimal::parse(text)).collect()),
        value: vec![1.5; pairs.len()],
        ..ColumnBatch::new(0, 0, format)
    }
}

/// A batch of event files: tags, steps and values.
pub(crate) fn events(triples: &[(u32, i64, f64)]) -> ColumnBatch {
    ColumnBatch {
        tag: triples.iter().map(|triple| triple.0).collect(),
        step: Some(triples.iter().map(|triple| triple.1).collect()),
        value: triples.iter().map(|triple| triple.2).collect(),
        ..ColumnBatch::new(0, 0, format("tfevents"))
    }
}

pub(crate) fn plan(batches: u64, accumulate: u64, boundary: Boundary, epochs: Option<u64>) -> Timeline {
    let plan = Plan { batches: Some(batches), accumulate, boundary, epochs, ..Plan::default() };
    Timeline::plan(&plan).expect("a plan")
}
