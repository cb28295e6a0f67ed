//! Re-indexing: where records are, what is checked, and what is reported.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod common;

use std::collections::BTreeMap;

use common::{events, format, plan, records, stating};
use stepbridge_index::reindex::{
    Places, ReindexOptions, ReindexResult, RunRule, SeriesRule, StepBasis, Timelines, reindex, steps,
};
use stepbridge_records::{ColumnBatch, Decimal, EpochMeaning, ProblemKind, Records, SeriesMeaning, StepMeaning};
use stepbridge_timeline::{Boundary, Error, Plan, Timeline, Unit};

fn by_one(records: &Records, timeline: &Timeline, options: &ReindexOptions) -> ReindexResult {
    reindex(records, &[], Timelines::One(timeline), options, 2).expect("a unit with locations")
}

/// (epoch, iter) and `epoch_float` of each record; -1 means NaN.
fn rows(places: &Places) -> Vec<(i64, i64, f64)> {
    let columns = places.epoch.iter().zip(&places.iter).zip(&places.epoch_float);
    columns.map(|((epoch, iter), float)| (*epoch, *iter, if float.is_nan() { -1.0 } else { *float })).collect()
}

fn reasons(reindexed: &ReindexResult) -> Vec<(ProblemKind, &str)> {
    reindexed.problems.iter().map(|problem| (problem.kind, problem.reason.as_str())).collect()
}

#[test]
fn an_index_and_an_nth_are_at_the_batch_that_they_close() {
    let timeline = plan(4, 1, Boundary::Flush, None);
    let index = records(stating(format("lightning_csv"), &[(3, "0"), (4, "1")]));
    assert_eq!(rows(&by_one(&index, &timeline, &ReindexOptions::default()).batches[0]), [(0, 3, 1.0), (1, 0, 1.25)]);
    let nth = records(stating(format("trainer_state"), &[(0, "0"), (4, "1.0"), (5, "1.25")]));
    let found = by_one(&nth, &timeline, &ReindexOptions::default());
    assert_eq!(rows(&found.batches[0]), [(-1, -1, 0.0), (0, 3, 1.0), (1, 0, 1.25)]);
    assert_eq!(reasons(&found), []);
}

#[test]
fn a_step_is_where_its_window_closes() {
    let nth = records(stating(format("trainer_state"), &[(1, "0.4"), (2, "0.8"), (3, "1.0"), (4, "1.4")]));
    let found =
        by_one(&nth, &plan(5, 2, Boundary::Flush, None), &ReindexOptions { batch: true, ..ReindexOptions::default() });
    assert_eq!(rows(&found.batches[0]), [(0, 1, 0.4), (0, 3, 0.8), (0, 4, 1.0), (1, 1, 1.4)]);
    assert_eq!(found.batches[0].batch, Some(vec![1, 3, 4, 6]));
    assert_eq!(reasons(&found), []);
}

#[test]
fn what_has_no_place_is_null_and_counted_once_a_file() {
    let mut log = records(stating(format("lightning_csv"), &[(9, "1"), (10, "2"), (-3, "0"), (11, "2"), (0, "0")]));
    log.batches[0].step_missing = Some(vec![false, false, false, false, true]);
    log.batches.push(stating(format("lightning_csv"), &[(12, "2")]));
    let found = by_one(&log, &plan(5, 1, Boundary::Flush, Some(2)), &ReindexOptions::default());
    let nothing = (-1, -1, -1.0);
    assert_eq!(rows(&found.batches[0]), [(1, 4, 2.0), nothing, nothing, nothing, nothing]);
    assert_eq!(
        reasons(&found),
        [
            (
                ProblemKind::PastEnd,
                "3 records lie past the end of the timeline (10 steps) and have no epoch; the first is loss at step 10"
            ),
            (
                ProblemKind::BeforeStart,
                "1 record has a step below the first one, and no epoch; the first is loss at step -3"
            ),
        ]
    );
    assert_eq!(found.problems[0].file, "log");
}

