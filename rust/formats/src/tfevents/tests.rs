//! Whole event files, made byte by byte: what is read of them, intact and damaged.

use proptest::prelude::*;

use super::*;
use crate::shared::contents::FileContents;
use crate::shared::options::ReadOptions;
use crate::test_reading::read_for_test;

/// A frame around a payload.
fn frame(payload: &[u8]) -> Vec<u8> {
    let length = (payload.len() as u64).to_le_bytes();
    [
        &length[..],
        &stepbridge_io::crc::masked(&length).to_le_bytes(),
        payload,
        &stepbridge_io::crc::masked(payload).to_le_bytes(),
    ]
    .concat()
}

/// A length-delimited field.
fn field(number: u8, content: &[u8]) -> Vec<u8> {
    let mut bytes = vec![number << 3 | 2];
    let mut length = content.len();
    while length > 0x7f {
        bytes.push(u8::try_from(length & 0x7f).expect("7 bits") | 0x80);
        length >>= 7;
    }
    bytes.push(u8::try_from(length).expect("7 bits"));
    bytes.extend(content);
    bytes
}

/// An event of one value at a step below 128.
fn event(step: u8, value: &[Vec<u8>]) -> Vec<u8> {
    let summary = field(5, &field(1, &value.concat()));
    [&[0x09][..], &f64::from(step).to_le_bytes(), &[0x10, step], &summary].concat()
}

fn simple(tag: &str, step: u8, value: f32) -> Vec<u8> {
    let number = [&[0x15][..], &value.to_le_bytes()].concat();
    event(step, &[field(1, tag.as_bytes()), number])
}

/// A scalar tensor, with or without the metadata that names its plugin.
fn tensor(tag: &str, step: u8, value: f32, plugin: Option<&str>) -> Vec<u8> {
    let tensor = [&[0x08, 1, 0x12, 0][..], &field(4, &value.to_le_bytes())].concat();
    let metadata = plugin.map_or_else(Vec::new, |name| field(9, &field(1, &field(1, name.as_bytes()))));
    event(step, &[field(1, tag.as_bytes()), field(8, &tensor), metadata])
}

fn version() -> Vec<u8> {
    frame(&[&[0x09, 0, 0, 0, 0, 0, 0, 0, 0][..], &field(3, b"brain.Event:2")].concat())
}

fn read(bytes: &[u8]) -> FileContents {
    let read = |threads| read_for_test(&super::READER, "x.tfevents.y", bytes, &ReadOptions::default(), threads);
    let (one, three) = (read(1), read(3));
    assert_eq!(one.problems, three.problems);
    assert_eq!(format!("{:?}", records(&one)), format!("{:?}", records(&three)));
    one
}

/// Records as (tag, step, value).
fn records(read: &FileContents) -> Vec<(String, i64, f64)> {
    let mut records = Vec::new();
    for tagged in &read.batches {
        for index in 0..tagged.columns.len() {
            let tag = tagged.tags[tagged.columns.tag[index] as usize].clone();
            records.push((tag, tagged.columns.step_of(index).expect("a step"), tagged.columns.value[index]));
        }
    }
    records
}

/// Twenty scalars of two tags, and where each frame begins.
pub(crate) fn twenty() -> (Vec<u8>, Vec<usize>) {
    let mut bytes = version();
    let mut begins = vec![0];
    for step in 0..20 {
        begins.push(bytes.len());
        bytes.extend(frame(&simple(if step % 2 == 0 { "loss" } else { "accuracy" }, step, f32::from(step) / 4.0)));
    }
    begins.push(bytes.len());
    (bytes, begins)
}

#[test]
fn scalars_of_all_kinds_in_order() {
    let histogram = event(3, &[field(1, b"weights"), field(5, &[1, 2, 3])]);
    let bytes = [
        version(),
        frame(&simple("loss", 1, 0.5)),
        frame(&tensor("epoch_loss", 2, 0.25, Some("scalars"))),
        frame(&histogram),
        frame(&tensor("text", 3, 1.0, Some("text"))),
        frame(&tensor("epoch_loss", 3, 0.125, None)),
        frame(&tensor("text", 4, 1.0, None)),
        frame(&[]),
    ]
    .concat();
    let read = read(&bytes);
    let expected = [("loss", 1, 0.5), ("epoch_loss", 2, 0.25), ("epoch_loss", 3, 0.125)];
    assert_eq!(records(&read), expected.map(|(tag, step, value)| (tag.to_owned(), step, value)));
    assert_eq!((read.facts.records_ok, read.facts.non_numeric), (8, 3));
    assert!(read.problems.is_empty());
}

#[test]
fn an_event_in_the_common_shape_is_read_as_any_other() {
    // The same event with the fields of its value swapped takes the general way.
    for (tag, step) in [("", 0), ("loss", 1), (&*"x".repeat(118), 127), (&*"x".repeat(119), 5), (&*"x".repeat(300), 5)]
    {
        let number = [&[0x15][..], &0.1_f32.to_le_bytes()].concat();
        let swapped = event(step, &[number, field(1, tag.as_bytes())]);
        // The first of a tag is read differently from those after it.
        let (one, other) = (read(&frame(&simple(tag, step, 0.1)).repeat(3)), read(&frame(&swapped).repeat(3)));
        let expected = (tag.to_owned(), i64::from(step), f64::from(0.1_f32));
        assert_eq!(records(&one), [expected.clone(), expected.clone(), expected]);
        assert_eq!(one.batches[0].columns, other.batches[0].columns);
    }
}

