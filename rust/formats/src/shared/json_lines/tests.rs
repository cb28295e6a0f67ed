//! Faults of lines, and the laws: nothing is lost, and neither blocks nor threads show.

use proptest::prelude::*;

use super::*;
use crate::registry::{SniffedFormat, sniff};
use crate::shared::contents::FileContents;
use crate::shared::head::FileHead;
use crate::shared::options::ReadOptions;
use crate::shared::reader::FormatReader;
use crate::shared::sink::Sink;
use crate::test_reading::read_for_test;
use crate::{detectron2, jsonl, mmcv, mmengine, wandb_history};
use stepbridge_io::progress::Progress;
use stepbridge_records::{Decimal, Format, ProblemKind, TaggedBatch};

fn read_text(format: &'static FormatReader, text: &str) -> FileContents {
    read_for_test(format, "log.jsonl", text.as_bytes(), &ReadOptions::default(), 1)
}

/// Records as (tag, step, epoch, value).
fn records(read: &FileContents) -> Vec<(String, Option<i64>, Option<f64>, f64)> {
    read.batches.iter().flat_map(of_piece).collect()
}

fn of_piece(tagged: &TaggedBatch) -> Vec<(String, Option<i64>, Option<f64>, f64)> {
    let TaggedBatch { tags, columns: batch, .. } = tagged;
    (0..batch.len())
        .map(|i| {
            let epoch = batch.epoch_of(i).map(Decimal::to_f64);
            (tags[batch.tag[i] as usize].clone(), batch.step_of(i), epoch, batch.value[i])
        })
        .collect()
}

/// The same, of a tag and its values alone.
fn values(read: &FileContents) -> Vec<(String, f64)> {
    records(read).into_iter().map(|(tag, _, _, value)| (tag, value)).collect()
}

fn kinds(read: &FileContents) -> Vec<(ProblemKind, Option<u64>, Option<u64>)> {
    read.problems.iter().map(|problem| (problem.kind, problem.offset, problem.length)).collect()
}

fn named(values: &[(&str, f64)]) -> Vec<(String, f64)> {
    values.iter().map(|(tag, value)| ((*tag).to_owned(), *value)).collect()
}

/// What two reads of the same must agree on.
fn told(read: &FileContents) -> String {
    let rows: Vec<String> = (read.batches.iter())
        .flat_map(|tagged| {
            let meaning = tagged.columns.meaning;
            let time = tagged.columns.wall_time.clone();
            of_piece(tagged)
                .into_iter()
                .enumerate()
                .map(move |(i, (tag, step, epoch, value))| {
                    let time = time.as_ref().map_or(f64::NAN, |time| time[i]).to_bits();
                    format!("{tag} {step:?} {epoch:?} {:x} {time:x} {meaning:?}\n", value.to_bits())
                })
                .collect::<Vec<_>>()
        })
        .collect();
    format!("{}{:?}{:?}", rows.concat(), read.problems, read.facts)
}

#[test]
fn every_sort_of_value() {
    let text = concat!(
        "{\"step\": 1, \"loss\": 0.5, \"nan\": NaN, \"inf\": -Infinity, \"name\": \"x\", \"on\": true, \"none\": null, \"list\": [1, {\"a\": 2}]}\r\n",
        "\n  \n",
        "{\"nest\": {\"a\": 1, \"b\": {\"c\": 2}, \"none\": {}}, \"step\": 2}\n",
        "{\"step\": 3, \"\\u0061\\/b\": 1e3}\n",
        "{}\n",
        "{\"step\": 4}",
    );
    let read = read_text(&jsonl::READER, text);
    let found = records(&read);
    assert_eq!(found[0], ("loss".to_owned(), Some(1), None, 0.5));
    assert!(found[1].3.is_nan());
    assert_eq!(found[2].3.to_bits(), f64::NEG_INFINITY.to_bits());
    assert_eq!(
        found[3..],
        [
            ("nest.a".to_owned(), Some(2), None, 1.0),
            ("nest.b.c".to_owned(), Some(2), None, 2.0),
            ("a/b".to_owned(), Some(3), None, 1000.0),
        ]
    );
    assert_eq!((read.facts.records_ok, read.facts.non_numeric), (5, 3));
    assert_eq!(kinds(&read), []);
}