#[test]
fn a_stated_epoch_is_checked_not_obeyed() {
    let timeline = plan(131, 1, Boundary::Flush, None);
    let log = records(stating(format("trainer_state"), &[(25, "0.19"), (50, "0.39"), (131, "1.0"), (150, "1.15")]));
    let found = by_one(&log, &timeline, &ReindexOptions::default());
    assert_eq!(found.batches[0].iter[1], 49);
    assert_eq!(
        reasons(&found),
        [(
            ProblemKind::Disagrees,
            "1 record states another epoch than the timeline; the first is loss at step 50: epoch 0.39 stated, 0 + 50/131 found"
        )]
    );
    let rows = [(1, "0"), (2, "0"), (130, "1"), (131, "0"), (132, "1"), (133, "1"), (262, "2")];
    let log = records(stating(format("lightning_csv"), &rows));
    assert_eq!(
        reasons(&by_one(&log, &timeline, &ReindexOptions::default())),
        [(
            ProblemKind::Disagrees,
            "2 records state another epoch than the timeline; the first is loss at step 130: epoch 1 stated, 0 found"
        )]
    );
}

#[test]
fn a_plan_that_the_epochs_of_a_run_contradict_is_not_its_own() {
    let log = records(stating(
        format("lightning_csv"),
        &[(0, "0"), (99, "0"), (100, "1"), (199, "1"), (200, "2"), (299, "2")],
    ));
    let found = by_one(&log, &plan(40, 1, Boundary::Flush, None), &ReindexOptions::default());
    assert!(found.batches[0].epoch.iter().all(|epoch| *epoch == -1));
    assert_eq!(
        reasons(&found),
        [(
            ProblemKind::Contradicted,
            "6 records have no epoch: the plan given for run run is not its own; 5 of the 6 pairs of step and epoch that can \
             be compared contradict it, the first is step 99 with epoch 0 (log)"
        )]
    );
}

/// Training by step (tag 0), and every ten steps a validation (tag 1) by epoch; both with a learning rate (tag 2).
fn mixed() -> ColumnBatch {
    let rows = (1..=30).flat_map(|step| {
        let validation = [(1, step / 10, 0.5), (2, step / 10, 0.1)];
        let after = if step % 10 == 0 { &validation[..] } else { &[] }.to_vec();
        [(0, step, 1.0), (2, step, 0.1)].into_iter().chain(after)
    });
    ColumnBatch { format: format("jsonl"), ..events(&rows.collect::<Vec<_>>()) }
}

#[test]
fn a_second_counter_has_no_place_where_nothing_decides() {
    let mut log = records(mixed());
    log.tags = ["loss", "val_loss", "lr"].map(String::from).into();
    let found = by_one(&log, &plan(10, 1, Boundary::Flush, None), &ReindexOptions::default());
    let [problem] = &found.problems[..] else { panic!("{:?}", found.problems) };
    assert_eq!(problem.kind, ProblemKind::Undecided);
    assert!(problem.reason.starts_with("6 records have no epoch: of run run it is not known"), "{}", problem.reason);
    assert!(problem.reason.contains("series={\"val_loss\": (\"epoch\", 1)}"), "{}", problem.reason);
    assert_eq!(found.batches[0].epoch.iter().filter(|epoch| **epoch == -1).count(), 6);
}

#[test]
fn a_second_counter_is_placed_where_its_run_shows_what_it_counts() {
    let mut log = records(mixed());
    log.tags = ["loss", "val_loss", "lr"].map(String::from).into();
    let by_plan = ReindexOptions { unit: Some(Unit::Step), base: Some(1), ..ReindexOptions::default() };
    let rule = SeriesRule { tags: "val*".into(), unit: Unit::Epoch, base: 1 };
    let by_rule = ReindexOptions { series: vec![rule], ..ReindexOptions::default() };
    for (options, basis) in [(by_plan, StepBasis::Epochs), (by_rule, StepBasis::Caller)] {
        let found = by_one(&log, &plan(10, 1, Boundary::Flush, Some(3)), &options);
        let place = rows(&found.batches[0]);
        let validations: Vec<_> =
            (0..).zip(&log.batches[0].tag).filter(|(_, tag)| **tag == 1).map(|(at, _)| at).collect();
        let at = |index: &usize| (place[*index], place[*index + 1]);
        let expected = [((0, -1, 1.0), (0, -1, 1.0)), ((1, -1, 2.0), (1, -1, 2.0)), ((2, -1, 3.0), (2, -1, 3.0))];
        assert_eq!(validations.iter().map(at).collect::<Vec<_>>(), expected);
        assert!(found.steps.iter().any(|steps| steps.series.is_some() && steps.basis == basis), "{:?}", found.steps);
    }
}

