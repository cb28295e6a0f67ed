//! Ultralytics and `YOLOv5` print a table whose header names its columns; the columns depend on the task and on the version.
//!
//! `Epoch GPU_mem box_loss cls_loss dfl_loss Instances Size`, then `1/3 2.31G 2.5 2.25 2.0 16 640: 100%|##| 63/63 [..]`, a
//! bar; and after it `Class Images Instances Box(P R mAP50 mAP50-95)` with a row `all 128 929 0.6 0.5 0.6 0.4`.

use super::bigrams::Bigrams;
use super::pairs::PairStyle;
use super::pattern::{Captures, Pattern};
use super::shapes::{self, CompiledLine, ShapeLine};
use stepbridge_records::EpochMeaning;

/// The columns that the headers of a file name.
#[derive(Default)]
pub(super) struct TableSurvey {
    columns: Vec<String>,
    validation: Vec<String>,
    rows: usize,
    row: Option<std::sync::Arc<Vec<CompiledLine>>>,
}

impl TableSurvey {
    /// Takes a line. Whether it is of a table.
    pub(super) fn take(&mut self, line: &[u8]) -> bool {
        if let Some(row) = &self.row {
            let (bigrams, mut captures) = (Bigrams::of(line), Captures::default());
            if row.iter().any(|sought| sought.fits(line, bigrams, &mut captures)) {
                self.rows += 1;
                return true;
            }
        }
        if self.columns.is_empty() {
            let columns = header(line, b"Epoch ").map(|header| names(header, 1)).unwrap_or_default();
            if columns.first().is_some_and(|name| name.eq_ignore_ascii_case("gpu_mem")) {
                self.columns = columns;
                self.row = self.lines().map(std::sync::Arc::new);
            }
        } else if self.validation.is_empty()
            && let Some(header) = header(line, b"Class ")
            && memchr::memmem::find(header, b"mAP").is_some()
        {
            self.validation = names(header, 1);
            self.row = self.lines().map(std::sync::Arc::new);
        }
        false
    }

    /// The lines of the table, if there are any.
    pub(super) fn shape(&self) -> Option<Vec<CompiledLine>> {
        (self.rows > 0).then(|| self.lines())?
    }

    fn lines(&self) -> Option<Vec<CompiledLine>> {
        // YOLOv5, which has a loss of objects, counts its epochs from 0.
        let base = u8::from(!self.columns.iter().any(|name| name.starts_with("obj")));
        let fields: Vec<String> = self.columns.iter().map(|name| format!("{{{name}}}")).collect();
        let head = format!("{{epoch:{base}}}/{{epochs}} {}", fields.join(" "));
        let mut lines = Vec::new();
        for bar in [": {_}| {iter:1}/{iters} [", ": {_} {iter:1}/{iters} {_}it/s", ": {_} {iter:1}/{iters} {_}s/it"] {
            let line = ShapeLine { bar: true, sets: true, begins: true, ..shapes::line("", PairStyle::None) };
            lines.push(CompiledLine::new(Pattern::of_shape(&format!("{head}{bar}")).ok()?, line));
        }
        if !self.validation.is_empty() {
            let fields: Vec<String> = self.validation.iter().map(|name| format!("{{{name}}}")).collect();
            let line = ShapeLine { ends: true, begins: true, ..shapes::line("", PairStyle::None).prefix("val/") };
            let line = line.under(EpochMeaning::Ends(base));
            lines.push(CompiledLine::new(Pattern::of_shape(&format!("all {}", fields.join(" "))).ok()?, line));
        }
        // The best weights are validated at the end, whatever their epoch was.
        let line = ShapeLine { clears: true, begins: true, ..shapes::line("", PairStyle::None) };
        lines.push(CompiledLine::new(Pattern::of_shape("Validating ").ok()?, line));
        Some(lines)
    }
}

/// The header that a line is, if its first name is this; what loggers put before it is not of it.
fn header<'a>(line: &'a [u8], first: &[u8]) -> Option<&'a [u8]> {
    let at = memchr::memmem::find(line, first)?;
    shapes::is_prefix(&line[..at]).then(|| &line[at..])
}

/// The names in a header, up to a bar. Names of several groups (`Box(P R mAP50 mAP50-95) Mask(P`) have their group in front.
fn names(header: &[u8], skip: usize) -> Vec<String> {
    let text = String::from_utf8_lossy(header);
    let several = text.matches('(').count() > 1;
    let mut group = String::new();
    let mut names: Vec<String> = Vec::new();
    for word in text.split_whitespace().skip(skip) {
        let ends = word.ends_with(':');
        let mut name = word.trim_end_matches([')', ':']).to_owned();
        if let Some((of, first)) = name.clone().split_once('(') {
            of.clone_into(&mut group);
            first.clone_into(&mut name);
        }
        // A mark of patterns is none in a name.
        let name = name.replace([':', '{', '}', '*'], "-");
        let mut name = if several && !group.is_empty() { format!("{group}/{name}") } else { name };
        while names.contains(&name) {
            name.push('\'');
        }
        names.push(name);
        if ends && word.contains(')') {
            break;
        }
    }
    names
}