#[test]
fn the_last_of_several_values_of_a_key_counts() {
    let read = read_text(
        &jsonl::READER,
        "{\"step\": 1, \"a\": 1, \"step\": 2, \"b\": 2, \"a\": 3}\n{\"n\": {\"x\": 1, \"y\": 2}, \"n\": {\"y\": 3}, \"a\": 1, \"a\": null}\n",
    );
    assert_eq!(values(&read), named(&[("b", 2.0), ("a", 3.0), ("n.y", 3.0)]));
    assert_eq!(records(&read)[0].1, Some(2));
}

#[test]
fn texts_of_a_numeric_key_and_steps_that_are_none() {
    let read = read_text(
        &jsonl::READER,
        "{\"step\": 1, \"a\": 1, \"run\": \"x\"}\n{\"step\": 2, \"a\": \"NaN\"}\n{\"step\": 3.5, \"a\": 2}\n{\"step\": 1e30, \"epoch\": \"x\", \"a\": 3}\n{\"step\": 5.0, \"a\": 4}\n",
    );
    let steps: Vec<_> = records(&read).into_iter().map(|record| record.1).collect();
    assert_eq!(steps, [Some(1), None, None, Some(5)]);
    let reasons: Vec<&str> = read.problems.iter().map(|problem| &problem.reason[..]).collect();
    assert_eq!(
        reasons,
        [
            "1 value of key 'a' is not a number: 'NaN'",
            "2 values of key 'step', which the records there lack, are not whole numbers (the first: '3.5')",
            "1 value of key 'epoch', which the records there lack, is not a number: '\"x\"'",
        ]
    );
}

#[test]
fn what_is_no_object_is_reported_and_the_rest_read() {
    let good = "{\"step\": 1, \"a\": 1}\n";
    for (text, expected, problems) in [
        // Two objects in a line, and an array that has a line an object.
        ("{\"step\": 1, \"a\": 1} {\"step\": 2, \"a\": 2}\n", 2, vec![]),
        ("[\n{\"step\": 1, \"a\": 1},\n{\"step\": 2, \"a\": 2}\n]\n", 2, vec![(0, 2), (43, 2)]),
        // Git's marks, each its own.
        ("<<<<<<< HEAD\n{\"a\": 1}\n=======\n{\"a\": 2}\n>>>>>>> origin/master\n", 2, vec![(0, 13), (22, 8), (39, 22)]),
        // An object over several lines is one range.
        ("{\n\"a\": 1\n}\n{\"a\": 2}\n", 1, vec![(0, 11)]),
        // Torn, and gone on with in the same line.
        ("{\"a\": 1, \"lo{\"a\": 2}\n", 1, vec![(0, 12)]),
        // An object inside a torn one is none of its own.
        ("{\"a\": 1, \"boxes\": [{\"x\": 1}, {\"x\": 2}], \"lo\n", 0, vec![(0, 44)]),
        ("{\"a\": 1} and more\n", 1, vec![(9, 9)]),
        ("{\"\u{1}\": 1}\n", 0, vec![(0, 9)]),
        ("\0\0\0\n", 0, vec![(0, 4)]),
        ("\u{feff}{\"a\": 1}\n", 1, vec![]),
    ] {
        let read = read_text(&jsonl::READER, &(text.to_owned() + good));
        let ranges: Vec<(u64, u64)> =
            read.problems.iter().map(|problem| (problem.offset.unwrap_or(0), problem.length.unwrap_or(0))).collect();
        assert_eq!((records(&read).len(), ranges), (expected + 1, problems), "{text:?}: {:?}", read.problems);
        assert!(read.problems.iter().all(|problem| problem.kind == ProblemKind::Corrupt));
    }
    let deep = format!("{{\"a\": {}1{}}}\n", "{\"b\":".repeat(100), "}".repeat(100));
    assert_eq!(kinds(&read_text(&jsonl::READER, &deep)), [(ProblemKind::Corrupt, Some(0), Some(deep.len() as u64))]);
    let invalid =
        read_for_test(&jsonl::READER, "x", b"{\"a\": 1, \"t\": \"\xff\"}\n{\"\xff\": 1}\n", &ReadOptions::default(), 1);
    assert_eq!(values(&invalid), named(&[("a", 1.0)]));
    assert_eq!(kinds(&invalid), [(ProblemKind::Corrupt, Some(19), Some(9))]);
}

#[test]
fn names_of_deep_objects_do_not_multiply_the_file() {
    let text = format!("{{\"{}\": {{\"a\": 1, \"b\": 2}}, \"c\": 3}}\n", "x".repeat(300));
    let read = read_text(&jsonl::READER, &text);
    assert_eq!((values(&read), read.facts.non_numeric), (named(&[("c", 3.0)]), 2));
}

