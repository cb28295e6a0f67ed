//! Inference over whole runs: formats, tags, facts next to the records, and what is reported where nothing can be known.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod common;

use std::collections::BTreeMap;

use common::{events, format, plan, records, stating};
use proptest::prelude::*;
use stepbridge_index::infer::{InferenceOutcome, StepWord, TimelineInference, infer, infer_shared};
use stepbridge_records::{
    ColumnBatch, ConfigEntry, ConfigItem, Decimal, EpochMeaning, Records, SeriesMeaning, StepMeaning,
};
use stepbridge_timeline::{Boundary, Timeline, Unit};

fn of_run(records: &Records) -> TimelineInference {
    infer(records, StepWord::default()).remove("run").expect("the run is there")
}

fn timeline(batch: ColumnBatch) -> Timeline {
    match of_run(&records(batch)).outcome {
        InferenceOutcome::Known { timeline, .. } => timeline,
        InferenceOutcome::Unknown { why } => panic!("{why}"),
        InferenceOutcome::Sessions { evidence, .. } => panic!("{evidence}"),
    }
}

fn why(batch: ColumnBatch) -> String {
    match of_run(&records(batch)).outcome {
        InferenceOutcome::Known { evidence, .. } | InferenceOutcome::Sessions { evidence, .. } => panic!("{evidence}"),
        InferenceOutcome::Unknown { why } => why,
    }
}

#[test]
fn lightning_rows_after_training_belong_to_the_next_epoch() {
    let pairs = [(1718, "0"), (3437, "1"), (6875, "3"), (8594, "4"), (8595, "5")];
    let known = of_run(&records(stating(format("lightning_csv"), &pairs)));
    let InferenceOutcome::Known { timeline, evidence, checked } = known.outcome else { panic!("unknown") };
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
fn an_epoch_that_never_ended_has_no_length() {
    let log = records(stating(format("lightning_csv"), &[(49, "0"), (2499, "0")]));
    let found = of_run(&log);
    let why = "the log never leaves its first epoch, whose length therefore is not known: at least 2500 steps";
    assert_eq!(found.outcome, InferenceOutcome::Unknown { why: why.to_owned() });
    assert_eq!(found.open_epoch, Some(0));
}

#[test]
fn a_fact_beside_the_records_settles_what_two_digits_leave_open() {
    let mut batch = stating(format("trainer_state"), &[(10, "0.0"), (3500, "1.12"), (6980, "2.22"), (7000, "2.23")]);
    assert_eq!(
        why(batch.clone()),
        "an epoch may have any number of steps from 3138 to 3139: each fits all 4 pairs of step and epoch, up to step 7000 \
         with epoch 2.23 (log)"
    );
    batch.evidence = vec![(7000, Decimal::parse("2.231362160654889").unwrap())];
    assert_eq!(timeline(batch), plan(50_207, 16, Boundary::Drop, None));
}

#[test]
fn a_carry_is_found_from_its_exact_ratio() {
    let mut batch = stating(format("trainer_state"), &[(10, "0.02"), (0, "0"), (9990, "24.26"), (10_000, "24.29")]);
    batch.evidence = vec![(10_000, Decimal::parse("24.286581663630844").unwrap())];
    let known = of_run(&records(batch));
    let InferenceOutcome::Known { timeline, evidence, .. } = known.outcome else { panic!("unknown") };
    assert_eq!(timeline, plan(1647, 4, Boundary::Carry, None));
    assert!(
        evidence.starts_with("1647 batches an epoch with 4 a step (carry) is the simplest that fits"),
        "{evidence}"
    );
}

#[test]
fn within_the_first_epoch_the_timeline_ends_with_it() {
    let found = timeline(stating(format("trainer_state"), &[(1, "0.07766990291262135"), (2, "0.1553398058252427")]));
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
        matches!(known.outcome, InferenceOutcome::Known { ref timeline, .. } if *timeline == plan(131, 1, Boundary::Flush, None))
    );
    assert_eq!(known.step, Some(StepMeaning::of_run(Unit::Step, 1)));
    // Whole numbers under Lightning's name that only fit as what was completed.
    let whole = [(1, 0, 0.0), (1, 401, 1.0), (1, 802, 2.0), (1, 12_030, 30.0)];
    assert_eq!(of_run(&records(events(&whole))).step.map(|step| step.base), Some(1));
}

