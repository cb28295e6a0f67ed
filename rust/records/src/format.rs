//! What is known of a format before any file of it is read.
//!
//! Each format describes itself next to its reader. Nothing here, and nothing above the readers, knows a format by name.

use std::hash::{Hash, Hasher};
use std::ptr;

use crate::meaning::SeriesMeaning;

/// The description of a format, which its reader provides.
#[derive(Debug)]
pub struct FormatDescription {
    /// The name that people and programs see.
    pub name: &'static str,
    /// What people call it: `TensorBoard event file`.
    pub title: &'static str,
    /// Whose logs these are, as an error lists it: `TensorBoard`. `None` if anybody writes them; an error then lists the title.
    pub writer: Option<&'static str>,
    /// What its numbers mean, unless a batch of records says otherwise ([`crate::ColumnBatch::meaning`]).
    pub meaning: SeriesMeaning,
    /// How its files show that a run was resumed.
    pub resume_signs: ResumeSigns,
    /// Whether the meaning of the step is only likely: a table with the same columns may have steps that restart with each
    /// epoch.
    pub step_may_restart: bool,
    /// Whether the step counts the calls of the logger, unless the caller gave one.
    pub step_counts_calls: bool,
    /// Which of its files hold records that another file of the run holds too.
    pub repeats: RepeatedRecords,
    /// Which options of the caller apply to it.
    pub options: FormatOptions,
}

/// How the files of a format show that a process resumed a run. (In every format, a later file with times whose steps are not
/// above the earlier ones shows it too.)
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ResumeSigns {
    /// The process appends to the file, and a counter goes back.
    pub goes_back: bool,
    /// The process opens another file in the same folder, whose name comes later in order. This is needed if records have no
    /// time.
    pub later_name: bool,
    /// A process logs each series once a step, so that a step that is logged again shows another process.
    pub once_a_step: bool,
}

/// Which files of a format hold records that another file of the run holds too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RepeatedRecords {
    /// None.
    Never,
    /// A file in a folder `checkpoint-N` holds the first records of the whole run.
    InCheckpoints,
    /// Files next to one with this name, and of this format or another that names it, hold records of it too.
    NextTo(&'static str),
}

/// Which options of the caller apply to a format.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct FormatOptions {
    /// The names of the columns or keys that hold the step, the epoch and the time.
    pub columns: bool,
    /// A pattern of its lines.
    pub pattern: bool,
}

impl FormatDescription {
    /// A format that says nothing: a description begins with this and sets what it knows.
    pub const UNKNOWN: Self = Self {
        name: "",
        title: "",
        writer: None,
        meaning: SeriesMeaning { step: None, epoch: None },
        resume_signs: ResumeSigns::APPENDED,
        step_may_restart: false,
        step_counts_calls: false,
        repeats: RepeatedRecords::Never,
        options: FormatOptions { columns: false, pattern: false },
    };
}

impl ResumeSigns {
    /// The process appends to the file.
    pub const APPENDED: Self = Self { goes_back: true, later_name: false, once_a_step: false };
    /// The process appends to the file, or opens another one whose name is a later date.
    pub const DATED: Self = Self { goes_back: true, later_name: true, once_a_step: false };
    /// Nothing in one file shows it.
    pub const NONE: Self = Self { goes_back: false, later_name: false, once_a_step: false };
}

/// A format: a handle to its description.
#[derive(Debug, Clone, Copy)]
pub struct Format(&'static FormatDescription);

impl Format {
    /// The format with this description.
    #[must_use]
    pub const fn of(description: &'static FormatDescription) -> Self {
        Self(description)
    }

    /// What is known of it.
    #[must_use]
    pub const fn description(self) -> &'static FormatDescription {
        self.0
    }

    /// The name that people and programs see.
    #[must_use]
    pub const fn name(self) -> &'static str {
        self.0.name
    }

    /// What its numbers mean, unless a batch of records says otherwise.
    #[must_use]
    pub const fn meaning(self) -> SeriesMeaning {
        self.0.meaning
    }

    /// How its files show that a run was resumed.
    #[must_use]
    pub const fn resume_signs(self) -> ResumeSigns {
        self.0.resume_signs
    }
}

impl PartialEq for Format {
    fn eq(&self, other: &Self) -> bool {
        ptr::eq(self.0, other.0)
    }
}

impl Eq for Format {}

impl Hash for Format {
    fn hash<H: Hasher>(&self, state: &mut H) {
        ptr::hash(self.0, state);
    }
}
