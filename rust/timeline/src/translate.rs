//! Counters of frameworks: each one declares what it counts and from which base, and is translated into others.

use crate::error::Error;
use crate::locate::Location;
use crate::number::number_of;
use crate::timeline::Timeline;
use crate::unit::Unit;

/// What a counter counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// The epoch.
    Epoch,
    /// The batch inside its epoch.
    Iter,
    /// Batches over the whole run.
    Batch,
    /// Steps (updates) over the whole run.
    Step,
}

impl Role {
    /// Reads a role's name.
    pub fn parse(text: &str) -> Result<Self, Error> {
        match text {
            "epoch" => Ok(Self::Epoch),
            "iter" => Ok(Self::Iter),
            "batch" => Ok(Self::Batch),
            "step" => Ok(Self::Step),
            _ => {
                Err(Error::invalid(format!("unknown role {text:?} of a counter: expected epoch, iter, batch or step")))
            }
        }
    }
}

/// Whether a counter is the number of the current batch, step or epoch, or how many are complete.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The number of the current one, which counts from this base (0 or 1).
    Index(i64),
    /// How many are complete.
    Count,
}

/// One counter of a framework.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Counter {
    /// Its name in the framework.
    pub name: String,
    /// What it counts.
    pub role: Role,
    /// How.
    pub kind: Kind,
}

impl Timeline {
    /// Translates counters as they are just after a batch is complete. `None` for a wanted counter that has no value there, as
    /// the step of a batch that contributes to none.
    pub fn translate(&self, given: &[(Counter, i64)], wanted: &[Counter]) -> Result<Vec<Option<i64>>, Error> {
        let batch = self.batch_of(given)?;
        for (counter, value) in given {
            let here = self.counter(counter, batch)?;
            // A count of steps stays the same while a window is open, so that it agrees with any batch of that window.
            if here != Some(*value) {
                return Err(disagree(given, counter, *value, here));
            }
        }
        wanted.iter().map(|counter| self.counter(counter, batch)).collect()
    }

    /// The batch (index from 0) after which the counters have these values.
    fn batch_of(&self, given: &[(Counter, i64)]) -> Result<u64, Error> {
        let value_of = |role| given.iter().find(|(counter, _)| counter.role == role);
        let located = |unit, given: &(Counter, i64)| {
            let index = index_of(given)?;
            let base = u64::from(given.0.kind != Kind::Index(0));
            let (segment, batch) = self.find_from(unit, index, base)?;
            Ok(segment.batch0 + batch)
        };
        if let (Some(epoch), Some(iter)) = (value_of(Role::Epoch), value_of(Role::Iter)) {
            return self.index(Unit::Batch, Location { epoch: index_of(epoch)?, iter: index_of(iter)? });
        }
        if let Some(batch) = value_of(Role::Batch) {
            return located(Unit::Batch, batch);
        }
        if let Some(step) = value_of(Role::Step) {
            return located(Unit::Step, step);
        }
        let names: Vec<_> = given.iter().map(|(counter, _)| counter.name.as_str()).collect();
        Err(Error::invalid(if names.is_empty() {
            "no counters were given: give at least one that identifies the batch".to_owned()
        } else {
            format!("{} alone does not say which batch it was", names.join(" and "))
        }))
    }

    /// The value of a counter just after the batch with index `batch` is complete.
    fn counter(&self, counter: &Counter, batch: u64) -> Result<Option<i64>, Error> {
        let (segment, within) = self.find(Unit::Batch, batch)?;
        let steps_done = segment.step0 + segment.steps_within(within + 1);
        let step_here = segment.contributes_to(within).map(|step| segment.step0 + step);
        let (index, done) = match counter.role {
            Role::Epoch => {
                let epoch = self.location_in(segment, within)?.epoch;
                (Some(epoch), epoch)
            }
            Role::Iter => {
                let iter = self.location_in(segment, within)?.iter;
                (Some(iter), iter + 1)
            }
            Role::Batch => (Some(batch), batch + 1),
            Role::Step => (step_here, steps_done),
        };
        let shown = match counter.kind {
            Kind::Count => Some((done, 0)),
            Kind::Index(base) => index.map(|index| (index, base)),
        };
        shown.map(|(value, base)| number_of(value, base, || counter.name.clone())).transpose()
    }
}

/// The index (from 0) of what a counter numbers, or of the last one that it counts.
fn index_of((counter, value): &(Counter, i64)) -> Result<u64, Error> {
    let base = match counter.kind {
        Kind::Index(base) => base,
        // A count of epochs is the index of the current one; any other count means the last one counted.
        Kind::Count if counter.role == Role::Epoch => 0,
        Kind::Count => 1,
    };
    value.checked_sub(base).and_then(|index| u64::try_from(index).ok()).ok_or_else(|| {
        Error::OutOfRange(match counter.kind {
            Kind::Count => {
                format!(
                    "{}={value} is before the first batch completed: there is no batch with this value",
                    counter.name
                )
            }
            Kind::Index(base) => format!("{}={value} is below its base {base}", counter.name),
        })
    })
}

fn disagree(given: &[(Counter, i64)], counter: &Counter, value: i64, here: Option<i64>) -> Error {
    let all: Vec<_> = given.iter().map(|(counter, value)| format!("{}={value}", counter.name)).collect();
    let here = here.map_or_else(|| "no value".to_owned(), |here| here.to_string());
    Error::invalid(format!(
        "the counters {} disagree: by the others, {} would be {here}, not {value}",
        all.join(", "),
        counter.name
    ))
}
