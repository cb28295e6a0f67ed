use rusqlite::Connection;

use super::*;
use crate::shared::contents::FileContents;
use crate::shared::options::ReadOptions;
use crate::test_reading::{read_file_for_test, read_for_test};
use proptest::prelude::*;
use stepbridge_records::BatchRun;

/// The tables of `MLflow` 2, as far as they matter here.
const SCHEMA: &str = "
    CREATE TABLE experiments (experiment_id INTEGER NOT NULL, name VARCHAR(256) NOT NULL, CONSTRAINT experiment_pk PRIMARY KEY (experiment_id));
    CREATE TABLE runs (run_uuid VARCHAR(32) NOT NULL, name VARCHAR(250), experiment_id INTEGER, CONSTRAINT run_pk PRIMARY KEY (run_uuid));
    CREATE TABLE tags (key VARCHAR(250) NOT NULL, value VARCHAR(5000), run_uuid VARCHAR(32) NOT NULL, CONSTRAINT tag_pk PRIMARY KEY (key, run_uuid));
    CREATE TABLE metrics (key VARCHAR(250) NOT NULL, value FLOAT NOT NULL, timestamp BIGINT NOT NULL,
        run_uuid VARCHAR(32) NOT NULL, step BIGINT DEFAULT '0' NOT NULL, is_nan BOOLEAN DEFAULT '0' NOT NULL,
        CONSTRAINT metric_pk PRIMARY KEY (key, timestamp, step, run_uuid, value, is_nan));
    CREATE INDEX index_metrics_run_uuid ON metrics (run_uuid);
    INSERT INTO experiments VALUES (0, 'Default'), (1, '/Users/a');
    INSERT INTO runs VALUES ('aaaaaaaa1111', 'bald-cow', 0), ('bbbbbbbb2222', 'bald-cow', 1), ('bbbbbbbb3333', 'bald-cow', 1),
        ('cccccccc4444', NULL, 0), ('dddddddd5555', '', 0);
    INSERT INTO tags VALUES ('mlflow.runName', 'old', 'dddddddd5555');
";

/// The bytes of a database that these statements make.
fn database(statements: &str) -> Vec<u8> {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("mlflow.db");
    Connection::open(&path).expect("a database").execute_batch(statements).expect("sound statements");
    std::fs::read(path).expect("written")
}

fn read_bytes(bytes: &[u8]) -> FileContents {
    read_for_test(&super::READER, "nowhere/mlflow.db", bytes, &ReadOptions::default(), 1)
}

/// Records as (run, tag, step, time, value).
fn records(read: &FileContents) -> Vec<(String, String, Option<i64>, f64, f64)> {
    let mut records = Vec::new();
    for tagged in &read.batches {
        let BatchRun::Named(run) = &tagged.run else { panic!("a run has a name") };
        for i in 0..tagged.columns.len() {
            let tag = tagged.tags[tagged.columns.tag[i] as usize].clone();
            // In a damaged file no record may have a time.
            let time = tagged.columns.wall_time.as_ref().map_or(f64::NAN, |times| times[i]);
            records.push((run.clone(), tag, tagged.columns.step_of(i), time, tagged.columns.value[i]));
        }
    }
    records
}

pub(crate) fn many(rows: u32) -> Vec<u8> {
    database(&format!(
        "{SCHEMA} WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i + 1 < {rows})
         INSERT INTO metrics SELECT 'loss', i / 2.0, 1700000000000 + i, 'aaaaaaaa1111', i, 0 FROM n;"
    ))
}

