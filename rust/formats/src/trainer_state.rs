//! Hugging Face's `trainer_state.json`: one object, whose `log_history` is a list of entries with a step, an epoch and
//! values. The object holds the `global_step` and `epoch` at which it was saved.

use std::io;

use crate::shared::config::{ConfigFile, json_settings};
use crate::shared::contents::FileContents;
use crate::shared::example::{Example, ExampleUnits, Examples, Framing};
use crate::shared::reader::FormatReader;
use crate::shared::record_builder::{RecordBuilder, RowPlace};
use stepbridge_io::json::{JsonCursor, JsonFault, JsonValue};
use stepbridge_records::{
    ConfigEntry, ConfigItem, Decimal, EpochMeaning, FormatDescription, Problem, ProblemKind, RepeatedRecords,
    ResumeSigns, SeriesMeaning, StepMeaning, TagTable, TaggedBatch, Unit,
};

pub(super) static READER: FormatReader = FormatReader {
    description: FormatDescription {
        name: "trainer_state",
        title: "Hugging Face trainer_state.json",
        writer: Some("Hugging Face"),
        meaning: SeriesMeaning { step: Some(StepMeaning::of_run(Unit::Step, 1)), epoch: Some(EpochMeaning::Elapsed) },
        // It is written anew as a whole.
        resume_signs: ResumeSigns::NONE,
        repeats: RepeatedRecords::InCheckpoints,
        ..FormatDescription::UNKNOWN
    },
    claims_name: |name| name == "trainer_state.json",
    matches: |head| head.begins_with(b'{') && head.contains(b"\"log_history\""),
    explain_mismatch: |head| {
        let reason = "it is called trainer_state.json and is not a JSON object";
        (!head.begins_with(b'{')).then_some((ProblemKind::NotALog, reason))
    },
    read: |input, sink| {
        read(&input.whole()?, input.file)?.emit_to(sink);
        Ok(())
    },
    configs: &[ConfigFile {
        names: &["all_results.json", "train_results.json"],
        below: None,
        settings: |_, text| json_settings(text.as_bytes()),
        // The examples of the training data. The rest are final values.
        item: |key| (key == "train_samples").then_some((ConfigItem::Samples, true)),
    }],
    examples: Examples { file: "trainer_state.json", framing: Framing::List, all: &[PLAIN, STRANGE] },
    ..FormatReader::NONE
};

const HEAD: &[u8] = b"{\n \"best_metric\": null, \"epoch\": 3.0, \"global_step\": 12, \"log_history\": [\n";

const PLAIN: Example = Example {
    head: HEAD,
    units: ExampleUnits::Text(|i, one, other| {
        let epoch = f64::from(i) / 4.0;
        format!("{{\"epoch\": {epoch}, \"grad_norm\": {one}, \"loss\": {other}, \"step\": {i}}}")
    }),
    tail: "\n ],\n \"max_steps\": 12, \"trial_params\": null\n}\n",
};

const STRANGE: Example = Example {
    head: HEAD,
    units: ExampleUnits::Text(|i, one, other| {
        let odd = ["NaN", "null", "\"text \\u00e9 \\\" {\"", "[1, {\"a\": []}]", "true", "-Infinity"];
        let odd = odd[usize::from(i % 6)];
        format!("{{\n  \"eval_loss\": {one},\n  \"odd\": {odd},\n  \"step\": {i},\n  \"x\": {other}\n}}")
    }),
    tail: "]}",
};

/// Reads all intact entries.
fn read(bytes: &[u8], file: &str) -> io::Result<FileContents> {
    let mut state = StateReader {
        bytes,
        file,
        tags: TagTable::default(),
        columns: RecordBuilder::default(),
        read: FileContents::default(),
        at: RowPlace::default(),
        config: Vec::new(),
        done: 0,
    };
    state.read.facts.bytes = bytes.len() as u64;
    state.object();
    let mut columns = state.columns.into_columns(READER.format());
    columns.evidence.extend(state.at.step.zip(state.at.epoch));
    columns.config = state.config;
    state.read.batches.push(TaggedBatch::new(state.tags.into_names()?, columns));
    Ok(state.read)
}

struct StateReader<'a> {
    bytes: &'a [u8],
    file: &'a str,
    tags: TagTable,
    columns: RecordBuilder,
    read: FileContents,
    /// Where the state says that it was saved.
    at: RowPlace,
    /// What it says of the plan.
    config: Vec<ConfigEntry>,
    /// Up to here all was read or reported.
    done: usize,
}