#[test]
fn what_is_said_of_single_runs_counts_for_them_alone() {
    let mut log = records(events(&[(0, 4, 1.0)]));
    log.runs.push("other".into());
    log.batches.push(ColumnBatch { run: 1, ..events(&[(0, 4, 1.0)]) });
    let rule = RunRule {
        runs: "oth*".into(),
        timeline: Some(plan(2, 1, Boundary::Flush, None)),
        unit: Some(Unit::Step),
        base: Some(1),
        series: Vec::new(),
    };
    let options = ReindexOptions { runs: vec![rule], ..ReindexOptions::default() };
    let found = by_one(&log, &plan(4, 1, Boundary::Flush, None), &options);
    assert_eq!(rows(&found.batches[0]), [(1, 0, 1.25)]);
    assert_eq!(rows(&found.batches[1]), [(1, 1, 2.0)]);
}

#[test]
fn a_tag_of_epochs_is_checked_too() {
    let timeline = plan(100, 1, Boundary::Flush, None);
    let log = records(events(&[(0, 99, 7.0), (1, 99, 0.0), (1, 100, 1.0), (1, 250, 1.0)]));
    let found = by_one(&log, &timeline, &ReindexOptions::default());
    assert_eq!(
        reasons(&found),
        [(
            ProblemKind::Disagrees,
            "1 record states another epoch than the timeline; the first is epoch at step 250: epoch 1.00 stated, \
             2 + 51/100 found"
        )]
    );
    assert_eq!(found.assumed[0].why, "the epochs among its values count its steps this way");
}

#[test]
fn what_event_files_do_not_say_is_assumed_and_said() {
    let timeline = plan(4, 1, Boundary::Flush, None);
    let log = records(events(&[(0, 4, 1.0)]));
    let found = by_one(&log, &timeline, &ReindexOptions::default());
    assert_eq!(rows(&found.batches[0]), [(1, 0, 1.25)]);
    assert_eq!(found.assumed.len(), 1);
    assert_eq!(found.assumed[0].run, "run");
    assert_eq!(found.assumed[0].step, StepMeaning::of_run(Unit::Step, 0));
    let said = ReindexOptions { unit: Some(Unit::Batch), base: Some(1), ..ReindexOptions::default() };
    let found = by_one(&log, &timeline, &said);
    assert_eq!(rows(&found.batches[0]), [(0, 3, 1.0)]);
    assert_eq!(found.assumed, []);
}

#[test]
fn a_step_that_is_an_epoch_needs_no_timeline() {
    let log = records(events(&[(0, 0, 1.0), (0, 2, 1.0), (0, 3, 1.0)]));
    let options = ReindexOptions { unit: Some(Unit::Epoch), base: Some(0), ..ReindexOptions::default() };
    let found = reindex(&log, &[], Timelines::Own, &options, 1).unwrap();
    assert_eq!(rows(&found.batches[0]), [(0, -1, 1.0), (2, -1, 3.0), (3, -1, 4.0)]);
    assert_eq!(reasons(&found), []);
    let found = by_one(&log, &plan(4, 1, Boundary::Flush, Some(3)), &ReindexOptions { base: Some(1), ..options });
    assert_eq!(rows(&found.batches[0]), [(-1, -1, 0.0), (1, -1, 2.0), (2, -1, 3.0)]);
}

#[test]
fn without_a_timeline_a_whole_stated_epoch_is_all_there_is() {
    let log = records(stating(format("lightning_csv"), &[(49, "4"), (99, "9")]));
    let found = reindex(&log, &[], Timelines::Own, &ReindexOptions::default(), 1).unwrap();
    assert_eq!(rows(&found.batches[0]), [(4, -1, -1.0), (9, -1, -1.0)]);
    assert_eq!(found.problems.len(), 1);
    assert_eq!(found.problems[0].kind, ProblemKind::NoTimeline);
    assert_eq!(
        found.problems[0].reason,
        "run run has no timeline (an epoch may have any number of steps from 10 to 11: each fits all 2 pairs of step and \
         epoch, up to step 99 with epoch 9 (log); one is likely, and taken with likely=True: with 10 steps an epoch, 2 \
         epochs have a record at their very end): give a plan with batches_per_epoch=, or with samples= and batch_size="
    );
    let log = records(stating(format("trainer_state"), &[(10, "0.1"), (20, "0.2")]));
    let found =
        reindex(&log, &[], Timelines::Own, &ReindexOptions { batch: true, ..ReindexOptions::default() }, 1).unwrap();
    assert_eq!(rows(&found.batches[0]), [(0, -1, 0.1), (0, -1, 0.2)]);
    assert_eq!(found.batches[0].batch, Some(vec![-1, -1]));
}

