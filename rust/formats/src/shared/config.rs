//! The run's own configuration: files of it next to the logs, and the names that people give its numbers.
//!
//! Only whole numbers are of interest. Nothing in such a file is executed, and a name with more than one meaning is not sure.

use stepbridge_io::json::{JsonCursor, JsonFault, JsonValue};
use stepbridge_records::{ConfigEntry, ConfigItem, Decimal};

/// A kind of file that holds the configuration of the run in its folder. The format of the run's logs describes it.
#[derive(Debug)]
pub struct ConfigFile {
    /// The names that such a file may have; none if each number has a file of its own, called as the number.
    pub names: &'static [&'static str],
    /// The name of its folder, if the run is in the folder above that one.
    pub below: Option<&'static str>,
    /// Its numbers, by the name of the file and its text.
    pub(crate) settings: fn(name: &str, text: &str) -> Vec<Setting>,
    /// What the number with a name says.
    pub(crate) item: fn(key: &str) -> Option<NamedItem>,
}

/// A number in a configuration: its name, with points where it is nested, and its value.
pub(crate) type Setting = (String, u64);

/// What a number says, and whether its name says exactly that.
pub(crate) type NamedItem = (ConfigItem, bool);

/// How deeply objects are looked into.
const DEPTH: usize = 8;

/// Larger numbers are no plan: some frameworks write the largest integer for "no end".
pub(crate) const MOST: u64 = 1 << 53;

impl ConfigFile {
    /// Whether a file with this name, in these folders, is of this kind.
    #[must_use]
    pub fn claims(&self, name: &str, folder: &[String]) -> bool {
        let named = if self.names.is_empty() { (self.item)(name).is_some() } else { self.names.contains(&name) };
        named && self.below.is_none_or(|below| folder.last().is_some_and(|last| last == below))
    }

    /// What a file of this kind says.
    pub(crate) fn read(&self, file: &str, name: &str, text: &str) -> Vec<ConfigEntry> {
        entries(file, (self.settings)(name, text), self.item)
    }
}

/// What settings say, as far as their names tell.
pub(crate) fn entries(
    file: &str,
    settings: impl IntoIterator<Item = Setting>,
    item: impl Fn(&str) -> Option<NamedItem>,
) -> Vec<ConfigEntry> {
    let known = settings.into_iter().filter(|(_, value)| (1..MOST).contains(value));
    let entry = |(key, value): Setting| {
        let (item, sure) = item(&key)?;
        Some(ConfigEntry { item, key, value, file: file.to_owned(), sure })
    };
    known.filter_map(entry).collect()
}

/// What a name that people give says: the one after the last point or slash. Names of validation data say nothing.
pub(crate) fn common_item(key: &str) -> Option<NamedItem> {
    let mut parts = key.rsplit(['.', '/']);
    let name = parts.next()?.to_ascii_lowercase().replace('-', "_");
    let is_other = |part: &str| {
        let part = part.to_ascii_lowercase();
        ["val", "eval", "test", "predict"].iter().any(|word| part.split('_').any(|piece| piece.starts_with(word)))
    };
    if key.split(['.', '/']).any(is_other) {
        return None;
    }
    Some(match &*name {
        "per_device_train_batch_size"
        | "per_gpu_train_batch_size"
        | "micro_batch_size"
        | "batch_size_per_gpu"
        | "samples_per_gpu"
        | "train_micro_batch_size_per_gpu" => (ConfigItem::RankBatch, true),
        "batch_size" | "train_batch_size" | "global_batch_size" | "total_batch_size" => (ConfigItem::Batch, false),
        "gradient_accumulation_steps"
        | "accumulate_grad_batches"
        | "grad_accum_steps"
        | "accumulation_steps"
        | "gradient_accumulation" => (ConfigItem::Accumulate, true),
        "world_size" | "num_processes" | "data_parallel_size" | "num_replicas" => (ConfigItem::Ranks, true),
        "epochs" | "num_epochs" | "max_epochs" | "num_train_epochs" | "n_epochs" | "total_epochs" => {
            (ConfigItem::Epochs, true)
        }
        "max_steps" | "max_iters" | "max_iter" | "train_iters" | "total_steps" | "num_train_steps"
        | "max_train_steps" => (ConfigItem::StepLimit, true),
        "steps_per_epoch" | "num_update_steps_per_epoch" | "updates_per_epoch" => {
            (ConfigItem::EpochSteps, name != "steps_per_epoch")
        }
        "batches_per_epoch" | "iters_per_epoch" | "num_train_batches" | "train_batches" => {
            (ConfigItem::EpochBatches, true)
        }
        "train_samples" | "num_train_samples" | "num_train_examples" | "train_size" | "train_dataset_size" => {
            (ConfigItem::Samples, true)
        }
        "num_samples" | "num_examples" | "dataset_size" => (ConfigItem::Samples, false),
        _ => return None,
    })
}

