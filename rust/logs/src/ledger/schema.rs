//! The lines of a ledger: one JSON object each, written and read through the same types.
//!
//! A line ends with `crc`, the CRC-32C of all its bytes before that field, so that not a digit changes unnoticed. Fields
//! and kinds of line that are not known here are passed over: what changes the meaning of the others raises `VERSION`.

use std::fmt::Write as _;

use serde::{Deserialize, Serialize};
use stepbridge_timeline::Segment;

/// Raised whenever an older version could misread what a newer one wrote.
pub const VERSION: u32 = 1;

/// How a ledger begins, as long as it is whole.
pub(crate) const BEGINS: &[u8] = b"{\"stepclock\":";

/// What stands between a line's fields and the checksum's eight digits.
const CRC: &[u8] = b",\"crc\":\"";
/// What stands behind them.
const END: &[u8] = b"\"}";

/// How much is done: counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Position {
    /// Batches.
    pub batch: u64,
    /// Epochs that are complete.
    pub epochs: u64,
    /// Steps attempted.
    pub step: u64,
    /// Samples, where every batch's size is known.
    #[serde(default)]
    pub sample: Option<u64>,
}

/// An earlier session, and the position from which on what it did no longer counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Supersedes {
    /// Its number.
    pub session: u64,
    /// From here on.
    #[serde(flatten)]
    pub from: Position,
}

/// A process began to train, or went on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SessionLine {
    /// [`VERSION`].
    pub stepclock: u32,
    /// `session`.
    pub kind: Kind,
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
    /// Where it stands.
    #[serde(flatten)]
    pub at: Position,
    /// Updates that really happened so far.
    #[serde(default)]
    pub applied: Option<u64>,
    /// Tokens counted so far.
    #[serde(default)]
    pub token: u64,
    /// Copies that a distributed sampler added so far.
    #[serde(default)]
    pub padding: u64,
    /// The run: what was observed up to here, then what is planned.
    pub segments: Vec<Segment>,
    /// What it takes the place of.
    #[serde(default)]
    pub supersedes: Option<Supersedes>,
}

/// An epoch ended. Counts include it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EpochLine {
    /// `epoch`.
    pub kind: Kind,
    /// The session's number.
    pub session: u64,
    /// Seconds since 1970.
    pub time: f64,
    /// Its index.
    pub epoch: u64,
    /// Batches.
    pub batch: u64,
    /// Steps attempted.
    pub step: u64,
    /// Samples, where every batch's size is known.
    #[serde(default)]
    pub sample: Option<u64>,
    /// Updates that really happened.
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
    /// The epoch's parts: all of them, or those since the session began inside it.
    pub segments: Vec<Segment>,
    /// Steps of it that were not applied: runs of them, each as the first one's number from 1, and how many.
    #[serde(default)]
    pub skipped: Vec<(u64, u64)>,
}

/// How an epoch ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum EndOf {
    /// The loader had no more.
    Exhausted,
    /// The loop left it.
    Cut,
}

/// The plan changed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ChangeLine {
    /// `change`.
    pub kind: Kind,
    /// The session's number.
    pub session: u64,
    /// Seconds since 1970.
    pub time: f64,
    /// After so many batches.
    pub batch: u64,
    /// The position: epochs complete.
    pub epoch: u64,
    /// The position: batches of the next one.
    pub iter: u64,
    /// Steps attempted before.
    pub step: u64,
    /// What is planned from there on.
    pub segments: Vec<Segment>,
}

/// How the loggers beside the ledger are given their step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LoggedAs {
    /// What it counts: the symbol of a unit.
    pub unit: String,
    /// 0 where the first is 0, 1 where it is 1.
    pub base: u8,
    /// Whether somebody said so; else it is taken for granted.
    pub stated: bool,
    /// Who said it, or takes it for granted.
    #[serde(default)]
    pub by: String,
}

/// How the loggers are given their step, from here on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LoggedAsLine {
    /// `logged_as`.
    pub kind: Kind,
    /// The session's number.
    pub session: u64,
    /// Seconds since 1970.
    pub time: f64,
    /// How.
    #[serde(flatten)]
    pub logged: LoggedAs,
}

