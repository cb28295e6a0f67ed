//! Series that two files of a run hold both, such as `results.csv` and an event file of one training.
//!
//! Writers round differently, so values are equal if they agree in [`DIGITS`]. Names are equal if their letters and digits are.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use stepbridge_records::ColumnBatch;

use crate::logs::Logs;

/// Two values are equal if they differ by less than this part of themselves: tables often have five digits.
const DIGITS: f64 = 1e-4;

/// Two files of a run that hold the same series.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RepeatedSeries {
    /// The run.
    pub run: String,
    /// The file that holds more series, relative to the path that the caller gave.
    pub file: String,
    /// The other file.
    pub other: String,
    /// How many series both hold.
    pub tags: usize,
}

impl Logs {
    /// The pairs of files of different formats in one run that hold the same series.
    #[must_use]
    pub fn repeated_series(&self) -> Vec<RepeatedSeries> {
        let mut files_of: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
        for (source, file) in (0..).zip(&self.files) {
            files_of.entry(file.run).or_default().push(source);
        }
        files_of.retain(|_, files| {
            let formats: BTreeSet<&str> =
                files.iter().map(|source| self.files[*source as usize].format.name()).collect();
            formats.len() > 1
        });
        if files_of.is_empty() {
            return Vec::new();
        }
        let wanted: BTreeSet<u32> = files_of.values().flatten().copied().collect();
        let mut series: HashMap<u32, FileSeries> = HashMap::new();
        for batch in &self.records.batches {
            if wanted.contains(&batch.source) {
                self.add(series.entry(batch.source).or_default(), batch);
            }
        }
        let pairs = files_of.into_iter().flat_map(|(run, files)| self.pairs(run, &files, &series));
        pairs.collect()
    }

    fn add(&self, series: &mut FileSeries, batch: &ColumnBatch) {
        for (&tag, &value) in batch.tag.iter().zip(&batch.value) {
            let tag = self.records.tags.get(tag as usize).map_or("", String::as_str);
            if let Some(values) = series.get_mut(tag) {
                values.push(value);
            } else {
                series.insert(tag.to_owned(), vec![value]);
            }
        }
    }

    fn pairs(&self, run: u32, files: &[u32], series: &HashMap<u32, FileSeries>) -> Vec<RepeatedSeries> {
        let mut found = Vec::new();
        for (index, &one) in files.iter().enumerate() {
            for &other in &files[index + 1..] {
                let (Some(ours), Some(theirs)) = (series.get(&one), series.get(&other)) else { continue };
                if self.files[one as usize].format == self.files[other as usize].format {
                    continue;
                }
                let tags = shared(ours, theirs);
                // One series may be equal by chance, as a learning rate that never changes.
                if tags > 1 && 2 * tags >= ours.len().min(theirs.len()) {
                    let (more, less) = if ours.len() >= theirs.len() { (one, other) } else { (other, one) };
                    found.push(RepeatedSeries {
                        run: self.records.runs[run as usize].clone(),
                        file: self.records.sources[more as usize].clone(),
                        other: self.records.sources[less as usize].clone(),
                        tags,
                    });
                }
            }
        }
        found
    }
}

/// The values of each series of a file, in its order.
type FileSeries = HashMap<String, Vec<f64>>;

/// How many series are in both files.
fn shared(ours: &FileSeries, theirs: &FileSeries) -> usize {
    let plain = |name: &str| name.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_ascii_lowercase();
    let theirs: HashMap<String, &Vec<f64>> = theirs.iter().map(|(name, values)| (plain(name), values)).collect();
    ours.iter().filter(|(name, values)| theirs.get(&plain(name)).is_some_and(|others| same(values, others))).count()
}

/// Whether one list is the beginning of the other, and more than half of it.
fn same(one: &[f64], other: &[f64]) -> bool {
    let (shorter, longer) = (one.len().min(other.len()), one.len().max(other.len()));
    2 * shorter > longer && one.iter().zip(other).all(|(one, other)| close(*one, *other))
}

fn close(one: f64, other: f64) -> bool {
    one.to_bits() == other.to_bits() || (one - other).abs() <= DIGITS * one.abs().max(other.abs())
}

#[cfg(test)]
mod tests {
    use stepbridge_formats::ReadOptions;
    use stepbridge_io::progress::Progress;

    use super::*;

    #[test]
    fn a_table_and_json_lines_of_one_training() {
        let folder = tempfile::tempdir().expect("a folder");
        let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).expect("written");
        write("log.csv", "step,train/loss,acc\n1,0.12346,0.5\n2,0.1,0.75\n3,0.05,1\n");
        write(
            "log.jsonl",
            "{\"step\": 1, \"train_loss\": 0.123456, \"acc\": 0.5, \"lr\": 1}\n\
             {\"step\": 2, \"train_loss\": 0.1, \"acc\": 0.75, \"lr\": 1}\n",
        );
        let read = || {
            crate::runs::read(&folder.path().into(), &ReadOptions::default(), &Progress::default(), 1).expect("logs")
        };
        let found = read().repeated_series();
        let expected = RepeatedSeries { run: ".".into(), file: "log.jsonl".into(), other: "log.csv".into(), tags: 2 };
        assert_eq!(found, [expected]);
        write("log.jsonl", "{\"step\": 1, \"train_loss\": 0.9, \"acc\": 0.5}\n{\"step\": 2, \"train_loss\": 0.1}\n");
        assert_eq!(read().repeated_series(), []);
    }
}
