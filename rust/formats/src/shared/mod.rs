//! What formats share.

pub(crate) mod axes;
pub(crate) mod config;
pub(crate) mod contents;
pub(crate) mod copy;
pub(crate) mod example;
pub(crate) mod first_epochs;
pub(crate) mod head;
pub(crate) mod input;
pub(crate) mod json_lines;
pub(crate) mod line_cutter;
pub(crate) mod logged_values;
pub(crate) mod mark;
pub(crate) mod metrics_table;
pub(crate) mod on_disk;
pub(crate) mod options;
pub(crate) mod proto;
pub(crate) mod python_calls;
pub(crate) mod reader;
pub(crate) mod record_builder;
pub(crate) mod sink;
pub(crate) mod sqlite;
pub(crate) mod table;
pub(crate) mod value_tally;
pub(crate) mod wall_time;
pub(crate) mod yaml;
