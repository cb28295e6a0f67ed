//! The run's own configuration, as far as it tells how long the run and its epochs are.

/// A number of the configuration of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigEntry {
    /// What it says.
    pub item: ConfigItem,
    /// Its name in the file.
    pub key: String,
    /// The number.
    pub value: u64,
}

/// What a number of the configuration says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ConfigItem {
    /// How many steps the run is planned to have.
    Steps,
    /// How many epochs it is planned to have; a part of an epoch counts as one.
    Epochs,
}
