//! Tables as lines of text.
//!
//! A number is written as the shortest text that reads back as the same number.

use std::io::{self, Write};

use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, Int32Type, Int64Type};
use arrow_array::{Array, BooleanArray, Float64Array, Int32Array, Int64Array, RecordBatch};
use arrow_schema::{DataType, Schema};

/// How CSV and JSON differ.
#[derive(Clone, Copy)]
struct TextStyle {
    null: &'static str,
    /// The text of a number that is not finite. A finite number is the same in both.
    float: fn(f64) -> Option<&'static str>,
    name: fn(&str) -> String,
}

const CSV: TextStyle = TextStyle {
    null: "",
    float: |value| match value {
        f64::INFINITY => Some("inf"),
        f64::NEG_INFINITY => Some("-inf"),
        value if value.is_nan() => Some("NaN"),
        _ => None,
    },
    name: quoted,
};

const JSON: TextStyle = TextStyle {
    null: "null",
    float: |value| (!value.is_finite()).then_some("null"),
    name: |name| serde_json::Value::from(name).to_string(),
};

/// Writes the header of a table.
pub(super) fn csv_header(schema: &Schema, file: &mut impl Write) -> io::Result<()> {
    let names: Vec<String> = schema.fields().iter().map(|field| quoted(field.name())).collect();
    writeln!(file, "{}", names.join(","))
}

/// Writes lines of values.
pub(super) fn csv(batch: &RecordBatch, file: &mut impl Write) -> io::Result<()> {
    let columns = columns(batch, CSV);
    for row in 0..batch.num_rows() {
        for (index, column) in columns.iter().enumerate() {
            if index > 0 {
                file.write_all(b",")?;
            }
            column.write(row, CSV, file)?;
        }
        file.write_all(b"\n")?;
    }
    Ok(())
}

/// The text before each value of an object: the separator and the key.
pub(super) struct JsonKeys(Vec<String>);

impl JsonKeys {
    pub(super) fn of(schema: &Schema) -> Self {
        let begin = |index| if index == 0 { '{' } else { ',' };
        let fields = schema.fields().iter().enumerate();
        Self(fields.map(|(index, field)| format!("{}{}:", begin(index), (JSON.name)(field.name()))).collect())
    }
}

/// Writes one object a line.
pub(super) fn json_lines(batch: &RecordBatch, keys: &JsonKeys, file: &mut impl Write) -> io::Result<()> {
    let columns = columns(batch, JSON);
    for row in 0..batch.num_rows() {
        for (key, column) in keys.0.iter().zip(&columns) {
            file.write_all(key.as_bytes())?;
            column.write(row, JSON, file)?;
        }
        file.write_all(b"}\n")?;
    }
    Ok(())
}

/// A column. Names are already text.
enum TextColumn<'a> {
    Names(&'a Int32Array, Vec<String>),
    Integers(&'a Int64Array),
    Floats(&'a Float64Array),
    Booleans(&'a BooleanArray),
}

/// The columns of a batch. Tables have only these four kinds.
fn columns(batch: &RecordBatch, style: TextStyle) -> Vec<TextColumn<'_>> {
    batch
        .columns()
        .iter()
        .map(|column| match column.data_type() {
            DataType::Int64 => TextColumn::Integers(column.as_primitive::<Int64Type>()),
            DataType::Boolean => TextColumn::Booleans(column.as_boolean()),
            DataType::Float64 => TextColumn::Floats(column.as_primitive::<Float64Type>()),
            _ => {
                let dictionary = column.as_dictionary::<Int32Type>();
                let names = dictionary.values().as_string::<i32>().iter();
                TextColumn::Names(dictionary.keys(), names.map(|name| (style.name)(name.unwrap_or_default())).collect())
            }
        })
        .collect()
}

impl TextColumn<'_> {
    fn write(&self, row: usize, style: TextStyle, file: &mut impl Write) -> io::Result<()> {
        match self {
            Self::Names(keys, names) => {
                let name = usize::try_from(keys.value(row)).ok().and_then(|key| names.get(key));
                file.write_all(name.map_or(style.null, String::as_str).as_bytes())
            }
            Self::Integers(column) if column.is_valid(row) => write!(file, "{}", column.value(row)),
            Self::Floats(column) if column.is_valid(row) => {
                let value = column.value(row);
                match (style.float)(value) {
                    Some(text) => file.write_all(text.as_bytes()),
                    None => write!(file, "{value:?}"),
                }
            }
            Self::Booleans(column) if column.is_valid(row) => write!(file, "{}", column.value(row)),
            Self::Integers(_) | Self::Floats(_) | Self::Booleans(_) => file.write_all(style.null.as_bytes()),
        }
    }
}

/// A name as a CSV cell.
fn quoted(name: &str) -> String {
    if name.contains(['"', ',', '\n', '\r']) { format!("\"{}\"", name.replace('"', "\"\"")) } else { name.to_owned() }
}
