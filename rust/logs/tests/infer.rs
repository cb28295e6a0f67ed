//! Inference over whole runs: formats, tags, facts beside the records, and what is said where nothing can be known.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod common;

use std::collections::BTreeMap;

use common::{events, plan, records, stating};
use proptest::prelude::*;
use stepbridge_logs::infer::{Inferred, Outcome, infer};
use stepbridge_logs::{Chunk, Format, Records, Stated, StepMeaning};
use stepbridge_timeline::{Boundary, History, Timeline, Unit};

fn of_run(records: &Records) -> Inferred {
    infer(records).remove("run").expect("the run is there")
}

fn timeline(chunk: Chunk) -> Timeline {
    match of_run(&records(chunk)).outcome {
        Outcome::Known { timeline, .. } => timeline,
        Outcome::Unknown { why } => panic!("{why}"),
        Outcome::Sessions { evidence, .. } => panic!("{evidence}"),
    }
}

fn why(chunk: Chunk) -> String {
    match of_run(&records(chunk)).outcome {
        Outcome::Known { evidence, .. } | Outcome::Sessions { evidence, .. } => panic!("{evidence}"),
        Outcome::Unknown { why } => why,
    }
}

#[test]
fn lightning_rows_after_training_belong_to_the_next_epoch() {
    let pairs = [(1718, "0"), (3437, "1"), (6875, "3"), (8594, "4"), (8595, "5")];
    let known = of_run(&records(stating(Format::LightningCsv, &pairs)));
    let Outcome::Known { timeline, evidence, checked } = known.outcome else { panic!("unknown") };
    assert_eq!(timeline, plan(1719, 1, Boundary::Flush, None));
    assert_eq!(checked, 5);
    assert_eq!(known.step, Some(StepMeaning::of_run(Unit::Step, 0)));
    assert_eq!(
        evidence,
        "1719 steps an epoch is the only length that fits all 5 pairs of step and epoch, up to step 8595 with epoch 5 \
         (log); iter counts updates, for accumulation leaves no trace in this log"
    );
}

#[test]
fn epoch_0_alone_is_an_observed_epoch_that_was_cut() {
    let found = timeline(stating(Format::LightningCsv, &[(49, "0"), (2499, "0")]));
    let observed = History {
        lengths: &[2500],
        samples: None,
        batch_size: None,
        accumulate: 1,
        boundary: Boundary::Flush,
        cut: true,
    };
    assert_eq!(found, Timeline::from_epochs(&observed).unwrap());
}

#[test]
fn a_fact_beside_the_records_settles_what_two_digits_leave_open() {
    let mut chunk = stating(Format::TrainerState, &[(10, "0.0"), (3500, "1.12"), (6980, "2.22"), (7000, "2.23")]);
    assert_eq!(
        why(chunk.clone()),
        "an epoch may have any number of steps from 3138 to 3139: each fits all 4 pairs of step and epoch, up to step 7000 \
         with epoch 2.23 (log)"
    );
    chunk.evidence = vec![(7000, Stated::parse("2.231362160654889").unwrap())];
    assert_eq!(timeline(chunk), plan(50_207, 16, Boundary::Drop, None));
}

#[test]
fn a_carry_is_found_from_its_exact_ratio() {
    let mut chunk = stating(Format::TrainerState, &[(10, "0.02"), (0, "0"), (9990, "24.26"), (10_000, "24.29")]);
    chunk.evidence = vec![(10_000, Stated::parse("24.286581663630844").unwrap())];
    let known = of_run(&records(chunk));
    let Outcome::Known { timeline, evidence, .. } = known.outcome else { panic!("unknown") };
    assert_eq!(timeline, plan(1647, 4, Boundary::Carry, None));
    assert!(
        evidence.starts_with("1647 batches an epoch with 4 a step (carry) is the simplest that fits"),
        "{evidence}"
    );
}

#[test]
fn within_the_first_epoch_the_timeline_ends_with_it() {
    let found = timeline(stating(Format::TrainerState, &[(1, "0.07766990291262135"), (2, "0.1553398058252427")]));
    assert_eq!(found, plan(103, 8, Boundary::Drop, Some(1)));
}

#[test]
fn two_tags_of_event_files_state_epochs() {
    let lightning = [(0, 0, 0.5), (1, 49, 0.0), (1, 99, 0.0), (1, 100, 1.0), (1, 200, 2.0)];
    assert_eq!(timeline(events(&lightning)), plan(100, 1, Boundary::Flush, None));
    let hugging_face =
        [(0, 10, 0.5), (2, 10, f64::from(0.08_f32)), (2, 655, f64::from(5.0_f32)), (2, 660, f64::from(5.04_f32))];
    let known = of_run(&records(events(&hugging_face)));
    assert!(
        matches!(known.outcome, Outcome::Known { ref timeline, .. } if *timeline == plan(131, 1, Boundary::Flush, None))
    );
    assert_eq!(known.step, Some(StepMeaning::of_run(Unit::Step, 1)));
    // Whole numbers under Lightning's name that only fit as what was completed.
    let whole = [(1, 0, 0.0), (1, 401, 1.0), (1, 802, 2.0), (1, 12_030, 30.0)];
    assert_eq!(of_run(&records(events(&whole))).step.map(|step| step.base), Some(1));
}

#[test]
fn without_pairs_or_with_two_meanings_nothing_is_known() {
    assert_eq!(why(events(&[(0, 1, 2.0)])), "no record of the run holds both a step and an epoch");
    let mut both = records(stating(Format::LightningCsv, &[(99, "0"), (100, "1"), (200, "2")]));
    both.chunks.push(stating(Format::TrainerState, &[(100, "1.0")]));
    let Outcome::Unknown { why } = of_run(&both).outcome else { panic!("known") };
    assert_eq!(why, "some of the run's files count steps from 0 and some from 1: read them apart");
}

