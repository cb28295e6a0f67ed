use super::*;
use crate::shared::contents::FileContents;
use crate::shared::options::ReadOptions;
use crate::test_reading::read_for_test;
use proptest::prelude::*;

/// Writes records as wandb's own `DataStore` does; gives the file, and where each record begins and ends.
pub(super) fn file(records: &[Vec<u8>]) -> (Vec<u8>, Vec<(u64, u64)>) {
    let mut bytes = b":W&B\xe1\xbe\0".to_vec();
    let mut ranges = Vec::new();
    let block = usize::try_from(BLOCK).expect("small");
    for record in records {
        let mut room = block - bytes.len() % block;
        if room < HEADER {
            bytes.extend(vec![0; room]);
            room = block;
        }
        let begin = bytes.len() as u64;
        if record.len() + HEADER <= room {
            bytes.extend(chunk(1, record));
        } else {
            let (first, mut rest) = record.split_at(room - HEADER);
            bytes.extend(chunk(2, first));
            while rest.len() > block - HEADER {
                bytes.extend(chunk(3, &rest[..block - HEADER]));
                rest = &rest[block - HEADER..];
            }
            bytes.extend(chunk(4, rest));
        }
        ranges.push((begin, bytes.len() as u64));
    }
    (bytes, ranges)
}

fn chunk(part: u8, data: &[u8]) -> Vec<u8> {
    let checksum = crc32fast::hash(&[&[part], data].concat());
    let length = u16::try_from(data.len()).expect("fits a block");
    [&checksum.to_le_bytes()[..], &length.to_le_bytes(), &[part], data].concat()
}

fn varint(mut number: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    while number > 0x7f {
        bytes.push(u8::try_from(number & 0x7f).expect("7 bits") | 0x80);
        number >>= 7;
    }
    bytes.push(u8::try_from(number).expect("7 bits"));
    bytes
}

pub(super) fn field(number: u64, content: &[u8]) -> Vec<u8> {
    [varint(number << 3 | 2), varint(content.len() as u64), content.to_vec()].concat()
}

/// A record of a call of `wandb.log`; a key with `/` in it is a nested one.
pub(super) fn history(items: &[(&str, &str)]) -> Vec<u8> {
    let items = items.iter().flat_map(|(key, json)| {
        let key = match key.split_once('/') {
            None => field(1, key.as_bytes()),
            Some((one, other)) => [field(2, one.as_bytes()), field(2, other.as_bytes())].concat(),
        };
        field(1, &[key, field(16, json.as_bytes())].concat())
    });
    field(2, &items.collect::<Vec<u8>>())
}

/// A record of something else.
fn output(size: usize) -> Vec<u8> {
    field(13, &field(2, &vec![b'x'; size]))
}

pub(super) fn read(bytes: &[u8]) -> FileContents {
    let read = |threads| read_for_test(&super::READER, "run.wandb", bytes, &ReadOptions::default(), threads);
    let (one, three) = (read(1), read(3));
    assert_eq!(one.problems, three.problems);
    assert_eq!(format!("{:?}", records(&one)), format!("{:?}", records(&three)));
    one
}

/// Records as (tag, step, wall time, value).
fn records(read: &FileContents) -> Vec<(String, Option<i64>, f64, f64)> {
    let mut records = Vec::new();
    for tagged in &read.batches {
        let batch = &tagged.columns;
        for index in 0..batch.len() {
            let tag = tagged.tags[batch.tag[index] as usize].clone();
            let time = batch.wall_time.as_ref().map_or(0.0, |times| times[index]);
            records.push((tag, batch.step_of(index), time, batch.value[index]));
        }
    }
    records
}

fn kinds(read: &FileContents) -> Vec<ProblemKind> {
    read.problems.iter().map(|problem| problem.kind).collect()
}

/// A file, where its records begin and end, and their values.
pub(crate) type Several = (Vec<u8>, Vec<(u64, u64)>, Vec<Option<f64>>);