fn read_cut(
    format: &'static FormatReader,
    bytes: &[u8],
    blocks: BlockSizes,
    threads: usize,
    mark: Option<crate::shared::mark::Mark>,
) -> FileContents {
    struct Plain(Format);
    impl Dialect for Plain {
        fn format(&self) -> Format {
            self.0
        }
        fn role(&self, name: &str) -> KeyRole {
            match name {
                "step" => KeyRole::Step,
                "epoch" => KeyRole::Epoch,
                "iter" => KeyRole::Iter,
                "time" => KeyRole::WallTime,
                _ => KeyRole::Value,
            }
        }
        fn has_media(&self) -> bool {
            true
        }
        fn unplaced(&self) -> Option<&'static str> {
            Some("have no step")
        }
    }
    let (options, progress) = (ReadOptions::default(), Progress::default());
    let mut batches = Vec::new();
    let mut emit = |tagged| batches.push(tagged);
    let size = bytes.len() as u64;
    let mut sink = Sink::new("log", size, &progress, &mut emit);
    let path = std::path::Path::new("log");
    let input =
        Input { file: "log", path, folder: &[], name: "log", bytes: &bytes, size, threads, options: &options, mark };
    read_in_blocks(&Plain(format.format()), &input, &mut sink, blocks).expect("bytes in memory");
    let Sink { problems, facts, mark, .. } = sink;
    FileContents { batches, problems, facts, mark }
}

const HUGE: usize = 1 << 20;

#[test]
fn a_line_that_is_too_long_is_reported_up_to_its_end() {
    let long = format!("{{\"step\": 1, \"a\": \"{}\"}}\n", "x".repeat(1000));
    let text = format!("{{\"a\": 1}}\n{long}{{\"a\": 2}}\n");
    let at = 9;
    for size in [1, 7, 9, 10, 64, 300] {
        let read = read_cut(&jsonl::READER, text.as_bytes(), BlockSizes { size, longest: 400 }, 1, None);
        assert_eq!(values(&read), named(&[("a", 1.0), ("a", 2.0)]), "{size}");
        assert_eq!(kinds(&read)[..1], [(ProblemKind::Corrupt, Some(at), Some(long.len() as u64))], "{size}");
        // No line end ever.
        let read = read_cut(&jsonl::READER, &text.as_bytes()[..800], BlockSizes { size, longest: 400 }, 1, None);
        assert_eq!(kinds(&read)[..1], [(ProblemKind::Corrupt, Some(at), Some(791))], "{size}");
    }
}

#[test]
fn what_was_added_is_read_and_a_torn_line_again() {
    let text = "{\"step\": 1, \"a\": 1}\n{\"step\": 2, \"a\": 2}\r\n\n{\"step\": 3, \"a\": 3}\n";
    let whole = records(&read_text(&jsonl::READER, text));
    for end in 0..=text.len() {
        let (all, first) = (text.as_bytes(), &text.as_bytes()[..end]);
        let blocks = BlockSizes { size: 16, longest: HUGE };
        let read = read_cut(&jsonl::READER, first, blocks, 1, None);
        let torn = read.problems.iter().any(|problem| problem.kind == ProblemKind::Truncated);
        let begins = text[..end].rfind('\n').map_or(0, |at| at + 1);
        let complete = text[begins..end].trim().is_empty() || text[begins..end].trim_end().ends_with('}');
        assert_eq!(torn, !complete, "cut at {end}: {:?}", read.problems);
        let more = read_cut(&jsonl::READER, all, blocks, 1, read.mark.clone());
        assert_eq!([records(&read), records(&more)].concat(), whole, "cut at {end}");
        assert_eq!(kinds(&more), [], "cut at {end}");
        assert_eq!(read.facts.records_ok + more.facts.records_ok, 3);
    }
}

fn is_a(name: &str, bytes: &[u8]) -> SniffedFormat {
    sniff(&FileHead { name, folder: &[], bytes }, &ReadOptions::default())
}

