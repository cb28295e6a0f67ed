//! A format that nobody has: one reader and one call of `register` are all that it takes to be read, shown, named in errors,
//! and tried with damage.

use std::io;

use stepbridge_formats::{Example, Examples, FormatReader, Framing, Input, ReadOptions, Sink, readers, register};
use stepbridge_index::{Logs, ReadError, read_bytes};
use stepbridge_records::{
    ColumnBatch, FormatDescription, ProblemKind, SeriesMeaning, StepMeaning, TagTable, TaggedBatch, Unit,
};

/// Lines of a step and two values, after a line that names the format.
static READER: FormatReader = FormatReader {
    description: FormatDescription {
        name: "parchment",
        title: "parchment",
        writer: Some("Scribe"),
        meaning: SeriesMeaning { step: Some(StepMeaning::of_run(Unit::Step, 1)), epoch: None },
        ..FormatDescription::UNKNOWN
    },
    claims_name: |name| name.ends_with(".parchment"),
    matches: |head| head.bytes.starts_with(b"PARCHMENT\n"),
    explain_mismatch: |_| Some((ProblemKind::NotALog, "it is called a parchment and is not one")),
    read,
    examples: Examples {
        file: "run.parchment",
        framing: Framing::Lines,
        all: &[Example::text("PARCHMENT\n", |number, one, other| format!("{number} {one} {other}"))],
    },
    ..FormatReader::NONE
};

fn read(input: &mut Input, sink: &mut Sink) -> io::Result<()> {
    let bytes = input.whole()?;
    let mut tags = TagTable::default();
    let numbers = ["ink", "quill"].map(|name| tags.number(name.as_bytes()));
    let mut columns = ColumnBatch::new(0, 0, READER.format());
    let mut steps = Vec::new();
    let mut at = 0;
    for line in bytes.split_inclusive(|&byte| byte == b'\n') {
        let begin = at;
        at += line.len() as u64;
        let text = String::from_utf8_lossy(line);
        let words: Vec<&str> = text.split_whitespace().collect();
        if line == b"PARCHMENT\n" || words.is_empty() {
            continue;
        }
        let row = match words[..] {
            [step, one, other] if line.ends_with(b"\n") => {
                step.parse::<i64>().ok().zip(one.parse::<f64>().ok().zip(other.parse::<f64>().ok()))
            }
            _ => None,
        };
        let Some((step, (one, other))) = row else {
            sink.report(ProblemKind::Corrupt, begin, at, "this is not a line of a parchment");
            continue;
        };
        steps.extend([step; 2]);
        columns.tag.extend(numbers);
        columns.value.extend([one, other]);
        sink.facts.records_ok += 1;
    }
    columns.step = (!steps.is_empty()).then_some(steps);
    sink.emit(TaggedBatch::new(tags.into_names()?, columns));
    sink.came_to(at)
}

fn read_text(name: &str, text: &str) -> Result<Logs, ReadError> {
    read_bytes(name, text.as_bytes(), &ReadOptions::default(), 1)
}

#[test]
fn a_format_is_one_reader() {
    register(&READER);
    let logs = read_text("run.parchment", "PARCHMENT\n1 0.5 2\n2 0.25 1\n").unwrap();
    assert_eq!(logs.files[0].format.name(), "parchment");
    assert_eq!(logs.files[0].format.meaning(), READER.description.meaning);
    // What `info` shows of the run.
    let overview = &logs.overview()[0];
    assert_eq!((overview.records, overview.tags, overview.steps), (4, 2, Some((1, 2))));
    // Errors list its writer, and say what is wrong with a file of its name.
    let error = read_text("run.bin", "nothing").unwrap_err().to_string();
    assert!(error.contains("Scribe"), "{error}");
    let error = read_text("run.parchment", "nothing").unwrap_err().to_string();
    assert!(error.contains("it is called a parchment and is not one"), "{error}");
    // Python's names of formats are those of all readers.
    assert!(readers().iter().any(|reader| reader.description.name == "parchment"));
    assert_eq!(stepbridge_formats::named("parchment"), Some(&READER));
    // Its example is broken in all the ways that files get broken.
    super::fuzz(&READER);
}