/// An entry's values, before its step is known: names are sorted, so the step comes late.
#[derive(Default)]
struct HistoryEntry {
    place: RowPlace,
    values: Vec<(u32, f64)>,
    others: u64,
}

impl<'a> StateReader<'a> {
    /// The whole file.
    fn object(&mut self) {
        let mut cursor = JsonCursor::new(self.bytes, 0);
        if cursor.expect(b'{').is_err() {
            self.report(ProblemKind::NotALog, 0, self.bytes.len(), "it is not a JSON object".to_owned());
            return;
        }
        let mut history = false;
        loop {
            self.done = cursor.at;
            match self.member(&mut cursor, &mut history) {
                Ok(true) => {}
                Ok(false) => {
                    // Without a list it is not a state, from its first byte on.
                    if history {
                        self.behind(&cursor);
                    }
                    break;
                }
                Err(JsonFault::End) => {
                    // Of a state without its list nothing was read.
                    let nothing = !history && self.read.problems.is_empty();
                    let place = if history { "after its log_history" } else { "before its log_history" };
                    self.truncated(if nothing { 0 } else { self.done }, place);
                    break;
                }
                Err(JsonFault::Syntax) => {
                    // The entries may still be intact.
                    let next = if history { None } else { self.find_history(cursor.at) };
                    let what = if history { "log_history was read" } else { "entries before it may be lost" };
                    let reason = format!("this is not JSON; {what}");
                    self.report(ProblemKind::Corrupt, self.done, next.unwrap_or(self.bytes.len()), reason);
                    let Some(next) = next else { break };
                    cursor.at = next;
                }
            }
        }
        if !history && self.read.problems.is_empty() {
            let reason = "the object has no list 'log_history'".to_owned();
            self.report(ProblemKind::NotALog, 0, self.bytes.len(), reason);
        }
    }

    /// One member of the object; false at its end.
    fn member(&mut self, cursor: &mut JsonCursor<'a>, history: &mut bool) -> Result<bool, JsonFault> {
        if cursor.take(b'}')? {
            return Ok(false);
        }
        let name = cursor.name()?;
        if name == "log_history" && cursor.peek()? == b'[' {
            *history = true;
            if !self.entries(cursor) {
                cursor.at = self.bytes.len();
                return Ok(false);
            }
            self.done = cursor.at;
        } else if let JsonValue::Number { text, .. } = cursor.value()? {
            match &*name {
                "global_step" => self.at.step = Decimal::parse(text).and_then(Decimal::whole),
                "epoch" => self.at.epoch = Decimal::parse(text),
                "max_steps" => self.config(ConfigItem::Steps, &name, text),
                "num_train_epochs" => self.config(ConfigItem::Epochs, &name, text),
                _ => {}
            }
        }
        if !cursor.take(b',')? && cursor.peek()? != b'}' {
            return Err(JsonFault::Syntax);
        }
        Ok(true)
    }

    fn config(&mut self, item: ConfigItem, key: &str, text: &str) {
        // A stream is planned for as many epochs as there are numbers.
        let value = Decimal::parse(text).and_then(Decimal::count).filter(|value| *value < 1 << 62);
        let entry = |value| ConfigEntry { item, key: key.to_owned(), value, file: self.file.to_owned(), sure: true };
        self.config.extend(value.map(entry));
    }

    /// All entries up to the list's end; false where the file ends before.
    fn entries(&mut self, cursor: &mut JsonCursor<'a>) -> bool {
        cursor.at += 1;
        let mut index = 0;
        loop {
            let begin = cursor.at;
            match cursor.peek() {
                Ok(b']') => {
                    cursor.at += 1;
                    return true;
                }
                Err(_) => {
                    self.truncated_entry(begin, index);
                    return false;
                }
                Ok(_) => {}
            }
            let begin = cursor.at;
            match self.entry(cursor) {
                Ok(entry) => self.keep(&entry),
                Err(JsonFault::End) => {
                    self.truncated_entry(begin, index);
                    return false;
                }
                Err(JsonFault::Syntax) => {
                    // The next entry begins at a brace, or the list ends.
                    let end = self.next_entry(cursor.at);
                    let problem = Problem::new(
                        self.file,
                        ProblemKind::Corrupt,
                        "an entry of log_history is not JSON; it was left out",
                    );
                    self.read.problems.push(problem.at(begin as u64, (end - begin) as u64).of_record(index));
                    cursor.at = end;
                }
            }
            index += 1;
        }
    }