#[test]
fn logs_are_told_from_what_else_is_json() {
    use SniffedFormat::{Log, Unknown};
    let line = "{\"step\": 1, \"loss\": 0.5}\n";
    for (name, text, expected) in [
        ("x.jsonl", line, Log(&jsonl::READER)),
        ("x.json", line, Unknown),
        ("x.json", "{\"global_step\": 1, \"loss\": 0.5}\n{\"global_step\": 2, \"loss\": 0.5}\n", Log(&jsonl::READER)),
        ("x.jsonl", "{\"step\": 1, \"loss\": 0.5}\n{\"loss\": 0.5}\n", Unknown),
        // A line that is damaged does not cost the others; several are another kind of file.
        ("x.jsonl", "{\"step\": 1, \"loss\": 0.5}\nnothing\n", Log(&jsonl::READER)),
        ("x.jsonl", "{\"step\": 1, \"loss\": 0.5}\nnothing\nat\nall\n", Unknown),
        ("x.jsonl", "{\"step\": \"cut\", \"text\": \"onions\"}\n", Unknown),
        ("x.jsonl", "{\"step\": 1, \"text\": \"cut onions\"}\n", Unknown),
        ("x.jsonl", "{\"image_id\": 1, \"bbox\": [1, 2, 3, 4]}\n", Unknown),
        ("config.json", "{\n  \"epoch\": 3,\n  \"lr\": 0.1\n}\n", Unknown),
        ("metrics.json", "{\"run_name\": \"x\", \"train_runtime\": 1.0, \"epoch\": 3.0}", Unknown),
        ("metrics.json", "{\"iteration\": 19, \"lr\": 0.1, \"data_time\": 0.1}\n", Log(&detectron2::READER)),
        ("scalars.json", "<<<<<<< HEAD\n{\"lr\": 0.1, \"step\": 100}\n", Log(&mmengine::READER)),
        ("20230101_000000.json", "{\"data_time\": 0.1, \"time\": 0.1, \"step\": 5}\n", Log(&mmengine::READER)),
        ("20230101_000000.json", "{\"coco/AP\": 0.1, \"data_time\": 0.1, \"time\": 0.1}", Unknown),
        ("x.log.json", "{\"env_info\": \"cut", Log(&mmcv::READER)),
        ("x.log.json", "{\"mode\": \"train\", \"epoch\": 1, \"iter\": 50, \"loss\": 1.0}\n", Log(&mmcv::READER)),
        ("wandb-history.jsonl", "{\"_step\": 0, \"_runtime\": 1.0}\n", Log(&wandb_history::READER)),
        ("wandb-summary.json", "{\"_step\": 0, \"_runtime\": 1.0, \"loss\": 1}", Unknown),
        ("wandb-events.jsonl", "{\"system.cpu\": 1.0, \"_runtime\": 1.0, \"_timestamp\": 1.0}\n", Unknown),
    ] {
        assert_eq!(is_a(name, text.as_bytes()), expected, "{name}: {text}");
    }
    assert!(matches!(is_a("scalars.json", b"[1]"), SniffedFormat::Broken(ProblemKind::NotALog, _)));
    assert!(matches!(is_a("wandb-history.jsonl", b""), SniffedFormat::Broken(ProblemKind::Empty, _)));
}

/// Lines of a log, whole and broken.
fn lines() -> impl Strategy<Value = Vec<u8>> {
    let number =
        prop_oneof![any::<f64>().prop_map(|value| format!("{value:?}")), Just("NaN".to_owned()), "-?[0-9]{1,3}"];
    let key = prop_oneof![
        Just("step".to_owned()),
        Just("epoch".to_owned()),
        Just("time".to_owned()),
        Just("_type".to_owned()),
        "[ab]",
        "\\\\u0061"
    ];
    let value = prop_oneof![
        4 => number,
        1 => Just("\"text\"".to_owned()),
        1 => Just("null".to_owned()),
        1 => Just("[1, {\"a\": 2}]".to_owned()),
        1 => Just("{\"a\": 1, \"_type\": \"x\"}".to_owned()),
        1 => Just("{\"a\": {\"b\": 1}}".to_owned())
    ];
    let member = (key, value).prop_map(|(key, value)| format!("\"{key}\": {value}")).boxed();
    // Lines of the same members, but that one is taken out, or put in once more at another place.
    let changes = prop::collection::vec((any::<prop::sample::Index>(), member.clone(), 0..3), 1..4);
    let kin = (prop::collection::vec(member.clone(), 1..5), changes).prop_map(|(members, changes)| {
        let line = |members: &[String]| format!("{{{}}}\n", members.join(", "));
        let changed = changes.into_iter().map(|(at, member, what)| {
            let mut members = members.clone();
            let at = at.index(members.len());
            match what {
                0 => drop(members.remove(at)),
                1 => members[at] = member,
                _ => members.insert(at, member),
            }
            line(&members)
        });
        line(&members).repeat(2) + &changed.collect::<String>()
    });
    let object = prop::collection::vec(member, 0..5).prop_map(|members| format!("{{{}}}", members.join(", ")));
    let end = prop_oneof![4 => Just("\n".to_owned()), 1 => Just("\r\n".to_owned()), 1 => Just(" ".to_owned()), 1 => Just(String::new())];
    // What is nearly an object like those before it: a comma more, or one less, or a brace.
    let shard = prop::sample::select(vec![
        "{",
        "}",
        ",",
        ", ",
        " ",
        "\"a\": 1",
        "\"b\": 2",
        "\"step\": 3",
        "\"a\": ",
        "{\"b\": 4}",
        "{\"a\": 1, \"b\": 2}",
    ]);
    let nearly = prop::collection::vec(shard, 0..8).prop_map(|shards| format!("{{{}}}\n", shards.concat()));
    let other = prop_oneof![
        6 => nearly,
        1 => Just("<<<<<<< HEAD\n".to_owned()),
        1 => Just("garbage\n".to_owned()),
        1 => Just("{\"a\": 1, \"b\n".to_owned()),
        1 => "[ -~]{0,6}\n"
    ];
    let line = prop_oneof![4 => (object, end).prop_map(|(object, end)| object + &end), 2 => kin, 1 => other];
    prop::collection::vec(line, 0..12).prop_map(|lines| lines.concat().into_bytes())
}

