//! Which shape the lines of a file have.
//!
//! The first shape that has enough lines claims the file, unless more lines that look like training have none: then it is
//! the log of another program, of which some lines look alike.

use std::io;
use std::sync::Arc;

use super::bigrams::Bigrams;
use super::block::{self, PlannedLine, ShapePlan};

use super::compile::patterns;
use super::count_start::CountStart;
use super::epoch_start::EpochStart;
use super::general::{GeneralShape, GeneralSurvey};
use super::headed_table::TableSurvey;
use super::line_form::LiteralDigits;
use super::lines;
use super::pairs::{self, PairStyle};
use super::pattern::Captures;
use super::shapes::{self, CompiledLine, CompiledShape, ShapeLine, Takes, compiled};
use stepbridge_io::bytes::{ReadAt, read_up_to};
use stepbridge_records::{EpochMeaning, StepScope};

/// So many lines of a shape make a log.
const ENOUGH: usize = 2;

/// A line that is longer shows nothing.
const LONGEST: usize = 16 << 10;

/// How much of a file is looked at before it is decided whether that is enough.
const PIECE: usize = 1 << 20;

/// A shape that a file has, with where its writer counts from.
#[derive(Clone)]
pub(super) struct ShapeMatch {
    found: FoundShape,
    starts: Starts,
}

#[derive(Clone)]
enum FoundShape {
    /// Which of [`compiled`].
    Known(usize),
    /// Lines of the caller.
    Caller(Arc<Vec<CompiledLine>>),
    /// Lines as their words, or a header, say.
    General(&'static str, Arc<GeneralShape>),
}

/// What shows from where an epoch, or the number of a line, is counted if its writer may begin at 0 or at 1.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Starts {
    epoch: EpochStart,
    /// For each line of the shape.
    counts: Vec<CountStart>,
}

/// What is known of the beginning of a file.
pub(super) struct Survey {
    of_caller: Arc<Vec<CompiledLine>>,
    caller: LineCount,
    shapes: Vec<LineCount>,
    /// Lines with digits, and lines that look like training, that no shape fits.
    others: usize,
    rivals: usize,
    general: GeneralSurvey,
    table: TableSurvey,
    captures: Captures,
    /// The beginning of a line that goes on.
    open: Vec<u8>,
    /// For each shape, whether a line was seen that has to come before its own.
    ready: Vec<bool>,
}

#[derive(Debug, Clone, Default)]
struct LineCount {
    lines: usize,
    starts: Starts,
}

impl LineCount {
    /// Takes a line, if it has values.
    fn take(&mut self, compiled: &[CompiledLine], index: usize, line: &[u8], captures: &Captures) {
        let sought = &compiled[index];
        let rest = captures.rest.clone().map(|rest| &line[rest]).unwrap_or_default();
        let number = |(name, range): (&String, &std::ops::Range<usize>)| {
            pairs::number_of(name.as_bytes(), &line[range.clone()]).is_some()
        };
        let is_record = sought.pattern.tags.iter().zip(&captures.tags).any(number)
            || sought.line.follows
            || sought.pattern.counts_twice
            || pairs::any_number(rest, sought.line.pairs);
        self.lines += usize::from(is_record);
        self.take_heading(compiled, index, line, captures);
    }

    /// Takes where a line counts from.
    fn take_heading(&mut self, compiled: &[CompiledLine], index: usize, line: &[u8], captures: &Captures) {
        let number = |range: &Option<std::ops::Range<usize>>| block::whole(&line[range.clone()?]);
        let Captures { epoch, epochs, step, iter, iters, samples_in_epoch, .. } = captures;
        if let Some(epoch) = number(epoch) {
            self.starts.epoch.take(epoch, number(epochs).filter(|_| iters.is_some()));
        }
        self.starts.counts.resize(compiled.len(), CountStart::default());
        let place = step.as_ref().or(iter.as_ref()).or(samples_in_epoch.as_ref()).cloned();
        if let Some(number) = number(&place) {
            self.starts.counts[index].take(number);
        }
    }
}

