//! Writers that say by the names of their tags what their steps are.

use stepbridge_timeline::Unit;

use crate::meaning::StepMeaning;

/// A writer whose tags say what their steps are.
#[derive(Debug, Clone, Copy)]
pub struct TaggingWriter {
    /// Its name for people.
    pub name: &'static str,
    /// The last folders of its runs; empty if it writes anywhere.
    folders: &'static [&'static str],
    /// Whether it writes no other tags.
    alone: bool,
    /// Beginnings and ends of its tags, and what their steps are.
    tags: &'static [(&'static str, &'static str, StepMeaning)],
    /// What the steps of its values that are not numbers are, whatever their tags.
    pub others: Option<StepMeaning>,
}

/// Keras' `TensorBoard` callback logs epochs by their index, and with them histograms and images of weights; batches and
/// evaluations by the updates so far. Megatron logs many
/// tags twice, by iteration and by the samples so far.
const WRITERS: [TaggingWriter; 2] = [
    TaggingWriter {
        name: "Keras' TensorBoard callback",
        folders: &["train", "validation"],
        alone: true,
        tags: &[
            ("epoch_", "", StepMeaning::of_run(Unit::Epoch, 0)),
            ("batch_", "", StepMeaning::of_run(Unit::Step, 1)),
            ("evaluation_", "_vs_iterations", StepMeaning::of_run(Unit::Step, 1)),
        ],
        others: Some(StepMeaning::of_run(Unit::Epoch, 0)),
    },
    TaggingWriter {
        name: "Megatron",
        folders: &[],
        alone: false,
        tags: &[("", " vs samples", StepMeaning::of_run(Unit::Sample, 1))],
        others: None,
    },
];

impl TaggingWriter {
    /// The writer of a run of event files, by the name of the run and all its tags.
    #[must_use]
    pub fn of_run<'a>(run: &str, tags: &(impl Iterator<Item = &'a str> + Clone)) -> Option<Self> {
        let folder = run.rsplit('/').next().unwrap_or(run);
        WRITERS.into_iter().find(|writer| {
            let knows = |tag: &str| writer.step(tag).is_some();
            (writer.folders.is_empty() || writer.folders.contains(&folder))
                && if writer.alone {
                    tags.clone().next().is_some() && tags.clone().all(knows)
                } else {
                    tags.clone().any(knows)
                }
        })
    }

    /// What the step of a tag is, if it is one of its own.
    #[must_use]
    pub fn step(&self, tag: &str) -> Option<StepMeaning> {
        let fits = |(begin, end, _): &&(&str, &str, StepMeaning)| {
            tag.strip_prefix(begin).and_then(|rest| rest.strip_suffix(end)).is_some_and(|rest| !rest.is_empty())
        };
        self.tags.iter().find(fits).map(|(.., step)| *step)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keras_is_known_by_its_folders_and_all_its_tags() {
        let keras = ["epoch_loss", "evaluation_loss_vs_iterations"];
        let writer = TaggingWriter::of_run("logs/validation", &keras.into_iter()).expect("Keras");
        assert_eq!(writer.step("epoch_loss"), Some(StepMeaning::of_run(Unit::Epoch, 0)));
        assert_eq!(writer.step("evaluation_loss_vs_iterations"), Some(StepMeaning::of_run(Unit::Step, 1)));
        assert!(TaggingWriter::of_run("logs", &keras.into_iter()).is_none());
        assert!(TaggingWriter::of_run("train", &["epoch_loss", "lr"].into_iter()).is_none());
        assert!(TaggingWriter::of_run("train", &std::iter::empty()).is_none());
    }

    #[test]
    fn megatron_counts_samples_where_it_says_so() {
        let tags = ["lm loss", "lm loss vs samples"];
        let writer = TaggingWriter::of_run("tensorboard", &tags.into_iter()).expect("Megatron");
        assert_eq!(writer.step("lm loss vs samples"), Some(StepMeaning::of_run(Unit::Sample, 1)));
        assert_eq!(writer.step("lm loss"), None);
    }
}
