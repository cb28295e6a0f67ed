//! detectron2's `metrics.json`: an object a line, whose `iteration` is the index of the training step (`JSONWriter`).
//!
//! It has no epochs. Evaluation is in the line of the iteration after which it ran. A resumed run appends.

use crate::shared::json_lines::{self, Dialect, KeyRole, probe};
use crate::shared::reader::FormatReader;
use stepbridge_records::Format;

pub(super) static READER: FormatReader = FormatReader {
    format: Format::Detectron2,
    // Hugging Face writes a file of that name as well, with final values.
    claims_name: |_| false,
    matches: |head| {
        let seen = probe(head);
        seen.all_have("iteration")
            && seen.any_has(&["eta_seconds", "data_time", "rank_data_time", "time", "lr"])
            && !seen.any_has(&["step", "_step", "epoch"])
    },
    explain_mismatch: |_| None,
    read: |input, sink| json_lines::read(&Detectron2, input, sink),
};

struct Detectron2;

impl Dialect for Detectron2 {
    fn format(&self) -> Format {
        Format::Detectron2
    }

    fn role(&self, name: &str) -> KeyRole {
        if name == "iteration" { KeyRole::Step } else { KeyRole::Value }
    }

    // Its names have slashes: `bbox/AP`.
    fn separator(&self) -> &'static str {
        "/"
    }

    fn unplaced(&self) -> Option<&'static str> {
        Some("have no 'iteration': their records have no step")
    }
}