#[test]
fn a_session_that_starts_is_noted() {
    let start = [&[0x10, 7][..], &field(7, &[0x08, 1])].concat();
    let stop = [&[0x10, 8][..], &field(7, &[0x08, 2])].concat();
    let bytes = [frame(&simple("a", 1, 1.0)), frame(&start), frame(&simple("a", 7, 1.0)), frame(&stop)].concat();
    assert_eq!(read(&bytes).facts.starts, [(1, 7)]);
}

#[test]
fn summaries_in_two_pieces_and_fields_in_any_order() {
    let value = |tag: &str, number: f32| {
        field(5, &field(1, &[&[0x15][..], &number.to_le_bytes(), &field(1, tag.as_bytes())].concat()))
    };
    // The step comes last, and is negative.
    let step = [0x10, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01];
    let read = read(&frame(&[&value("a", 1.0)[..], &value("b", 2.0), &step].concat()));
    assert_eq!(records(&read), [("a".to_owned(), -1, 1.0), ("b".to_owned(), -1, 2.0)]);
    let batch = &read.batches[0].columns;
    assert!(batch.wall_time.as_ref().expect("times").iter().all(|time| time.is_nan()));
}

#[test]
fn a_bit_flipped_anywhere_costs_its_record_alone() {
    let (bytes, begins) = twenty();
    let all = records(&read(&bytes));
    for victim in [0, 1, 7, 20] {
        for (at, bit) in (begins[victim]..begins[victim + 1]).flat_map(|at| (0..8).map(move |bit| (at, bit))) {
            let mut damaged = bytes.clone();
            damaged[at] ^= 1 << bit;
            let read = read(&damaged);
            let mut expected = all.clone();
            if victim > 0 {
                expected.remove(victim - 1);
            }
            assert_eq!(records(&read), expected, "bit {bit} of byte {at}");
            let [problem] = &read.problems[..] else { panic!("bit {bit} of byte {at}: {:?}", read.problems) };
            assert_eq!((problem.kind, problem.record), (ProblemKind::Corrupt, Some(victim as u64)));
            assert_eq!(problem.offset, Some(begins[victim] as u64), "bit {bit} of byte {at}");
            assert_eq!(problem.length, Some((begins[victim + 1] - begins[victim]) as u64), "bit {bit} of byte {at}");
        }
    }
}

#[test]
fn a_cut_anywhere_is_a_torn_tail() {
    let (bytes, begins) = twenty();
    let all = records(&read(&bytes));
    for end in 0..bytes.len() {
        let read = read(&bytes[..end]);
        let whole = begins.iter().filter(|&&begin| begin <= end).count() - 1;
        assert_eq!(records(&read), all[..whole.saturating_sub(1)], "cut at {end}");
        if begins.contains(&end) {
            assert!(read.problems.is_empty(), "cut at {end}");
        } else {
            assert_eq!(read.problems[0].kind, ProblemKind::Truncated, "cut at {end}");
            assert_eq!(read.problems[0].offset, Some(begins[whole] as u64), "cut at {end}");
        }
    }
}

#[test]
fn a_length_that_points_past_the_end_costs_its_record_alone() {
    let (bytes, begins) = twenty();
    for forged in [1_u64 << 20, 1 << 62, u64::MAX] {
        for sound in [false, true] {
            let mut damaged = bytes.clone();
            let length = forged.to_le_bytes();
            damaged[begins[5]..begins[5] + 8].copy_from_slice(&length);
            if sound {
                let checksum = stepbridge_io::crc::masked(&length).to_le_bytes();
                damaged[begins[5] + 8..begins[5] + 12].copy_from_slice(&checksum);
            }
            let read = read(&damaged);
            assert_eq!(records(&read).len(), 19, "{forged} {sound}");
            assert_eq!(read.problems[0].kind, ProblemKind::Corrupt);
            assert_eq!(read.problems[0].length, Some((begins[6] - begins[5]) as u64));
        }
    }
}

#[test]
fn a_frame_inside_a_payload_is_no_record() {
    let inner = frame(&simple("inner", 1, 1.0));
    let text = event(2, &[field(1, b"text"), field(8, &[&[0x08, 7][..], &field(8, &inner)].concat())]);
    let whole = [version(), frame(&simple("outer", 1, 1.0)), frame(&text), frame(&simple("outer", 3, 1.0))].concat();
    let outer = |read: &FileContents| records(read).iter().all(|(tag, ..)| tag == "outer");
    assert_eq!(records(&read(&whole)).len(), 2);
    for end in 0..whole.len() {
        assert!(outer(&read(&whole[..end])), "cut at {end}");
    }
}

