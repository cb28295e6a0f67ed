//! Whole text logs: every shape with lines as its writer's source prints them, and what may go wrong.

use std::fmt::Write as _;

use proptest::prelude::*;

use super::shapes::{CompiledShape, Example, compiled};
use super::*;
use crate::registry::{SniffedFormat, head_size, sniff, sniff_further};
use crate::shared::contents::FileContents;
use crate::shared::head::FileHead;
use crate::shared::options::ReadOptions;
use crate::test_reading::read_for_test;
use stepbridge_io::progress::Progress;
use stepbridge_records::{EpochMeaning, FileFacts, Problem, SeriesMeaning, StepScope};

fn options(pattern: &str) -> ReadOptions {
    ReadOptions { pattern: (!pattern.is_empty()).then(|| pattern.to_owned()), ..ReadOptions::default() }
}

/// Whether a file is a log of some format, as far as its first bytes show it.
fn is_log(name: &str, text: &[u8], options: &ReadOptions) -> bool {
    let head = FileHead { name, folder: &[], bytes: &text[..text.len().min(HEAD)] };
    let is_text = || sniff_further(name, &text, text.len() as u64, options).expect("in memory").is_some();
    let looked_at = head_size(name) > HEAD as u64 || options.pattern.is_some();
    sniff(&head, options) != SniffedFormat::Unknown || looked_at && is_text()
}

fn read_text(pattern: &str, text: &str) -> FileContents {
    read_for_test(&super::READER, "train.log", text.as_bytes(), &options(pattern), 1)
}

/// Records as `tag@epoch/step=value`, with `-` for what a record has not.
fn records(read: &FileContents) -> Vec<String> {
    let mut all = Vec::new();
    for tagged in &read.batches {
        let batch = &tagged.columns;
        for index in 0..batch.len() {
            let epoch = batch.epoch_of(index);
            let epoch = epoch.map_or_else(|| "-".to_owned(), |epoch| epoch.to_f64().to_string());
            let step = batch.step_of(index).map_or_else(|| "-".to_owned(), |step| step.to_string());
            all.push(format!("{}@{epoch}/{step}={}", tagged.tags[batch.tag[index] as usize], batch.value[index]));
        }
    }
    all
}

/// A meaning as `unit base scope, epoch`.
fn said(meaning: SeriesMeaning) -> String {
    let mut said = String::new();
    if let Some(step) = meaning.step {
        let scope = if step.scope == StepScope::Run { "run" } else { "epoch" };
        let _ = write!(said, "{:?} {} of {scope}", step.unit, step.base);
    }
    if let Some(epoch) = meaning.epoch {
        let _ = write!(said, "; {epoch:?}");
    }
    said
}

fn kinds(read: &FileContents) -> Vec<(ProblemKind, Option<u64>, Option<u64>)> {
    read.problems.iter().map(|problem| (problem.kind, problem.offset, problem.length)).collect()
}

/// Every example, with the name of its shape.
fn examples() -> impl Iterator<Item = (&'static str, &'static Example)> {
    compiled().iter().flat_map(|CompiledShape { shape, .. }| shape.examples.iter().map(|example| (shape.name, example)))
}

#[test]
fn zero_bytes_are_reported() {
    let text = "step 0 loss 2.5\nstep 1 lo\0\0\0ss 2.25\nstep 2 loss 2.0\nstep 3 loss 1.5\n";
    let read = read_text("", text);
    assert_eq!(records(&read), ["loss@-/0=2.5", "loss@-/2=2", "loss@-/3=1.5"]);
    assert_eq!(kinds(&read), [(ProblemKind::Corrupt, Some(16), Some(19))]);
}

