//! The formats by name, and what a step and an epoch mean in each.

use stepbridge_timeline::Unit;

use crate::meaning::{EpochMeaning, SeriesMeaning, StepMeaning};

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
    /// The `*.log.json` of mmcv, the predecessor of `MMEngine`.
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
    /// Another table, whose columns the caller names, or which have usual names.
    Csv,
    /// Other JSON lines, whose keys the caller names, or which have usual names.
    JsonLines,
    /// Lines of text.
    Text,
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

    /// The format with this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|format| format.name() == name)
    }

    /// What its numbers mean, unless a batch of records says otherwise ([`crate::ColumnBatch::meaning`]).
    #[must_use]
    pub const fn meaning(self) -> SeriesMeaning {
        const fn both(step: Option<StepMeaning>, epoch: Option<EpochMeaning>) -> SeriesMeaning {
            SeriesMeaning { step, epoch }
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

    /// How its files show that a run was resumed.
    #[must_use]
    pub const fn resume_signs(self) -> ResumeSigns {
        match self {
            // The next process of a TensorBoard run writes another file, and records out of order in one file were logged out
            // of order. A trainer state is always written as a whole. A resumed Lightning run writes into another folder.
            Self::TfEvents | Self::TrainerState | Self::LightningCsv => {
                ResumeSigns { goes_back: false, later_name: false }
            }
            // The names of their files are dates.
            Self::Mmcv | Self::Mmengine => ResumeSigns { goes_back: true, later_name: true },
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
            | Self::Text => ResumeSigns { goes_back: true, later_name: false },
        }
    }
}
