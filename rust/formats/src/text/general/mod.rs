//! A general reader of lines of training, for the logs of which no shape is known.
//!
//! It looks for words that count (epoch, step, iteration, batch, update) with a number, and then names with numbers. What a
//! number means follows from how it goes on: it begins again with each epoch or does not, a 0 is seen or is not. What that
//! does not show is left open.

mod template;
mod tracks;

use std::collections::HashMap;

use self::template::Template;
use self::tracks::CounterTracks;
use super::counter_words::{Counter, CounterSlot};
use super::epoch_start::EpochStart;
use super::pairs::PairStyle;
use super::pattern::Pattern;
use super::shapes::{self, CompiledLine, ShapeLine, Takes};
use stepbridge_records::EpochMeaning;

/// So many lines of a form, with numbers that go on, are a log.
const ENOUGH: usize = 3;

/// So many forms are distinguished.
const FORMS: usize = 64;

/// The lines of a log that its own words describe.
pub(super) struct GeneralShape {
    pub(super) lines: Vec<CompiledLine>,
}

/// What the lines of a file have in common so far.
#[derive(Debug, Default)]
pub(super) struct GeneralSurvey {
    forms: Vec<Form>,
    /// By pattern, and whether values come before the last counter.
    numbers: HashMap<(String, bool), usize>,
    /// The counter of the heading that came last.
    heading: Option<Counter>,
    /// Whether a line without a counter came before any heading: it may belong to one that follows.
    begun: bool,
}

#[derive(Debug)]
struct Form {
    template: Template,
    lines: usize,
    /// How many lines have each name of what training is judged by.
    judged: HashMap<Vec<u8>, usize>,
    /// Whether one of them has a number that may be a measurement.
    measured: bool,
    tracks: CounterTracks,
    /// The counter of the heading above the last of them, if they have none of their own.
    heading: Option<Counter>,
}

impl GeneralSurvey {
    /// Takes a line. Whether it looks like training.
    pub(super) fn take(&mut self, line: &[u8]) -> bool {
        let template = match template::of(line) {
            Some(template) => template,
            None if self.heading.is_none() && self.begun => return false,
            None => match template::under_heading(line) {
                Some(template) if self.heading.is_some() => template,
                under => {
                    self.begun |= under.is_some();
                    return false;
                }
            },
        };
        let heading = template.is_heading();
        if !heading && template.values == 0 {
            return false;
        }
        let judged = template.judged.clone();
        let looks = judged.is_some();
        let epoch =
            template.counters.iter().find(|counter| counter.slot == CounterSlot::Epoch).map(|counter| counter.value);
        if let ([counter], true) = (&template.counters[..], self.is_heading(&template)) {
            // Steps under a heading are those of its epoch.
            let of_epoch = |counter: &Counter| counter.slot == CounterSlot::Epoch;
            if of_epoch(counter) || self.heading.as_ref().is_none_or(|heading| !of_epoch(heading)) {
                self.heading = Some(counter.clone());
            }
        }
        let key = (template.pattern.clone(), template.scattered);
        let at = match self.numbers.get(&key) {
            Some(&at) => at,
            None if self.forms.len() < FORMS => {
                self.numbers.insert(key, self.forms.len());
                self.forms.push(Form {
                    template: template.clone(),
                    lines: 0,
                    judged: HashMap::new(),
                    measured: false,
                    tracks: CounterTracks::default(),
                    heading: None,
                });
                self.forms.len() - 1
            }
            None => return looks,
        };
        let form = &mut self.forms[at];
        form.lines += 1;
        form.measured |= template.measured;
        if let Some(name) = judged.filter(|name| form.judged.len() < FORMS || form.judged.contains_key(name)) {
            *form.judged.entry(name).or_default() += 1;
        }
        let of_epoch = self.heading.as_ref().filter(|heading| heading.slot == CounterSlot::Epoch);
        let above = self.heading.as_ref().filter(|_| template.counters.is_empty());
        let counters = above.map_or(&template.counters[..], std::slice::from_ref);
        form.tracks.take(counters, epoch.or(of_epoch.map(|heading| heading.value)));
        form.heading = above.cloned();
        looks
    }

    /// Whether a line gives the lines after it their place. One that says how long an epoch took, or counts steps, may come after the
    /// lines that it is about.
    fn is_heading(&self, template: &Template) -> bool {
        let [counter] = &template.counters[..] else { return false };
        template.is_heading() && (counter.slot == CounterSlot::Epoch && !template.timed || !self.begun)
    }

