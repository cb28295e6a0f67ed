//! Writes tables as Parquet, Arrow IPC, CSV or JSON lines, each file completely or not at all.

pub(crate) mod atomic_file;
mod own;
mod text;

use std::io::{self, BufWriter};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_ipc::writer::FileWriter;
use arrow_schema::{ArrowError, Schema, SchemaRef};
use parquet::arrow::ArrowWriter;
use parquet::basic::Compression;
use parquet::errors::ParquetError;
use parquet::file::metadata::KeyValue;
use parquet::file::properties::WriterProperties;
use tempfile::NamedTempFile;

use crate::logs::Logs;
use crate::table::Table;
pub(crate) use own::is_own_table;
use stepbridge_formats::OWN_TABLE;
use stepbridge_io::progress::Progress;
use text::JsonKeys;

/// The formats of an output.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Output {
    /// Apache Parquet, compressed with Snappy.
    Parquet,
    /// Comma-separated values with a header; nulls are empty, NaN and infinities are `NaN`, `inf` and `-inf`.
    Csv,
    /// One JSON object a line; NaN and infinities, which JSON lacks, are null.
    JsonLines,
    /// An Arrow IPC file.
    Arrow,
}

impl Output {
    /// Every output, with the suffix of its files.
    pub const ALL: [(&'static str, Self); 4] =
        [(".parquet", Self::Parquet), (".csv", Self::Csv), (".jsonl", Self::JsonLines), (".arrow", Self::Arrow)];

    /// The output for the name of a file.
    #[must_use]
    pub fn of(path: &Path) -> Option<Self> {
        let name = path.file_name()?.to_str()?.to_ascii_lowercase();
        Self::ALL.iter().find(|(ending, _)| name.ends_with(ending)).map(|(_, output)| *output)
    }

    /// The same, and checks that the folder exists. Call it before hours are spent on the content.
    pub fn at(path: &Path) -> Result<Self, WriteError> {
        let output = Self::of(path).ok_or_else(|| WriteError::UnknownOutput { path: path.to_owned() })?;
        match path.parent() {
            Some(folder) if folder != Path::new("") && !folder.exists() => {
                Err(WriteError::NoFolder { path: path.to_owned(), folder: folder.to_owned() })
            }
            _ => match path.read_link() {
                // Neither the link nor what it leads to is replaced without a word.
                Ok(target) => Err(WriteError::Link { path: path.to_owned(), target }),
                // Who waits for what comes through a pipe would wait for ever.
                Err(_) if path.metadata().is_ok_and(|known| !known.is_file() && !known.is_dir()) => {
                    Err(WriteError::NotAFile { path: path.to_owned() })
                }
                Err(_) => Ok(output),
            },
        }
    }
}

/// Why a table was not written. No new file is left, and an existing file is unchanged.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// The suffix is not known.
    #[error("'{}' does not say what to write: its name must end in .parquet, .csv, .jsonl or .arrow", path.display())]
    UnknownOutput {
        /// The path that the caller gave.
        path: PathBuf,
    },
    /// The folder does not exist.
    #[error("'{}' cannot be written: there is no folder '{}' (make it first); nothing was written", path.display(), folder.display())]
    NoFolder {
        /// The path that the caller gave.
        path: PathBuf,
        /// Its folder.
        folder: PathBuf,
    },
    /// The path is a symbolic link.
    #[error("'{}' is a link to '{}'; give the name of the file itself; nothing was written", path.display(), target.display())]
    Link {
        /// The path that the caller gave.
        path: PathBuf,
        /// Where it leads.
        target: PathBuf,
    },
    /// The path is that of a pipe or a device.
    #[error("'{}' is not a file; give another name; nothing was written", path.display())]
    NotAFile {
        /// The path that the caller gave.
        path: PathBuf,
    },
    /// The path is that of a file that was read.
    #[error("'{}' is one of the files that were read; give another name; nothing was written", path.display())]
    Input {
        /// The path that the caller gave.
        path: PathBuf,
    },
    /// The system refuses to write it.
    #[error("'{}' cannot be written ({source}); nothing was written", path.display())]
    Io {
        /// The path that the caller gave.
        path: PathBuf,
        /// The error of the system.
        source: io::Error,
    },
    /// The encoder refuses the table.
    #[error("'{}' cannot be written ({reason}); nothing was written", path.display())]
    Encoding {
        /// The path that the caller gave.
        path: PathBuf,
        /// The error of the encoder.
        reason: String,
    },
    /// The caller cancelled.
    #[error("'{}' was not written: it was ended before all was there; nothing was left", path.display())]
    Cancelled {
        /// The path that the caller gave.
        path: PathBuf,
    },
}

/// The largest row group of Parquet. A group is in memory until it is written.
const ROWS: usize = 1 << 18;

/// A fault, before its path is added.
enum WriteFault {
    Io(io::Error),
    Encoding(String),
}

impl WriteFault {
    fn of(self, path: &Path) -> WriteError {
        let path = path.to_owned();
        match self {
            Self::Io(source) => WriteError::Io { path, source },
            Self::Encoding(reason) => WriteError::Encoding { path, reason },
        }
    }
}

impl From<io::Error> for WriteFault {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl From<ArrowError> for WriteFault {
    fn from(error: ArrowError) -> Self {
        match error {
            ArrowError::IoError(_, error) => Self::Io(error),
            other => Self::Encoding(other.to_string()),
        }
    }
}

impl From<ParquetError> for WriteFault {
    fn from(error: ParquetError) -> Self {
        match error {
            ParquetError::External(inner) => match inner.downcast::<io::Error>() {
                Ok(error) => Self::Io(*error),
                Err(other) => Self::Encoding(other.to_string()),
            },
            other => Self::Encoding(other.to_string()),
        }
    }
}

impl Table {
    /// Writes the table to `path`, in the format of its suffix. The file appears when it is complete, or not at all.
    pub fn write(&self, path: &Path, progress: &Progress) -> Result<(), WriteError> {
        refuse_input(&self.logs, path)?;
        let mut writer = TableWriter::create(path, self.schema())?;
        progress.expect(self.rows() as u64);
        for batch in self.batches() {
            writer.write(batch)?;
            progress.add(batch.num_rows() as u64);
            if progress.is_cancelled() {
                return Err(WriteError::Cancelled { path: path.to_owned() });
            }
        }
        writer.complete()
    }
}

/// Refuses to write over one of the files that these logs were read from.
pub(crate) fn refuse_input(logs: &Logs, path: &Path) -> Result<(), WriteError> {
    if logs.refresh.has_read(path) { Err(WriteError::Input { path: path.to_owned() }) } else { Ok(()) }
}

/// Writes a table batch by batch. The file appears when it is complete. If the writer is dropped before that, nothing is left.
pub struct TableWriter {
    path: PathBuf,
    encoder: Encoder,
}

/// The file that is written.
type OutputFile = BufWriter<NamedTempFile>;

enum Encoder {
    Parquet(Box<ArrowWriter<OutputFile>>),
    Arrow(Box<FileWriter<OutputFile>>),
    Csv(OutputFile),
    JsonLines(OutputFile, JsonKeys),
}

impl TableWriter {
    /// A file at `path`, in the format of its suffix, for batches with this schema.
    pub fn create(path: &Path, schema: &SchemaRef) -> Result<Self, WriteError> {
        let output = Output::at(path)?;
        let encoder = Encoder::new(output, path, schema).map_err(|fault| fault.of(path))?;
        Ok(Self { path: path.to_owned(), encoder })
    }

