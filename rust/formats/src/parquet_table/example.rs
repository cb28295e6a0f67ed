//! A small file, for tests.

use std::io;
use std::sync::Arc;

use parquet::data_type::{ByteArray, ByteArrayType, DataType, DoubleType, Int64Type};
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::{SerializedFileWriter, SerializedRowGroupWriter};
use parquet::schema::parser::parse_message_type;

/// Two row groups of a table with a row a value.
pub(super) fn example() -> io::Result<Vec<u8>> {
    written().map_err(io::Error::other)
}

fn written() -> Result<Vec<u8>, ParquetError> {
    let schema = "message table { required binary run (UTF8); required binary tag (UTF8); required int64 step;
                  required double value; }";
    let schema = Arc::new(parse_message_type(schema)?);
    let mut writer = SerializedFileWriter::new(Vec::new(), schema, Arc::new(WriterProperties::builder().build()))?;
    for group in 0..2_i64 {
        let steps: Vec<i64> = (group * 40..group * 40 + 40).collect();
        let texts = |text: &str| vec![ByteArray::from(text); steps.len()];
        let values: Vec<f64> = steps.iter().map(|step| f64::from(i32::try_from(*step).unwrap_or(0)) + 0.25).collect();
        let mut rows = writer.next_row_group()?;
        column::<ByteArrayType>(&mut rows, &texts("brave-sky"))?;
        column::<ByteArrayType>(&mut rows, &texts("loss"))?;
        column::<Int64Type>(&mut rows, &steps)?;
        column::<DoubleType>(&mut rows, &values)?;
        rows.close()?;
    }
    writer.into_inner()
}

fn column<T: DataType>(rows: &mut SerializedRowGroupWriter<'_, Vec<u8>>, values: &[T::T]) -> Result<(), ParquetError> {
    let Some(mut column) = rows.next_column()? else { return Ok(()) };
    column.typed::<T>().write_batch(values, None, None)?;
    column.close()
}
