//! The lines of a ledger: one JSON object each. The same types write and read them.
//!
//! A line ends with `crc`, the CRC-32C of all its bytes before that field, so that every changed digit is noticed. Unknown
//! fields and kinds of line are skipped; a change of the meaning of the known ones raises `VERSION`.

use std::fmt::Write as _;

use serde::{Deserialize, Serialize};
use stepbridge_timeline::{Mark, Segment};

use crate::notes::{EntryLine, MarkLine, SeriesLine};

/// Raised whenever an older version could misread a ledger of a newer one. What version 1 can say is written as version 1.
pub const VERSION: u32 = 2;

/// The first bytes of a ledger that is not damaged.
pub(crate) const BEGINS: &[u8] = b"{\"stepclock\":";

/// The bytes before the eight digits of the checksum.
const CRC: &[u8] = b",\"crc\":\"";
/// The bytes after them.
const END: &[u8] = b"\"}";

/// How much is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Counts {
    /// Batches.
    pub batch: u64,
    /// Epochs that are complete.
    pub epochs: u64,
    /// Steps attempted.
    pub step: u64,
    /// Samples, if the size of every batch is known.
    #[serde(default)]
    pub sample: Option<u64>,
}

/// An earlier session, and from where on its work no longer counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Supersedes {
    /// Its number.
    pub session: u64,
    /// From here on.
    #[serde(flatten)]
    pub from: Counts,
}

/// A process began or resumed training.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SessionLine {
    /// [`VERSION`].
    pub stepclock: u32,
    /// `session`.
    pub kind: LineKind,
    /// Its number, from 0.
    pub session: u64,
    /// Seconds since 1970.
    pub time: f64,
    /// The clock's name.
    #[serde(default)]
    pub name: String,
    /// The version of stepbridge.
    #[serde(default)]
    pub library: String,
    /// How much is done at its start.
    #[serde(flatten)]
    pub at: Counts,
    /// Updates applied so far.
    #[serde(default)]
    pub applied: Option<u64>,
    /// Tokens counted so far.
    #[serde(default)]
    pub token: u64,
    /// Copies that a distributed sampler added so far.
    #[serde(default)]
    pub padding: u64,
    /// The run: what was observed so far, then the plan.
    pub segments: Vec<Segment>,
    /// The tokens that earlier sessions counted: pairs of batches and tokens.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tokens: Vec<Mark>,
    /// What it supersedes.
    #[serde(default)]
    pub supersedes: Option<Supersedes>,
    /// How many lines the session before it had on record when it began.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<u64>,
}

/// An epoch ended. Counts include it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EpochLine {
    /// `epoch`.
    pub kind: LineKind,
    /// The session's number.
    pub session: u64,
    /// The line's number in its session; the session's first line is number 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub n: Option<u64>,
    /// Seconds since 1970.
    pub time: f64,
    /// Its index.
    pub epoch: u64,
    /// Batches.
    pub batch: u64,
    /// Steps attempted.
    pub step: u64,
    /// Samples, if the size of every batch is known.
    #[serde(default)]
    pub sample: Option<u64>,
    /// Updates applied.
    #[serde(default)]
    pub applied: Option<u64>,
    /// Tokens.
    #[serde(default)]
    pub token: u64,
    /// Copies that a distributed sampler added.
    #[serde(default)]
    pub padding: u64,
    /// How it ended.
    pub end: EndOf,
    /// The segments of the epoch: all of them, or those since the session began inside it.
    pub segments: Vec<Segment>,
    /// Its steps that were not applied, as ranges: the number of the first, from 1, and how many.
    #[serde(default)]
    pub skipped: Vec<(u64, u64)>,
}

/// How an epoch ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum EndOf {
    /// The loader was exhausted.
    Exhausted,
    /// The loop left it.
    Cut,
}

/// The plan changed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ChangeLine {
    /// `change`.
    pub kind: LineKind,
    /// The session's number.
    pub session: u64,
    /// The line's number in its session; the session's first line is number 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub n: Option<u64>,
    /// Seconds since 1970.
    pub time: f64,
    /// After this many batches.
    pub batch: u64,
    /// The position: complete epochs.
    pub epoch: u64,
    /// The position: batches of the next epoch.
    pub iter: u64,
    /// Steps attempted before.
    pub step: u64,
    /// The plan from there on.
    pub segments: Vec<Segment>,
    /// The parts done of an epoch that is at the end of its plan or went on past it: all of them, or those since the session began
    /// inside it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub done: Vec<Segment>,
}

/// Which step the loggers of the run are given.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LoggedAs {
    /// What it counts: the symbol of a unit.
    pub unit: String,
    /// 0 if the first step is 0, 1 if it is 1.
    pub base: u8,
    /// Whether somebody stated it; else it is assumed.
    pub stated: bool,
    /// Who states or assumes it.
    #[serde(default)]
    pub by: String,
}

/// Which step the loggers are given from here on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LoggedAsLine {
    /// `logged_as`.
    pub kind: LineKind,
    /// The session's number.
    pub session: u64,
    /// The line's number in its session; the session's first line is number 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub n: Option<u64>,
    /// Seconds since 1970.
    pub time: f64,
    /// Which step.
    #[serde(flatten)]
    pub logged: LoggedAs,
}

