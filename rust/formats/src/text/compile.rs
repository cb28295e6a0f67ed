//! Patterns read: what their fields are, and where they are wrong.

use memchr::memmem::Finder;
use stepbridge_records::Unit;

use super::bigrams::Bigrams;
use super::pattern::{Element, OpenBases, Pattern, Segment, Slot};
use stepbridge_records::{EpochMeaning, SeriesMeaning, StepMeaning};

/// Where a pattern is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PatternFault {
    /// The column in characters, from 1.
    pub(crate) column: usize,
    pub(crate) reason: String,
}

/// What is gathered while a pattern is read.
#[derive(Default)]
struct PatternBuilder {
    segments: Vec<Segment>,
    literal: String,
    tags: Vec<String>,
    names: Vec<(String, usize)>,
    bases: Bases,
    elapsed: bool,
}

/// What numbers count from, where that is given.
#[derive(Default)]
struct Bases {
    epoch: Option<u8>,
    iter: Option<u8>,
    step: Option<u8>,
    samples: Option<u8>,
}

/// The patterns of a caller: one a line.
pub(crate) fn patterns(text: &str) -> Result<Vec<Pattern>, (String, PatternFault)> {
    let lines: Vec<&str> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    if lines.is_empty() {
        return Err((text.to_owned(), fault(0, "it is empty")));
    }
    let read = |line: &&str| PatternBuilder::of(line).map_err(|fault| ((*line).to_owned(), fault));
    let builders = lines.iter().map(read).collect::<Result<Vec<_>, _>>()?;
    // A line may have its place from one before it.
    let epoch = builders.iter().any(|builder| builder.has("epoch"));
    let place = epoch || builders.iter().any(|builder| builder.has("step") || builder.has("samples"));
    for (builder, line) in builders.iter().zip(&lines) {
        builder.check(epoch, place).map_err(|fault| ((*line).to_owned(), fault))?;
    }
    Ok(builders.into_iter().map(PatternBuilder::finish).collect())
}

fn fault(index: usize, reason: impl Into<String>) -> PatternFault {
    PatternFault { column: index + 1, reason: reason.into() }
}

impl Pattern {
    /// Reads the only pattern of a caller.
    #[cfg(test)]
    pub(super) fn new(text: &str) -> Result<Self, PatternFault> {
        let builder = PatternBuilder::of(text)?;
        builder.check(builder.has("epoch"), builder.has("epoch"))?;
        Ok(builder.finish())
    }

    /// Reads the pattern of a shape, which may have `{*}` and lack fields.
    pub(super) fn of_shape(text: &str) -> Result<Self, PatternFault> {
        PatternBuilder::of(text).map(PatternBuilder::finish)
    }
}

impl PatternBuilder {
    fn of(text: &str) -> Result<Self, PatternFault> {
        let mut building = Self { segments: vec![Segment::default()], ..Self::default() };
        building.read(text)?;
        Ok(building)
    }

    /// Whether the lines of a pattern have a place. `epoch`: a line before may give the epoch; `place`: or a step.
    fn check(&self, epoch: bool, place: bool) -> Result<(), PatternFault> {
        if self.names.is_empty() {
            return Err(fault(0, "it has no field, such as {step} or {loss}"));
        }
        let inside = ["iter", "iters_done", "samples_in_epoch"];
        let iter = self.names.iter().find(|(name, _)| inside.contains(&name.as_str()));
        if let Some((name, column)) = iter.filter(|_| !epoch) {
            let reason = format!(
                "{{{name}}} is counted inside an epoch, and there is no {{epoch}}; a count over the run is {{step}}"
            );
            return Err(fault(*column, reason));
        }
        let own = ["epoch", "step", "samples", "wall_time"];
        if !place && !own.iter().any(|name| self.has(name)) {
            return Err(fault(0, "it has neither {step} nor {epoch}, so that its values have no place"));
        }
        Ok(())
    }

    fn has(&self, name: &str) -> bool {
        self.names.iter().any(|(known, _)| known == name)
    }

