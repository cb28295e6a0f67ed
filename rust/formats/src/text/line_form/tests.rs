//! A line that has the form of an earlier one has the parts that a search for it finds.

use std::path::{Path, PathBuf};

use proptest::prelude::*;

use crate::text::line_finder::LineFinder;
use crate::text::line_layout::LineLayout;
use crate::text::lines;
use crate::text::shapes::compiled;
use crate::text::survey::{ShapeMatch, Survey};

/// Looks for lines in both ways. Returns how many lines of the plan there are, and how many of them had a known form.
fn compare(shape: &ShapeMatch, text: &[u8]) -> (usize, usize) {
    let plan = shape.plan();
    let (mut finder, mut plain) = (LineFinder::new(&plan), LineFinder::new(&plan));
    let mut lines = 0;
    lines::each(text, |_, raw, _| {
        let line = lines::plain(raw);
        let (found, expected) = (finder.find(&line).map(parts), plain.search(&line).map(parts));
        assert_eq!(found, expected, "{}: {}", shape.name(), String::from_utf8_lossy(&line));
        lines += usize::from(found.is_some());
    });
    (lines, finder.found())
}

/// All parts but the words, which a form has where they were in its first line.
fn parts(layout: &LineLayout) -> LineLayout {
    let mut layout = layout.clone();
    layout.words.clear();
    layout
}

fn shape_of(text: &[u8]) -> Option<ShapeMatch> {
    let mut survey = Survey::new(None);
    survey.feed(text);
    survey.shape()
}

/// Real logs, where they are.
fn real_logs() -> Vec<Vec<u8>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let data = std::env::var_os("STEPBRIDGE_DATA").map_or_else(|| root.join("../shared/data"), PathBuf::from);
    let mut all = Vec::new();
    let mut folders =
        vec![data.join("text"), data.join("mmengine"), data.join("../cases/logs"), root.join("demo/logs")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).into_iter().flatten().filter_map(Result::ok) {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
            } else if crate::text::may_be_log(&path.to_string_lossy(), b"") {
                all.extend(std::fs::read(&path));
            }
        }
    }
    all
}

#[test]
fn real_logs_are_read_the_same() {
    let (mut lines, mut known) = (0, 0);
    for text in real_logs() {
        if let Some(shape) = shape_of(&text[..text.len().min(1 << 20)]) {
            let of_text = compare(&shape, &text[..text.len().min(1 << 20)]);
            (lines, known) = (lines + of_text.0, known + of_text.1);
        }
    }
    // Most lines repeat; where a plan looks for `:::MLPv0.5.0` too, digits after a point stay as they are.
    assert!(known * 2 >= lines, "{known} of {lines}");
}

#[test]
fn the_forms_of_the_shapes_are_known() {
    for shape in compiled().iter().map(|compiled| compiled.shape) {
        for example in shape.examples {
            let text = example.text.repeat(2);
            if let Some(matched) = shape_of(text.as_bytes()) {
                let (lines, known) = compare(&matched, text.as_bytes());
                let looks =
                    shape.lines.iter().chain(shape.also).any(|line| line.numbers.is_some() || line.setting.is_some());
                assert!(known * 2 >= lines || looks, "{}: {known} of {lines}", shape.name);
            }
        }
    }
}

