//! The sentences that explain why a timeline is not known.

use stepbridge_records::EpochMeaning;

use super::failure::InferenceFailure;
use super::hypothesis::Hypothesis;
use super::pairs::Pairs;

impl InferenceFailure {
    /// The sentence, with the pairs that it mentions.
    pub(crate) fn text(&self, pairs: &Pairs) -> String {
        match self {
            Self::NoPairs => "no record of the run holds both a step and an epoch".to_owned(),
            Self::TwoMeanings => {
                "some of the run's files count steps from 0 and some from 1: read them apart".to_owned()
            }
            Self::TwoUnits => "some of the run's files count updates and some batches: read them apart".to_owned(),
            Self::TwoBases { first, second } => {
                format!("{} would fit, and so would {}: {}", counted(*first), counted(*second), pairs.describe_all())
            }
            Self::TwoLengths { epoch } => format!("the log states two lengths of epoch {epoch} (counted from 0)"),
            Self::AtLeast { least } => format!(
                "an epoch may have {} or any number above: that is the highest step inside one, and the log does \
                 not say how many there are",
                counted_in(*least, "batch", "batches")
            ),
            Self::Gaps => {
                "the log states lengths that differ, and not those of all epochs from the first one on".to_owned()
            }
            Self::Outside { epoch } => {
                format!("a record of epoch {epoch} (counted from 0) lies outside the length that fits the others")
            }
            Self::Resumed { session } => format!(
                "no one length fits, and session {session} goes on where it cannot be told from its records: inside an epoch, or \
                 at more than one place"
            ),
            Self::FirstEpoch { least } => {
                format!(
                    "the log never leaves its first epoch, whose length therefore is not known: at least {}",
                    steps(*least)
                )
            }
            Self::AnyLength { low, high: Some(high) } => {
                format!(
                    "an epoch may have any number of steps from {low} to {high}: each fits {}",
                    pairs.describe_all()
                )
            }
            Self::AnyLength { low, high: None } => {
                format!("an epoch may have {} or any number above: each fits {}", steps(*low), pairs.describe_all())
            }
            Self::AnyIndexed { low, high, .. } => Self::AnyLength { low: *low, high: Some(*high) }.text(pairs),
            Self::TwoRates { first, second } => {
                format!("{first} would fit, and so would {second}: {}", pairs.describe_all())
            }
            Self::TwoPieces { refuted_by } => format!(
                "the epochs are not all of one length ({} is the first to contradict that), and where which other length \
                 begins has more than one explanation",
                pairs.describe(*refuted_by)
            ),
            Self::Refuted { by } => {
                format!(
                    "no length of an epoch fits: {} is the first to contradict what is before it",
                    pairs.describe(*by)
                )
            }
            Self::Nonsense { at } => format!("{} states no epoch that could be counted", pairs.describe(*at)),
            Self::TooLarge => "steps and epochs have more digits than can be computed with exactly".to_owned(),
        }
    }
}

fn steps(count: u64) -> String {
    counted_in(count, "step", "steps")
}

/// "1 step", "2 steps"
fn counted_in(count: u64, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}

/// "steps from 0 with epochs from 1"
fn counted(meaning: Hypothesis) -> String {
    let epochs = match meaning.epoch {
        EpochMeaning::In(base) | EpochMeaning::Ends(base) => format!("epochs from {base}"),
        EpochMeaning::Elapsed => "epochs completed".to_owned(),
    };
    format!("steps from {} with {epochs}", meaning.base)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_name_the_numbers_and_the_record() {
        let pairs = Pairs::of_test(&[(49, "4"), (99, "9")]);
        let why = InferenceFailure::AnyLength { low: 10, high: Some(11) };
        assert_eq!(
            why.text(&pairs),
            "an epoch may have any number of steps from 10 to 11: each fits all 2 pairs of step and epoch, up to step 99 \
             with epoch 9"
        );
        let why = InferenceFailure::FirstEpoch { least: 1 };
        assert!(why.text(&pairs).ends_with("at least 1 step"));
        let why = InferenceFailure::Refuted { by: 1 };
        assert_eq!(
            why.text(&pairs),
            "no length of an epoch fits: step 99 with epoch 9 is the first to contradict what is before it"
        );
    }
}