#[test]
fn zeros_and_noise_between_records_are_reported_whole() {
    let (bytes, begins) = twenty();
    let noise: Vec<u8> = (0_u32..5000).map(|i| i.wrapping_mul(2_654_435_761).to_le_bytes()[2]).collect();
    for filling in [vec![0; 100_000], noise] {
        let damaged = [&bytes[..begins[9]], &filling, &bytes[begins[9]..]].concat();
        let read = read(&damaged);
        assert_eq!(records(&read).len(), 20);
        let [problem] = &read.problems[..] else { panic!("{:?}", read.problems) };
        assert_eq!((problem.offset, problem.length), (Some(begins[9] as u64), Some(filling.len() as u64)));
    }
}

#[test]
fn parts_agree_with_one_walk_whatever_stands_at_their_borders() {
    // Payloads of an odd size, larger than the window, one larger than a part, all with frames inside; the metadata of
    // the tags in the first part alone.
    let inner = frame(&simple("inner", 9, 9.0)).repeat(40);
    let blob = |size: usize| {
        let filling = inner.iter().copied().cycle().take(size).collect::<Vec<_>>();
        frame(&event(1, &[field(1, b"blob"), field(8, &[&[0x08, 7][..], &field(8, &filling)].concat())]))
    };
    let part = usize::try_from(PART).expect("in memory");
    let mut bytes = version();
    for tag in ["a", "other"] {
        bytes.extend(frame(&tensor(tag, 0, 0.5, Some(if tag == "a" { "scalars" } else { "other" }))));
    }
    for round in 0..40_u8 {
        bytes.extend(blob(300_001 + 7 * usize::from(round)));
        for step in 0..50 {
            bytes.extend(frame(&tensor(if step % 2 == 0 { "a" } else { "other" }, step, 1.0, None)));
            bytes.extend(frame(&simple("b", step, 2.0)));
        }
    }
    bytes.extend(blob(part + 1_000_000));
    bytes.extend(frame(&simple("last", 1, 3.0)));
    let read = read(&bytes);
    assert!(read.problems.is_empty(), "{:?}", read.problems);
    let records = records(&read);
    assert_eq!(records.len(), 1 + 40 * 75 + 1);
    assert!(records.iter().all(|(tag, ..)| tag != "inner" && tag != "other"));
    assert!(read.batches.len() >= 3, "the file is large enough for the test");
    // Damage on a border: the part that begins there finds its first frame further on.
    let mut damaged = bytes.clone();
    for byte in &mut damaged[2 * part - 40..2 * part + 40] {
        *byte = !*byte;
    }
    let size = damaged.len() as u64;
    let serial = read_from(Window::new(&damaged[..], size), 0, size, EventColumns::default());
    let parts = self::read(&damaged);
    let values: Vec<f64> = parts.batches.iter().flat_map(|tagged| tagged.columns.value.clone()).collect();
    assert_eq!(values, serial.columns.records.into_columns(READER.format()).value);
    assert_eq!(parts.problems.len(), serial.walked.damage.len());
}

proptest! {
    #[test]
    fn any_bytes_are_read_or_reported(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        covered(&bytes, &read(&bytes))?;
    }

    #[test]
    fn any_damage_leaves_no_byte_unaccounted(
        edits in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..6),
        cut in any::<prop::sample::Index>(),
        hole in any::<(prop::sample::Index, u8)>(),
    ) {
        let (mut bytes, _) = twenty();
        for (at, byte) in edits {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        bytes.truncate(bytes.len() - cut.index(200));
        let from = hole.0.index(bytes.len());
        bytes.drain(from..bytes.len().min(from + usize::from(hole.1)));
        covered(&bytes, &read(&bytes))?;
    }

    #[test]
    fn any_payload_is_an_event_or_reported(payload in prop::collection::vec(any::<u8>(), 0..100)) {
        let bytes = [frame(&payload), frame(&simple("a", 1, 1.0))].concat();
        let read = read(&bytes);
        prop_assert_eq!(records(&read).last().map(|last| last.2), Some(1.0));
        covered(&bytes, &read)?;
    }
}

/// Reported ranges and intact frames together make up the file: nothing twice, nothing left out.
fn covered(bytes: &[u8], read: &FileContents) -> Result<(), TestCaseError> {
    let mut reported: Vec<(u64, u64)> =
        read.problems.iter().map(|problem| (problem.offset.unwrap_or(0), problem.length.unwrap_or(0))).collect();
    reported.sort_unstable();
    let mut at = 0;
    for (offset, length) in reported {
        at = frames_between(bytes, at, offset)? + length;
    }
    frames_between(bytes, at, bytes.len() as u64)?;
    Ok(())
}

/// Walks over intact frames from `from`, which must lead exactly to `to`.
fn frames_between(bytes: &[u8], from: u64, to: u64) -> Result<u64, TestCaseError> {
    let mut at = from;
    while at < to {
        let header = &bytes[usize::try_from(at).expect("in memory")..];
        prop_assert!(header.len() >= 16, "an unreported tail at {at}");
        at += u64::from_le_bytes(*header.first_chunk().expect("8 bytes")) + 16;
    }
    prop_assert_eq!(at, to);
    Ok(at)
}
