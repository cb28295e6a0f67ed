//! The formats by name, and what a step and an epoch are in each: data, which the mapping starts from.

use stepbridge_timeline::Unit;

/// A format that is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Format {
    /// `TensorBoard` event files.
    TfEvents,
    /// Lightning's `metrics.csv`.
    LightningCsv,
    /// The table of Keras' `CSVLogger`.
    KerasCsv,
    /// Hugging Face's `trainer_state.json`.
    TrainerState,
    /// `MMEngine`'s `scalars.json`.
    Mmengine,
    /// The `*.log.json` of mmcv, which came before `MMEngine`.
    Mmcv,
    /// detectron2's `metrics.json`.
    Detectron2,
    /// Ultralytics' `results.csv`.
    Ultralytics,
    /// Stable-Baselines3's `progress.csv`.
    StableBaselines3,
    /// A metric of `MLflow`'s file store.
    Mlflow,
    /// `MLflow`'s `SQLite` store.
    MlflowDb,
    /// Weights & Biases' offline `.wandb` file.
    Wandb,
    /// `wandb-history.jsonl`, of old versions of Weights & Biases.
    WandbHistory,
    /// Another table whose columns are named by the caller, or say what they are.
    Csv,
    /// Other JSON lines, the same.
    JsonLines,
    /// Lines of text.
    Text,
}

/// What the numbers of a record say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Meaning {
    /// What the step is; `None` where the format does not say, and each writer decides, or where it has none.
    pub step: Option<StepMeaning>,
    /// What the epoch beside it is; `None` where the format has none.
    pub epoch: Option<EpochMeaning>,
}

/// What a number in a `step` field is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct StepMeaning {
    /// What it counts.
    pub unit: Unit,
    /// 0 where it is an index (the first is 0), 1 where it is the n-th.
    pub base: u8,
    /// Where it begins again.
    pub scope: Scope,
}

/// Over what a step is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Scope {
    /// The whole run.
    Run,
    /// The epoch beside it.
    Epoch,
}

/// What a number in an `epoch` field is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum EpochMeaning {
    /// The epoch that the record is in, counted from this base.
    In(u8),
    /// The epoch that the record closes, counted from this base: a row an epoch.
    Ends(u8),
    /// How much was completed after the record's step, with a fraction.
    Elapsed,
}

/// How a process that goes on where another one stopped shows in a format's files. (A later file with times, whose steps
/// are not above what came before, shows it in every format.)
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Resumes {
    /// It appends to the file, and a counter goes back.
    pub goes_back: bool,
    /// It opens another file in the same folder, whose name stands behind in order: needed where records have no time.
    pub later_name: bool,
}

impl StepMeaning {
    /// A count over the whole run.
    #[must_use]
    pub const fn of_run(unit: Unit, base: u8) -> Self {
        Self { unit, base, scope: Scope::Run }
    }

    /// A count inside an epoch.
    #[must_use]
    pub const fn of_epoch(unit: Unit, base: u8) -> Self {
        Self { unit, base, scope: Scope::Epoch }
    }
}

impl Scope {
    /// The name that people and programs see.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Run => "run",
            Self::Epoch => "epoch",
        }
    }
}

impl EpochMeaning {
    /// What the first epoch's number is, where it is a whole one.
    #[must_use]
    pub const fn base(self) -> Option<u8> {
        match self {
            Self::In(base) | Self::Ends(base) => Some(base),
            Self::Elapsed => None,
        }
    }
}

impl Format {
    /// Every format.
    pub const ALL: [Self; 16] = [
        Self::TfEvents,
        Self::LightningCsv,
        Self::KerasCsv,
        Self::TrainerState,
        Self::Mmengine,
        Self::Mmcv,
        Self::Detectron2,
        Self::Ultralytics,
        Self::StableBaselines3,
        Self::Mlflow,
        Self::MlflowDb,
        Self::Wandb,
        Self::WandbHistory,
        Self::Csv,
        Self::JsonLines,
        Self::Text,
    ];

    /// The name that people and programs see.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::TfEvents => "tfevents",
            Self::LightningCsv => "lightning_csv",
            Self::KerasCsv => "keras_csv",
            Self::TrainerState => "trainer_state",
            Self::Mmengine => "mmengine",
            Self::Mmcv => "mmcv",
            Self::Detectron2 => "detectron2",
            Self::Ultralytics => "ultralytics",
            Self::StableBaselines3 => "sb3",
            Self::Mlflow => "mlflow",
            Self::MlflowDb => "mlflow_db",
            Self::Wandb => "wandb",
            Self::WandbHistory => "wandb_history",
            Self::Csv => "csv",
            Self::JsonLines => "jsonl",
            Self::Text => "text",
        }
    }

    /// The format of a name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|format| format.name() == name)
    }

    /// What its numbers say, unless a record says otherwise ([`crate::Chunk::meaning`]).
    #[must_use]
    pub const fn meaning(self) -> Meaning {
        const fn both(step: Option<StepMeaning>, epoch: Option<EpochMeaning>) -> Meaning {
            Meaning { step, epoch }
        }
        use EpochMeaning::{Elapsed, Ends, In};
        match self {
            Self::LightningCsv => both(Some(StepMeaning::of_run(Unit::Step, 0)), Some(In(0))),
            Self::KerasCsv => both(None, Some(Ends(0))),
            Self::TrainerState => both(Some(StepMeaning::of_run(Unit::Step, 1)), Some(Elapsed)),
            Self::Mmengine => both(Some(StepMeaning::of_run(Unit::Batch, 1)), Some(In(1))),
            Self::Mmcv => both(Some(StepMeaning::of_epoch(Unit::Batch, 1)), Some(In(1))),
            Self::Detectron2 => both(Some(StepMeaning::of_run(Unit::Step, 0)), None),
            Self::Ultralytics => both(None, Some(Ends(1))),
            Self::TfEvents
            | Self::StableBaselines3
            | Self::Mlflow
            | Self::MlflowDb
            | Self::Wandb
            | Self::WandbHistory
            | Self::Csv
            | Self::JsonLines
            | Self::Text => both(None, None),
        }
    }

    /// How a resume shows in its files.
    #[must_use]
    pub const fn resumes(self) -> Resumes {
        match self {
            // The next process writes another file, and what is out of order in one was logged out of order; a state is
            // written anew as a whole; a resumed run of Lightning is another version's folder.
            Self::TfEvents | Self::TrainerState | Self::LightningCsv => Resumes { goes_back: false, later_name: false },
            // Their names are dates.
            Self::Mmcv | Self::Mmengine => Resumes { goes_back: true, later_name: true },
            Self::KerasCsv
            | Self::Detectron2
            | Self::Ultralytics
            | Self::StableBaselines3
            | Self::Mlflow
            | Self::MlflowDb
            | Self::Wandb
            | Self::WandbHistory
            | Self::Csv
            | Self::JsonLines
            | Self::Text => Resumes { goes_back: true, later_name: false },
        }
    }
}
