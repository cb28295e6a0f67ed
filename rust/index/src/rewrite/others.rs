//! Values that are not numbers, which no table has: they are placed as the records next to them.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use stepbridge_records::{ColumnBatch, OrderKey, Records, SupersededFrom, TagTable, TooManyTags};

use crate::logs::Logs;
use crate::second_counters::SecondCounters;

/// Records of a file, from one on, of one run and one session.
struct FileSpan {
    from: u64,
    run: u32,
    session: u32,
    superseded_from: Option<Arc<SupersededFrom>>,
}

/// The values of all files that are not numbers, as records without a value; their tags are added to those of the logs.
///
/// Such a value belongs to the session of the next record of its file. A later session supersedes it as it does records.
pub(super) fn batches(logs: &mut Logs) -> Result<Vec<ColumnBatch>, TooManyTags> {
    let mut numbers = TagTable::default();
    logs.records.tags.iter().for_each(|tag| _ = numbers.number(tag.as_bytes()));
    let mut spans: Vec<Vec<FileSpan>> = logs.files.iter().map(|_| Vec::new()).collect();
    let mut counts = vec![0; spans.len()];
    for batch in &logs.records.batches {
        let source = batch.source as usize;
        let &ColumnBatch { run, session, ref superseded_from, .. } = batch;
        spans[source].push(FileSpan { from: counts[source], run, session, superseded_from: superseded_from.clone() });
        counts[source] += batch.len() as u64;
    }
    let mut found = Vec::new();
    for ((source, file), spans) in (0..).zip(&logs.files).zip(spans) {
        let Some(others) = file.facts.summaries.as_ref().map(|summaries| &summaries.others) else { continue };
        let tags: Vec<u32> = others.tags.iter().map(|tag| numbers.number(tag.as_bytes())).collect();
        let mut all = others.columns.clone();
        all.tag.iter_mut().for_each(|tag| *tag = tags[*tag as usize]);
        all.step.iter_mut().flatten().for_each(|step| *step = step.saturating_add(file.offset));
        let ordinals = all.ordinals.clone().unwrap_or_default();
        let mut begin = 0;
        while begin < all.len() {
            let span = spans.partition_point(|span| span.from <= ordinals[begin]).checked_sub(1);
            let next = span.and_then(|span| spans.get(span + 1)).map(|next| next.from);
            let end = next.map_or(all.len(), |next| ordinals.partition_point(|ordinal| *ordinal < next));
            let span = span.and_then(|span| spans.get(span));
            found.push(ColumnBatch {
                source,
                run: span.map_or(file.run, |span| span.run),
                session: span.map_or(0, |span| span.session),
                superseded_from: span.and_then(|span| span.superseded_from.clone()),
                ..all.slice(begin..end)
            });
            begin = end;
        }
    }
    logs.records.tags = numbers.into_names()?;
    supersede(&mut found);
    Ok(found)
}

/// Notes what later sessions repeated: each series from the first value on that a later session has of it.
fn supersede(batches: &mut [ColumnBatch]) {
    let mut first: BTreeMap<(u32, u32), HashMap<u32, OrderKey>> = BTreeMap::new();
    for batch in &*batches {
        let keys = batch.order_keys();
        let of_session = first.entry((batch.run, batch.session)).or_default();
        for (index, &tag) in batch.tag.iter().enumerate() {
            if let Some(key) = keys.at(index) {
                let known = of_session.entry(tag).or_insert(key);
                *known = key.min(*known);
            }
        }
    }
    for batch in batches {
        let mut tags: HashMap<u32, OrderKey> = HashMap::new();
        for (_, later) in first.range((batch.run, batch.session + 1)..=(batch.run, u32::MAX)) {
            for (&tag, &key) in later {
                let known = tags.entry(tag).or_insert(key);
                *known = key.min(*known);
            }
        }
        let all = batch.superseded_from.as_ref().and_then(|from| from.all);
        let from = SupersededFrom { all, tags };
        batch.superseded_from = (!from.is_empty()).then(|| Arc::new(from));
    }
}

/// The second counters of the logs, with those among the values that are not numbers: a loop may log images by epoch and
/// numbers by step.
pub(super) fn second_counters(logs: &Logs, others: &[ColumnBatch]) -> SecondCounters {
    let mut counters = logs.second_counters();
    for (source, _) in (0_u32..).zip(&logs.files) {
        let of_file = |batch: &&ColumnBatch| batch.source == source;
        let own: Vec<&ColumnBatch> = others.iter().filter(of_file).collect();
        if own.is_empty() {
            continue;
        }
        let scalars: Vec<&ColumnBatch> = logs.records.batches.iter().filter(of_file).collect();
        let merged = Records { batches: merged(&scalars, &own), ..Records::default() };
        let found = SecondCounters::of(&merged, 1);
        let tags: HashSet<u32> = own.iter().flat_map(|batch| &batch.tag).copied().collect();
        for batch in &merged.batches {
            let more = found.of_run(batch.run).filter(|(tag, _)| tags.contains(tag));
            counters.add(batch.run, more.map(|(tag, marks)| (tag, marks.to_vec())).collect());
        }
    }
    counters
}

/// The values of a file in their order, one batch a run.
fn merged(scalars: &[&ColumnBatch], others: &[&ColumnBatch]) -> Vec<ColumnBatch> {
    let mut next = others.iter().flat_map(|batch| (0..batch.len()).map(|index| (*batch, index))).peekable();
    let mut found: BTreeMap<u32, ColumnBatch> = BTreeMap::new();
    let mut add = |batch: &ColumnBatch, index: usize| {
        let into = found.entry(batch.run).or_insert_with(|| ColumnBatch {
            step: Some(Vec::new()),
            meaning: batch.meaning,
            ..ColumnBatch::new(batch.run, batch.source, batch.format)
        });
        if let (Some(steps), Some(step)) = (&mut into.step, batch.step_of(index)) {
            steps.push(step);
            into.tag.push(batch.tag[index]);
            into.value.push(f64::NAN);
        }
    };
    let scalars = scalars.iter().flat_map(|batch| (0..batch.len()).map(|index| (*batch, index)));
    for (before, scalar) in (0_u64..).zip(scalars) {
        while let Some((batch, index)) =
            next.next_if(|(batch, index)| batch.ordinals.as_ref().is_some_and(|all| all[*index] <= before))
        {
            add(batch, index);
        }
        add(scalar.0, scalar.1);
    }
    next.for_each(|(batch, index)| add(batch, index));
    found.into_values().collect()
}
