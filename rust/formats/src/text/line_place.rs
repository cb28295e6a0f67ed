//! Where a line belongs: the rank that printed it, and the step and epoch that it gives.

use std::ops::Range;

use stepbridge_records::Decimal;

/// Which of several processes printed a line; `None` where the line does not say it.
pub(super) type Rank = Option<u32>;

/// The rank that a line says, and where it says it. Before the text, which begins at `begin`: `0: ` (srun), `[rank1]:`
/// (`PyTorch`), `[default0]:` (torchrun), `[1,0]<stdout>:` (mpirun), `[Rank 0]` (`DeepSpeed`), `[GPU1]`, `Rank 1: `. In the
/// text only in brackets: a rank may be measured too.
pub(super) fn rank_of(line: &[u8], begin: usize) -> (Rank, Range<usize>) {
    let prefix = &line[..begin];
    if let Some((rank, place)) = of_launcher(prefix).or_else(|| in_brackets(prefix)).or_else(|| after_word(prefix)) {
        return (Some(rank), place);
    }
    match in_brackets(&line[begin..]) {
        Some((rank, place)) => (Some(rank), begin + place.start..begin + place.end),
        None => (None, 0..0),
    }
}

fn digits(text: &[u8]) -> usize {
    text.iter().take_while(|byte| byte.is_ascii_digit()).count()
}

/// The number that a text begins with, and what comes after it.
fn number(text: &[u8]) -> Option<(u32, &[u8])> {
    let length = digits(text);
    let number = || text[..length].iter().fold(0, |number, byte| number * 10 + u32::from(byte - b'0'));
    (1..=6).contains(&length).then(|| (number(), &text[length..]))
}

/// What launchers put at the beginning of a line, and where that ends.
fn of_launcher(prefix: &[u8]) -> Option<(u32, Range<usize>)> {
    let text = prefix.trim_ascii_start();
    let found = |rank: u32, rest: &[u8]| (rank, 0..prefix.len() - rest.len());
    if let Some((rank, rest)) = number(text) {
        return rest.starts_with(b": ").then(|| found(rank, rest));
    }
    let rest = text.strip_prefix(b"[")?;
    let job = digits(rest);
    let rank = rest[job..].strip_prefix(b",").filter(|_| job > 0)?;
    number(rank).filter(|(_, rest)| rest.starts_with(b"]<std")).map(|(rank, rest)| found(rank, rest))
}

/// `[rank1]`, `[Rank 1]`, `(rank: 1)`, `[rank 1/8]`, `[default1]`, `[GPU1]`, and where the text in the brackets is.
fn in_brackets(text: &[u8]) -> Option<(u32, Range<usize>)> {
    // A search for a byte costs less than one for each word, which has to be set up.
    memchr::memchr2_iter(b'[', b'(', text).find_map(|at| {
        let words = [&b"rank"[..], b"default", b"gpu"];
        let inside = &text[at + 1..];
        let is = |word: &&&[u8]| inside.get(..word.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(word));
        let word = words.iter().find(is)?;
        let (rank, rest) = number(after_marks(&inside[word.len()..]))?;
        let place = at + 1..text.len() - rest.len();
        matches!(rest.first(), Some(b']' | b')' | b'/')).then_some((rank, place))
    })
}

/// `Rank 1: `, `rank=1 `: the word alone, and a number; and where they are.
fn after_word(prefix: &[u8]) -> Option<(u32, Range<usize>)> {
    const WORD: &[u8] = b"rank";
    memchr::memchr_iter(b'k', prefix).find_map(|at| {
        let begin = (at + 1).checked_sub(WORD.len())?;
        let is_word = prefix[begin..=at].eq_ignore_ascii_case(WORD)
            && !prefix[..begin].last().is_some_and(|byte| byte.is_ascii_alphanumeric() || *byte == b'_');
        let rest = &prefix[at + 1..];
        let (rank, rest) = number(after_marks(rest)).filter(|_| is_word)?;
        let ends = rest.first().is_none_or(|byte| !byte.is_ascii_alphanumeric() && !b"._%".contains(byte));
        ends.then(|| (rank, begin..prefix.len() - rest.len()))
    })
}

/// A text without the marks between a word and its number.
fn after_marks(text: &[u8]) -> &[u8] {
    let marks = text.iter().take(3).take_while(|byte| matches!(byte, b' ' | b':' | b'=' | b'#')).count();
    &text[marks..]
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
            ("INFO [rank 1] ", Some(1)),
            ("INFO (rank: 2) ", Some(2)),
            ("[Rank 3/8] ", Some(3)),
            ("[GPU4] ", Some(4)),
            ("Rank 5: ", Some(5)),
            ("2024-01-01 INFO rank=6 ", Some(6)),
            ("local_rank 1 ", None),
            ("rank 1.5 ", None),
            ("Frank 1 ", None),
        ] {
            assert_eq!(rank_of(prefix.as_bytes(), prefix.len()).0, rank, "{prefix}");
        }
        for (line, rank) in [
            ("Epoch 0 Step 5 [rank 1] loss 0.5", Some(1)),
            ("Epoch 0 (rank=2), loss 0.5", Some(2)),
            ("Epoch 0 loss 0.5 rank 1", None),
            ("Epoch 0 [GPU memory 3] [rank 1.5] loss 0.5", None),
        ] {
            assert_eq!(rank_of(line.as_bytes(), 0).0, rank, "{line}");
        }
    }
}
