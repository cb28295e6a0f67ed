//! The cells of one column of a Parquet file, a block of rows at a time.

use parquet::basic::{ConvertedType, LogicalType, TimeUnit, Type};
use parquet::column::reader::{ColumnReader, ColumnReaderImpl};
use parquet::data_type::{ByteArray, DataType};
use parquet::errors::ParquetError;
use parquet::schema::types::ColumnDescriptor;

/// A number: exactly, if it is whole, and as the nearest float.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Number {
    pub(super) whole: Option<i64>,
    pub(super) value: f64,
}

/// What the numbers of a column are, beyond their bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum CellKind {
    /// Whole numbers or floats.
    Number,
    /// Whole numbers without a sign.
    Unsigned,
    /// Whole numbers with this many digits after the point.
    Decimal(u32),
    /// Times, so many in a second.
    Time(u32),
    /// Text.
    Text,
}

/// The largest whole number below which every whole number is a float.
const EXACT: f64 = 9_007_199_254_740_992.0;

impl CellKind {
    /// What a column holds; `None` if that is nothing of interest: lists, flags, bytes.
    pub(super) fn of(column: &ColumnDescriptor) -> Option<Self> {
        if column.max_rep_level() > 0 {
            return None;
        }
        let scale = || u32::try_from(column.type_scale()).ok().filter(|scale| *scale <= 18);
        match (column.logical_type_ref(), column.converted_type(), column.physical_type()) {
            (Some(LogicalType::Decimal(_)), ..) | (None, ConvertedType::DECIMAL, _) => scale().map(Self::Decimal),
            (Some(LogicalType::Timestamp(time)), ..) => Some(Self::Time(match time.unit {
                TimeUnit::MILLIS => 1_000,
                TimeUnit::MICROS => 1_000_000,
                TimeUnit::NANOS => 1_000_000_000,
            })),
            (None, ConvertedType::TIMESTAMP_MILLIS, _) => Some(Self::Time(1_000)),
            (None, ConvertedType::TIMESTAMP_MICROS, _) => Some(Self::Time(1_000_000)),
            (Some(LogicalType::String), ..) | (None, ConvertedType::UTF8, _) => Some(Self::Text),
            (Some(LogicalType::Integer(number)), _, Type::INT32 | Type::INT64) if !number.is_signed => {
                Some(Self::Unsigned)
            }
            (Some(LogicalType::Integer(_)), _, Type::INT32 | Type::INT64)
            | (None, _, Type::INT32 | Type::INT64 | Type::FLOAT | Type::DOUBLE) => Some(Self::Number),
            _ => None,
        }
    }

    fn of_whole(self, number: i64) -> Number {
        #[expect(clippy::cast_precision_loss, reason = "the nearest float")]
        let value = number as f64;
        match self {
            Self::Decimal(scale) => {
                let unit = 10_i64.pow(scale);
                #[expect(clippy::cast_precision_loss, reason = "the nearest float of a fraction")]
                let value = value / unit as f64;
                Number { whole: (number % unit == 0).then_some(number / unit), value }
            }
            Self::Time(unit) => Number { whole: None, value: value / f64::from(unit) },
            Self::Unsigned if number < 0 => {
                #[expect(clippy::cast_precision_loss, reason = "the nearest float")]
                let value = number.cast_unsigned() as f64;
                Number { whole: None, value }
            }
            Self::Number | Self::Unsigned | Self::Text => Number { whole: Some(number), value },
        }
    }
}