#[test]
fn every_shape_is_read() {
    for (name, Example { text, records: expected, meanings, prose }) in examples() {
        let read = read_text("", text);
        assert_eq!(read.facts.shape, Some(name), "{text}");
        assert_eq!(records(&read), *expected, "{name}");
        let mut said: Vec<String> = read.batches.iter().map(|tagged| said(tagged.columns.meaning)).collect();
        said.dedup();
        let mut expected = meanings.to_vec();
        expected.dedup();
        assert_eq!(said, expected, "{name}");
        let problems: Vec<_> = read.problems.iter().filter(|problem| problem.kind != ProblemKind::Truncated).collect();
        assert_eq!((read.facts.plain_lines, problems), (*prose, vec![]), "{name}");
    }
}

#[test]
fn the_meaning_of_a_textbook_line() {
    use stepbridge_records::Unit;
    // 5 batches an epoch, so that step 25 is the last batch of epoch 5.
    let mut text = String::new();
    for step in 1..=25 {
        let _ = writeln!(text, "Epoch {}, Iter {}, Step {step}", (step - 1) / 5 + 1, (step - 1) % 5 + 1);
    }
    let read = read_text("", &text);
    let [tagged] = &read.batches[..] else { panic!("one tagged") };
    // Counters alone are not values, but they show where the epochs are.
    assert!(tagged.columns.is_empty());
    assert_eq!(tagged.columns.evidence.len(), 25);
    assert_eq!(tagged.columns.evidence[24], (25, stepbridge_records::Decimal::integer(5)));
    assert_eq!(tagged.columns.lengths, [(Some(1), 5), (Some(2), 5), (Some(3), 5), (Some(4), 5)]);
    let step = tagged.columns.meaning.step.expect("a step");
    assert_eq!((step.unit, step.base, step.scope), (Unit::Step, 1, StepScope::Run));
    assert_eq!(tagged.columns.meaning.epoch, Some(EpochMeaning::In(1)));
    assert_eq!(read.facts.records_ok, 25);
}

#[test]
fn a_callers_pattern() {
    let text = "# run\n[t=1700000000.5] ep 1 it 3 of 10, n=3: loss=0.5 acc=51%\n[t=1700000001] ep 1 it 4 of 10, n=4: loss=- acc=52%\n";
    let pattern = "[t={wall_time}] ep {epoch} it {iter} of {iters}, n={step}: loss={loss} acc={acc}%";
    let read = read_text(pattern, text);
    assert_eq!(records(&read), ["loss@1/3=0.5", "acc@1/3=51", "acc@1/4=52"]);
    let batch = &read.batches[0].columns;
    assert_eq!(batch.wall_time.as_deref(), Some(&[1_700_000_000.5, 1_700_000_000.5, 1_700_000_001.0][..]));
    assert_eq!(batch.lengths, [(Some(1), 10)]);
    assert_eq!((read.facts.shape, read.facts.plain_lines, read.facts.non_numeric), (Some("pattern"), 1, 1));
    assert_eq!(kinds(&read), [(ProblemKind::NotANumber, Some(62), Some(51))]);
    // A line takes from the ones before what it lacks; of what it has not nobody knows the step.
    let pattern = "pass {epoch}\nseen {samples_in_epoch} => {loss}\nheld out: {val}";
    let read = read_text(pattern, "pass 0\nseen 32 => 1\nheld out: 2\npass 1\nseen 32 => 3\nheld out: 4\n");
    assert_eq!(records(&read), ["loss@0/32=1", "loss@1/32=3", "val@0/-=2", "val@1/-=4"]);
    let meanings: Vec<String> = read.batches.iter().map(|tagged| said(tagged.columns.meaning)).collect();
    assert_eq!(meanings, ["Sample 1 of epoch; In(0)", "; In(0)"]);
    // Several patterns, and the first that fits.
    let read = read_text("step {step:0} loss {loss}\nval {epoch} {val loss}", "step 0 loss 1\nval 1 2\nval x 3\n");
    assert_eq!(records(&read), ["loss@-/0=1", "val loss@1/-=2"]);
    assert_eq!(read.facts.plain_lines, 1);
}