#[test]
fn runs_do_not_lend_each_other_anything() {
    let mut two = records(stating(Format::LightningCsv, &[(99, "0"), (100, "1"), (200, "2")]));
    two.runs.push("other".into());
    two.chunks.push(Chunk { run: 1, ..stating(Format::LightningCsv, &[(150, "1")]) });
    let outcomes: BTreeMap<_, _> = infer(&two);
    assert!(matches!(outcomes["run"].outcome, Outcome::Known { .. }));
    assert!(matches!(outcomes["other"].outcome, Outcome::Unknown { .. }));
}

#[test]
fn hostile_numbers_end_in_a_reason() {
    for (step, text) in [(i64::MAX, "0.5"), (i64::MAX, "9223372036854775807"), (1, "0.00000000000000000001"), (-5, "1")]
    {
        for format in [Format::LightningCsv, Format::TrainerState] {
            let outcome =
                of_run(&records(stating(format, &[(step, text), (3, "1e-300"), (7, "123456789.125")]))).outcome;
            assert!(matches!(outcome, Outcome::Unknown { .. }), "{step} {text} {format:?}");
        }
    }
}

/// A training loop batch by batch: (step, epoch's index, batches done in it) after each update.
fn updates(batches: u64, accumulate: u64, boundary: Boundary, epochs: u64) -> Vec<(u64, u64, u64)> {
    let (mut done, mut open) = (Vec::new(), 0);
    for epoch in 0..epochs {
        for batch in 1..=batches {
            open += 1;
            if open == accumulate || (batch == batches && boundary == Boundary::Flush) {
                open = 0;
                done.push((done.len() as u64 + 1, epoch, batch));
            }
        }
        if boundary == Boundary::Drop {
            open = 0;
        }
    }
    done
}

fn boundaries() -> impl Strategy<Value = Boundary> {
    prop_oneof![Just(Boundary::Flush), Just(Boundary::Carry), Just(Boundary::Drop)]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever is known says of each record what the loop did, and is open-ended beyond it.
    #[test]
    fn what_is_known_reproduces_the_log(
        batches in 1_u64..200, accumulate in 1_u64..9, boundary in boundaries(), epochs in 1_u64..8, every in 1_usize..7,
        digits in prop_oneof![Just(None), (2_usize..6).prop_map(Some)],
    ) {
        #[expect(clippy::cast_precision_loss, reason = "a writer's own float")]
        let lines: Vec<(i64, String)> = updates(batches, accumulate, boundary, epochs).into_iter().step_by(every).map(|(step, epoch, batch)| {
            let value = epoch as f64 + batch as f64 / batches as f64;
            (i64::try_from(step).unwrap(), digits.map_or_else(|| value.to_string(), |digits| format!("{value:.digits$}")))
        }).collect();
        let pairs: Vec<_> = lines.iter().map(|(step, text)| (*step, text.as_str())).collect();
        let outcome = infer(&records(stating(Format::TrainerState, &pairs))).remove("run").map(|known| known.outcome);
        match outcome {
            Some(Outcome::Known { timeline, checked, .. }) => {
                prop_assert_eq!(checked, pairs.len());
                for (step, text) in pairs {
                    let at = timeline.locate(Unit::Step, u64::try_from(step).unwrap() - 1).unwrap();
                    #[expect(clippy::cast_precision_loss, reason = "compared with a printed float")]
                    let value = at.epoch as f64 + (at.iter + 1) as f64 / timeline.epoch_length(at.epoch).unwrap() as f64;
                    let unit = text.split_once('.').map_or(1.0, |(_, fraction)| 0.1_f64.powi(i32::try_from(fraction.len()).unwrap()));
                    prop_assert!((value - text.parse::<f64>().unwrap()).abs() <= unit / 2.0 + 1e-14 * (1.0 + value), "{} {}", step, text);
                }
            }
            // With every update, and one in full digits, something is always known.
            Some(Outcome::Unknown { why }) => {
                let exact = digits.is_none() && pairs.iter().any(|(_, text)| text.len() > 16);
                prop_assert!(every > 1 || !exact, "{}", why);
            }
            Some(Outcome::Sessions { .. }) | None => prop_assert!(false),
        }
    }

    /// Whole epochs: what is known gives each record the epoch that the loop was in.
    #[test]
    fn what_is_known_of_whole_epochs_reproduces_the_log(
        length in 1_u64..300, first in 0_u64..5, epochs in 1_u64..30, every in 1_u64..60, ends in any::<bool>(),
    ) {
        let steps = first * length..(first + epochs) * length;
        let logged = steps.filter(|step| (step + 1) % every == 0 || (ends && (step + 1) % length == 0));
        let lines: Vec<_> = logged.map(|step| (i64::try_from(step).unwrap(), (step / length).to_string())).collect();
        let pairs: Vec<_> = lines.iter().map(|(step, text)| (*step, text.as_str())).collect();
        let known = infer(&records(stating(Format::LightningCsv, &pairs))).remove("run").unwrap();
        if let Outcome::Known { timeline, .. } = known.outcome {
            for (step, text) in pairs {
                let at = timeline.locate(Unit::Step, u64::try_from(step).unwrap()).unwrap();
                prop_assert_eq!(at.epoch.to_string(), text);
            }
            if timeline.epochs().is_none() {
                prop_assert_eq!(timeline.epoch_length(0), Some(length));
            }
        }
    }
}