#[test]
fn without_pairs_or_with_two_meanings_nothing_is_known() {
    assert_eq!(why(events(&[(0, 1, 2.0)])), "no record of the run holds both a step and an epoch");
    let mut both = records(stating(format("lightning_csv"), &[(99, "0"), (100, "1"), (200, "2")]));
    both.batches.push(stating(format("trainer_state"), &[(100, "1.0")]));
    let InferenceOutcome::Unknown { why } = of_run(&both).outcome else { panic!("known") };
    assert_eq!(why, "some of the run's files count steps from 0 and some from 1: read them apart");
}

/// A batch whose numbers mean this.
fn meaning(step: Option<StepMeaning>, epoch: Option<EpochMeaning>, batch: ColumnBatch) -> ColumnBatch {
    ColumnBatch { meaning: SeriesMeaning { step, epoch }, ..batch }
}

#[test]
fn whole_epochs_of_any_base_are_found() {
    for (step_base, epoch_base) in [(0, 0), (1, 1), (0, 1), (1, 0)] {
        let lines: Vec<_> = (0..200)
            .map(|index| (index + i64::from(step_base), (index / 20 + i64::from(epoch_base)).to_string()))
            .collect();
        let pairs: Vec<_> = lines.iter().map(|(step, epoch)| (*step, &**epoch)).collect();
        let batch = stating(format("jsonl"), &pairs);
        // Of each epoch the first and the last row count. One row short of an epoch's beginning and every row is there: one answer, whoever says what.
        let step = StepMeaning::of_run(Unit::Batch, step_base);
        let declared = meaning(Some(step), Some(EpochMeaning::In(epoch_base)), batch.clone());
        let known = of_run(&records(declared));
        assert_eq!((known.step, known.epoch), (Some(step), Some(EpochMeaning::In(epoch_base))));
        let InferenceOutcome::Known { timeline, checked, .. } = known.outcome else { panic!("unknown") };
        assert_eq!((timeline, checked), (plan(20, 1, Boundary::Flush, None), 20));
        let guessed = of_run(&records(meaning(None, None, batch)));
        match guessed.outcome {
            InferenceOutcome::Known { timeline, .. } => {
                assert_eq!(timeline, plan(20, 1, Boundary::Flush, None));
                assert_eq!(guessed.step.map(|step| step.base), Some(step_base));
            }
            InferenceOutcome::Unknown { why } => panic!("{why}"),
            InferenceOutcome::Sessions { evidence, .. } => panic!("{evidence}"),
        }
    }
}

#[test]
fn an_epoch_tag_may_count_from_1() {
    let epochs = |base: i64| -> Vec<(u32, i64, f64)> {
        #[expect(clippy::cast_precision_loss, reason = "a small number")]
        (0..100).map(|index| (1, index + base, (index / 10 + base) as f64)).collect()
    };
    for base in [0, 1] {
        let known = of_run(&records(events(&epochs(base))));
        let number = u8::try_from(base).unwrap();
        assert_eq!(known.step, Some(StepMeaning::of_run(Unit::Step, number)), "{:?}", known.outcome);
        assert_eq!(known.epoch, Some(EpochMeaning::In(number)));
        let InferenceOutcome::Known { timeline, .. } = known.outcome else { panic!("unknown") };
        assert_eq!(timeline, plan(10, 1, Boundary::Flush, None));
    }
}

#[test]
fn a_base_that_cannot_be_told_is_unknown() {
    // Epochs 1 and 2 of steps that may be indices or not.
    let batch = stating(format("csv"), &[(50, "1"), (100, "1"), (150, "2"), (200, "2"), (250, "3")]);
    let why = why(meaning(None, Some(EpochMeaning::In(1)), batch));
    assert!(why.contains("any number of steps") || why.contains("would fit, and so would"), "{why}");
}