/// A file of several blocks: calls between outputs, some of which span blocks.
pub(crate) fn several() -> Several {
    let (mut all, mut values) = (Vec::new(), Vec::new());
    for step in 0..400_u32 {
        if step % 7 == 3 {
            all.push(output(1000 + 20 * step as usize));
            values.push(None);
        }
        if step == 200 {
            all.push(output(100_000));
            values.push(None);
        }
        let (number, value) = (step.to_string(), format!("{step}.5"));
        all.push(history(&[("loss", &value), ("_step", &number)]));
        values.push(Some(f64::from(step) + 0.5));
    }
    let (bytes, ranges) = file(&all);
    (bytes, ranges, values)
}

#[test]
fn values_of_all_kinds() {
    let (bytes, _) = file(&[
        field(17, &field(1, b"run")),
        history(&[
            ("loss", "0.25"),
            ("_step", "7"),
            ("_timestamp", "1700000000.5"),
            ("_runtime", "3"),
            ("train/acc", "1e-05"),
            ("name", "\"hello\""),
            ("flag", "true"),
            ("list", "[1, 2]"),
            ("nothing", "null"),
            ("nan", "NaN"),
            ("inf", "\"-Infinity\""),
            ("also", "Infinity"),
            ("nan2", "\"NaN\""),
            (
                "deep",
                r#"{"a": {"b": 1, "c": "x"}, "d": -2.5, "img": {"w": 3, "_type": "image-file", "h": 4}, "e": null, "l": [1]}"#,
            ),
            ("image", r#"{"_type": "image-file", "width": 3}"#),
        ]),
        field(2, &[field(1, &[field(1, b"a"), field(16, b"1")].concat()), field(2, &[0x08, 9])].concat()),
        field(2, &[field(1, &[field(1, b"a"), field(16, b"2")].concat()), field(2, &[])].concat()),
        history(&[("a", "3")]),
        history(&[]),
    ]);
    let read = read(&bytes);
    assert_eq!(read.problems.to_vec(), []);
    let seen: Vec<(String, Option<i64>, f64)> =
        records(&read).into_iter().map(|(tag, step, _, value)| (tag, step, value)).collect();
    let (inf, nan) = (f64::INFINITY, f64::NAN);
    let expected = [
        ("loss", Some(7), 0.25),
        ("_runtime", Some(7), 3.0),
        ("train.acc", Some(7), 1e-5),
        ("nan", Some(7), nan),
        ("inf", Some(7), -inf),
        ("also", Some(7), inf),
        ("nan2", Some(7), nan),
        ("deep.a.b", Some(7), 1.0),
        ("deep.d", Some(7), -2.5),
        ("a", Some(9), 1.0),
        ("a", Some(0), 2.0),
        ("a", None, 3.0),
    ]
    .map(|(tag, step, value)| (tag.to_owned(), step, value));
    assert_eq!(format!("{seen:?}"), format!("{expected:?}"));
    assert!(records(&read)[..9].iter().all(|record| record.2.to_bits() == 1_700_000_000.5_f64.to_bits()));
    assert!(records(&read)[9..].iter().all(|record| record.2.is_nan()));
    assert_eq!((read.facts.records_ok, read.facts.non_numeric), (6, 7));
}

#[test]
fn a_step_or_a_value_that_is_none_is_reported_once() {
    let (bytes, _) = file(&[
        history(&[("a", "1"), ("_step", "3.5")]),
        history(&[("a", "2"), ("_step", "\"x\"")]),
        history(&[("a", "3"), ("_step", "1"), ("b", "oops"), ("c", "{\"d\": 1,"), ("e", "")]),
    ]);
    let read = read(&bytes);
    assert_eq!(
        records(&read).iter().map(|record| (record.1, record.3)).collect::<Vec<_>>(),
        [(None, 1.0), (None, 2.0), (Some(1), 3.0)]
    );
    assert_eq!(kinds(&read), [ProblemKind::NotANumber, ProblemKind::NotANumber]);
    assert_eq!(read.problems[0].reason, "2 records have a _step that is not a whole number; their values have no step");
    assert_eq!(read.problems[1].record, Some(2));
}

#[test]
fn records_that_span_blocks_are_whole() {
    let (bytes, _, values) = several();
    let read = read(&bytes);
    assert_eq!(read.problems.to_vec(), []);
    assert_eq!(
        records(&read).iter().map(|record| record.3).collect::<Vec<_>>(),
        values.iter().flatten().copied().collect::<Vec<_>>()
    );
    assert_eq!(read.facts.records_ok, values.len() as u64);
    // Every length of a record around a block's end, paddings and empty first chunks among them.
    for size in 32_600..32_800 {
        let (bytes, _) = file(&[output(size), history(&[("a", "1")]), history(&[("a", "2")])]);
        let read = self::read(&bytes);
        assert_eq!((records(&read).len(), read.problems.len()), (2, 0), "{size}");
    }
}

#[test]
fn a_bit_flipped_anywhere_costs_its_record_alone() {
    let (bytes, ranges, values) = several();
    let all: Vec<f64> = values.iter().flatten().copied().collect();
    for victim in [0, 5, 100, 101, ranges.len() - 1] {
        let (begin, end) = ranges[victim];
        for at in (begin..end).step_by(if end - begin > 500 { 97 } else { 1 }) {
            let mut damaged = bytes.clone();
            damaged[usize::try_from(at).expect("small")] ^= 1 << (at % 8);
            let read = read(&damaged);
            let lost = values[victim];
            let expected: Vec<f64> = all.iter().copied().filter(|value| Some(*value) != lost).collect();
            let seen: Vec<f64> = records(&read).iter().map(|record| record.3).collect();
            // A length that leads out of the file looks like a torn tail.
            if victim + 1 < ranges.len() {
                assert_eq!(seen, expected, "byte {at} of {begin}..{end}");
                assert_eq!(kinds(&read), [ProblemKind::Corrupt], "byte {at}: {:?}", read.problems);
            } else {
                assert_eq!(seen[..], expected[..seen.len()]);
            }
            assert_eq!(
                (read.problems[0].offset, read.problems[0].length),
                (Some(begin), Some(end - begin)),
                "byte {at}"
            );
        }
    }
}

#[test]
fn a_record_over_blocks_with_one_bad_part_is_reported_whole() {
    let (bytes, ranges, values) = several();
    let (victim, (begin, end)) =
        ranges.iter().copied().enumerate().find(|(_, (begin, end))| end - begin > 90_000).expect("a long record");
    assert_eq!(values[victim], None);
    for at in [begin + 3, begin + 40_000, begin + 70_000, end - 5] {
        let mut damaged = bytes.clone();
        damaged[usize::try_from(at).expect("small")] ^= 0x10;
        let read = read(&damaged);
        assert_eq!(records(&read).len(), 400, "byte {at}");
        assert_eq!(read.facts.records_ok, values.len() as u64 - 1);
        let [problem] = &read.problems[..] else { panic!("byte {at}: {:?}", read.problems) };
        assert_eq!((problem.offset, problem.length), (Some(begin), Some(end - begin)));
    }
}

#[test]
fn a_cut_anywhere_is_a_torn_tail() {
    let (bytes, ranges, values) = several();
    for cut in (0..bytes.len()).step_by(61).chain(ranges.iter().map(|range| usize::try_from(range.1).expect("small"))) {
        let read = read(&bytes[..cut]);
        let whole = ranges.iter().filter(|range| range.1 <= cut as u64).count();
        assert_eq!(records(&read).len(), values[..whole].iter().flatten().count(), "cut at {cut}");
        let torn = ranges.iter().find(|range| range.0 < cut as u64 && range.1 > cut as u64);
        match torn {
            Some(&(begin, _)) => {
                let [problem] = &read.problems[..] else { panic!("cut at {cut}: {:?}", read.problems) };
                assert_eq!((problem.kind, problem.offset), (ProblemKind::Truncated, Some(begin)));
            }
            None if cut < HEADER => assert_eq!(kinds(&read), [ProblemKind::Truncated]),
            None => assert_eq!(read.problems.to_vec(), [], "cut at {cut}"),
        }
    }
}

#[test]
fn what_was_added_is_read_alone() {
    let (bytes, _, _) = several();
    let all = records(&read(&bytes));
    for cut in (0..bytes.len()).step_by(1009) {
        let first = read(&bytes[..cut]);
        let Some(mark) = first.mark.clone() else {
            assert!(cut < HEADER, "a mark");
            continue;
        };
        let progress = stepbridge_io::progress::Progress::default();
        let (mut batches, options) = (Vec::new(), ReadOptions::default());
        let mut emit = |tagged| batches.push(tagged);
        let size = bytes.len() as u64;
        let mut sink = Sink::new("run.wandb", size, &progress, &mut emit);
        let mut input = Input {
            file: "run.wandb",
            path: std::path::Path::new("run.wandb"),
            folder: &[],
            name: "run.wandb",
            bytes: &&bytes[..],
            size,
            threads: 2,
            options: &options,
            mark: Some(mark),
        };
        super::read(&mut input, &mut sink).expect("in memory");
        assert_eq!(sink.problems.to_vec(), [], "cut at {cut}");
        let both =
            FileContents { batches: first.batches.into_iter().chain(batches).collect(), ..FileContents::default() };
        assert_eq!(format!("{:?}", records(&both)), format!("{all:?}"), "cut at {cut}");
    }
}

#[test]
fn a_chunk_inside_a_payload_is_no_record() {
    let inner = chunk(1, &history(&[("inner", "1"), ("_step", "1")]));
    let mut all = Vec::new();
    for size in 0..60 {
        let filling = [vec![b'x'; size], inner.repeat(20)].concat();
        all.push(field(13, &field(2, &filling)));
        all.push(history(&[("outer", "1")]));
    }
    let (bytes, ranges) = file(&all);
    for (begin, _) in ranges {
        for at in begin..begin + 20 {
            let mut damaged = bytes.clone();
            damaged[usize::try_from(at).expect("small")] ^= 1 << (at % 8);
            assert!(records(&read(&damaged)).iter().all(|record| record.0 == "outer"), "byte {at}");
        }
    }
    for cut in (0..bytes.len()).step_by(11) {
        assert!(records(&read(&bytes[..cut])).iter().all(|record| record.0 == "outer"), "cut at {cut}");
    }
}

#[test]
fn parts_agree_with_one_walk_whatever_stands_at_their_borders() {
    let mut all = Vec::new();
    for round in 0..300_u32 {
        all.push(output(20_000 + 13 * round as usize));
        for step in 0..10 {
            all.push(history(&[("a", &step.to_string()), ("_step", &(10 * round + step).to_string())]));
        }
        if round == 100 {
            all.push(output(2 * usize::try_from(PART).expect("small") + 12_345));
        }
    }
    let (bytes, _) = file(&all);
    let whole = read(&bytes);
    assert!(whole.batches.len() > 4, "the file is large enough for the test");
    assert_eq!((records(&whole).len(), whole.problems.len()), (3000, 0));
    // Damage at each border of parts.
    for part in 1..4 {
        let mut damaged = bytes.clone();
        let at = usize::try_from(part * PART).expect("small");
        for byte in &mut damaged[at - 40..at + 40] {
            *byte = !*byte;
        }
        let size = damaged.len() as u64;
        let serial = read_from(ChunkWalk::new(Window::new(&damaged[..], size)), HEADER as u64, size);
        let parts = read(&damaged);
        let values: Vec<f64> = parts.batches.iter().flat_map(|tagged| tagged.columns.value.clone()).collect();
        assert_eq!(values, serial.rows.into_batches(&mut AxisTable::default()).expect("few tags")[0].columns.value);
        let ranges: Vec<(u64, u64)> =
            parts.problems.iter().map(|it| (it.offset.expect("at"), it.length.expect("long"))).collect();
        let expected: Vec<(u64, u64)> = serial.walked.damage.iter().map(|it| (it.begin, it.end - it.begin)).collect();
        assert_eq!(ranges, expected);
    }
}

#[test]
fn what_is_no_such_file_is_said_to_be_none() {
    assert_eq!(kinds(&read(b"hello world, this is no file of W&B")), [ProblemKind::NotALog]);
    assert_eq!(kinds(&read(b":W&B")), [ProblemKind::Truncated]);
    let (mut bytes, _) = file(&[history(&[("a", "1")])]);
    bytes[6] = 3;
    let read = read(&bytes);
    assert_eq!((records(&read).len(), kinds(&read)), (1, vec![ProblemKind::Corrupt]));
}

proptest! {
    #[test]
    fn any_bytes_are_read_or_reported(bytes in prop::collection::vec(any::<u8>(), 0..300), sound in any::<bool>()) {
        let bytes = if sound { [&file(&[]).0[..], &bytes].concat() } else { bytes };
        covered(&bytes, &read(&bytes))?;
    }

    #[test]
    fn any_damage_leaves_no_byte_unaccounted(
        edits in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..6),
        cut in any::<prop::sample::Index>(),
        hole in any::<(prop::sample::Index, u8)>(),
    ) {
        let (mut bytes, ..) = several();
        for (at, byte) in edits {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        bytes.truncate(bytes.len() - cut.index(2000));
        let from = hole.0.index(bytes.len());
        bytes.drain(from..bytes.len().min(from + usize::from(hole.1)));
        covered(&bytes, &read(&bytes))?;
    }

    #[test]
    fn any_payload_is_a_record_or_reported(payload in prop::collection::vec(any::<u8>(), 0..100)) {
        let (bytes, _) = file(&[field(2, &payload), field(2, &field(1, &payload)), payload, history(&[("last", "1")])]);
        let read = read(&bytes);
        prop_assert_eq!(records(&read).last().map(|last| last.3), Some(1.0));
        covered(&bytes, &read)?;
    }

    #[test]
    fn any_json_is_a_value_or_reported(json in "[\\[\\]{}\",:0-9a-z.NI_-]{0,40}") {
        let (bytes, _) = file(&[history(&[("a", &json), ("_step", "1"), ("b", "1")])]);
        let read = read(&bytes);
        prop_assert!(records(&read).iter().any(|record| record.0 == "b"));
        prop_assert!(read.problems.iter().all(|problem| problem.kind == ProblemKind::NotANumber));
    }
}

/// Reported ranges, intact chunks and zeros at blocks' ends together make up the file: nothing twice, nothing left out.
fn covered(bytes: &[u8], read: &FileContents) -> Result<(), TestCaseError> {
    let mut reported: Vec<(u64, u64)> =
        read.problems.iter().filter_map(|problem| Some((problem.offset?, problem.length?))).collect();
    reported.sort_unstable();
    let mut at = if reported.first().is_some_and(|first| first.0 == 0) { 0 } else { HEADER as u64 };
    for (offset, length) in reported {
        at = chunks_between(bytes, at, offset)? + length;
    }
    chunks_between(bytes, at, bytes.len() as u64)?;
    Ok(())
}

/// Walks over intact chunks from `from`, which must lead exactly to `to`.
fn chunks_between(bytes: &[u8], from: u64, to: u64) -> Result<u64, TestCaseError> {
    let mut at = from;
    while at < to {
        let left = BLOCK - at % BLOCK;
        let rest = &bytes[usize::try_from(at).expect("in memory")..];
        if left < HEADER as u64 {
            let zeros = rest.len().min(usize::try_from(left).expect("small"));
            prop_assert!(rest[..zeros].iter().all(|&byte| byte == 0));
            at += zeros as u64;
            continue;
        }
        prop_assert!(rest.len() >= HEADER, "an unreported tail at {}", at);
        let length = usize::from(u16::from_le_bytes([rest[4], rest[5]]));
        prop_assert_eq!(chunk(rest[6], &rest[HEADER..HEADER + length]), rest[..HEADER + length].to_vec());
        at += (HEADER + length) as u64;
    }
    prop_assert_eq!(at, to);
    Ok(at)
}