#[test]
fn broken_numbers_are_reported_and_the_rest_is_kept() {
    let text = "Epoch 1, Iter 1, Step 1: loss 0.5\nEpoch 1, Iter 2, Step 2x: loss 0.5\nEpoch 1.5, Iter 3, Step 3: loss 0.5\n\
                Epoch 1, Iter 4, Step 99999999999999999999: loss 0.0.5\nEpoch one, Iter 5, Step 5: loss 1\n";
    let read = read_text("", text);
    assert_eq!(records(&read), ["loss@1/1=0.5", "loss@1/-=0.5", "loss@-/3=0.5"]);
    let line = |index: usize| {
        let begin: usize = text.lines().take(index).map(|line| line.len() + 1).sum();
        (ProblemKind::NotANumber, Some(begin as u64), text.lines().nth(index).map(|line| line.len() as u64))
    };
    assert_eq!(kinds(&read), [line(1), line(2), line(3), line(3)]);
    assert_eq!(read.problems[0].reason, "the step of a line is '2x', not a whole number; its values were kept without");
    assert_eq!(read.problems[3].reason, "1 value of 'loss' is not a number: '0.0.5'");
    assert_eq!((read.facts.records_ok, read.facts.plain_lines, read.facts.non_numeric), (4, 1, 1));
}

#[test]
fn carriage_returns_colours_and_bytes_that_are_no_text() {
    let text = b"step 1 loss 1\rstep 2 loss 2\r\n\x1b[1mstep\x1b[0m 3 loss \x1b[31m3\x1b[0m\n\xff\xfe step 4 loss 4 \xc3(\n\nstep 5 \xe4 loss 5\n";
    let read = read_for_test(&super::READER, "a.log", text, &options("step {step} loss {loss}"), 1);
    assert_eq!(records(&read), ["loss@-/1=1", "loss@-/2=2", "loss@-/3=3", "loss@-/4=4"]);
    assert_eq!((read.facts.plain_lines, read.facts.records_ok), (2, 4));
    assert!(read.problems.is_empty());
}

#[test]
fn a_torn_line_is_left_out_and_read_again() {
    let text = "step 1 loss 0.5\nstep 2 loss 0.25";
    let read = read_text("step {step} loss {loss}", text);
    assert_eq!(records(&read), ["loss@-/1=0.5"]);
    assert_eq!(kinds(&read), [(ProblemKind::Truncated, Some(16), Some(16))]);
    // As long as more of the file could show another shape, it is read anew.
    assert!(read.mark.is_none());
    // Other text that is being written is not damage.
    assert!(read_text("step {step} loss {loss}", "step 1 loss 0.5\n 45%|##").problems.is_empty());
}

#[test]
fn what_has_no_shape_is_no_log() {
    let prose =
        "This is how it looks:\n\n    Epoch [1/5], Step [5/5], Loss: 0.1\n    Epoch [2/5], Step [5/5], Loss: 0.1\n";
    for (name, known) in [
        ("README", false),
        ("README.md", false),
        ("Readme.txt", false),
        ("guide.rst", false),
        ("train.py", false),
        ("notes.ipynb", false),
        ("train.log", true),
        ("slurm-123.out", true),
        ("train.o123", true),
        ("nohup", true),
    ] {
        assert_eq!(is_log(name, prose.as_bytes(), &ReadOptions::default()), known, "{name}");
    }
    for text in
        ["", "loss 1\nloss 2\n", "Epoch 1\nEpoch 2\n", "step 1 of 2: read the manual\nstep 2 of 2: loss of data\n"]
    {
        assert!(!is_log("train.log", text.as_bytes(), &ReadOptions::default()), "{text}");
    }
    let reason = &read_text("", "some text\n").problems[0].reason;
    assert!(reason.contains("none of its lines has a shape that is known"), "{reason}");
    let error = check_pattern(Some("step {step} {x} {x}")).expect_err("a bad pattern").to_string();
    assert_eq!(error, "the pattern 'step {step} {x} {x}' is wrong at column 17: the field {x} is there twice");
}

