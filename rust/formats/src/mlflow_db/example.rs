//! A small store of `MLflow`'s.

use std::io;

use crate::shared::sqlite;

/// The tables of `MLflow`, as far as they matter, with small pages.
const STATEMENTS: &str = "
    PRAGMA page_size = 512;
    CREATE TABLE experiments (experiment_id INTEGER PRIMARY KEY, name VARCHAR(256) NOT NULL);
    CREATE TABLE runs (run_uuid VARCHAR(32) NOT NULL PRIMARY KEY, name VARCHAR(250), experiment_id INTEGER);
    CREATE TABLE tags (key VARCHAR(250) NOT NULL, value VARCHAR(5000), run_uuid VARCHAR(32) NOT NULL);
    CREATE TABLE metrics (key VARCHAR(250) NOT NULL, value FLOAT NOT NULL, timestamp BIGINT NOT NULL,
        run_uuid VARCHAR(32) NOT NULL, step BIGINT DEFAULT '0' NOT NULL, is_nan BOOLEAN DEFAULT '0' NOT NULL,
        CONSTRAINT metric_pk PRIMARY KEY (key, timestamp, step, run_uuid, value, is_nan));
    INSERT INTO experiments VALUES (0, 'Default');
    INSERT INTO runs VALUES ('aaaaaaaa1111', 'bald-cow', 0), ('bbbbbbbb2222', NULL, 0);
    WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 500) INSERT INTO metrics
        SELECT 'loss', i + 0.125, 1700000000000 + i, iif(i % 3, 'aaaaaaaa1111', 'bbbbbbbb2222'), i, i % 17 = 5 FROM n;
";

/// The bytes of a store.
pub(super) fn example() -> io::Result<Vec<u8>> {
    sqlite::bytes_of(STATEMENTS)
}