#[test]
fn an_epoch_that_only_elapses_counts_from_either_base() {
    let lines: Vec<_> = (0..60_u32).map(|index| (i64::from(index), (f64::from(index + 1) / 7.0).to_string())).collect();
    let pairs: Vec<_> = lines.iter().map(|(step, epoch)| (*step, &**epoch)).collect();
    let known = of_run(&records(meaning(None, None, stating(format("jsonl"), &pairs))));
    assert_eq!(known.step, Some(StepMeaning::of_run(Unit::Step, 0)));
    assert!(
        matches!(known.outcome, InferenceOutcome::Known { ref timeline, .. } if *timeline == plan(7, 1, Boundary::Flush, None))
    );
}

/// Steps inside epochs, counted from 1, of epochs from 1.
fn inside(pairs: &[(i64, &str)], lengths: &[(Option<i64>, u64)]) -> ColumnBatch {
    let step = StepMeaning::of_epoch(Unit::Batch, 1);
    ColumnBatch {
        lengths: lengths.to_vec(),
        ..meaning(Some(step), Some(EpochMeaning::In(1)), stating(format("text"), pairs))
    }
}

#[test]
fn a_log_that_says_its_lengths_is_taken_at_its_word() {
    let pairs = [(50, "1"), (100, "1"), (20, "2")];
    assert_eq!(timeline(inside(&pairs, &[(None, 120)])), plan(120, 1, Boundary::Flush, None));
    assert_eq!(timeline(inside(&pairs, &[(Some(1), 120), (Some(2), 120)])), plan(120, 1, Boundary::Flush, None));
    let changed = timeline(inside(&pairs, &[(Some(1), 120), (Some(2), 60)]));
    assert_eq!(
        (changed.epoch_length(0), changed.epoch_length(1), changed.epoch_length(9)),
        (Some(120), Some(60), Some(60))
    );
    for (lengths, part) in [
        (&[][..], "an epoch may have 100 batches or any number above"),
        (&[(None, 90)], "a record of epoch 0 (counted from 0) lies outside"),
        (&[(Some(1), 120), (Some(1), 130)], "the log states two lengths of epoch 0"),
        (&[(Some(2), 120), (Some(3), 130)], "not those of all epochs from the first one on"),
    ] {
        let why = why(inside(&pairs, lengths));
        assert!(why.contains(part), "{why}");
    }
}

/// Rows at regular steps, and at each epoch's beginning and end.
fn lightning(lengths: &[i64], every: i64) -> Vec<(i64, String)> {
    let (mut rows, mut step) = (Vec::new(), 0);
    for (epoch, length) in lengths.iter().enumerate() {
        for iter in 0..*length {
            if (step + 1) % every == 0 || iter == 0 || iter + 1 == *length {
                rows.push((step, epoch.to_string()));
            }
            step += 1;
        }
    }
    rows
}

fn session(number: u32, rows: &[(i64, String)]) -> ColumnBatch {
    let pairs: Vec<_> = rows.iter().map(|(step, epoch)| (*step, &**epoch)).collect();
    ColumnBatch { session: number, ..stating(format("lightning_csv"), &pairs) }
}

#[test]
fn another_length_from_a_resume_on_is_two_segments() {
    // 100 steps an epoch for 3 epochs, then 40: the second session's first row is the first of epoch 3. Of its epochs
    // not each is there, so that they cannot be counted off.
    let all = lightning(&[100, 100, 100, 40, 40, 40, 40, 40], 10);
    let seen = all.into_iter().filter(|(_, epoch)| epoch != "5");
    let (before, after): (Vec<_>, Vec<_>) = seen.partition(|(step, _)| *step < 300);
    let mut log = records(session(0, &before));
    log.batches.push(session(1, &after));
    let InferenceOutcome::Known { timeline, evidence, .. } = of_run(&log).outcome else { panic!("unknown") };
    assert_eq!((timeline.epoch_length(2), timeline.epoch_length(3)), (Some(100), Some(40)));
    assert_eq!(timeline.locate(Unit::Step, 340).map(|at| (at.epoch, at.iter)), Ok((4, 0)));
    assert!(!evidence.is_empty());
}