#[test]
fn an_inferred_timeline_locates_what_it_was_found_from() {
    let log = records(stating(format("lightning_csv"), &[(99, "0"), (100, "1"), (200, "2"), (299, "2")]));
    let found = reindex(&log, &[], Timelines::Own, &ReindexOptions::default(), 1).unwrap();
    assert_eq!(found.batches[0].iter, [99, 0, 0, 99]);
    assert_eq!(reasons(&found), []);
    // Event files whose steps are the n-th, as their epochs show.
    let log = records(events(&[(0, 655, 1.0), (2, 655, 5.0), (2, 660, f64::from(5.04_f32))]));
    let found = reindex(&log, &[], Timelines::Own, &ReindexOptions::default(), 1).unwrap();
    assert_eq!(rows(&found.batches[0])[0], (4, 130, 5.0));
    assert_eq!(found.assumed[0].step.base, 1);
}

#[test]
fn each_run_has_its_own_timeline_or_none() {
    let mut log = records(stating(format("lightning_csv"), &[(7, "1")]));
    log.runs.push("other".into());
    log.sources.push("other/log".into());
    log.batches.push(ColumnBatch { run: 1, source: 1, ..stating(format("lightning_csv"), &[(7, "3")]) });
    let timelines = BTreeMap::from([("run".to_owned(), plan(4, 1, Boundary::Flush, None))]);
    let found = reindex(&log, &[], Timelines::Each(&timelines), &ReindexOptions::default(), 2).unwrap();
    assert_eq!(rows(&found.batches[0]), [(1, 3, 2.0)]);
    assert_eq!(rows(&found.batches[1]), [(3, -1, -1.0)]);
    assert_eq!(
        reasons(&found),
        [(
            ProblemKind::NoTimeline,
            "run other has no timeline (nothing was given for this run): give a plan with batches_per_epoch=, or with \
             samples= and batch_size="
        )]
    );
}

/// Steps inside epochs, both from 1.
fn inside(pairs: &[(i64, &str)], lengths: &[(Option<i64>, u64)]) -> Records {
    let meaning = SeriesMeaning { step: Some(StepMeaning::of_epoch(Unit::Batch, 1)), epoch: Some(EpochMeaning::In(1)) };
    records(ColumnBatch { meaning, lengths: lengths.to_vec(), ..stating(format("text"), pairs) })
}

#[test]
fn a_step_inside_its_epoch_needs_no_timeline() {
    let log = inside(&[(1, "1"), (5, "1"), (5, "5")], &[(None, 5)]);
    let found = reindex(&log, &[], Timelines::Own, &ReindexOptions::default(), 1).unwrap();
    assert_eq!(rows(&found.batches[0]), [(0, 0, 0.2), (0, 4, 1.0), (4, 4, 5.0)]);
    assert_eq!(reasons(&found), []);
    // Of epochs of unknown lengths no fraction.
    let log = inside(&[(1, "1"), (5, "2"), (0, "2"), (1, "0")], &[]);
    let found = reindex(&log, &[], Timelines::Own, &ReindexOptions::default(), 1).unwrap();
    assert_eq!(rows(&found.batches[0]), [(0, 0, -1.0), (1, 4, -1.0), (-1, -1, -1.0), (-1, -1, -1.0)]);
    assert_eq!(found.problems.iter().map(|problem| problem.kind).collect::<Vec<_>>(), [ProblemKind::BeforeStart]);
    let log = inside(&[(3, "1"), (3, "2")], &[(Some(1), 4), (Some(2), 6)]);
    let found = reindex(&log, &[], Timelines::Own, &ReindexOptions::default(), 1).unwrap();
    assert_eq!(rows(&found.batches[0]), [(0, 2, 0.75), (1, 2, 1.5)]);
}