impl Survey {
    pub(super) fn new(pattern: Option<&str>) -> Self {
        Self {
            of_caller: Arc::new(pattern.map(of_caller).unwrap_or_default()),
            caller: LineCount::default(),
            shapes: vec![LineCount::default(); compiled().len()],
            others: 0,
            rivals: 0,
            general: GeneralSurvey::default(),
            table: TableSurvey::default(),
            captures: Captures::default(),
            open: Vec::new(),
            ready: compiled().iter().map(|compiled| compiled.shape.after.is_empty()).collect(),
        }
    }

    /// Takes the next bytes of a file.
    pub(super) fn feed(&mut self, bytes: &[u8]) {
        let mut text = std::mem::take(&mut self.open);
        text.extend_from_slice(bytes);
        let mut open = text.len();
        lines::each(&text, |at, raw, ended| {
            // Of a text without a line end nobody knows whether it is whole.
            if ended { self.line(raw) } else { open = at }
        });
        // A line that is too long to be read is none.
        if text.len() - open <= super::LONGEST {
            self.open = text.split_off(open);
        }
    }

    fn line(&mut self, raw: &[u8]) {
        let line = lines::plain(raw);
        if line.len() < 2
            || line.len() > LONGEST
            || line.contains(&0)
            || self.table.take(&line)
            || !line.iter().any(u8::is_ascii_digit)
        {
            return;
        }
        for (ready, compiled) in self.ready.iter_mut().zip(compiled()).filter(|(ready, _)| !**ready) {
            let holds = |part: &&str| memchr::memmem::find(&line, part.as_bytes()).is_some();
            *ready = compiled.shape.after.iter().all(holds);
        }
        let bigrams = Bigrams::of(&line);
        let captures = &mut self.captures;
        let mut find = |lines: &[CompiledLine]| lines.iter().position(|sought| sought.fits(&line, bigrams, captures));
        if let Some(index) = find(&self.of_caller) {
            self.caller.take(&self.of_caller, index, &line, &self.captures);
            return;
        }
        let mut shapes = compiled().iter().zip(&self.ready).enumerate().filter(|(_, (_, ready))| **ready);
        let found = shapes.find_map(|(shape, (compiled, _))| Some((shape, find(compiled.own())?)));
        if let Some((shape, index)) = found {
            if compiled()[shape].lines[index].line.sets {
                // Several shapes have the same headings.
                for (other, CompiledShape { lines, .. }) in
                    compiled().iter().enumerate().filter(|(other, _)| *other != shape)
                {
                    let headings = lines.iter().enumerate().filter(|(_, sought)| sought.line.sets);
                    for (index, sought) in headings {
                        if sought.fits(&line, bigrams, &mut self.captures) {
                            self.shapes[other].take_heading(lines, index, &line, &self.captures);
                        }
                    }
                }
                compiled()[shape].lines[index].fits(&line, bigrams, &mut self.captures);
            }
            self.shapes[shape].take(&compiled()[shape].lines, index, &line, &self.captures);
            self.general.take(&line);
            return;
        }
        self.others += 1;
        self.rivals += usize::from(self.general.take(&line));
    }

    /// The shape of a file that begins so, if that can be said.
    pub(super) fn shape(&self) -> Option<ShapeMatch> {
        if self.caller.lines > 0 {
            let found = FoundShape::Caller(Arc::clone(&self.of_caller));
            return Some(ShapeMatch { found, starts: self.caller.starts.clone() });
        }
        if let Some(lines) = self.table.shape() {
            let found = FoundShape::General("ultralytics_stdout", Arc::new(GeneralShape { lines }));
            return Some(ShapeMatch { found, starts: Starts::default() });
        }
        // The first of those that have the most.
        let (shape, most) = self.shapes.iter().enumerate().rev().max_by_key(|(_, count)| count.lines)?;
        let alone = self.others == 0 || !compiled()[shape].shape.common && self.rivals == 0;
        let enough = most.lines >= ENOUGH || most.lines == 1 && alone;
        if enough && self.rivals <= most.lines {
            return Some(ShapeMatch { found: FoundShape::Known(shape), starts: most.starts.clone() });
        }
        let general = self.general.shape()?;
        Some(ShapeMatch { found: FoundShape::General("inferred", Arc::new(general)), starts: Starts::default() })
    }
}