    fn read(&mut self, text: &str) -> Result<(), PatternFault> {
        let text: Vec<char> = text.trim().chars().collect();
        let mut at = 0;
        // Whether a field or `{_}` is directly before.
        let mut open = false;
        while let Some(&char) = text.get(at) {
            let doubled = text.get(at + 1) == Some(&char);
            match char {
                '{' | '}' if doubled => {
                    self.literal.push(char);
                    at += 2;
                    open = false;
                }
                '}' => return Err(fault(at, "a '}' without its '{'; a brace that is meant is doubled: '}}'")),
                '{' => {
                    let Some(length) = text[at..].iter().position(|&char| char == '}') else {
                        return Err(fault(at, "a '{' without its '}'; a brace that is meant is doubled: '{{'"));
                    };
                    let name: String = text[at + 1..at + length].iter().collect();
                    if open && name.trim() != "_" {
                        return Err(fault(at, "two fields with nothing between them: where one ends cannot be known"));
                    }
                    self.field(name.trim(), at)?;
                    at += length + 1;
                    open = true;
                }
                _ if char.is_whitespace() => {
                    self.end_literal();
                    self.push(Element::Blank);
                    at += 1;
                    open = false;
                }
                _ => {
                    self.literal.push(char);
                    at += 1;
                    open = false;
                }
            }
        }
        self.end_literal();
        Ok(())
    }

    fn field(&mut self, field: &str, column: usize) -> Result<(), PatternFault> {
        self.end_literal();
        if field == "_" {
            self.segments.push(Segment { attached: true, ..Segment::default() });
            return Ok(());
        }
        let (name, option) = match field.split_once(':') {
            Some((name, option)) => (name.trim(), Some(option.trim())),
            None => (field, None),
        };
        if name.is_empty() {
            return Err(fault(column, "a field without a name; any text that is of no interest is {_}"));
        }
        if self.has(name) {
            return Err(fault(column, format!("the field {{{name}}} is there twice")));
        }
        self.names.push((name.to_owned(), column));
        let base = match (name, option) {
            (_, None) => None,
            ("epoch" | "iter" | "step" | "samples_in_epoch", Some("0")) => Some(0),
            ("epoch" | "iter" | "step" | "samples_in_epoch", Some("1")) => Some(1),
            ("epoch", Some("elapsed")) => {
                self.elapsed = true;
                None
            }
            (_, Some(option)) => {
                let reason = format!(
                    "'{option}' says nothing of {{{name}}}: {{epoch}}, {{iter}} and {{step}} take the number that they \
                     are counted from, ':0' or ':1'"
                );
                return Err(fault(column, reason));
            }
        };
        let slot = match name {
            "epoch" => Slot::Epoch,
            "iter" | "iters_done" => Slot::Iter,
            "step" => Slot::Step,
            "samples" => Slot::Samples,
            "samples_in_epoch" => Slot::SamplesInEpoch,
            "iters" | "iters_per_epoch" => Slot::Iters,
            "epochs" => Slot::Epochs,
            "steps" | "samples_per_epoch" => Slot::Total,
            "wall_time" => Slot::WallTime,
            "*" => Slot::Rest,
            _ => {
                self.tags.push(name.to_owned());
                Slot::Tag(self.tags.len() - 1)
            }
        };
        match slot {
            Slot::Epoch => self.bases.epoch = base,
            Slot::Iter => self.bases.iter = base.or((name == "iters_done").then_some(1)),
            Slot::Step => self.bases.step = base,
            Slot::SamplesInEpoch => self.bases.samples = base,
            _ => {}
        }
        // Blanks before a field are skipped whether the pattern has some or not.
        if let Some(segment) = self.segments.last_mut() {
            segment.elements.pop_if(|last| matches!(last, Element::Blank));
        }
        self.push(Element::Field(slot));
        Ok(())
    }

    fn end_literal(&mut self) {
        if !self.literal.is_empty() {
            let literal = std::mem::take(&mut self.literal);
            self.push(Element::Literal(Finder::new(literal.as_bytes()).into_owned()));
        }
    }

    fn push(&mut self, element: Element) {
        let Some(segment) = self.segments.last_mut() else { return };
        let blank = matches!(element, Element::Blank);
        if segment.elements.is_empty() && blank {
            // What comes after a blank begins a word.
            segment.attached = false;
        } else if !(blank && matches!(segment.elements.last(), Some(Element::Blank))) {
            segment.elements.push(element);
        }
    }

