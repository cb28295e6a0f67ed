use std::fmt::Write as _;
use std::path::Path;

use proptest::prelude::*;

use super::walk::walk;
use super::*;
use crate::shared::contents::FileContents;
use crate::shared::mark::Mark;
use crate::shared::options::ReadOptions;
use stepbridge_io::progress::Progress;
use stepbridge_records::{FileFacts, ProblemKind};

/// A record as (tag, step, epoch, bits of the value).
type Record = (String, Option<i64>, Option<String>, u64);
/// A problem as (kind, offset, length, record, reason).
type Told = (ProblemKind, Option<u64>, Option<u64>, Option<u64>, String);

/// What was read, in a form that does not depend on batches.
#[derive(Debug, Clone, PartialEq)]
struct Seen {
    records: Vec<Record>,
    problems: Vec<Told>,
    facts: FileFacts,
}

fn read_with(bytes: &[u8], limits: TableLimits, threads: usize, mark: Option<Mark>) -> FileContents {
    let progress = Progress::default();
    let mut batches = Vec::new();
    let mut emit = |tagged| batches.push(tagged);
    let size = bytes.len() as u64;
    let mut sink = Sink::new("t.csv", size, &progress, &mut emit);
    let options = ReadOptions::default();
    let (file, name, path) = ("t.csv", "t.csv", Path::new("t.csv"));
    let mut input = Input { file, path, folder: &[], name, bytes: &bytes, size, threads, options: &options, mark };
    walk(&crate::lightning_csv::KIND, limits, &mut input, &mut sink).expect("bytes in memory can be read");
    let Sink { problems, facts, mark, .. } = sink;
    FileContents { batches, problems, facts, mark }
}

fn seen(read: &FileContents) -> Seen {
    let mut records = Vec::new();
    for tagged in &read.batches {
        let batch = &tagged.columns;
        assert!(batch.len() < 3 << 16, "batches are bounded");
        for index in 0..batch.len() {
            let epoch = batch.epoch_of(index).map(|epoch| format!("{epoch:?}"));
            let tag = tagged.tags[batch.tag[index] as usize].clone();
            records.push((tag, batch.step_of(index), epoch, batch.value[index].to_bits()));
        }
    }
    let problem = |problem: &stepbridge_records::Problem| {
        (problem.kind, problem.offset, problem.length, problem.record, problem.reason.clone())
    };
    Seen { records, problems: read.problems.iter().map(problem).collect(), facts: read.facts.clone() }
}

fn whole(bytes: &[u8]) -> Seen {
    seen(&read_with(bytes, LIMITS, 1, None))
}

/// Reads in blocks of any size, on one thread and three.
fn agrees_in_blocks(bytes: &[u8]) -> Seen {
    let expected = whole(bytes);
    for block in [1, 2, 3, 7, 16, 61, 1000] {
        for threads in [1, 3] {
            let found = seen(&read_with(bytes, TableLimits { block, ..LIMITS }, threads, None));
            assert_eq!(
                found,
                expected,
                "blocks of {block} on {threads} threads of {:?}",
                String::from_utf8_lossy(bytes)
            );
        }
    }
    expected
}

fn kinds(seen: &Seen) -> Vec<(ProblemKind, Option<u64>, Option<u64>)> {
    seen.problems.iter().map(|problem| (problem.0, problem.1, problem.2)).collect()
}

#[test]
fn blocks_and_threads_do_not_matter() {
    let mut text = "epoch,step,a,b,c\r\n".to_owned();
    for row in 0..300 {
        match row % 7 {
            0 => writeln!(text, "{},{row},0.{row},,\r", row / 50),
            1 => writeln!(text, ",{row},,nan,"),
            2 => writeln!(text, "{},{row},,,-1e-{row}", row / 50),
            3 => writeln!(text, "{},,1,2,yes", row / 50),
            4 => writeln!(text, "\n{},{row},1", row / 50),
            5 => writeln!(text, "epoch,step,a,b,c\r"),
            _ => writeln!(text, "x,{row},1,,"),
        }
        .expect("text");
    }
    let seen = agrees_in_blocks(text.as_bytes());
    assert_eq!(seen.facts.records_ok, 300 / 7 * 4 + 4);
    assert!(seen.problems.len() > 80);
}

#[test]
fn quotes_may_hold_anything() {
    let text = "step,epoch,\"a,\nb\",c\n1,0,0.5,\n2,0,\"1.5\",\"x\n3,0,9,9\n\"\n4,0,\"\",\"2\"\r\n5,0,1\"5,7\n";
    let seen = agrees_in_blocks(text.as_bytes());
    let records: Vec<_> = seen.records.iter().map(|r| (&*r.0, r.1, f64::from_bits(r.3))).collect();
    assert_eq!(records, [("a,\nb", Some(1), 0.5), ("a,\nb", Some(2), 1.5), ("c", Some(4), 2.0), ("c", Some(5), 7.0)]);
    assert_eq!(kinds(&seen).len(), 2);
    assert_eq!(
        seen.facts,
        FileFacts { bytes: text.len() as u64, records: 4, records_ok: 4, non_numeric: 2, ..FileFacts::default() }
    );
}