#[test]
fn an_epoch_that_is_computed_anew_gives_each_session_its_timeline() {
    // Hugging Face: after a resume at step 100 with half as many steps an epoch, the number doubles.
    let rows = |steps: std::ops::RangeInclusive<i64>, length: f64| -> Vec<(i64, String)> {
        #[expect(clippy::cast_precision_loss, reason = "a writer's own float")]
        steps.map(|step| (step, (step as f64 / length).to_string())).collect()
    };
    let batch = |number: u32, rows: &[(i64, String)]| {
        let pairs: Vec<_> = rows.iter().map(|(step, epoch)| (*step, &**epoch)).collect();
        ColumnBatch { session: number, ..stating(format("trainer_state"), &pairs) }
    };
    let mut log = records(batch(0, &rows(1..=100, 50.0)));
    log.batches.push(batch(1, &rows(101..=200, 25.0)));
    let InferenceOutcome::Sessions { timelines, checked, .. } = of_run(&log).outcome else {
        panic!("one timeline, or none")
    };
    assert_eq!(timelines, [(0, plan(50, 1, Boundary::Flush, None)), (1, plan(25, 1, Boundary::Flush, None))]);
    assert_eq!(checked, 200);
}

#[test]
fn a_timeline_is_shared_only_where_all_agree_and_nothing_contradicts() {
    let sure = [(99, "0"), (100, "1"), (200, "2")];
    let three = |others: &[ColumnBatch]| {
        let mut log = records(stating(format("lightning_csv"), &sure));
        for (number, batch) in (1..).zip(others) {
            log.runs.push(format!("other {number}"));
            log.batches.push(ColumnBatch { run: number, ..batch.clone() });
        }
        infer_shared(&log, StepWord::default())
    };
    let vague = stating(format("lightning_csv"), &[(150, "1")]);
    let found = three(&[vague.clone(), events(&[(0, 7, 1.0)])]);
    for (run, checked) in [("other 1", "it agrees with 1 statements"), ("other 2", "nothing that it states")] {
        assert_eq!(found[run].shared_by.as_deref(), Some("run"));
        let InferenceOutcome::Known { timeline, evidence, .. } = &found[run].outcome else { panic!("unknown") };
        assert_eq!(*timeline, plan(100, 1, Boundary::Flush, None));
        assert!(evidence.starts_with("lent by run run, as was asked for") && evidence.contains(checked), "{evidence}");
    }
    let found = three(&[stating(format("lightning_csv"), &[(150, "0"), (400, "1")])]);
    assert!(
        matches!(&found["other 1"].outcome, InferenceOutcome::Unknown { why } if why.contains("a record contradicts it"))
    );
    let found = three(&[stating(format("lightning_csv"), &[(49, "0"), (50, "1"), (100, "2")]), vague]);
    assert!(
        matches!(&found["other 2"].outcome, InferenceOutcome::Unknown { why } if why.contains("run and other 1 differ") || why.contains("other 1 and run differ"))
    );
}

#[test]
fn runs_do_not_lend_each_other_anything() {
    let mut two = records(stating(format("lightning_csv"), &[(99, "0"), (100, "1"), (200, "2")]));
    two.runs.push("other".into());
    two.batches.push(ColumnBatch { run: 1, ..stating(format("lightning_csv"), &[(150, "1")]) });
    let outcomes: BTreeMap<_, _> = infer(&two, StepWord::default());
    assert!(matches!(outcomes["run"].outcome, InferenceOutcome::Known { .. }));
    assert!(matches!(outcomes["other"].outcome, InferenceOutcome::Unknown { .. }));
}