    fn finish(mut self) -> Pattern {
        for segment in &mut self.segments {
            segment.elements.pop_if(|last| matches!(last, Element::Blank));
        }
        self.segments.retain(|segment| !segment.elements.is_empty());
        let (step, open) = if self.has("step") {
            (Some(StepMeaning::of_run(Unit::Step, self.bases.step.unwrap_or(1))), self.bases.step.is_none())
        } else if self.has("samples") {
            (Some(StepMeaning::of_run(Unit::Sample, 1)), false)
        } else if self.has("iter") || self.has("iters_done") {
            (Some(StepMeaning::of_epoch(Unit::Batch, self.bases.iter.unwrap_or(1))), self.bases.iter.is_none())
        } else if self.has("samples_in_epoch") {
            (Some(StepMeaning::of_epoch(Unit::Sample, self.bases.samples.unwrap_or(1))), self.bases.samples.is_none())
        } else {
            (None, false)
        };
        let base = self.bases.epoch.unwrap_or(1);
        let epoch = self.has("epoch").then_some(match (self.elapsed, step) {
            (true, _) => EpochMeaning::Elapsed,
            (false, Some(_)) => EpochMeaning::In(base),
            (false, None) => EpochMeaning::Ends(base),
        });
        let mut bigrams = Bigrams::default();
        for element in self.segments.iter().flat_map(|segment| &segment.elements) {
            if let Element::Literal(literal) = element {
                bigrams.add(literal.needle());
            }
        }
        Pattern {
            counts_twice: self.has("step") && self.has("iter") && self.has("epoch"),
            open: OpenBases { epoch: self.bases.epoch.is_none() && !self.elapsed, step: open },
            segments: self.segments,
            tags: self.tags,
            meaning: SeriesMeaning { step, epoch },
            bigrams,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use stepbridge_records::StepScope;

    #[test]
    fn a_pattern_says_what_its_numbers_are() {
        use EpochMeaning::{Elapsed, Ends, In};
        let meaning = |pattern: &str| {
            let SeriesMeaning { step, epoch } = Pattern::new(pattern).expect("a pattern").meaning;
            (step.map(|step| (step.unit, step.base, step.scope)), epoch)
        };
        for (pattern, step, epoch) in [
            ("{step} {x}", Some((Unit::Step, 1, StepScope::Run)), None),
            ("{step:0} {epoch:0}", Some((Unit::Step, 0, StepScope::Run)), Some(In(0))),
            ("{epoch} {iter:0} {x}", Some((Unit::Batch, 0, StepScope::Epoch)), Some(In(1))),
            ("{epoch:0} {x}", None, Some(Ends(0))),
            ("{epoch:elapsed} {x}", None, Some(Elapsed)),
            ("{samples} {x}", Some((Unit::Sample, 1, StepScope::Run)), None),
            ("{epoch} {samples_in_epoch:0} {x}", Some((Unit::Sample, 0, StepScope::Epoch)), Some(In(1))),
            ("{epoch:0} {iters_done} {x}", Some((Unit::Batch, 1, StepScope::Epoch)), Some(In(0))),
            ("{samples} {step}", Some((Unit::Step, 1, StepScope::Run)), None),
        ] {
            assert_eq!(meaning(pattern), (step, epoch), "{pattern}");
        }
        assert!(Pattern::new("{epoch} {iter} {step}").expect("a pattern").counts_twice);
    }

    #[test]
    fn bad_patterns_are_refused_where_they_are_bad() {
        for (pattern, column, reason) in [
            ("loss", 1, "no field"),
            ("{_}", 1, "no field"),
            ("loss {loss}", 1, "neither {step} nor {epoch}"),
            ("{step}{loss}", 7, "nothing between"),
            ("{step}{_}{loss}", 10, "nothing between"),
            ("ä {step} {x} {x}", 14, "twice"),
            ("{step} {loss", 8, "without its '}'"),
            ("{step} loss} {x}", 12, "without its '{'"),
            ("{step} {}", 8, "without a name"),
            ("{step:2} {x}", 1, "counted from"),
            ("{step} {x:0}", 8, "counted from"),
            ("loss {loss} {iter}", 13, "inside an epoch"),
            ("loss {loss} {samples_in_epoch}", 13, "inside an epoch"),
        ] {
            let fault = Pattern::new(pattern).err().expect(pattern);
            assert_eq!(fault.column, column, "{pattern}");
            assert!(fault.reason.contains(reason), "{pattern}: {}", fault.reason);
        }
        assert!(patterns(" \n ").is_err());
        let (line, fault) = patterns("{step} {x}\n  {step}{x}").err().expect("a fault");
        assert_eq!((line.as_str(), fault.column), ("{step}{x}", 7));
        assert!(patterns("\n{step} {x}\n{epoch} {y}\n").is_ok_and(|both| both.len() == 2));
        // A line before gives the place.
        assert!(patterns("Epoch {epoch}\nbatch {iter} loss {x}\nval {y}").is_ok_and(|all| all.len() == 3));
        assert!(patterns("batch {iter} loss {x}\nval {y}").is_err());
    }
}