    /// Writes more rows.
    pub fn write(&mut self, batch: &RecordBatch) -> Result<(), WriteError> {
        self.encoder.write(batch).map_err(|fault| fault.of(&self.path))
    }

    /// Gives the file its name.
    pub fn complete(self) -> Result<(), WriteError> {
        self.encoder.complete(&self.path).map_err(|fault| fault.of(&self.path))
    }
}

impl Encoder {
    fn new(output: Output, path: &Path, schema: &SchemaRef) -> Result<Self, WriteFault> {
        let mut file = BufWriter::with_capacity(1 << 20, atomic_file::create(path)?);
        Ok(match output {
            Output::Parquet => {
                let properties = WriterProperties::builder()
                    .set_compression(Compression::SNAPPY)
                    .set_max_row_group_row_count(Some(ROWS))
                    .set_key_value_metadata(Some(vec![KeyValue::new(OWN_TABLE.to_owned(), None)]))
                    .build();
                Self::Parquet(Box::new(ArrowWriter::try_new(file, Arc::clone(schema), Some(properties))?))
            }
            Output::Arrow => {
                let marked = Schema::clone(schema).with_metadata([(OWN_TABLE.to_owned(), String::new())].into());
                Self::Arrow(Box::new(FileWriter::try_new(file, &marked)?))
            }
            Output::Csv => {
                text::csv_header(schema, &mut file)?;
                Self::Csv(file)
            }
            Output::JsonLines => Self::JsonLines(file, JsonKeys::of(schema)),
        })
    }

