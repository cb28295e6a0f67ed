//! Where a line belongs: the rank that printed it, and the step and epoch that it gives.

use stepbridge_records::Decimal;

/// Which of several processes printed a line; `None` where the line does not say it.
pub(super) type Rank = Option<u32>;

/// The rank in what comes before the text of a line: `0: ` (srun), `[rank1]:` (`PyTorch`), `[default0]:` (torchrun),
/// `[1,0]<stdout>:` (mpirun), `[Rank 0]` (`DeepSpeed`).
pub(super) fn rank_of(prefix: &[u8]) -> Rank {
    let digits = |text: &[u8]| text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let number = |text: &[u8]| {
        let length = digits(text);
        (1..=6)
            .contains(&length)
            .then(|| text[..length].iter().fold(0, |number, byte| number * 10 + u32::from(byte - b'0')))
    };
    let text = prefix.trim_ascii_start();
    if text.is_empty() {
        return None;
    }
    let length = digits(text);
    if length > 0 && text[length..].starts_with(b": ") {
        return number(text);
    }
    if let Some(rest) = text.strip_prefix(b"[") {
        let job = digits(rest);
        let rank = rest[job..].strip_prefix(b",");
        if let Some(rank) = rank.filter(|rank| job > 0 && rank[digits(rank)..].starts_with(b"]<std")) {
            return number(rank);
        }
    }
    // A search for a byte costs less than one for each mark, which has to be set up.
    memchr::memchr_iter(b'[', prefix).find_map(|at| {
        let marks = [&b"[rank"[..], b"[Rank ", b"[default"];
        let rest = marks.iter().find_map(|mark| prefix[at..].strip_prefix(*mark))?;
        number(rest).filter(|_| rest[digits(rest)..].starts_with(b"]"))
    })
}

/// The place that a line gives for itself.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct LinePlace {
    pub(super) step: Option<i64>,
    pub(super) epoch: Option<Decimal>,
    pub(super) wall_time: Option<f64>,
}

impl LinePlace {
    /// The same place, with what a heading says where the line itself says nothing.
    pub(super) fn under(self, heading: Option<Self>) -> Self {
        let heading = heading.unwrap_or_default();
        // A step of another epoch is none.
        let step = if self.epoch.is_some() { None } else { heading.step };
        Self { step: self.step.or(step), epoch: self.epoch.or(heading.epoch), wall_time: self.wall_time }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranks_as_launchers_print_them() {
        for (prefix, rank) in [
            ("0: ", Some(0)),
            (" 12: 2024-01-01 ", Some(12)),
            ("[rank1]: ", Some(1)),
            ("[rank0]:[titan] 2025 - INFO - ", Some(0)),
            ("[default3]:", Some(3)),
            ("[1,2]<stdout>:", Some(2)),
            ("[2024] [INFO] [Rank 0] ", Some(0)),
            ("12:30:01 ", None),
            ("[1, 2] ", None),
            ("", None),
            ("[rankx]", None),
            ("2024-01-01 10:00:00 ", None),
        ] {
            assert_eq!(rank_of(prefix.as_bytes()), rank, "{prefix}");
        }
    }
}