    /// One entry and the comma after it.
    fn entry(&mut self, cursor: &mut JsonCursor<'a>) -> Result<HistoryEntry, JsonFault> {
        let mut entry = HistoryEntry::default();
        cursor.expect(b'{')?;
        if !cursor.take(b'}')? {
            loop {
                let name = cursor.name()?;
                match (&*name, cursor.value()?) {
                    ("step", JsonValue::Number { text, .. }) => {
                        entry.place.step =
                            Some(Decimal::parse(text).and_then(Decimal::whole).ok_or(JsonFault::Syntax)?);
                    }
                    ("epoch", JsonValue::Number { text, .. }) => entry.place.epoch = Decimal::parse(text),
                    (_, JsonValue::Number { value, .. }) => {
                        entry.values.push((self.tags.number(name.as_bytes()), value));
                    }
                    (_, JsonValue::Null) => {}
                    (_, JsonValue::Other | JsonValue::Nested) => entry.others += 1,
                }
                if cursor.take(b'}')? {
                    break;
                }
                cursor.expect(b',')?;
            }
        }
        // The entry itself is whole, whatever follows.
        if cursor.peek() == Ok(b',') {
            cursor.at += 1;
        }
        Ok(entry)
    }

    fn keep(&mut self, entry: &HistoryEntry) {
        entry.values.iter().for_each(|&(tag, value)| self.columns.push(tag, value));
        self.columns.end_row(entry.place);
        self.read.facts.records_ok += 1;
        self.read.facts.non_numeric += entry.others;
    }

    /// Reports anything after the object: a copy may have been written over a longer one.
    fn behind(&mut self, cursor: &JsonCursor) {
        let rest = self.bytes.get(cursor.at..).unwrap_or_default();
        if !rest.trim_ascii().is_empty() {
            let reason = "bytes after the state's end were ignored".to_owned();
            self.report(ProblemKind::Corrupt, cursor.at, self.bytes.len(), reason);
        }
    }

    /// Where an entry may begin, or the list may end, from `from` on.
    fn next_entry(&self, from: usize) -> usize {
        let rest = self.bytes.get(from..).unwrap_or_default();
        rest.iter().position(|byte| matches!(byte, b'{' | b']')).map_or(self.bytes.len(), |found| from + found)
    }

    /// Where the member `log_history` begins, from `from` on.
    fn find_history(&self, from: usize) -> Option<usize> {
        let name = b"\"log_history\"";
        let rest = self.bytes.get(from..).unwrap_or_default();
        rest.windows(name.len()).position(|window| window == name).map(|found| from + found)
    }

    fn truncated_entry(&mut self, begin: usize, index: u64) {
        let left = self.bytes.len() - begin;
        let reason = format!(
            "the file ends inside log_history: its last {left} bytes hold no whole entry; it is still being written, or \
             its writer was stopped"
        );
        let problem = Problem::new(self.file, ProblemKind::Truncated, reason);
        self.read.problems.push(problem.at(begin as u64, left as u64).of_record(index));
    }

    fn truncated(&mut self, begin: usize, place: &str) {
        let reason = format!("the file ends {place}; it is still being written, or its writer was stopped");
        self.report(ProblemKind::Truncated, begin, self.bytes.len(), reason);
    }

    fn report(&mut self, kind: ProblemKind, begin: usize, end: usize, reason: String) {
        let problem = Problem::new(self.file, kind, reason).at(begin as u64, (end - begin) as u64);
        self.read.problems.push(problem);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const STATE: &str = r#"{
  "epoch": 2.5,
  "global_step": 10,
  "log_history": [
    {"epoch": 0.25, "loss": 1.5, "step": 1},
    {"epoch": 0.5, "loss": NaN, "lr": 1e-05, "step": 2},
    {"epoch": 0.5, "eval_loss": Infinity, "note": "x", "step": 2}
  ],
  "max_steps": 10
}
"#;

    fn read_text(text: &str) -> FileContents {
        read(text.as_bytes(), "trainer_state.json").expect("few tags")
    }

    /// Records as text, which compares NaN with itself.
    fn records(read: &FileContents) -> Vec<String> {
        let tagged = &read.batches[0];
        (0..tagged.columns.len())
            .map(|i| {
                let epoch = tagged.columns.epoch_of(i).map(Decimal::to_f64);
                let tag = &tagged.tags[tagged.columns.tag[i] as usize];
                format!("{tag} {:?} {epoch:?} {}", tagged.columns.step_of(i), tagged.columns.value[i])
            })
            .collect()
    }