    /// The lines of the file, if enough of them have one form and count on.
    pub(super) fn shape(&self) -> Option<GeneralShape> {
        // Names repeat in a log; in other text they do not.
        let repeats = |form: &&Form| form.judged.values().any(|lines| lines * 2 >= form.lines && *lines > 1);
        let records = |form: &&Form| form.measured && repeats(form);
        let main = self.forms.iter().filter(records).max_by_key(|form| form.lines)?;
        if main.lines < ENOUGH || !main.tracks.go_on() || main.tracks.has_hidden_epochs() {
            return None;
        }
        let heading_of = |is_slot: fn(CounterSlot) -> bool| {
            let is_heading = |form: &&Form| {
                self.is_heading(&form.template)
                    && form.template.counters.iter().all(|counter| is_slot(counter.slot))
                    && form.tracks.rises() > 0
            };
            self.forms.iter().filter(is_heading).max_by_key(|form| form.lines)
        };
        let heading = heading_of(|slot| slot == CounterSlot::Epoch);
        let heading = heading.or_else(|| heading_of(|slot| slot != CounterSlot::Epoch));
        let mut kept: Vec<&Form> = self
            .forms
            .iter()
            .filter(records)
            .filter(|form| form.lines >= 2 && form.tracks.goes_back() * 4 <= form.lines)
            .collect();
        // A line of training may be part of one of an evaluation.
        kept.sort_by_key(|form| form.template.phase.is_empty());
        let mut start = EpochStart::default();
        kept.iter().copied().chain(heading).for_each(|form| start.join(form.tracks.start));
        let base = start.base();
        let mut lines = Vec::new();
        for form in kept {
            // A line without a counter needs a heading.
            if heading.is_some() || !form.template.counters.is_empty() {
                lines.push(form.line(base, heading)?);
            }
        }
        if let Some(heading) = heading {
            lines.push(heading.heading(base)?);
        }
        Some(GeneralShape { lines })
    }
}

impl Form {
    fn has(&self, slot: CounterSlot) -> bool {
        self.template.counters.iter().any(|counter| counter.slot == slot)
    }

    fn line(&self, base: Option<u8>, heading: Option<&Self>) -> Option<CompiledLine> {
        let own = self.has(CounterSlot::Epoch);
        let under = heading.is_some_and(|heading| heading.has(CounterSlot::Epoch)) && !own;
        let begins = self.template.counters.is_empty();
        let above = self.heading.as_ref().filter(|_| begins && !under);
        let counters = above.map_or(&self.template.counters[..], std::slice::from_ref);
        let step = self.tracks.step(own || under, counters);
        let counts = self.has(CounterSlot::Batch) || self.has(CounterSlot::Step);
        let in_epoch = step.is_some_and(|step| step.scope == stepbridge_records::StepScope::Epoch);
        let mut pattern = self.template.pattern.clone();
        let mut both = self.has(CounterSlot::Batch) && self.has(CounterSlot::Step);
        if both && self.tracks.accumulate() {
            // The batches place the line.
            pattern = pattern.replace("{step:1}", "{_}").replace("{steps}", "{_}");
            both = false;
        }
        if counts && !both {
            // One counter places the line, whatever its word is: in its epoch, or of the run.
            let (from, to) = if in_epoch { ("step", "iter") } else { ("iter", "step") };
            pattern = pattern.replace(&format!("{{{from}:1}}"), &format!("{{{to}:1}}"));
            pattern = pattern.replace(&format!("{{{from}s}}"), &format!("{{{to}s}}"));
        }
        let pattern = Pattern::of_shape(&pattern).ok()?;
        let epoch = match (own || under, counts || self.template.partial || self.tracks.repeats_epochs()) {
            (false, _) => None,
            (true, true) => base.map(EpochMeaning::In),
            (true, false) => base.map(EpochMeaning::Ends),
        };
        let takes = match (under, above) {
            (true, _) => Takes::Epoch,
            (false, Some(_)) => Takes::Place,
            (false, None) => Takes::Nothing,
        };
        let style = if pattern.has_rest() { PairStyle::Free } else { PairStyle::None };
        let scattered = self.template.scattered;
        let line = ShapeLine { scattered, takes, begins, ..shapes::line("", style).prefix(self.template.phase) };
        let mut compiled = CompiledLine::new(pattern, line);
        compiled.meaning.step = step;
        compiled.meaning.epoch = epoch;
        Some(compiled)
    }

    fn heading(&self, base: Option<u8>) -> Option<CompiledLine> {
        let pattern =
            self.template.pattern.replace("{*}", "{_}").replace("{iter:1}", "{step:1}").replace("{iters}", "{steps}");
        let pattern = Pattern::of_shape(&pattern).ok()?;
        let line = ShapeLine { sets: true, ..shapes::line("", PairStyle::None) };
        let mut compiled = CompiledLine::new(pattern, line);
        compiled.meaning.epoch = base.filter(|_| self.has(CounterSlot::Epoch)).map(EpochMeaning::In);
        Some(compiled)
    }
}

#[cfg(test)]
mod tests;
