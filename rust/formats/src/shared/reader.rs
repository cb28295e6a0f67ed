//! What a format provides.

use std::io;
use std::path::Path;

use stepbridge_io::bytes::ReadAt;
use stepbridge_records::{Format, FormatDescription, ProblemKind};

use super::config::ConfigFile;
use super::copy::CopySummaries;
use super::example::Examples;
use super::head::{FileHead, HEAD};
use super::input::Input;
use super::options::ReadOptions;
use super::sink::Sink;

/// What a format is, and how it is recognised and read. Each format has one, next to its code, and a line in the registry.
#[derive(Debug)]
pub struct FormatReader {
    /// What is known of it.
    pub description: FormatDescription,
    /// Whether the name alone says that a file is of this format. A file with such a name that is something else is damaged.
    pub claims_name: fn(name: &str) -> bool,
    /// Whether the first bytes are those of this format.
    pub matches: fn(&FileHead) -> bool,
    /// Whether a file that no format matches is of this format by what the caller says of it.
    pub matches_options: fn(&FileHead, &ReadOptions) -> bool,
    /// How many of the first bytes of a file with this name to look at if no format matches its head.
    pub head_size: fn(name: &str) -> u64,
    /// Whether more of a file than its head shows that it is of this format, or fits what the caller says.
    pub matches_further: fn(name: &str, bytes: &dyn ReadAt, size: u64, &ReadOptions) -> io::Result<bool>,
    /// What is wrong with a file whose name is claimed and whose first bytes do not match. `None` if it is read all the same.
    pub explain_mismatch: fn(&FileHead) -> Option<(ProblemKind, &'static str)>,
    /// How many folders above its own the run of a file is, by the path of the file and by its folders below the path that the
    /// caller gave.
    pub folders_above: fn(path: &Path, folder: &[String]) -> usize,
    /// Reads all of it.
    pub read: fn(&mut Input, &mut Sink) -> io::Result<()>,
    /// Copies its summaries with other steps, if the format has event files.
    pub copy: Option<CopySummaries>,
    /// Whether it reads tables that this library wrote, if the caller names the format.
    pub reads_own_tables: bool,
    /// The files of a run's configuration that its writer leaves next to its logs.
    pub configs: &'static [ConfigFile],
    /// Small files of it, for tests.
    pub examples: Examples,
}

impl FormatReader {
    /// A reader that matches nothing: a format begins with this and sets what it knows.
    pub const NONE: Self = Self {
        description: FormatDescription::UNKNOWN,
        claims_name: |_| false,
        matches: |_| false,
        matches_options: |_, _| false,
        head_size: |_| HEAD as u64,
        matches_further: |_, _, _, _| Ok(false),
        explain_mismatch: |_| None,
        folders_above: |_, _| 0,
        read: |_, _| Ok(()),
        copy: None,
        reads_own_tables: false,
        configs: &[],
        examples: Examples::NONE,
    };

    /// The format that it reads.
    #[must_use]
    pub const fn format(&'static self) -> Format {
        Format::of(&self.description)
    }
}

impl PartialEq for FormatReader {
    fn eq(&self, other: &Self) -> bool {
        self.description.name == other.description.name
    }
}

impl Eq for FormatReader {}