#[test]
fn rows_of_several_runs() {
    let read = read_bytes(&database(&format!(
        "{SCHEMA} INSERT INTO metrics VALUES
            ('loss', 0.5, 1700000000500, 'aaaaaaaa1111', 0, 0),
            ('loss', 2, 1700000001000, 'bbbbbbbb2222', 1, 0),
            ('val/acc', 0.25, 1700000002000, 'aaaaaaaa1111', 9223372036854775807, 0),
            ('loss', 0, 1700000003000, 'bbbbbbbb3333', -1, 1),
            ('loss', 1.7976931348623157e308, 1, 'cccccccc4444', 0, 0),
            ('loss', -1.7976931348623157e308, 2, 'dddddddd5555', 0, 0),
            ('loss', 'text', 2, 'aaaaaaaa1111', 0, 0),
            ('loss', 1.5, 2, 'eeeeeeee', 'x', 0);"
    )));
    let seen: Vec<_> = records(&read).into_iter().map(|it| format!("{it:?}")).collect();
    assert_eq!(
        seen,
        [
            r#"("Default/bald-cow-aaaaaaaa", "loss", Some(0), 1700000000.5, 0.5)"#,
            r#"("Default/bald-cow-aaaaaaaa", "val/acc", Some(9223372036854775807), 1700000002.0, 0.25)"#,
            r#"("Users/a/bald-cow-bbbbbbbb2222", "loss", Some(1), 1700000001.0, 2.0)"#,
            r#"("Users/a/bald-cow-bbbbbbbb3333", "loss", Some(-1), 1700000003.0, NaN)"#,
            r#"("Default/cccccccc4444", "loss", Some(0), 0.001, inf)"#,
            r#"("Default/old-dddddddd", "loss", Some(0), 0.002, -inf)"#,
            r#"("eeeeeeee", "loss", None, 0.002, 1.5)"#,
        ]
    );
    assert_eq!((read.facts.records_ok, read.facts.non_numeric), (7, 1));
    assert_eq!(read.problems.iter().map(|it| it.kind).collect::<Vec<_>>(), [ProblemKind::NotANumber; 2]);
}

#[test]
fn old_versions_have_no_step_and_no_nan() {
    let read = read_bytes(&database(
        "CREATE TABLE runs (run_uuid TEXT, name TEXT); INSERT INTO runs VALUES ('r', 'n');
         CREATE TABLE metrics (key TEXT, value FLOAT, timestamp BIGINT, run_uuid TEXT);
         INSERT INTO metrics VALUES ('a', 1.5, 1000, 'r');",
    ));
    assert_eq!(records(&read), [("n-r".to_owned(), "a".to_owned(), None, 1.0, 1.5)]);
    assert_eq!(read.problems.to_vec(), []);
}

/// Each of these would run forever, or fill the memory, if it were asked.
#[test]
fn names_are_not_taken_from_programs() {
    const ROWS: &str =
        "CREATE TABLE metrics (key, value, timestamp, run_uuid); INSERT INTO metrics VALUES ('a', 1.5, 1000, 'r');";
    const ENDLESS: &str = "WITH RECURSIVE n(i) AS (SELECT 'r' UNION ALL SELECT i || 'x' FROM n)";
    for statements in [
        format!(
            "CREATE TABLE runs (run_uuid, experiment_id); INSERT INTO runs VALUES ('r', 0);
             CREATE VIEW tags AS {ENDLESS} SELECT i AS run_uuid, i AS value, 'mlflow.runName' AS key FROM n"
        ),
        format!(
            "CREATE TABLE runs (run_uuid, experiment_id); INSERT INTO runs VALUES ('r', 0);
             CREATE VIEW experiments AS {ENDLESS} SELECT 0 AS experiment_id, i AS name FROM n"
        ),
        "CREATE TABLE runs (run_uuid, name AS (hex(zeroblob(400000000)))); INSERT INTO runs VALUES ('r')".to_owned(),
        "CREATE TABLE runs (run_uuid, experiment_id AS (hex(zeroblob(400000000)))); INSERT INTO runs VALUES ('r');
         CREATE TABLE experiments (experiment_id, name); INSERT INTO experiments VALUES ('x', 'n')"
            .to_owned(),
    ] {
        let read = read_bytes(&database(&format!("{ROWS} {statements}")));
        assert_eq!(records(&read), [("r".to_owned(), "a".to_owned(), None, 1.0, 1.5)], "{statements}");
        assert_eq!(read.problems.to_vec(), [], "{statements}");
    }
}