/// The whole numbers of a JSON value, with names joined by points.
pub(crate) fn json_settings(json: &[u8]) -> Vec<Setting> {
    json_settings_of("", json)
}

/// The same, of a value with a name.
pub(crate) fn json_settings_of(name: &str, json: &[u8]) -> Vec<Setting> {
    let mut found = Vec::new();
    // A number ends at what comes after it.
    let text = [json, b"\n"].concat();
    // What comes before damage is whole.
    let _ = object(&mut JsonCursor::new(&text, 0), name, DEPTH, &mut found);
    found
}

fn object(cursor: &mut JsonCursor, above: &str, depth: usize, found: &mut Vec<Setting>) -> Result<(), JsonFault> {
    if cursor.peek()? != b'{' || depth == 0 {
        if let JsonValue::Number { text, .. } = cursor.value()? {
            found.extend(whole(text).map(|value| (above.to_owned(), value)));
        }
        return Ok(());
    }
    cursor.at += 1;
    if cursor.take(b'}')? {
        return Ok(());
    }
    loop {
        let name = cursor.name()?;
        let key = if above.is_empty() { name.into_owned() } else { format!("{above}.{name}") };
        object(cursor, &key, depth - 1, found)?;
        if cursor.take(b'}')? {
            return Ok(());
        }
        cursor.expect(b',')?;
    }
}

/// A number that is whole and not negative.
pub(crate) fn whole(text: &str) -> Option<u64> {
    Decimal::parse(&text.trim().replace('_', "")).and_then(Decimal::count)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_say_what_a_number_is() {
        for (key, expected) in [
            ("batch_size", Some((ConfigItem::Batch, false))),
            ("data.init_args.batch_size", Some((ConfigItem::Batch, false))),
            ("per_device_train_batch_size", Some((ConfigItem::RankBatch, true))),
            ("per_device_eval_batch_size", None),
            ("val_dataloader.batch_size", None),
            ("data/test/batch_size", None),
            ("trainer.max_epochs", Some((ConfigItem::Epochs, true))),
            ("num-train-samples", Some((ConfigItem::Samples, true))),
            ("eval_steps", None),
            ("hidden_size", None),
        ] {
            assert_eq!(common_item(key), expected, "{key}");
        }
    }

    #[test]
    fn whole_numbers_of_objects_are_found() {
        let json = br#"{"a": 3, "b": {"c": 4, "d": [5], "e": 0.5}, "f": "6", "g": 9223372036854775807, "h": -1}"#;
        let expected = [("a".to_owned(), 3), ("b.c".to_owned(), 4), ("g".to_owned(), u64::MAX >> 1)];
        assert_eq!(json_settings(json), expected);
        assert_eq!(json_settings_of("n", b"64"), [("n".to_owned(), 64)]);
        assert_eq!(json_settings(br#"{"a": 3, "b": "#), [("a".to_owned(), 3)]);
        assert_eq!(entries("f", [("epochs".to_owned(), u64::MAX >> 1)], common_item), []);
    }
}
