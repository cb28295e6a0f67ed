//! Which shape the lines of a file have.

use super::block::{PlannedLine, ShapePlan};
use super::compile::patterns;
use super::lines;
use super::pattern::Captures;
use super::shapes::{CompiledLine, SHAPES, compiled};
use stepbridge_records::{EpochMeaning, SeriesMeaning};

/// So many lines of a shape make a log.
const ENOUGH: usize = 2;

/// A shape that a file has, with where its writer counts from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ShapeMatch {
    /// Which of [`SHAPES`].
    pub(super) shape: usize,
    /// Whether a 0 was seen where an epoch, or a place in one, may be counted from 0 or from 1.
    epoch_from_0: bool,
    iter_from_0: bool,
}

/// The shape of most lines of a text; `None` where too few have one.
pub(super) fn shape(text: &[u8]) -> Option<ShapeMatch> {
    let mut hits = vec![ShapeCount::default(); SHAPES.len()];
    let mut captures = Captures::default();
    let mut others = 0_usize;
    // Of a text without a line end nobody knows whether it is whole.
    lines::each(text, |_, raw, ended| {
        let line = lines::plain(raw);
        if !ended || line.contains(&0) {
            return;
        }
        match compiled().iter().position(|sought| sought.iter().any(|sought| sought.fits(&line, &mut captures))) {
            Some(shape) => hits[shape].count(&line, &captures),
            None => others += usize::from(line.iter().any(u8::is_ascii_digit)),
        }
    });
    // The first of those that have the most.
    let (shape, most) = hits.iter().enumerate().rev().max_by_key(|(_, hits)| hits.lines)?;
    let enough = most.lines >= ENOUGH || most.lines == 1 && others == 0;
    enough.then_some(ShapeMatch { shape, epoch_from_0: most.epoch_0, iter_from_0: most.iter_0 })
}

#[derive(Debug, Clone, Default)]
struct ShapeCount {
    lines: usize,
    epoch_0: bool,
    iter_0: bool,
}

impl ShapeCount {
    fn count(&mut self, line: &[u8], captures: &Captures) {
        let is_0 = |range: &Option<std::ops::Range<usize>>| {
            range.clone().is_some_and(|range| line[range].iter().all(|byte| *byte == b'0'))
        };
        self.lines += 1;
        self.epoch_0 |= is_0(&captures.epoch);
        self.iter_0 |= is_0(&captures.iter);
    }
}

impl CompiledLine {
    /// Whether a line is one of these.
    pub(super) fn fits(&self, line: &[u8], captures: &mut Captures) -> bool {
        self.pattern.find(line, captures) && (self.needs.needle().is_empty() || self.needs.find(line).is_some())
    }
}

impl ShapeMatch {
    pub(super) fn name(self) -> &'static str {
        SHAPES[self.shape].name
    }

    /// What to look for.
    pub(super) fn plan(self) -> ShapePlan<'static> {
        let lines = compiled()[self.shape].iter().map(|compiled| {
            let meaning = if SHAPES[self.shape].either { self.counted(compiled.meaning) } else { compiled.meaning };
            PlannedLine { compiled, meaning }
        });
        let follows = SHAPES[self.shape].lines.iter().any(|line| line.follows);
        ShapePlan { lines: lines.collect(), follows }
    }

    /// A meaning, with the base that was seen.
    fn counted(self, meaning: SeriesMeaning) -> SeriesMeaning {
        let epoch = match meaning.epoch {
            Some(EpochMeaning::In(1)) if self.epoch_from_0 => Some(EpochMeaning::In(0)),
            Some(EpochMeaning::Ends(1)) if self.epoch_from_0 => Some(EpochMeaning::Ends(0)),
            other => other,
        };
        let mut step = meaning.step;
        if let Some(step) = step.as_mut().filter(|step| step.scope == stepbridge_records::StepScope::Epoch) {
            step.base = if self.iter_from_0 { 0 } else { step.base };
        }
        SeriesMeaning { step, epoch }
    }
}

/// The lines of a caller's pattern, which has been checked.
pub(super) fn of_caller(pattern: &str) -> Vec<CompiledLine> {
    patterns(pattern).map(|found| found.into_iter().map(CompiledLine::of_caller).collect()).unwrap_or_default()
}

/// Whether a line of a text is one of these.
pub(super) fn any(lines: &[CompiledLine], text: &[u8]) -> bool {
    let mut captures = Captures::default();
    let mut found = false;
    lines::each(text, |_, raw, _| {
        found = found || lines.iter().any(|sought| sought.fits(&lines::plain(raw), &mut captures));
    });
    found
}
