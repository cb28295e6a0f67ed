//! Records by hand, as a reader would give them.

use stepbridge_logs::{Chunk, Format, Records, Stated};
use stepbridge_timeline::{Boundary, Plan, Timeline};

/// One run with one file, `log`, and one tag: `loss`.
pub(crate) fn records(chunk: Chunk) -> Records {
    Records {
        runs: vec!["run".into()],
        tags: vec!["loss".into(), "epoch".into(), "train/epoch".into()],
        sources: vec!["log".into()],
        chunks: vec![chunk],
        problems: Vec::new(),
    }
}

/// A chunk of `loss` at each step, with the epoch that is stated beside it.
pub(crate) fn stating(format: Format, pairs: &[(i64, &str)]) -> Chunk {
    Chunk {
        tag: vec![0; pairs.len()],
        step: Some(pairs.iter().map(|(step, _)| *step).collect()),
        epoch: Some(pairs.iter().map(|(_, text)| Stated::parse(text)).collect()),
        value: vec![1.5; pairs.len()],
        ..Chunk::new(0, 0, format)
    }
}

/// A chunk of event files: tags, steps and values.
pub(crate) fn events(triples: &[(u32, i64, f64)]) -> Chunk {
    Chunk {
        tag: triples.iter().map(|triple| triple.0).collect(),
        step: Some(triples.iter().map(|triple| triple.1).collect()),
        value: triples.iter().map(|triple| triple.2).collect(),
        ..Chunk::new(0, 0, Format::TfEvents)
    }
}

pub(crate) fn plan(batches: u64, accumulate: u64, boundary: Boundary, epochs: Option<u64>) -> Timeline {
    let plan = Plan { batches: Some(batches), accumulate, boundary, epochs, ..Plan::default() };
    Timeline::plan(&plan).expect("a plan")
}