#[test]
fn a_timeline_is_checked_against_steps_inside_epochs() {
    let log = inside(&[(5, "1"), (6, "1"), (5, "3"), (1, "4")], &[]);
    let options = ReindexOptions { sample: true, batch: true, ..ReindexOptions::default() };
    let plan = Plan { batches: Some(5), batch_size: Some(10), epochs: Some(3), ..Plan::default() };
    let found = by_one(&log, &Timeline::plan(&plan).unwrap(), &options);
    assert_eq!(rows(&found.batches[0]), [(0, 4, 1.0), (0, 5, -1.0), (2, 4, 3.0), (-1, -1, -1.0)]);
    assert_eq!(found.batches[0].batch, Some(vec![4, -1, 14, -1]));
    assert_eq!(found.batches[0].sample, Some(vec![40, -1, 140, -1]));
    assert_eq!(
        reasons(&found),
        [
            (
                ProblemKind::PastEnd,
                "1 record lies past the end of the timeline (15 batches) and have no epoch; the first is loss at step 1"
            ),
            (
                ProblemKind::Disagrees,
                "1 record states a place in an epoch of another length than the timeline's; the first is loss at step 6 of \
                 epoch 1, which has 5 batches there"
            ),
        ]
    );
    // A length that the log states is another thing than the timeline's.
    let found = by_one(
        &inside(&[(1, "1")], &[(None, 6)]),
        &self::plan(5, 1, Boundary::Flush, None),
        &ReindexOptions::default(),
    );
    assert_eq!(found.problems[0].kind, ProblemKind::Disagrees);
    // Who says what steps count says that they count over the run.
    let said = ReindexOptions { unit: Some(Unit::Batch), ..ReindexOptions::default() };
    let found = by_one(&inside(&[(6, "2")], &[]), &self::plan(5, 1, Boundary::Flush, None), &said);
    assert_eq!(rows(&found.batches[0]), [(1, 0, 1.2)]);
}

#[test]
fn rows_without_steps_are_at_their_epochs() {
    let rows_of = |epoch: EpochMeaning, texts: &[&str], base: Option<u8>| {
        let meaning = SeriesMeaning { step: None, epoch: Some(epoch) };
        let epoch = texts.iter().map(|text| Decimal::parse(text)).collect();
        let value = vec![1.5; texts.len()];
        let batch = ColumnBatch {
            tag: vec![0; value.len()],
            epoch: Some(epoch),
            value,
            meaning,
            ..ColumnBatch::new(0, 0, format("csv"))
        };
        let options = ReindexOptions { base, ..ReindexOptions::default() };
        let found = reindex(&records(batch), &[], Timelines::Own, &options, 1).unwrap();
        assert!(found.problems.iter().all(|problem| problem.kind == ProblemKind::BeforeStart));
        rows(&found.batches[0])
    };
    let none = None;
    assert_eq!(rows_of(EpochMeaning::Ends(0), &["0", "3"], none), [(0, -1, 1.0), (3, -1, 4.0)]);
    assert_eq!(rows_of(EpochMeaning::Ends(1), &["1", "3", "0"], none), [(0, -1, 1.0), (2, -1, 3.0), (-1, -1, -1.0)]);
    assert_eq!(rows_of(EpochMeaning::Ends(1), &["1"], Some(0)), [(1, -1, 2.0)]);
    assert_eq!(rows_of(EpochMeaning::In(1), &["2"], none), [(1, -1, -1.0)]);
    // A number that may stand on either side of a boundary is in no epoch for certain.
    assert_eq!(
        rows_of(EpochMeaning::Elapsed, &["0.5", "1.0", "1.99"], none),
        [(0, -1, 0.5), (-1, -1, 1.0), (1, -1, 1.99)]
    );
}

#[test]
fn units_and_bases_that_a_record_declares() {
    let plan = Plan { batches: Some(4), batch_size: Some(8), accumulate: 2, epochs: Some(9), ..Plan::default() };
    let timeline = Timeline::plan(&plan).unwrap();
    for (unit, base, step, at) in [
        (Unit::Batch, 0, 5, (1, 1)),
        (Unit::Batch, 1, 5, (1, 0)),
        (Unit::Step, 0, 2, (1, 1)),
        (Unit::Step, 1, 2, (0, 3)),
        (Unit::Sample, 0, 32, (1, 0)),
        (Unit::Sample, 1, 32, (0, 3)),
        (Unit::Epoch, 1, 3, (2, -1)),
    ] {
        let meaning = SeriesMeaning { step: Some(StepMeaning::of_run(unit, base)), epoch: Some(EpochMeaning::In(1)) };
        let stated = (at.0 + 1).to_string();
        let log = records(ColumnBatch { meaning, ..stating(format("jsonl"), &[(step, &stated)]) });
        let found = by_one(&log, &timeline, &ReindexOptions::default());
        assert_eq!((found.batches[0].epoch[0], found.batches[0].iter[0]), at, "{unit:?} {base}");
        assert_eq!(reasons(&found), [], "{unit:?} {base}");
    }
}