#[test]
fn hostile_numbers_end_in_a_reason() {
    for (step, text) in [(i64::MAX, "0.5"), (i64::MAX, "9223372036854775807"), (1, "0.00000000000000000001"), (-5, "1")]
    {
        for format in [format("lightning_csv"), format("trainer_state")] {
            let outcome =
                of_run(&records(stating(format, &[(step, text), (3, "1e-300"), (7, "123456789.125")]))).outcome;
            assert!(matches!(outcome, InferenceOutcome::Unknown { .. }), "{step} {text} {format:?}");
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

    /// Whatever is known gives for each record what the loop did, and is open-ended beyond it.
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
        let outcome = infer(&records(stating(format("trainer_state"), &pairs)), StepWord::default()).remove("run").map(|known| known.outcome);
        match outcome {
            Some(InferenceOutcome::Known { timeline, checked, .. }) => {
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
            Some(InferenceOutcome::Unknown { why }) => {
                let exact = digits.is_none() && pairs.iter().any(|(_, text)| text.len() > 16);
                prop_assert!(every > 1 || !exact, "{}", why);
            }
            Some(InferenceOutcome::Sessions { .. }) | None => prop_assert!(false),
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
        let known = infer(&records(stating(format("lightning_csv"), &pairs)), StepWord::default()).remove("run").unwrap();
        if let InferenceOutcome::Known { timeline, .. } = known.outcome {
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

/// A state whose plan is known.
fn planned(pairs: &[(i64, &str)], steps: u64, epochs: u64) -> Records {
    let entry =
        |item, key: &str, value| ConfigEntry { item, key: key.to_owned(), value, file: "log".to_owned(), sure: true };
    let config =
        vec![entry(ConfigItem::Steps, "max_steps", steps), entry(ConfigItem::Epochs, "num_train_epochs", epochs)];
    records(ColumnBatch { config, ..stating(format("trainer_state"), pairs) })
}

#[test]
fn the_configuration_of_a_run_settles_what_its_epochs_leave_open() {
    let found = of_run(&planned(&[(1220, "1.0")], 6100, 5));
    assert_eq!(found.config.as_deref(), Some("max_steps / num_train_epochs of log"));
    let InferenceOutcome::Known { timeline, .. } = found.outcome else { panic!("unknown") };
    assert_eq!(timeline, plan(1220, 1, Boundary::Flush, None));
    // A plan of epochs in part, one that is none of the lengths that the log leaves, and a stream.
    for (steps, epochs) in [(6101, 5), (7000, 5), (6100, 1 << 62)] {
        assert!(matches!(of_run(&planned(&[(1220, "1.0")], steps, epochs)).outcome, InferenceOutcome::Unknown { .. }));
    }
}

#[test]
fn the_log_counts_more_than_its_configuration() {
    let exact = [(500, "0.17421602787456447"), (2870, "1.0")];
    let found = of_run(&planned(&exact, 28_700, 5));
    assert!(matches!(found.outcome, InferenceOutcome::Known { .. }));
    assert!(found.config.is_none());
    let contradiction = found.contradiction.expect("a contradiction");
    assert!(contradiction.contains("which show 2870 steps an epoch"), "{contradiction}");
    assert_eq!(of_run(&planned(&exact, 14_350, 5)).contradiction, None);
}

#[test]
fn rows_at_the_end_of_every_epoch_are_likely_and_not_proven() {
    let ends: Vec<(i64, String)> = (0..10).map(|epoch| (25 * epoch + 24, epoch.to_string())).collect();
    let pairs: Vec<(i64, &str)> = ends.iter().map(|(step, epoch)| (*step, epoch.as_str())).collect();
    let found = of_run(&records(stating(format("lightning_csv"), &pairs)));
    assert!(matches!(found.outcome, InferenceOutcome::Unknown { .. }));
    assert_eq!(found.likely.expect("a likely one").0, plan(25, 1, Boundary::Flush, None));
}

#[test]
fn what_the_caller_says_of_steps_is_obeyed() {
    // One row is exact, so that the length follows once it is known from what steps count.
    let batch = stating(format("jsonl"), &[(500, "0.17421602787456447")]);
    let log = records(meaning(None, None, batch));
    let word = |base| StepWord { unit: Some(Unit::Step), base: Some(base) };
    let known = infer(&log, word(1)).remove("run").expect("the run");
    let InferenceOutcome::Known { timeline, .. } = known.outcome else { panic!("unknown") };
    assert_eq!(timeline, plan(2870, 1, Boundary::Flush, None));
    assert_eq!(known.step, Some(StepMeaning::of_run(Unit::Step, 1)));
}