#[test]
fn other_databases_are_no_logs() {
    for statements in [
        "CREATE TABLE trials (a)",
        "CREATE TABLE metrics (a); CREATE TABLE runs (run_uuid)",
        "CREATE TABLE runs (run_uuid);
         CREATE VIEW metrics AS WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n)
         SELECT i AS key, i AS value, i AS timestamp, i AS run_uuid FROM n",
        "CREATE TABLE runs (run_uuid); CREATE TABLE metrics (key, value, timestamp, run_uuid AS (hex(zeroblob(100000000))))",
    ] {
        let read = read_bytes(&database(statements));
        assert_eq!(read.problems.iter().map(|it| it.kind).collect::<Vec<_>>(), [ProblemKind::NotALog], "{statements}");
    }
}

#[test]
fn pieces_are_bounded() {
    let read = read_bytes(&many(250_000));
    assert_eq!(read.batches.iter().map(|tagged| tagged.columns.len()).collect::<Vec<_>>(), [100_000, 100_000, 50_000]);
    assert!(records(&read).iter().enumerate().all(|(at, row)| row.2 == i64::try_from(at).ok()));
}

#[test]
fn a_damaged_page_costs_its_rows_alone() {
    let bytes = many(20_000);
    let pages = bytes.len() / 4096;
    let mut costly = 0;
    for page in (7..pages).step_by(pages / 40) {
        let mut damaged = bytes.clone();
        damaged[page * 4096..page * 4096 + 100].fill(0xa5);
        let read = read_bytes(&damaged);
        let lost = 20_000 - records(&read).len();
        // A page of the table, or one of its indexes, which are not needed.
        assert_eq!(lost > 0, !read.problems.is_empty(), "page {page}: {lost} lost, {:?}", read.problems);
        if lost > 0 && lost < 1000 {
            costly += 1;
        }
    }
    assert!(costly > 5, "some of the pages hold rows");
}

#[test]
fn a_database_that_was_cut_gives_what_is_there() {
    let bytes = many(20_000);
    for parts in [2, 3, 10] {
        let read = read_bytes(&bytes[..bytes.len() / 4096 / parts * 4096]);
        assert!(!records(&read).is_empty(), "1/{parts}");
        assert!(!read.problems.is_empty(), "1/{parts}");
    }
    assert!(!read_bytes(&bytes[..5000]).problems.is_empty());
    assert!(!read_bytes(&bytes[..50]).problems.is_empty());
}

#[test]
fn the_folder_of_a_database_stays_as_it_is() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("mlflow 100%?.db");
    let listing = || {
        let mut names: Vec<_> = std::fs::read_dir(folder.path())
            .expect("readable")
            .map(|entry| entry.expect("an entry").file_name())
            .collect();
        names.sort();
        names
    };
    for mode in ["DELETE", "WAL"] {
        let writer = Connection::open(&path).expect("a database");
        if mode == "DELETE" {
            writer.execute_batch(SCHEMA).expect("sound");
        }
        writer
            .execute_batch(&format!(
                "PRAGMA journal_mode = {mode}; INSERT INTO metrics VALUES ('a', 1, '{mode}', 'r', 0, 0)"
            ))
            .expect("sound");
        drop(writer);
        let before = listing();
        let contents = read_file_for_test(&super::READER, &path);
        assert_eq!(contents.facts.records, if mode == "WAL" { 2 } else { 1 });
        assert_eq!(listing(), before, "{mode}");
    }
    // What waits in the log is read while the writer holds it.
    let writer = Connection::open(&path).expect("a database");
    writer
        .execute_batch("PRAGMA wal_autocheckpoint = 0; INSERT INTO metrics VALUES ('a', 1, 3, 'r', 0, 0)")
        .expect("sound");
    assert_eq!(read_file_for_test(&super::READER, &path).facts.records, 3);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn any_damage_ends_and_is_reported_or_harmless(
        edits in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..40),
        cut in any::<prop::sample::Index>(),
    ) {
        let mut bytes = many(2000);
        for (at, byte) in edits {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        bytes.truncate(bytes.len() - cut.index(bytes.len() / 2));
        let read = read_bytes(&bytes);
        prop_assert!(records(&read).len() as u64 == read.facts.records_ok);
        prop_assert!(read.facts.records_ok + read.facts.non_numeric >= 2000 || !read.problems.is_empty());
    }
}