#[test]
fn what_steps_are_is_told_with_its_source() {
    let log = records(events(&[(0, 4, 1.0)]));
    let [steps] = &steps(&log, &[], &ReindexOptions::default())[..] else { panic!("one run") };
    assert_eq!((steps.step, steps.basis), (Some(StepMeaning::of_run(Unit::Step, 0)), StepBasis::Nothing));
    let log = records(events(&[(0, 655, 1.0), (2, 655, 5.0), (2, 660, f64::from(5.04_f32))]));
    assert_eq!(steps_of(&log), [(StepMeaning::of_run(Unit::Step, 1), StepBasis::Epochs)]);
    let log = inside(&[(1, "1")], &[]);
    assert_eq!(steps_of(&log), [(StepMeaning::of_epoch(Unit::Batch, 1), StepBasis::Format)]);
}

fn steps_of(log: &Records) -> Vec<(StepMeaning, StepBasis)> {
    steps(log, &[], &ReindexOptions::default()).iter().map(|found| (found.step.unwrap(), found.basis)).collect()
}

#[test]
fn a_session_is_on_its_own_timeline() {
    let batch = |session: u32, length: f64, steps: std::ops::RangeInclusive<i64>| {
        #[expect(clippy::cast_precision_loss, reason = "a writer's own float")]
        let texts: Vec<_> = steps.map(|step| (step, (step as f64 / length).to_string())).collect();
        let pairs: Vec<_> = texts.iter().map(|(step, text)| (*step, &**text)).collect();
        ColumnBatch { session, ..stating(format("trainer_state"), &pairs) }
    };
    let mut log = records(batch(0, 50.0, 1..=100));
    log.batches.push(batch(1, 25.0, 101..=200));
    let found = reindex(&log, &[], Timelines::Own, &ReindexOptions::default(), 2).unwrap();
    assert_eq!(reasons(&found), []);
    assert_eq!((rows(&found.batches[0])[99], rows(&found.batches[1])[0]), ((1, 49, 2.0), (4, 0, 4.04)));
}

#[test]
fn a_unit_without_locations_is_refused() {
    let log = records(events(&[(0, 4, 1.0)]));
    let timeline = plan(4, 1, Boundary::Flush, None);
    for unit in [Unit::Token, Unit::Duration, Unit::Sample] {
        let options = ReindexOptions { unit: Some(unit), ..ReindexOptions::default() };
        let refused = reindex(&log, &[], Timelines::One(&timeline), &options, 1);
        assert!(
            matches!(refused, Err(Error::Invalid(_) | Error::Undetermined(_) | Error::OutOfRange(_))),
            "{unit:?}: {refused:?}"
        );
    }
}

#[test]
fn the_result_does_not_depend_on_blocks_or_threads() {
    let timeline = plan(1000, 3, Boundary::Flush, Some(60));
    let steps: Vec<i64> = (0..30_000).collect();
    for base in [0, 1] {
        let batch = ColumnBatch {
            tag: vec![0; steps.len()],
            step: Some(steps.clone()),
            value: vec![0.0; steps.len()],
            ..ColumnBatch::new(0, 0, format("tfevents"))
        };
        let mut log = records(batch.clone());
        log.batches.push(batch);
        let options = ReindexOptions { unit: Some(Unit::Step), base: Some(base), ..ReindexOptions::default() };
        let found = reindex(&log, &[], Timelines::One(&timeline), &options, 1).unwrap();
        let again = reindex(&log, &[], Timelines::One(&timeline), &options, 4).unwrap();
        for (one, other) in found.batches.iter().zip(&again.batches) {
            assert_eq!(rows(one), rows(other));
        }
        for (&step, row) in steps.iter().zip(rows(&found.batches[0])) {
            let index = u64::try_from(step - i64::from(base));
            let at = index.ok().and_then(|index| timeline.locate(Unit::Step, index).ok());
            let expected =
                at.map_or((-1, -1), |at| (i64::try_from(at.epoch).unwrap(), i64::try_from(at.iter).unwrap()));
            assert_eq!((row.0, row.1), expected, "step {step}, base {base}");
        }
    }
}
