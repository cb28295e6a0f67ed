//! `StyleGAN`'s `stats.jsonl`: an object a line, one for each tick, whose members are objects of a mean, a deviation and a count.
//!
//! `Progress/kimg` is how many thousand images the discriminator has seen: the step counts samples, all that are done. The
//! writer keeps it as a 32-bit float. Above 16 million images that may stand for more than one number; then there is no step.
//! The mean of a metric has the metric's name, as in the event file next to it; the others have theirs after it.

use stepbridge_records::{Decimal, Format, FormatDescription, SeriesMeaning, StepMeaning, Unit};

use crate::shared::example::{Example, Examples};
use crate::shared::json_lines::{self, Dialect, KeyRole, probe};
use crate::shared::reader::FormatReader;

const KIMG: &str = "Progress/kimg";
const MEAN: &str = "/mean";

pub(super) static READER: FormatReader = FormatReader {
    description: FormatDescription {
        name: "stylegan",
        title: "StyleGAN stats.jsonl",
        writer: Some("StyleGAN"),
        meaning: SeriesMeaning { step: Some(StepMeaning::of_run(Unit::Sample, 1)), epoch: None },
        ..FormatDescription::UNKNOWN
    },
    matches: |head| {
        let seen = probe(head);
        !seen.objects.is_empty() && seen.objects.iter().all(|keys| keys.others.contains(KIMG))
    },
    read: |input, sink| json_lines::read(&StyleGan, input, sink),
    examples: Examples::objects(
        "stats.jsonl",
        &[Example::text("", |i, one, other| {
            format!(
                "{{\"Loss/G/loss\": {{\"num\": 64, \"mean\": {one}, \"std\": {other}}}, \"Progress/kimg\": {{\"num\": 1, \
                 \"mean\": {}, \"std\": 0.0}}, \"timestamp\": 1663000000.5}}",
                f64::from(i) * 4.0
            )
        })],
    ),
    ..FormatReader::NONE
};

struct StyleGan;

impl Dialect for StyleGan {
    fn format(&self) -> Format {
        READER.format()
    }

    fn role(&self, name: &str) -> KeyRole {
        match name {
            "timestamp" => KeyRole::WallTime,
            _ if name.strip_suffix(MEAN) == Some(KIMG) => KeyRole::Step,
            _ => KeyRole::Value,
        }
    }

    fn separator(&self) -> &'static str {
        "/"
    }

    fn tag<'a>(&self, key: &'a str) -> &'a str {
        key.strip_suffix(MEAN).unwrap_or(key)
    }

    fn converts_steps(&self) -> bool {
        true
    }

    fn step(&self, stated: Decimal) -> Option<i64> {
        images(stated.to_f64())
    }

    fn unplaced(&self) -> Option<&'static str> {
        Some("have no 'Progress/kimg': their records have no step")
    }
}

/// The number of images that was divided by a thousand and stored as this number; `None` if several may have been.
fn images(kimg: f64) -> Option<i64> {
    /// Up to here the product below is exact to much less than one image.
    const MOST: f64 = 1e9;
    if !(0.0..MOST).contains(&kimg) {
        return None;
    }
    #[expect(clippy::cast_possible_truncation, reason = "rounded, and below 2^53")]
    let images = (kimg * 1000.0).round() as i64;
    #[expect(clippy::cast_precision_loss, reason = "below 2^53")]
    let double = |images: i64| images as f64 / 1000.0;
    #[expect(clippy::cast_possible_truncation, reason = "what the writer did")]
    let single = |images: i64| f64::from(double(images) as f32);
    let is_only = single(images).to_bits() == kimg.to_bits()
        && [images - 1, images + 1].into_iter().all(|other| single(other).to_bits() != kimg.to_bits());
    (double(images).to_bits() == kimg.to_bits() && single(images).to_bits() != kimg.to_bits() || is_only)
        .then_some(images)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shared::options::ReadOptions;
    use crate::test_reading::read_for_test;

    #[test]
    fn thousands_of_images_are_samples() {
        let text = concat!(
            "{\"Loss/G/loss\": {\"num\": 16, \"mean\": 2.5, \"std\": 0.5}, \"Progress/kimg\": {\"num\": 1, \"mean\": 4.0, \
             \"std\": 0.0}, \"timestamp\": 1663000000.0}\n",
            "{\"Loss/G/loss\": {\"num\": 16, \"mean\": 2.25, \"std\": 0.5}, \"Progress/kimg\": {\"num\": 1, \
             \"mean\": 8.064000129699707, \"std\": 0.0}, \"timestamp\": 1663000200.0}\n",
        );
        let read = read_for_test(&READER, "stats.jsonl", text.as_bytes(), &ReadOptions::default(), 1);
        let (tags, batch) = (&read.batches[0].tags, &read.batches[0].columns);
        let rows: Vec<_> = (0..batch.len())
            .map(|i| (&tags[batch.tag[i] as usize][..], batch.step_of(i), batch.value[i]))
            .filter(|(tag, ..)| tag.starts_with("Loss"))
            .collect();
        let row = |step: i64, mean: f64| {
            [("/num", 16.0), ("", mean), ("/std", 0.5)]
                .map(|(end, value)| (format!("Loss/G/loss{end}"), Some(step), value))
        };
        let expected: Vec<_> = row(4000, 2.5).into_iter().chain(row(8064, 2.25)).collect();
        assert_eq!(rows, expected.iter().map(|(tag, step, value)| (&tag[..], *step, *value)).collect::<Vec<_>>());
        assert!(read.problems.is_empty(), "{:?}", read.problems);
    }

    #[test]
    fn a_float_that_may_be_two_numbers_is_none() {
        for (kimg, expected) in [
            (0.0, Some(0)),
            (4.032, Some(4032)),
            (f64::from(4.032_f32), Some(4032)),
            (f64::from(12_000.064_f32), Some(12_000_064)),
            (f64::from(25_000.033_f32), None),
            (f64::from(90_000.03_f32), None),
            (0.000_5, None),
            (-4.0, None),
            (f64::NAN, None),
        ] {
            assert_eq!(images(kimg), expected, "{kimg}");
        }
    }
}