/// The shape of the lines of a file, from as much of its first `limit` bytes as that takes, and whether more of the file
/// would not change it.
pub(super) fn of_file(
    bytes: &dyn ReadAt,
    size: u64,
    limit: u64,
    pattern: Option<&str>,
) -> io::Result<(Option<ShapeMatch>, bool)> {
    let mut survey = Survey::new(pattern);
    let mut at = 0;
    let end = size.min(limit);
    let mut piece = Vec::new();
    while at < end {
        piece.resize(usize::try_from(end - at).unwrap_or(PIECE).min(PIECE), 0);
        let length = read_up_to(bytes, at, &mut piece, 0)?;
        survey.feed(&piece[..length]);
        at += length as u64;
        if let Some(shape) = survey.shape() {
            return Ok((Some(shape), length == PIECE || at == limit));
        }
        if length < piece.len() {
            break;
        }
    }
    Ok((None, at == limit))
}

impl ShapeMatch {
    pub(super) fn name(&self) -> &'static str {
        match &self.found {
            FoundShape::Known(shape) => compiled()[*shape].shape.name,
            FoundShape::Caller(_) => "pattern",
            FoundShape::General(name, _) => name,
        }
    }

    pub(super) fn is_of_caller(&self) -> bool {
        matches!(self.found, FoundShape::Caller(_))
    }

    /// The lines of a caller, although the beginning of the file has none of them.
    pub(super) fn of_caller(pattern: &str) -> Self {
        Self { found: FoundShape::Caller(Arc::new(of_caller(pattern))), starts: Starts::default() }
    }

    /// What to look for.
    pub(super) fn plan(&self) -> ShapePlan<'_> {
        let (lines, either) = match &self.found {
            FoundShape::Known(shape) => {
                let CompiledShape { shape, lines } = &compiled()[*shape];
                (&lines[..], shape.either)
            }
            FoundShape::Caller(lines) => (&lines[..], true),
            FoundShape::General(_, general) => (&general.lines[..], false),
        };
        // The lines of a program count as one another. The fields of a caller count from 1 where nothing else is seen.
        let counts = || lines.iter().zip(&self.starts.counts);
        let over_run = |line: &CompiledLine| line.meaning.step.is_some_and(|step| step.scope == StepScope::Run);
        let shown = counts().find_map(|(line, count)| count.base().filter(|_| count.is_seen() && over_run(line)));
        let unseen = shown.or_else(|| self.is_of_caller().then_some(1));
        let planned = lines.iter().enumerate().map(|(index, compiled)| {
            let count = self.starts.counts.get(index).copied().unwrap_or_default();
            let base = self.starts.epoch.base();
            let meaning = if either { shapes::from_start(compiled, base, count, unseen) } else { compiled.meaning };
            PlannedLine { compiled, meaning }
        });
        ShapePlan {
            lines: planned.collect(),
            follows: lines.iter().any(|line| line.line.follows),
            literals: LiteralDigits::of(lines.iter()),
        }
    }
}

/// The lines of a caller's pattern, which has been checked. Lines take from the ones before them what they lack.
fn of_caller(pattern: &str) -> Vec<CompiledLine> {
    let found = patterns(pattern).unwrap_or_default();
    let epoch = found.iter().find_map(|pattern| pattern.meaning.epoch);
    let step = found.iter().filter_map(|pattern| pattern.meaning.step).find(|step| step.scope == StepScope::Run);
    let several = found.len() > 1;
    found
        .into_iter()
        .map(|pattern| {
            let style = if pattern.has_rest() { PairStyle::Free } else { PairStyle::None };
            let (own_epoch, own_step) = (pattern.meaning.epoch, pattern.meaning.step);
            let over_run = own_step.is_some_and(|step| step.scope == StepScope::Run);
            let sets = several && (own_epoch.is_some() || over_run);
            let mut line = ShapeLine { sets, ..shapes::line("", style) };
            if several && own_epoch.is_none() {
                // Where in its epoch a line without a number is, is unknown.
                line.takes = if own_step.is_none() && step.is_some() { Takes::Place } else { Takes::Epoch };
                line.epoch = match epoch {
                    Some(EpochMeaning::Ends(base) | EpochMeaning::In(base)) => Some(EpochMeaning::In(base)),
                    other => other,
                };
                line.step = own_step.or(step);
            }
            CompiledLine::new(pattern, line)
        })
        .collect()
}