/// The loop was left. An epoch may follow if the loop goes on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StopLine {
    /// `stop`.
    pub kind: LineKind,
    /// The session's number.
    pub session: u64,
    /// The line's number in its session; the session's first line is number 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub n: Option<u64>,
    /// Seconds since 1970.
    pub time: f64,
    /// How much was done.
    #[serde(flatten)]
    pub at: Counts,
    /// Updates applied.
    #[serde(default)]
    pub applied: Option<u64>,
    /// Tokens.
    #[serde(default)]
    pub token: u64,
    /// Copies that a distributed sampler added.
    #[serde(default)]
    pub padding: u64,
    /// The segments done of the epoch that it left.
    #[serde(default)]
    pub segments: Vec<Segment>,
}

/// The kinds of line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LineKind {
    /// A session begins.
    Session,
    /// An epoch ended.
    Epoch,
    /// The plan changed.
    Change,
    /// Which step the loggers are given.
    LoggedAs,
    /// The loop was left.
    Stop,
    /// The loop entered the running epoch at another point.
    Enter,
    /// A tag is logged by a step of its own.
    Series,
    /// So many tokens were counted at a batch.
    Mark,
}

/// A parsed line.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum ParsedLine {
    Session(SessionLine),
    Epoch(EpochLine),
    Change(ChangeLine),
    LoggedAs(LoggedAsLine),
    Stop(StopLine),
    Enter(EntryLine),
    Series(SeriesLine),
    Mark(MarkLine),
    /// A line of an unknown kind.
    Other,
}

/// Why a line could not be parsed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum LedgerLineFault {
    /// It is cut.
    Short,
    /// A newer version wrote it.
    Newer(u32),
    /// It does not match its checksum, or is not a line of a ledger.
    Broken(String),
}

/// What every line says of itself; it is parsed first.
#[derive(Deserialize)]
struct Header {
    #[serde(default)]
    stepclock: Option<u32>,
    kind: String,
    #[serde(default)]
    crc: Option<serde::de::IgnoredAny>,
}

/// Parses the segments of a timeline from JSON.
pub fn parse_segments(json: &str) -> Result<Vec<Segment>, String> {
    serde_json::from_str(json).map_err(|error| format!("these are not segments: {error}"))
}

/// Makes one line, with its checksum and the newline.
#[must_use]
pub fn write_line(line: &impl Serialize) -> String {
    // Integers, booleans, finite floats and strings always serialize.
    let mut text = serde_json::to_string(line).unwrap_or_default();
    text.pop();
    let crc = crc32c::crc32c(text.as_bytes());
    // Writing to a string does not fail.
    let _ = writeln!(text, ",\"crc\":\"{crc:08x}\"}}");
    text
}

/// Parses one line, without its newline.
pub(crate) fn parse_line(bytes: &[u8]) -> Result<ParsedLine, LedgerLineFault> {
    let header: Header = serde_json::from_slice(bytes).map_err(|error| fault(&error, bytes))?;
    let known = checked(bytes);
    if known == Some(false) || (known.is_none() && header.crc.is_some()) {
        return Err(LedgerLineFault::Broken("it does not match its checksum".into()));
    }
    if let Some(version) = header.stepclock.filter(|version| *version > VERSION) {
        return Err(LedgerLineFault::Newer(version));
    }
    let line = match header.kind.as_str() {
        "session" => serde_json::from_slice(bytes).map(ParsedLine::Session),
        "epoch" => serde_json::from_slice(bytes).map(ParsedLine::Epoch),
        "change" => serde_json::from_slice(bytes).map(ParsedLine::Change),
        "logged_as" => serde_json::from_slice(bytes).map(ParsedLine::LoggedAs),
        "stop" => serde_json::from_slice(bytes).map(ParsedLine::Stop),
        "enter" => serde_json::from_slice(bytes).map(ParsedLine::Enter),
        "series" => serde_json::from_slice(bytes).map(ParsedLine::Series),
        "mark" => serde_json::from_slice(bytes).map(ParsedLine::Mark),
        _ if known == Some(true) => Ok(ParsedLine::Other),
        other => return Err(LedgerLineFault::Broken(format!("{other:?} is not a kind of line"))),
    };
    line.map_err(|error| fault(&error, bytes))
}

/// Whether a line goes on after the digits of the checksum, so that it was damaged and not cut.
pub(crate) fn passes_checksum(bytes: &[u8]) -> bool {
    let digits = bytes.windows(CRC.len()).rposition(|window| window == CRC).map(|at| at + CRC.len());
    digits.is_some_and(|digits| bytes.len() > digits + 8)
}

/// Whether a line matches its checksum; `None` if it has none, like a line written by hand.
fn checked(bytes: &[u8]) -> Option<bool> {
    let (text, digits) = bytes.strip_suffix(END)?.split_last_chunk::<8>()?;
    let text = text.strip_suffix(CRC)?;
    Some(format!("{:08x}", crc32c::crc32c(text)).as_bytes() == digits)
}

fn fault(error: &serde_json::Error, bytes: &[u8]) -> LedgerLineFault {
    // A number that ends with its point is a syntax error to a parser that does not know of a cut.
    let at_the_end = error.column() >= bytes.len() && !passes_checksum(bytes);
    if error.is_eof() || at_the_end { LedgerLineFault::Short } else { LedgerLineFault::Broken(error.to_string()) }
}