proptest! {
    #[test]
    fn neither_blocks_nor_threads_show(bytes in lines(), size in 1_usize..80) {
        let whole = read_cut(&jsonl::READER, &bytes, BlockSizes { size: HUGE, longest: HUGE }, 1, None);
        for threads in [1, 3] {
            let cut = read_cut(&jsonl::READER, &bytes, BlockSizes { size, longest: HUGE }, threads, None);
            prop_assert_eq!(told(&whole), told(&cut));
        }
    }

    #[test]
    fn what_was_added_is_what_a_whole_read_has_more(bytes in lines(), at in any::<prop::sample::Index>()) {
        let blocks = BlockSizes { size: 32, longest: HUGE };
        let whole = read_cut(&jsonl::READER, &bytes, blocks, 1, None);
        // A file grows by whole writes, which end with their lines.
        let end = at.index(bytes.len() + 1);
        let end = bytes[..end].iter().rposition(|&byte| byte == b'\n').map_or(0, |at| at + 1);
        let first = read_cut(&jsonl::READER, &bytes[..end], blocks, 1, None);
        let more = read_cut(&jsonl::READER, &bytes, blocks, 1, first.mark.clone());
        let rows = |read: &FileContents| records(read).iter().map(|row| format!("{row:?}")).collect::<Vec<_>>();
        prop_assert_eq!([rows(&first), rows(&more)].concat(), rows(&whole));
    }

    #[test]
    fn any_bytes_are_read_or_reported(bytes in prop_oneof![prop::collection::vec(any::<u8>(), 0..300), lines()], size in 1_usize..80) {
        let read = read_cut(&jsonl::READER, &bytes, BlockSizes { size, longest: 64 }, 1, None);
        let covered = |at: usize| read.problems.iter().any(|problem| {
            let begin = problem.offset.unwrap_or(u64::MAX);
            (begin..begin.saturating_add(problem.length.unwrap_or(0))).contains(&(at as u64))
        });
        // Where no object was read, every visible byte is reported.
        if read.facts.records_ok == 0 {
            let from = if bytes.starts_with(b"\xef\xbb\xbf") { 3 } else { 0 };
            for at in from..bytes.len() {
                prop_assert!(bytes[at].is_ascii_whitespace() || covered(at), "byte {} of {:?}: {:?}", at, bytes, read.problems);
            }
        }
        for format in [&mmengine::READER, &mmcv::READER, &detectron2::READER, &wandb_history::READER, &jsonl::READER] {
            let _ = read_for_test(format, "x", &bytes, &ReadOptions::default(), 2);
        }
    }

    #[test]
    fn values_have_the_bits_of_their_text(values in prop::collection::vec(any::<f64>(), 1..20)) {
        let written = |value: &f64| if value.is_nan() { "NaN".to_owned() } else if value.is_infinite() { format!("{value}").replace("inf", "Infinity") } else { format!("{value:?}") };
        let lines: Vec<String> = values.iter().map(|value| format!("{{\"step\": 1, \"a\": {}}}\n", written(value))).collect();
        let text = lines.concat();
        let read = read_text(&jsonl::READER, &text);
        let found: Vec<u64> = records(&read).iter().map(|row| row.3.to_bits()).collect();
        let expected: Vec<u64> = values.iter().map(|value| if value.is_nan() { f64::NAN.to_bits() } else { value.to_bits() }).collect();
        prop_assert_eq!(found, expected);
    }
}
