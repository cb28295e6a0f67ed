//! Gives the configuration that lies next to the logs of a run to that run.

use std::sync::Arc;

use stepbridge_formats::config_above;
use stepbridge_records::ConfigEntry;

use crate::file_path::FilePath;
use crate::logs::Logs;

/// Folders in which a framework writes one part of a run, below that of the run.
const PARTS: [&str; 2] = ["train", "validation"];

/// Adds what files of configuration say to the runs in their folder, or in the folder that they are about, and what logs say of all
/// logs of their folder. What a log says of itself comes after it.
pub(super) fn assign(logs: &mut Logs, configs: &[(FilePath, Vec<ConfigEntry>)]) {
    let noting = logs.files.iter().filter(|file| !file.facts.settings.is_empty());
    let noted: Vec<(Arc<[String]>, Vec<ConfigEntry>)> =
        noting.map(|file| (Arc::clone(&file.path.folder), file.facts.settings.clone())).collect();
    if configs.is_empty() && noted.is_empty() {
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
        let noted = noted.iter().filter(|(folder, _)| holds_for(folder, own)).flat_map(|(_, entries)| entries);
        batch.config.splice(0..0, found.chain(noted).cloned());
    }
}

/// Whether what a log in a folder notes of a run holds for the logs in another one: the same; a part of the run below it, as Keras
/// has them; or the one above it, if `PyTorch` made the folder for the notes alone and called it as the time was.
fn holds_for(folder: &[String], logs: &[String]) -> bool {
    let is_time = |name: &str| {
        let digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
        name.split_once('.').is_some_and(|(seconds, rest)| seconds.len() >= 10 && digits(seconds) && digits(rest))
    };
    match (folder.strip_prefix(logs), logs.strip_prefix(folder)) {
        (Some([]), _) => true,
        (Some([below]), _) => is_time(below),
        (_, Some([part])) => PARTS.contains(&part.as_str()),
        _ => false,
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn notes_hold_for_the_run_that_they_are_of() {
        let folder = |path: &str| path.split('/').map(str::to_owned).collect::<Vec<_>>();
        for (noted, logs, expected) in [
            ("runs/a", "runs/a", true),
            ("runs/a/1700000000.1234567", "runs/a", true),
            ("runs/a/1", "runs/a", false),
            ("runs/a/v1.5", "runs/a", false),
            ("runs/a", "runs/a/train", true),
            ("runs/a", "runs/a/other", false),
            ("runs/a", "runs/b", false),
            ("runs/a/1700000000.5/x", "runs/a", false),
        ] {
            assert_eq!(holds_for(&folder(noted), &folder(logs)), expected, "{noted} {logs}");
        }
    }
}