/// The loop was left: where it stood. An epoch may follow, where the loop goes on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StopLine {
    /// `stop`.
    pub kind: Kind,
    /// The session's number.
    pub session: u64,
    /// Seconds since 1970.
    pub time: f64,
    /// Where it stood.
    #[serde(flatten)]
    pub at: Position,
    /// Updates that really happened.
    #[serde(default)]
    pub applied: Option<u64>,
    /// Tokens.
    #[serde(default)]
    pub token: u64,
    /// Copies that a distributed sampler added.
    #[serde(default)]
    pub padding: u64,
    /// The parts done of the epoch that it left.
    #[serde(default)]
    pub segments: Vec<Segment>,
}

/// The kinds of line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// A session begins.
    Session,
    /// An epoch ended.
    Epoch,
    /// The plan changed.
    Change,
    /// How steps are logged.
    LoggedAs,
    /// The loop was left.
    Stop,
}

/// A line of one kind or another.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Line {
    Session(SessionLine),
    Epoch(EpochLine),
    Change(ChangeLine),
    LoggedAs(LoggedAsLine),
    Stop(StopLine),
    /// Of a kind that is not known here.
    Other,
}

/// Why a line is none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Fault {
    /// It ends inside.
    Short,
    /// A newer version wrote it.
    Newer(u32),
    /// It does not match its checksum, or is no line of a ledger.
    Broken(String),
}

/// What every line says of itself, read first.
#[derive(Deserialize)]
struct Header {
    #[serde(default)]
    stepclock: Option<u32>,
    kind: String,
    #[serde(default)]
    crc: Option<serde::de::IgnoredAny>,
}

/// Reads segments from JSON, as a timeline's holds them.
pub fn segments(json: &str) -> Result<Vec<Segment>, String> {
    serde_json::from_str(json).map_err(|error| format!("these are no segments: {error}"))
}

/// Writes one line, with its checksum and the newline.
#[must_use]
pub fn write(line: &impl Serialize) -> String {
    // Integers, booleans, finite floats and strings always serialise.
    let mut text = serde_json::to_string(line).unwrap_or_default();
    text.pop();
    let crc = crc32c::crc32c(text.as_bytes());
    // Text takes all that is written to it.
    let _ = writeln!(text, ",\"crc\":\"{crc:08x}\"}}");
    text
}

/// Reads one line, without its newline.
pub(crate) fn read(bytes: &[u8]) -> Result<Line, Fault> {
    let header: Header = serde_json::from_slice(bytes).map_err(|error| fault(&error, bytes))?;
    let known = checked(bytes);
    if known == Some(false) || (known.is_none() && header.crc.is_some()) {
        return Err(Fault::Broken("it does not match its checksum".into()));
    }
    if let Some(version) = header.stepclock.filter(|version| *version > VERSION) {
        return Err(Fault::Newer(version));
    }
    let line = match header.kind.as_str() {
        "session" => serde_json::from_slice(bytes).map(Line::Session),
        "epoch" => serde_json::from_slice(bytes).map(Line::Epoch),
        "change" => serde_json::from_slice(bytes).map(Line::Change),
        "logged_as" => serde_json::from_slice(bytes).map(Line::LoggedAs),
        "stop" => serde_json::from_slice(bytes).map(Line::Stop),
        _ if known == Some(true) => Ok(Line::Other),
        other => return Err(Fault::Broken(format!("{other:?} is no kind of line"))),
    };
    line.map_err(|error| fault(&error, bytes))
}

/// Whether the beginning of a line goes on past the checksum's digits, so that it was damaged rather than cut.
pub(crate) fn passes_checksum(bytes: &[u8]) -> bool {
    let digits = bytes.windows(CRC.len()).rposition(|window| window == CRC).map(|at| at + CRC.len());
    digits.is_some_and(|digits| bytes.len() > digits + 8)
}

/// Whether a line matches its checksum; `None` where it has none, as one that was written by hand.
fn checked(bytes: &[u8]) -> Option<bool> {
    let (text, digits) = bytes.strip_suffix(END)?.split_last_chunk::<8>()?;
    let text = text.strip_suffix(CRC)?;
    Some(format!("{:08x}", crc32c::crc32c(text)).as_bytes() == digits)
}

fn fault(error: &serde_json::Error, bytes: &[u8]) -> Fault {
    // A number that ends in its point is no number, to a reader that does not know of an end.
    let at_the_end = error.column() >= bytes.len() && !passes_checksum(bytes);
    if error.is_eof() || at_the_end { Fault::Short } else { Fault::Broken(error.to_string()) }
}
