//! Other frameworks' counters: a declared list of what each one counts, from which base, in and out.

use crate::bulk::to_base;
use crate::error::Error;
use crate::locate::Location;
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

/// Whether a counter names the thing at hand or says how many are complete.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The number of the thing at hand, from this base on (0 or 1).
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
    /// Translates counters as they stand just after a batch completed. `None` for a wanted counter that has no value there:
    /// the step of a batch that contributes to none.
    pub fn translate(&self, given: &[(Counter, i64)], wanted: &[Counter]) -> Result<Vec<Option<i64>>, Error> {
        let batch = self.batch_of(given)?;
        for (counter, value) in given {
            let here = self.counter(counter, batch)?;
            // A count of steps stays the same while a window is open: then any batch of the plateau agrees with it.
            if here != Some(*value) {
                return Err(disagree(given, counter, *value, here));
            }
        }
        wanted.iter().map(|counter| self.counter(counter, batch)).collect()
    }

    /// The batch (index from 0) after which the counters stand so.
    fn batch_of(&self, given: &[(Counter, i64)]) -> Result<u64, Error> {
        let value_of = |role| given.iter().find(|(counter, _)| counter.role == role);
        let located = |unit, given: &(Counter, i64)| {
            let index = index_of(given)?;
            let base = u64::from(given.0.kind != Kind::Index(0));
            let (piece, batch) = self.find_from(unit, index, base)?;
            Ok(piece.batch0 + batch)
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
            "no counters were given: there is nothing to tell the batch by".to_owned()
        } else {
            format!("{} alone does not say which batch it was", names.join(" and "))
        }))
    }

    /// What a counter shows just after the batch with index `batch` completed.
    fn counter(&self, counter: &Counter, batch: u64) -> Result<Option<i64>, Error> {
        let (piece, within) = self.find(Unit::Batch, batch)?;
        let at = piece.location(within);
        let steps_done = piece.step0 + piece.steps_within(within + 1);
        let step_here = piece.contributes_to(within).map(|step| piece.step0 + step);
        let (index, done) = match counter.role {
            Role::Epoch => (Some(at.epoch), at.epoch),
            Role::Iter => (Some(at.iter), at.iter + 1),
            Role::Batch => (Some(batch), batch + 1),
            Role::Step => (step_here, steps_done),
        };
        let shown = match counter.kind {
            Kind::Count => Some((done, 0)),
            Kind::Index(base) => index.map(|index| (index, base)),
        };
        shown.map(|(value, base)| to_base(value, base).ok_or_else(|| Error::overflow(counter.name.clone()))).transpose()
    }
}

/// The index (from 0) of the thing that a counter names, or that it counted last.
fn index_of((counter, value): &(Counter, i64)) -> Result<u64, Error> {
    let base = match counter.kind {
        Kind::Index(base) => base,
        // An epoch's number counts the epochs before it; of all else the last one counted is meant.
        Kind::Count if counter.role == Role::Epoch => 0,
        Kind::Count => 1,
    };
    value.checked_sub(base).and_then(|index| u64::try_from(index).ok()).ok_or_else(|| {
        Error::OutOfRange(match counter.kind {
            Kind::Count => {
                format!("{}={value} is before the first batch completed: no batch stands there", counter.name)
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