#[test]
fn a_quote_that_is_never_closed_costs_its_line_alone() {
    let text = "step,epoch,a\n1,0,0.5\n2,0,\"1.5\n3,0,2.5\n4,0,3.5\n";
    let seen = agrees_in_blocks(text.as_bytes());
    assert_eq!(seen.records.iter().map(|record| record.1).collect::<Vec<_>>(), [Some(1), Some(3), Some(4)]);
    assert_eq!(kinds(&seen), [(ProblemKind::Corrupt, Some(21), Some(9))]);
    assert!(read_with(text.as_bytes(), LIMITS, 1, None).mark.is_none());
}

#[test]
fn names_may_change_and_carriage_returns_end_lines() {
    let text = "step,epoch,a\n1,0,0.5\nstep,epoch,a,b\n2,0,,0.25\n3,0,1,2\nb,epoch,step\n7,0,4\nb,epoch,step\nb,a\n";
    let seen = agrees_in_blocks(text.as_bytes());
    let records: Vec<_> = seen.records.iter().map(|r| (&*r.0, r.1, f64::from_bits(r.3))).collect();
    let expected = [("a", 1, 0.5), ("b", 2, 0.25), ("a", 3, 1.0), ("b", 3, 2.0), ("b", 4, 7.0)];
    assert_eq!(records, expected.map(|(tag, step, value)| (tag, Some(step), value)));
    assert_eq!(kinds(&seen), [(ProblemKind::Corrupt, Some(86), Some(4))]);
    let old = agrees_in_blocks(text.replace('\n', "\r").as_bytes());
    assert_eq!(old, seen);
    let marked = agrees_in_blocks(format!("\u{feff}{text}").as_bytes());
    assert_eq!(marked.records, seen.records);
}

#[test]
fn a_line_beyond_measure_is_passed_over() {
    let mut text = b"step,epoch,a\n1,0,0.5\n".to_vec();
    text.extend(std::iter::repeat_n(b'x', 1000));
    text.extend(b"\n2,0,1\n");
    for (block, threads) in [(1, 3), (64, 1), (500, 3), (5000, 1)] {
        let found = seen(&read_with(&text, TableLimits { block, row: 100 }, threads, None));
        assert_eq!(kinds(&found), [(ProblemKind::Corrupt, Some(21), Some(1001))], "{block}");
        assert_eq!(found.records.len(), 2);
    }
    let endless = seen(&read_with(&text[..900], TableLimits { block: 64, row: 100 }, 3, None));
    assert_eq!(kinds(&endless), [(ProblemKind::Corrupt, Some(21), Some(879))]);
    let header = seen(&read_with(&text[21..], TableLimits { block: 64, row: 100 }, 3, None));
    assert_eq!(kinds(&header), [(ProblemKind::NotALog, Some(0), Some(1007))]);
}

#[test]
fn a_row_of_very_many_cells_is_several_pieces() {
    let count = 300_000;
    let mut text = "step,epoch".to_owned();
    for column in 0..count {
        write!(text, ",{column}a").expect("text");
    }
    text.push_str("\n1,0");
    text.push_str(&",5".repeat(count));
    text.push_str("\n2,0");
    text.push_str(&",".repeat(count - 1));
    text.push_str(",6\n");
    let seen = whole(text.as_bytes());
    assert_eq!(seen.records.len(), count + 1);
    let expected = (format!("{}a", count - 1), Some(2), 6.0_f64.to_bits());
    let last = seen.records.last().map(|record| (record.0.clone(), record.1, record.3));
    assert_eq!(last, Some(expected));
    assert_eq!(seen.problems, []);
}

#[test]
fn a_table_of_another_width_is_one_problem_in_the_end() {
    let text = format!("step,epoch,a\n{}5,0,1\n", "1,0,1,2\n".repeat(1000));
    let seen = whole(text.as_bytes());
    assert_eq!(seen.problems.len(), 100);
    let last = seen.problems.last().expect("the last");
    assert_eq!((last.1, last.2), (Some(13 + 99 * 8), Some(901 * 8)));
    assert!(last.4.ends_with("; the 900 rows after it are the same"), "{}", last.4);
    assert_eq!(seen.records.len(), 1);
}

