//! What the columns of a Parquet file are for.

use parquet::schema::types::SchemaDescriptor;

use super::cells::CellKind;
use crate::shared::options::NamedColumns;

/// Names of the column of steps in a table with a column a metric. `_step` is W&B's.
const STEPS: [&str; 5] = ["_step", "step", "global_step", "trainer/global_step", "train/global_step"];
/// Names of the column of times in such a table.
const TIMES: [&str; 2] = ["_timestamp", "wall_time"];
/// Columns that re-indexing adds: places, not values.
const PLACES: [&str; 7] = ["epoch", "iter", "epoch_float", "batch", "sample", "session", "superseded"];

/// A column: its index among the leaves of the schema, what it holds, and the level of a cell that is not empty.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct TableColumn {
    pub(super) index: usize,
    pub(super) name: String,
    pub(super) kind: CellKind,
    pub(super) levels: i16,
}

/// What the columns of a file are for.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct TableLayout {
    pub(super) run: Option<TableColumn>,
    pub(super) step: Option<TableColumn>,
    pub(super) epoch: Option<TableColumn>,
    pub(super) wall_time: Option<TableColumn>,
    pub(super) values: ValueColumns,
}

/// Where the values are.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum ValueColumns {
    /// A row a value, with the name of its series. Rows of another kind than a series hold a single number each.
    Long { tag: TableColumn, value: TableColumn, kind: Option<TableColumn> },
    /// A column a series.
    Wide(Vec<TableColumn>),
}

impl TableLayout {
    /// What the columns of a file are for; `None` if it is not a log.
    pub(super) fn of(schema: &SchemaDescriptor, named: &NamedColumns) -> Option<Self> {
        let columns: Vec<TableColumn> = (0..schema.num_columns())
            .filter_map(|index| {
                let column = schema.column(index);
                let (kind, name) = (CellKind::of(&column)?, column.path().parts().join("."));
                Some(TableColumn { index, name, kind, levels: column.max_def_level() })
            })
            .collect();
        let with = |name: &str, text: bool| {
            let fits = |column: &&TableColumn| column.name == name && (column.kind == CellKind::Text) == text;
            columns.iter().find(fits).cloned()
        };
        let said = |name: &Option<String>| name.as_deref().and_then(|name| with(name, false));
        let long = |run: &str, tag: &str, value: &str, kind: &str, epoch: &str, wall_time: &str| {
            Some(Self {
                run: Some(with(run, true)?),
                step: Some(with("step", false)?),
                epoch: with(epoch, false),
                wall_time: with(wall_time, false),
                values: ValueColumns::Long {
                    tag: with(tag, true)?,
                    value: with(value, false)?,
                    kind: with(kind, true),
                },
            })
        };
        // Neptune's export, and our own tables.
        long("run_id", "attribute_path", "float_value", "attribute_type", "", "timestamp")
            .or_else(|| long("run", "tag", "value", "", "epoch_logged", "wall_time"))
            .or_else(|| {
                let first = |names: &[&str]| names.iter().find_map(|name| with(name, false));
                let step = said(&named.step).or_else(|| first(&STEPS));
                let own = with("epoch_float", false).is_some() && with("iter", false).is_some();
                let epoch = said(&named.epoch).or_else(|| with(if own { "epoch_logged" } else { "epoch" }, false));
                let wall_time = said(&named.wall_time).or_else(|| first(&TIMES));
                step.as_ref().or(epoch.as_ref())?;
                let is_place = |column: &TableColumn| {
                    [&step, &epoch, &wall_time].into_iter().flatten().any(|place| place.index == column.index)
                        || own && PLACES.contains(&&*column.name)
                };
                let is_value = |column: &&TableColumn| {
                    matches!(column.kind, CellKind::Number | CellKind::Unsigned | CellKind::Decimal(_))
                        && !is_place(column)
                };
                let values: Vec<TableColumn> = columns.iter().filter(is_value).cloned().collect();
                let run = with("run", true);
                (!values.is_empty()).then_some(Self { run, step, epoch, wall_time, values: ValueColumns::Wide(values) })
            })
    }
}
