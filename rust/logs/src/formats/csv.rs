//! Any other table, whose columns say what they are by name: to the caller, or to everybody.
//!
//! Columns that the caller named are taken; else those called `step`, `global_step`, `iteration` and `epoch`, whatever
//! their case. What a step counts, and from where, only its writer knows. An epoch counts from 0 or from 1, as the first
//! row's does; in a table without steps a row closes its epoch.
//!
//! A table is taken for a log where it has such a column, which counts upwards, and another that is named as metrics are.
//! Data with a column `epoch` or `step` is everywhere, and is no log.

use super::table::{self, Below, Kind, Peek, Places, peek, position, separator};
use super::{EpochMeaning, Format, Head, Input, Meaning, Reader, Sink};
use crate::options::ReadOptions;
use crate::record::Stated;

const STEPS: [&str; 4] = ["step", "global_step", "iteration", "global step"];
const EPOCHS: [&str; 1] = ["epoch"];
/// The second is TensorBoard's, in the tables that its page offers.
const TIMES: [&str; 2] = ["wall_time", "wall time"];

/// Words, or parts of words, in the names of metrics that are hardly in those of other data.
const METRICS: [&str; 12] = [
    "loss",
    "accuracy",
    "perplexity",
    "reward",
    "learning_rate",
    "learning rate",
    "grad_norm",
    "rouge",
    "bleu",
    "psnr",
    "rmse",
    "f1",
];
/// Words that say so only alone.
const WORDS: [&str; 16] = [
    "acc",
    "lr",
    "train",
    "val",
    "valid",
    "validation",
    "eval",
    "mse",
    "mae",
    "ppl",
    "nll",
    "elbo",
    "auc",
    "iou",
    "miou",
    "dice",
];

pub(super) static READER: Reader = Reader {
    format: Format::Csv,
    promised: |_| false,
    recognised,
    otherwise: |_| None,
    read: |input: &mut Input, sink: &mut Sink| table::read(&KIND, input, sink),
};

static KIND: Kind = Kind { format: Format::Csv, separator, places, blank: None, meaning };

fn places(names: &[String], options: &ReadOptions) -> Places {
    let named = &options.columns;
    let mut missing = Vec::new();
    let mut find = |named: &Option<String>, known: &[&str]| match named {
        None => known.iter().find_map(|known| names.iter().position(|name| name.eq_ignore_ascii_case(known))),
        Some(name) => {
            let found = position(names, name);
            if found.is_none() {
                missing.push(format!("there is no column '{name}'; there are {}", listed(names)));
            }
            found
        }
    };
    let (step, epoch) = (find(&named.step, &STEPS), find(&named.epoch, &EPOCHS));
    let wall_time = find(&named.wall_time, &TIMES);
    if step.is_none() && epoch.is_none() && missing.is_empty() {
        missing.push(format!(
            "no column is called step, global_step, iteration or epoch: its records have no place; name the one that holds \
             it (there are {})",
            listed(names)
        ));
    }
    Places { step, epoch, wall_time, missing }
}

/// Names, as many as one reads.
fn listed(names: &[String]) -> String {
    const SHOWN: usize = 20;
    let mut list = names.iter().take(SHOWN).map(String::as_str).collect::<Vec<_>>().join(", ");
    if names.len() > SHOWN {
        list.push_str(&format!(" and {} more", names.len() - SHOWN));
    }
    list
}

/// What an epoch counts from is what the first row's does. That the row closes it is so where there is no step.
fn meaning(names: &[String], first: Option<Stated>) -> Meaning {
    let has_steps = places(names, &ReadOptions::default()).step.is_some();
    let base = first.and_then(Stated::whole).and_then(|first| u8::try_from(first).ok()).filter(|first| *first < 2);
    let epoch = if has_steps { base.map(EpochMeaning::In) } else { base.map(EpochMeaning::Ends) };
    Meaning { step: None, epoch }
}

fn recognised(head: &Head) -> bool {
    let Some(table) = peek(head, None) else { return false };
    if table.names == ["Wall time", "Step", "Value"] {
        return true;
    }
    let Places { step, epoch, .. } = places(&table.names, &ReadOptions::default());
    let Some(place) = step.or(epoch) else { return false };
    let candidates: Vec<usize> = metrics(&table).collect();
    if candidates.is_empty() {
        return false;
    }
    let below = table.below(head);
    let rises = |column: usize| below.counts(column).is_some_and(|counts| counts_upwards(&counts, step.is_none()));
    !below.ragged
        && rises(place)
        && candidates.into_iter().any(|column| below.is_numeric(column))
        && mostly(&table, &below)
}

/// Whether numbers rise, but for beginnings from the start; by one each where each is an epoch.
fn counts_upwards(counts: &[i64], by_one: bool) -> bool {
    let Some(&first) = counts.first() else { return false };
    counts.windows(2).all(|pair| pair[1] <= first || if by_one { pair[1] == pair[0] + 1 } else { pair[1] >= pair[0] })
}

/// The columns whose names are those of metrics.
fn metrics(table: &Peek) -> impl Iterator<Item = usize> {
    let is_metric = |name: &String| {
        let name = name.to_ascii_lowercase();
        let mut words = name.split(|letter: char| !letter.is_ascii_alphanumeric());
        METRICS.iter().any(|metric| name.contains(metric)) || words.any(|word| WORDS.contains(&word))
    };
    table.names.iter().enumerate().filter(move |(_, name)| is_metric(name)).map(|(column, _)| column)
}

/// Whether most columns hold numbers, or nothing.
fn mostly(table: &Peek, below: &Below) -> bool {
    let numeric = (0..table.names.len()).filter(|&column| below.is_numeric(column)).count();
    2 * numeric > table.names.len()
}