#[test]
fn bytes_of_no_sense_are_reported() {
    use ProblemKind::{Corrupt, NotANumber};

    let text = b"step,epoch,a\xff,b\n1,0,0.5,\xfe\n\0\0\0\0\n2,0,\0,1\n\xff,0,1,1\n";
    let seen = agrees_in_blocks(text);
    assert_eq!(
        seen.records.iter().map(|record| (&*record.0, record.1)).collect::<Vec<_>>(),
        [("a\u{fffd}", Some(1)), ("b", Some(2)),]
    );
    let kinds: Vec<_> = seen.problems.iter().map(|problem| (problem.0, problem.3)).collect();
    assert_eq!(kinds, [(Corrupt, Some(1)), (Corrupt, Some(3)), (NotANumber, Some(2)), (NotANumber, Some(0))]);
}

#[test]
fn a_table_without_names_or_rows() {
    for (text, expected) in [
        (&b"\n\n"[..], Some(ProblemKind::NotALog)),
        (b"1,2,3\n4,5,6\n", Some(ProblemKind::NotALog)),
        (b"1,,3\n4,5,6\n", Some(ProblemKind::NotALog)),
        (b"step,epoch,a", Some(ProblemKind::Truncated)),
        (b"step,epoch,a\n", None),
        (b"\xef\xbb\xbfstep,epoch,a\r\n", None),
    ] {
        let seen = whole(text);
        assert_eq!(seen.problems.first().map(|problem| problem.0), expected, "{text:?}");
        assert_eq!(seen.records, []);
    }
}

/// What two readings of a growing file give, the first of its `cut` first bytes.
fn in_two(bytes: &[u8], cut: usize, limits: TableLimits) -> Option<(Seen, Seen)> {
    let first = read_with(&bytes[..cut], limits, 1, None);
    let second = read_with(bytes, limits, 3, Some(first.mark.clone()?));
    Some((seen(&first), seen(&second)))
}

#[test]
fn what_was_added_is_read_alone() {
    // As long as there are few rows the file is read anew: what its epochs are may still show.
    let few = format!("step,epoch,a,b\r\n{}", "0,0,,\r\n".repeat(50));
    let text = few.clone() + "1,0,0.5,\r\n2,0,1.5,2.5\r\nstep,epoch,a,b\r\n3,0,,7\r\nstep,epoch,c\r\n4,1,8\r\n,1,9\r\n";
    let bytes = text.as_bytes();
    let all = whole(bytes);
    assert_eq!(all.problems, []);
    let mut cuts = 0;
    for cut in 0..=bytes.len() {
        let Some((mut first, second)) = in_two(bytes, cut, TableLimits { block: 9, ..LIMITS }) else { continue };
        assert!(cut + 1 >= few.len(), "{cut}");
        assert!(first.problems.iter().all(|problem| problem.0 == ProblemKind::Truncated), "{first:?}");
        first.records.extend(second.records);
        assert_eq!(first.records, all.records, "cut at {cut}");
        assert_eq!(first.facts.records_ok + second.facts.records_ok, all.facts.records_ok, "cut at {cut}");
        assert_eq!(second.problems, []);
        cuts += 1;
    }
    assert!(cuts > (bytes.len() - few.len()) / 2);
}

proptest! {
    #[test]
    fn any_bytes_give_the_same_in_any_blocks(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        agrees_in_blocks(&bytes);
    }

    #[test]
    fn any_table_gives_the_same_in_any_blocks(
        text in "(step|epoch|a),(epoch|step|b),(c|\"d\")(\n|\r\n)(step|epoch|,|,|\n|\r\n|\r|\"|\"\"|[0-9.]|nan| |x){0,60}",
    ) {
        agrees_in_blocks(text.as_bytes());
    }

    #[test]
    fn every_byte_is_of_a_row_or_reported(
        rows in prop::collection::vec("([0-9],[0-9],[0-9.]{1,3}|[0-9,x]{1,8}|\"[0-9],\")", 0..20),
    ) {
        let text = format!("step,epoch,a\n{}\n", rows.join("\n"));
        let seen = whole(text.as_bytes());
        let reported: u64 = seen.problems.iter().filter(|p| p.0 == ProblemKind::Corrupt).filter_map(|p| p.2).sum();
        let lines = rows.iter().filter(|row| !row.is_empty()).count() as u64;
        prop_assert!(seen.facts.records_ok <= lines);
        prop_assert_eq!(reported == 0, seen.facts.records_ok == lines);
    }

    #[test]
    fn csv_core_agrees_on_plain_tables(
        rows in prop::collection::vec("[0-9]{0,3},[0-9]{0,2},(|[0-9]{1,3}[.][0-9]{1,17}|nan|-inf)", 0..40),
    ) {
        let plain = format!("step,epoch,a\n{}\n", rows.join("\n"));
        // A quoted cell in the first row sends all the rest the other way.
        let quoted = format!("step,epoch,a\n0,0,\"\"\n{}\n", rows.join("\n"));
        prop_assert_eq!(whole(plain.as_bytes()).records, whole(quoted.as_bytes()).records);
    }
}