#[test]
fn logs_that_begin_with_a_dump_of_their_environment() {
    let banner = "numpy 1.23.4 @/usr/lib\n".repeat(2000);
    assert!(banner.len() > HEAD);
    let text = format!("{banner}iter 0: loss 2.5, time 1ms\niter 1: loss 2.25, time 1ms\n");
    for (name, known) in [("train.log", true), ("log.txt.1", true), ("slurm.out", true), ("dump", false)] {
        assert_eq!(is_log(name, text.as_bytes(), &ReadOptions::default()), known, "{name}");
    }
    // A pattern finds it wherever the name promises nothing.
    let pattern = options("iter {step:0}: loss {loss}, time");
    assert!(is_log("dump", &text.as_bytes()[banner.len() - HEAD / 2..], &pattern));
}

/// Reads with blocks of a size; the batches of one meaning together.
fn in_small_blocks(text: &[u8], pattern: &str, block: usize, threads: usize) -> (Vec<String>, FileFacts, Vec<Problem>) {
    let read = read_with(text, pattern, ReadRange { begin: 0, block, longest: block.max(4096) }, threads).0;
    let mut records = records(&read);
    records.sort();
    (records, read.facts, read.problems.to_vec())
}

fn read_with(text: &[u8], pattern: &str, reach: ReadRange, threads: usize) -> (FileContents, (u64, Option<OpenState>)) {
    let shape = shape_of(text, pattern).expect("a shape");
    read_plan(&shape.plan(), text, reach, threads, OpenState { inside: OpenLine::No, ..OpenState::default() })
}

/// The shape of a text, or that of the caller.
fn shape_of(text: &[u8], pattern: &str) -> Option<ShapeMatch> {
    let mut survey = Survey::new((!pattern.is_empty()).then_some(pattern));
    survey.feed(text);
    survey.shape().or_else(|| (!pattern.is_empty()).then(|| ShapeMatch::of_caller(pattern)))
}

#[test]
fn blocks_and_threads_do_not_matter() {
    for (name, Example { text, .. }) in examples() {
        let whole = in_small_blocks(text.as_bytes(), "", 1 << 20, 1);
        for (block, threads) in [(1, 1), (7, 3), (64, 2), (100, 4)] {
            assert_eq!(in_small_blocks(text.as_bytes(), "", block, threads), whole, "{name} {block}");
        }
    }
    let long = format!("step 1 x 1\n{}\nstep 2 x 2\n", "y".repeat(10_000));
    let (records, facts, problems) = in_small_blocks(long.as_bytes(), "step {step} x {x}", 64, 3);
    assert_eq!((records.len(), facts.records_ok, facts.plain_lines), (2, 2, 0));
    assert_eq!(problems.len(), 1);
    assert_eq!(
        (problems[0].kind, problems[0].offset, problems[0].length),
        (ProblemKind::Corrupt, Some(11), Some(10_001))
    );
}

#[test]
fn what_was_added_is_read_from_the_mark_on() {
    for (name, Example { text, .. }) in examples() {
        let text = text.as_bytes();
        let reach = ReadRange { begin: 0, block: 64, longest: 4096 };
        let shape = shape_of(text, "").expect("a shape");
        let mut whole = records(&read_with(text, "", reach, 1).0);
        whole.sort();
        for cut in 0..text.len() {
            // A CR whose LF is not there yet ends a line all the same.
            let begin = OpenState { inside: OpenLine::No, ..OpenState::default() };
            let (first, (begin, state)) = read_plan(&shape.plan(), &text[..cut], reach, 1, begin);
            // A bar that may be drawn again is read from the beginning.
            let Some(state) = state else { continue };
            let (second, _) = read_plan(&shape.plan(), text, ReadRange { begin, ..reach }, 1, state);
            let mut both = records(&first);
            both.extend(records(&second));
            both.sort();
            assert_eq!(both, whole, "{name} cut at {cut}");
        }
    }
}