#[test]
fn digits_that_decide_more_than_a_number() {
    for (pattern, text) in [
        // Where the thousands are parted there is one number, or there are several.
        ("step {step} {*}", "step 1 loss 1,234.5\nstep 2 loss 0,234.5\nstep 3 loss 12,34.5\nstep 4 loss 9,999.5\n"),
        (
            "step {step} {*}",
            "step 1 loss 5 99.5\nstep 2 loss 5 123.5\nstep 3 loss -5 99.4 lr 1\nstep 4 loss -5 123.4 lr 1\n",
        ),
        // Digits of names, of ranks and of literals.
        ("step {step} {*}", "step 1 top1 0.5 top5 0.75\nstep 2 top2 0.5 top5 0.75\nstep 3 top1 0.25 top55 0.5\n"),
        (
            "step {step} {*}",
            "0: step 1 a 1\n1: step 1 a 1\n12: step 1 a 1\n[rank0]: step 1 a 1\n[rank3]: step 1 a 1\n1234567: step 1 a 1\n",
        ),
        ("step {step} top1 {a} 5 {b}", "step 1 top1 2 5 3\nstep 1 top2 2 5 3\nstep 1 top1 2 6 3\nstep 1 top1 2 5 31\n"),
        ("{step}5 {a}", "15 1\n16 1\n255 1\n25 1\n 155 5 1\n"),
        // What is directly after a number is a name from three letters on.
        ("step {step} {*}", "step 1 loss 0.5ab1: 2\nstep 2 loss 0.5ab11: 2\nstep 3 loss 0.5a1: 2\n"),
    ] {
        compare(&ShapeMatch::of_caller(pattern), text.as_bytes());
        let turned: Vec<&str> = text.lines().rev().collect();
        compare(&ShapeMatch::of_caller(pattern), (turned.join("\n") + "\n").as_bytes());
    }
}

/// Numbers in no order.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 33).expect("31 bits") % bound
    }
}

/// The line with other digits, more or fewer of them, and sometimes another mark next to them.
fn altered(line: &[u8], random: &mut Random) -> Vec<u8> {
    let mut altered = Vec::new();
    let mut at = 0;
    let (often, marks) = (1 + random.below(4), random.below(3) == 0);
    while at < line.len() {
        let length = super::digits(&line[at..], usize::MAX);
        let digits = &line[at..at + length];
        if length == 0 {
            altered.push(line[at]);
        } else if random.below(often) > 0 {
            altered.extend_from_slice(digits);
        } else {
            let most = if random.below(9) == 0 { 20 } else { 4 };
            let length = if random.below(2) == 0 { length } else { 1 + random.below(most) };
            altered.extend((0..length).map(|_| b'0' + u8::try_from(random.below(10)).expect("a digit")));
        }
        if marks && length > 0 && random.below(8) == 0 {
            let mark: &[u8] =
                [&b","[..], b".", b" ", b"-", b"e", b":", b"/", b", ", b"k ", b"]", b"1,234", b": ", b"="]
                    [random.below(13)];
            altered.extend_from_slice(mark);
        }
        at += length.max(1);
    }
    altered
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn other_digits_do_not_matter(case in any::<prop::sample::Index>(), seed in 1..u64::MAX) {
        let examples: Vec<&str> =
            compiled().iter().flat_map(|compiled| compiled.shape.examples.iter().map(|example| example.text)).collect();
        let example = examples[case.index(examples.len())];
        let shape = shape_of(example.as_bytes()).expect("a shape");
        let mut random = Random(seed);
        let mut text = Vec::new();
        for _ in 0..8 {
            lines::each(example.as_bytes(), |_, line, _| {
                let other = altered(line, &mut random);
                // Again with digits like those, so that its form is known.
                for line in [&other, &altered(&other, &mut random), &altered(&other, &mut random)] {
                    text.extend_from_slice(line);
                    text.push(b'\n');
                }
            });
        }
        compare(&shape, &text);
    }

    #[test]
    fn lines_of_a_caller(lines in prop::collection::vec(
        "(0: |[0-9]{1,2} )?step [0-9]{1,4}(/[0-9]{1,3})?[ ,:]{1,2}(-?[0-9]{1,4}([.,][0-9]{1,3}){0,2}[ ,]{1,2}|a[0-9]? -?[0-9]{1,3}(\\.[0-9]{1,2})?[ ,;(]{1,2}|[:=e%ms()]){0,5}", 1..40)) {
        let text = lines.join("\n") + "\n";
        for pattern in ["step {step} {*}", "step {step}, {*}", "{step} {x}", "step {step} {x} {_}a {y}"] {
            compare(&ShapeMatch::of_caller(pattern), text.as_bytes());
        }
    }
}