    fn write(&mut self, batch: &RecordBatch) -> Result<(), WriteFault> {
        match self {
            Self::Parquet(writer) => writer.write(batch)?,
            Self::Arrow(writer) => writer.write(batch)?,
            Self::Csv(file) => text::csv(batch, file)?,
            Self::JsonLines(file, keys) => text::json_lines(batch, keys, file)?,
        }
        Ok(())
    }

    fn complete(self, path: &Path) -> Result<(), WriteFault> {
        let file = match self {
            Self::Parquet(writer) => writer.into_inner()?,
            Self::Arrow(mut writer) => {
                writer.finish()?;
                writer.into_inner()?
            }
            Self::Csv(file) | Self::JsonLines(file, _) => file,
        };
        let file = file.into_inner().map_err(io::IntoInnerError::into_error)?;
        Ok(atomic_file::complete(file, path)?)
    }
}

#[cfg(test)]
mod tests {
    use std::fs::{self, File};

    use arrow_ipc::reader::FileReader;
    use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

    use super::*;
    use crate::logs::Logs;
    use crate::reindex::{Places, ReindexResult};
    use crate::table::Superseded;
    use stepbridge_records::{ColumnBatch, Decimal, Records};

    /// Two batches: one with every special case, one with as little as possible.
    fn table() -> Table {
        let format = stepbridge_formats::named("lightning_csv").expect("a format").format();
        let odd = ColumnBatch {
            tag: vec![0, 1, 0],
            step: Some(vec![i64::MAX, 0, -1]),
            step_missing: Some(vec![false, true, false]),
            epoch: Some([Decimal::parse("0.25"), None, Some(Decimal::integer(3))].into_iter().collect()),
            wall_time: Some(vec![1.5e9, f64::NAN, 0.1]),
            value: vec![f64::NAN, f64::NEG_INFINITY, 1e-7],
            ..ColumnBatch::new(0, 0, format)
        };
        let bare = ColumnBatch { tag: vec![1], value: vec![0.5], ..ColumnBatch::new(1, 1, format) };
        let records = Records {
            runs: vec![".".into(), "b".into()],
            tags: vec!["loss, \"mean\"\n".into(), "lr".into()],
            sources: vec!["metrics.csv".into(), "b/metrics.csv".into()],
            batches: vec![odd, bare],
            problems: Vec::new(),
        };
        let first = Places {
            epoch: vec![0, -1, 2],
            iter: vec![4, -1, 0],
            epoch_float: vec![1.0, f64::NAN, 2.5],
            ..Places::default()
        };
        let places = ReindexResult { batches: vec![first, Places::default()], ..ReindexResult::default() };
        let logs = Arc::new(Logs { records, ..Logs::default() });
        Table::new(&logs, Some(&Arc::new(places)), Superseded::LeftOut, 2).expect("a table")
    }