fn read_plan(
    plan: &ShapePlan,
    text: &[u8],
    reach: ReadRange,
    threads: usize,
    state: OpenState,
) -> (FileContents, (u64, Option<OpenState>)) {
    let (options, progress) = (ReadOptions::default(), Progress::default());
    let mut batches = Vec::new();
    let mut emit = |tagged| batches.push(tagged);
    let size = text.len() as u64;
    let mut sink = Sink::new("a.log", size, &progress, &mut emit);
    let path = std::path::Path::new("a.log");
    let input = Input {
        file: "a.log",
        path,
        folder: &[],
        name: "a.log",
        bytes: &text,
        size,
        threads,
        options: &options,
        mark: None,
    };
    let end = in_blocks(&input, &mut sink, plan, reach, state).expect("in memory");
    let Sink { problems, facts, mark, .. } = sink;
    (FileContents { batches, problems, facts, mark }, end)
}

#[test]
fn a_mark_goes_on_where_the_reader_stopped() {
    let mut text = String::new();
    for step in 0..50_000 {
        let _ = writeln!(text, "iter {step}: loss 1.5, time 1ms");
    }
    text.push_str("iter 50000: lo");
    let first = read_text("", &text);
    assert!(first.mark.is_some());
    let more = format!("{text}ss 3.5, time 1ms\niter 50001: loss");
    let (options, progress) = (ReadOptions::default(), Progress::default());
    let mut batches = Vec::new();
    let mut emit = |tagged| batches.push(tagged);
    let size = more.len() as u64;
    let mut sink = Sink::new("a.log", size, &progress, &mut emit);
    let path = std::path::Path::new("a.log");
    let mark = first.mark.clone();
    let bytes = more.as_bytes();
    let mut input = Input {
        file: "a.log",
        path,
        folder: &[],
        name: "a.log",
        bytes: &bytes,
        size,
        threads: 1,
        options: &options,
        mark,
    };
    read(&mut input, &mut sink).expect("in memory");
    let Sink { problems, facts, mark, .. } = sink;
    let second = FileContents { batches, problems, facts, mark };
    assert_eq!(records(&second), ["loss@-/50000=3.5", "time@-/50000=1"]);
    assert_eq!(second.facts.shape, Some("nanogpt"));
}

proptest! {
    #[test]
    fn any_bytes_are_read_or_reported(bytes in prop::collection::vec(any::<u8>(), 0..400), block in 1_usize..100) {
        for pattern in ["{step} {x}", "{epoch}{_}a{x}"] {
            let whole = in_small_blocks(&bytes, pattern, 1 << 20, 1);
            prop_assert_eq!(in_small_blocks(&bytes, pattern, block, 2), whole);
        }
    }

    #[test]
    fn logs_with_broken_bytes_are_read_or_reported(
        case in any::<prop::sample::Index>(),
        broken in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
        block in 1_usize..200,
    ) {
        let all: Vec<_> = examples().collect();
        let mut bytes = all[case.index(all.len())].1.text.as_bytes().to_vec();
        for (at, byte) in broken {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        // Where enough lines are left that have a shape.
        if shape_of(&bytes, "").is_some() {
            let whole = in_small_blocks(&bytes, "", 1 << 20, 1);
            let mut lines = 0;
            lines::each(&bytes, |_, _, _| lines += 1);
            let torn = whole.2.iter().filter(|problem| problem.kind == ProblemKind::Truncated).count() as u64;
            prop_assert_eq!(whole.1.records_ok + whole.1.plain_lines + torn, lines);
            prop_assert_eq!(in_small_blocks(&bytes, "", block, 2), whole);
        }
    }

    #[test]
    fn every_line_has_a_shape_or_is_prose(text in "(step [0-9x]{1,3}: loss [0-9.e-]{0,4}|[a-z ]{0,9}|\r|\n|\r\n|\u{1b}\\[1m){0,30}") {
        let (_, facts, problems) = in_small_blocks(text.as_bytes(), "step {step}: loss {loss}", 16, 2);
        let mut lines = 0;
        lines::each(text.as_bytes(), |_, _, _| lines += 1);
        let torn = problems.iter().filter(|problem| problem.kind == ProblemKind::Truncated).count() as u64;
        prop_assert_eq!(facts.records_ok + facts.plain_lines + torn, lines);
    }
}