    #[test]
    fn entries_become_records_and_the_state_evidence() {
        let read = read_text(STATE);
        assert_eq!(
            records(&read),
            [
                "loss Some(1) Some(0.25) 1.5",
                "loss Some(2) Some(0.5) NaN",
                "lr Some(2) Some(0.5) 0.00001",
                "eval_loss Some(2) Some(0.5) inf"
            ]
        );
        let stated = Decimal::parse("2.5").expect("a number");
        assert_eq!(read.batches[0].columns.evidence, [(10, stated)]);
        assert_eq!((read.facts.records_ok, read.facts.non_numeric), (3, 1));
        assert!(read.problems.is_empty());
    }

    #[test]
    fn a_cut_anywhere_keeps_all_entries_before_it() {
        let all = records(&read_text(STATE));
        let ends: Vec<usize> = STATE.match_indices('}').map(|(at, _)| at).take(3).collect();
        for end in 0..STATE.len() - 1 {
            let read = read_text(&STATE[..end]);
            let whole = ends.iter().filter(|&&brace| brace < end).count();
            assert_eq!(read.facts.records_ok, whole as u64, "cut at {end}");
            let seen = records(&read);
            assert_eq!(seen, all[..seen.len()], "cut at {end}");
            // Only a state that is whole, but for what is blank, has nothing to report.
            assert_eq!(read.problems.len(), usize::from(end < STATE.len() - 1), "cut at {end}: {:?}", read.problems);
        }
    }

    #[test]
    fn an_entry_that_is_no_json_costs_itself_alone() {
        for broken in [
            "{\"epoch\": 0.5, \"loss\": oops, \"step\": 2}",
            "{\"epoch\": 0.5, \"loss\": 3, \"step\": 2.5}",
            "<<<<<<< HEAD",
            "{\"epoch\": 0.5 \"step\": 2}",
            "17",
        ] {
            let text =
                STATE.replace("{\"epoch\": 0.5, \"loss\": NaN", &format!("{broken},\n{{\"epoch\": 0.5, \"loss\": NaN"));
            let read = read_text(&text);
            assert_eq!(records(&read), records(&read_text(STATE)), "{broken}");
            let problem = &read.problems[..];
            assert_eq!(problem.len(), 1, "{broken}: {problem:?}");
            assert_eq!(problem[0].kind, ProblemKind::Corrupt);
            assert_eq!(problem[0].record, Some(1), "{broken}");
            assert_eq!(problem[0].offset, Some(text.find(broken).expect("it is there") as u64));
        }
    }

    #[test]
    fn damage_before_the_list_keeps_the_list() {
        let read = read_text(&STATE.replace("\"global_step\": 10", "\"global_step\": <<<<"));
        assert_eq!(records(&read), records(&read_text(STATE)));
        assert_eq!(read.problems[0].kind, ProblemKind::Corrupt);
        assert!(read.batches[0].columns.evidence.is_empty());
    }

    #[test]
    fn what_follows_the_list_is_reported_on_its_own() {
        for (text, kind) in [
            (STATE.replace("\n  ],", "\n  ] oops,"), ProblemKind::Corrupt),
            (STATE.replace("\n  ],\n  \"max_steps\": 10\n}\n", "\n  ]"), ProblemKind::Truncated),
            (format!("{STATE}\"max_steps\": 10\n}}\n"), ProblemKind::Corrupt),
        ] {
            let read = read_text(&text);
            assert_eq!(records(&read), records(&read_text(STATE)), "{text}");
            let [problem] = &read.problems[..] else { panic!("{:?}", read.problems) };
            assert_eq!(problem.kind, kind, "{text}");
            assert!(problem.offset > text.find("\n  ]").map(|at| at as u64), "{problem:?}");
        }
    }

    #[test]
    fn other_json_is_no_state() {
        for text in ["[1, 2]", "{\"a\": 1}", "{\"log_history\": 3}", "text", ""] {
            let read = read_text(text);
            assert_eq!(read.problems.len(), 1, "{text}");
            assert!(matches!(read.problems[0].kind, ProblemKind::NotALog | ProblemKind::Truncated), "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_damage_is_survived(at in 0..STATE.len(), byte in any::<u8>(), end in 0..STATE.len()) {
            let mut bytes = STATE.as_bytes()[..end].to_vec();
            if let Some(damaged) = bytes.get_mut(at) {
                *damaged = byte;
            }
            let read = read(&bytes, "trainer_state.json").expect("few tags");
            for problem in &read.problems {
                let end = problem.offset.unwrap_or(0) + problem.length.unwrap_or(0);
                prop_assert!(end <= bytes.len() as u64);
            }
        }
    }
}