    fn written(name: &str) -> Vec<u8> {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join(name);
        table().write(&path, &Progress::default()).expect("written");
        assert_eq!(fs::read_dir(folder.path()).expect("a folder").count(), 1, "nothing else is left");
        fs::read(path).expect("the file")
    }

    #[test]
    fn csv_says_all_there_is() {
        let text = String::from_utf8(written("table.csv")).expect("text");
        assert_eq!(
            text,
            "run,tag,step,epoch,iter,epoch_float,epoch_logged,wall_time,value,source\n\
             .,\"loss, \"\"mean\"\"\n\",9223372036854775807,0,4,1.0,0.25,1500000000.0,NaN,metrics.csv\n\
             .,lr,,,,,,,-inf,metrics.csv\n\
             .,\"loss, \"\"mean\"\"\n\",-1,2,0,2.5,3.0,0.1,1e-7,metrics.csv\n\
             b,lr,,,,,,,0.5,b/metrics.csv\n"
        );
    }

    #[test]
    fn json_lines_are_json() {
        let text = String::from_utf8(written("table.jsonl")).expect("text");
        let rows: Vec<serde_json::Value> = text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
        assert_eq!(rows.len(), 4);
        assert_eq!(rows[0]["tag"], "loss, \"mean\"\n");
        assert_eq!(rows[0]["step"], i64::MAX);
        assert_eq!(rows[0]["value"], serde_json::Value::Null);
        assert_eq!(rows[2]["value"], 1e-7);
        assert_eq!(rows[3]["epoch"], serde_json::Value::Null);
    }

    #[test]
    fn arrow_and_parquet_come_back_as_they_were() {
        let folder = tempfile::tempdir().expect("a folder");
        let table = table();
        let rows =
            |batches: &[RecordBatch]| format!("{:?}", batches.iter().map(RecordBatch::columns).collect::<Vec<_>>());
        let expected = rows(table.batches());
        let arrow = folder.path().join("t.arrow");
        table.write(&arrow, &Progress::default()).expect("written");
        let batches: Vec<_> = FileReader::try_new(File::open(arrow).expect("open"), None)
            .expect("IPC")
            .map(|batch| batch.expect("rows"))
            .collect();
        assert_eq!(rows(&batches), expected);
        let path = folder.path().join("t.parquet");
        table.write(&path, &Progress::default()).expect("written");
        let reader = ParquetRecordBatchReaderBuilder::try_new(File::open(path).expect("open")).expect("Parquet");
        assert_eq!(reader.schema().fields(), table.schema().fields());
        let rows: usize = reader.build().expect("reader").map(|batch| batch.expect("rows").num_rows()).sum();
        assert_eq!(rows, 4);
    }

    #[test]
    fn a_failure_leaves_nothing_and_changes_nothing() {
        let folder = tempfile::tempdir().expect("a folder");
        let unknown = table().write(&folder.path().join("t.xlsx"), &Progress::default()).expect_err("no such output");
        assert!(unknown.to_string().contains("must end in .parquet, .csv, .jsonl or .arrow"), "{unknown}");
        let taken = folder.path().join("taken.csv");
        fs::create_dir(&taken).expect("a folder in the way");
        let error = table().write(&taken, &Progress::default()).expect_err("a folder is in the way");
        assert!(matches!(error, WriteError::Io { .. }), "{error}");
        assert!(table().write(&folder.path().join("absent").join("t.csv"), &Progress::default()).is_err());
        assert_eq!(fs::read_dir(folder.path()).expect("a folder").count(), 1, "only what was there");
    }
}