/// Reads the numbers of some rows; `None` for an empty cell.
pub(super) fn numbers(
    reader: &mut ColumnReader,
    kind: CellKind,
    levels: i16,
    rows: usize,
) -> Result<Vec<Option<Number>>, ParquetError> {
    match reader {
        ColumnReader::Int32ColumnReader(reader) => {
            let sign = |number: i32| {
                if kind == CellKind::Unsigned { i64::from(number.cast_unsigned()) } else { number.into() }
            };
            cells(reader, levels, rows, |number| Some(kind.of_whole(sign(*number))))
        }
        ColumnReader::Int64ColumnReader(reader) => cells(reader, levels, rows, |number| Some(kind.of_whole(*number))),
        ColumnReader::FloatColumnReader(reader) => {
            cells(reader, levels, rows, |number| Some(of_float((*number).into())))
        }
        ColumnReader::DoubleColumnReader(reader) => cells(reader, levels, rows, |number| Some(of_float(*number))),
        ColumnReader::FixedLenByteArrayColumnReader(reader) => {
            cells(reader, levels, rows, |bytes| Some(kind.of_whole(big_endian(bytes.data())?)))
        }
        ColumnReader::ByteArrayColumnReader(reader) => {
            cells(reader, levels, rows, |bytes| Some(kind.of_whole(big_endian(bytes.data())?)))
        }
        ColumnReader::BoolColumnReader(_) | ColumnReader::Int96ColumnReader(_) => {
            Err(ParquetError::General("the column holds no numbers".to_owned()))
        }
    }
}

/// Reads the texts of some rows.
pub(super) fn texts(
    reader: &mut ColumnReader,
    levels: i16,
    rows: usize,
) -> Result<Vec<Option<ByteArray>>, ParquetError> {
    match reader {
        ColumnReader::ByteArrayColumnReader(reader) => cells(reader, levels, rows, |text| Some(text.clone())),
        _ => Err(ParquetError::General("the column holds no text".to_owned())),
    }
}

/// Reads cells. A column whose cells may be empty has a level for each: the highest if it is not.
fn cells<T: DataType, C>(
    reader: &mut ColumnReaderImpl<T>,
    levels: i16,
    rows: usize,
    cell: impl Fn(&T::T) -> Option<C>,
) -> Result<Vec<Option<C>>, ParquetError> {
    let (mut found, mut defined) = (Vec::new(), Vec::new());
    let mut count = 0;
    while count < rows {
        let (read, ..) = reader.read_records(rows - count, (levels > 0).then_some(&mut defined), None, &mut found)?;
        if read == 0 {
            break;
        }
        count += read;
    }
    if levels == 0 {
        return Ok(found.iter().map(cell).collect());
    }
    let mut found = found.iter();
    Ok(defined.iter().map(|level| if *level == levels { found.next().and_then(&cell) } else { None }).collect())
}

fn of_float(value: f64) -> Number {
    #[expect(clippy::cast_possible_truncation, reason = "it is whole, and small enough")]
    let whole = (value.fract() == 0.0 && value.abs() <= EXACT).then_some(value as i64);
    Number { whole, value }
}

/// A decimal as Parquet stores it in bytes; `None` if it is too large.
fn big_endian(bytes: &[u8]) -> Option<i64> {
    let first = *bytes.first()?;
    let filler = if first & 0x80 == 0 { 0 } else { 0xff };
    let (more, own) = bytes.split_at(bytes.len().saturating_sub(8));
    let mut number = [filler; 8];
    number[8 - own.len()..].copy_from_slice(own);
    let number = i64::from_be_bytes(number);
    (more.iter().all(|byte| *byte == filler) && (more.is_empty() || (number < 0) == (filler == 0xff))).then_some(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_are_read_exactly() {
        assert_eq!(big_endian(&[0, 0, 0, 5]), Some(5));
        assert_eq!(big_endian(&[0xff; 16]), Some(-1));
        assert_eq!(big_endian(&[0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]), None);
        assert_eq!(big_endian(&[]), None);
        assert_eq!(CellKind::Decimal(6).of_whole(1_500_000), Number { whole: None, value: 1.5 });
        assert_eq!(CellKind::Decimal(6).of_whole(-2_000_000), Number { whole: Some(-2), value: -2.0 });
        assert_eq!(CellKind::Time(1000).of_whole(1500).value.to_bits(), 1.5_f64.to_bits());
    }
}
