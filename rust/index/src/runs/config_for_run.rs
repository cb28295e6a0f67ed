//! Gives the configuration that lies next to the logs of a run to that run.

use stepbridge_formats::config_above;
use stepbridge_records::ConfigEntry;

use crate::file_path::FilePath;
use crate::logs::Logs;

/// Adds what files of configuration say to the runs in their folder, or in the folder that they are about. What a log itself says
/// comes after it.
pub(super) fn assign(logs: &mut Logs, configs: &[(FilePath, Vec<ConfigEntry>)]) {
    if configs.is_empty() {
        return;
    }
    // The first batch of each run.
    let mut seen = vec![false; logs.records.runs.len()];
    for batch in &mut logs.records.batches {
        if std::mem::replace(&mut seen[batch.run as usize], true) {
            continue;
        }
        let Some(file) = logs.files.get(batch.source as usize) else { continue };
        let own = &file.path.folder;
        let run = logs.records.runs.get(batch.run as usize).map_or("", String::as_str);
        let found = configs.iter().filter(|(path, _)| is_about(path, own, run)).flat_map(|(_, entries)| entries);
        batch.config.splice(0..0, found.cloned());
    }
}

/// Whether a file of configuration is about a run with logs in this folder.
fn is_about(config: &FilePath, folder: &[String], run: &str) -> bool {
    let Some(above) = config_above(&config.name, &config.folder) else { return false };
    (0..=above.min(config.folder.len())).any(|above| {
        let about = &config.folder[..config.folder.len() - above];
        about == folder || !about.is_empty() && about.join("/") == run
    })
}
