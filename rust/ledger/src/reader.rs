//! Reads a ledger line by line into sessions.

use std::io::{self, BufRead};

use stepbridge_records::{LISTED, Problem, ProblemKind, ProblemList};

use crate::lines::{LedgerLines, LinePlace};
use crate::schema::{self, LedgerLineFault, ParsedLine, SessionLine};
use crate::session::{OpenSession, Session};

/// What the lines of a ledger hold.
pub(crate) struct ReadLines {
    /// The sessions; `None` if no line began one.
    pub(crate) sessions: Option<Vec<Session>>,
    /// What could not be read.
    pub(crate) problems: Vec<Problem>,
    /// How many bytes there are.
    pub(crate) bytes: u64,
    /// Whether the last byte is not a newline.
    pub(crate) open_line: bool,
}

/// Why lines are not read.
pub(crate) enum ReadFault {
    /// A newer version wrote them.
    Newer(u32),
    /// The system does not give them.
    Io(io::Error),
}

/// More sessions than any run has. Each takes memory, so the lines of others are reported and left out.
const MOST_SESSIONS: usize = 20_000;

/// The reason of a line that is cut.
const SHORT: &str = "it ends inside";

/// Reads all lines; `file` is the name of the ledger in problems. Fails with the version of a ledger that is too new.
pub(crate) fn read_lines(source: impl BufRead, file: &str) -> Result<ReadLines, ReadFault> {
    let problems = ProblemList::default();
    let mut reader = LedgerReader { file, open: Vec::new(), problems, last: None, time: f64::NEG_INFINITY };
    // Lines that end inside. The next valid line tells why.
    let mut torn: Vec<LinePlace> = Vec::new();
    let mut lines = LedgerLines::new(source);
    while let Some(line) = lines.next_line().map_err(ReadFault::Io)? {
        let place = line.place;
        let parsed = if line.too_long {
            Err(LedgerLineFault::Broken("it is too long for a ledger".to_owned()))
        } else {
            schema::parse_line(line.bytes)
        };
        match parsed {
            Ok(parsed) => {
                let session = matches!(parsed, ParsedLine::Session(_));
                for torn in torn.drain(..) {
                    // If a session begins next, the process before it was stopped while it wrote.
                    if session { reader.torn(torn) } else { reader.broken(torn, SHORT) }
                }
                reader.take(place, parsed);
            }
            Err(LedgerLineFault::Newer(version)) => return Err(ReadFault::Newer(version)),
            Err(LedgerLineFault::Short) if !(place.whole && schema::passes_checksum(line.bytes)) => {
                torn.push(place);
                // So many are damage, whatever comes next.
                if torn.len() > LISTED {
                    torn.drain(..).for_each(|torn| reader.broken(torn, SHORT));
                }
            }
            Err(fault) => {
                for torn in torn.drain(..) {
                    reader.broken(torn, SHORT);
                }
                reader.broken(place, if let LedgerLineFault::Broken(what) = &fault { what } else { SHORT });
            }
        }
    }
    for torn in torn.drain(..) {
        // The line that the writer was writing when it stopped is lost; the lines before it are on record.
        if torn.whole { reader.broken(torn, SHORT) } else { reader.torn(torn) }
    }
    Ok(reader.close(lines.at, !lines.ended))
}

struct LedgerReader<'a> {
    file: &'a str,
    open: Vec<OpenSession>,
    problems: ProblemList,
    /// Index of the session that the last valid line belongs to.
    last: Option<usize>,
    /// The time at which that line was written.
    time: f64,
}

impl LedgerReader<'_> {
    /// Takes a valid line.
    fn take(&mut self, place: LinePlace, line: ParsedLine) {
        let (number, n, time) = match &line {
            ParsedLine::Session(line) => (line.session, None, line.time),
            ParsedLine::Epoch(line) => (line.session, line.n, line.time),
            ParsedLine::Change(line) => (line.session, line.n, line.time),
            ParsedLine::LoggedAs(line) => (line.session, line.n, line.time),
            ParsedLine::Stop(line) => (line.session, line.n, line.time),
            ParsedLine::Enter(line) => (line.session, line.n, line.time),
            ParsedLine::Series(line) => (line.session, line.n, line.time),
            ParsedLine::Mark(line) => (line.session, line.n, line.time),
            ParsedLine::Other => return,
        };
        let at = self.open.iter().rposition(|open| open.number() == number);
        match (&line, at) {
            (ParsedLine::Session(line), None) => self.sessions_before(place, line),
            (ParsedLine::Session(_), Some(_)) | (_, None) => {}
            (_, Some(at)) => {
                let missing = self.open[at].count(n, time);
                self.missing(place, at, missing);
            }
        }
        let outcome = match (line, at) {
            (ParsedLine::Session(_), Some(at)) => {
                self.open[at].end();
                self.last = Some(at);
                Err(format!("a second session {number} begins: two processes wrote at once"))
            }
            (ParsedLine::Session(_), None) if self.open.len() >= MOST_SESSIONS => {
                Err(format!("session {number} is one too many: at most {MOST_SESSIONS} are read"))
            }
            (ParsedLine::Session(line), None) => match OpenSession::new(line) {
                Ok(open) => {
                    self.open.push(open);
                    self.last = Some(self.open.len() - 1);
                    Ok(())
                }
                Err(why) => {
                    self.lost(number);
                    Err(why)
                }
            },
            (line, at) => {
                let missing = at.is_none();
                let Some(at) = at.or_else(|| self.lost(number)) else { return };
                self.last = Some(at);
                let open = &mut self.open[at];
                let fits = match line {
                    ParsedLine::Epoch(line) => open.epoch(line),
                    ParsedLine::Change(line) => open.change(line),
                    ParsedLine::LoggedAs(line) => {
                        open.logged_as(line);
                        Ok(())
                    }
                    ParsedLine::Stop(line) => open.stop(&line),
                    ParsedLine::Enter(line) => {
                        open.entered(line.entry);
                        Ok(())
                    }
                    ParsedLine::Series(line) => {
                        open.series(line.series);
                        Ok(())
                    }
                    ParsedLine::Mark(line) => open.mark(line.mark()),
                    ParsedLine::Session(_) | ParsedLine::Other => Ok(()),
                };
                if missing { Err(format!("the first line of its session, {number}, is lost")) } else { fits }
            }
        };
        self.time = time;
        if let Err(why) = outcome {
            let reason = format!("{why}; the timeline of session {number} ends before it");
            self.problems.push(place.problem(self.file, ProblemKind::Corrupt, reason));
        }
    }

    /// Checks what the first line of a session says of what is before it.
    fn sessions_before(&mut self, place: LinePlace, line: &SessionLine) {
        let known = self.open.iter().map(OpenSession::number).max().map_or(0, |number| number + 1);
        if line.session > known && line.after.is_some() {
            let reason = format!("session {} begins, and those from {known} on before it are missing", line.session);
            self.problems.push(place.problem(self.file, ProblemKind::Corrupt, reason));
        } else if let (Some(lines), Some(at)) = (line.after, self.open.len().checked_sub(1)) {
            let missing = self.open[at].missing_of(lines);
            self.missing(place, at, missing);
        }
    }

    /// Reports whole lines that are missing before this one.
    fn missing(&mut self, place: LinePlace, at: usize, missing: u64) {
        if missing == 0 {
            return;
        }
        let open = &mut self.open[at];
        open.doubt();
        let lines = if missing == 1 { "a line".to_owned() } else { format!("{missing} lines") };
        let reason = format!(
            "{lines} of session {} before it {} missing: what it planned is not known from there on, until a later line says it",
            open.number(),
            if missing == 1 { "is" } else { "are" }
        );
        self.problems.push(place.problem(self.file, ProblemKind::Corrupt, reason));
    }

    /// Begins a session of which only later lines are left. It may have begun right after the last valid line.
    fn lost(&mut self, number: u64) -> Option<usize> {
        if self.open.len() >= MOST_SESSIONS {
            return None;
        }
        self.open.push(OpenSession::lost(number, self.time).ok()?);
        self.last = Some(self.open.len() - 1);
        self.last
    }

    /// Reports a line that was not written to its end.
    fn torn(&mut self, place: LinePlace) {
        let reason = "the line is not whole: its writer was stopped while it wrote; the lines before it were read";
        self.problems.push(place.problem(self.file, ProblemKind::Truncated, reason.to_owned()));
    }

    /// Reports a damaged line.
    fn broken(&mut self, place: LinePlace, what: &str) {
        let ends = match self.last.and_then(|last| self.open.get_mut(last)) {
            Some(open) => {
                open.doubt();
                open.expect_gap();
                format!("what session {} planned is not known from here on, until a later line says it", open.number())
            }
            None => "the lines after it were read".to_owned(),
        };
        let reason = format!("the line is damaged ({what}); {ends}");
        self.problems.push(place.problem(self.file, ProblemKind::Corrupt, reason));
    }

    /// Closes all sessions.
    fn close(mut self, bytes: u64, open_line: bool) -> ReadLines {
        let mut sessions = Vec::with_capacity(self.open.len());
        let any = !self.open.is_empty();
        for open in self.open {
            let number = open.number();
            match open.close() {
                Ok(session) => sessions.push(session),
                Err(error) => {
                    let reason = format!("session {number} makes no timeline ({error}); it was left out");
                    self.problems.push(Problem::new(self.file, ProblemKind::Corrupt, reason));
                }
            }
        }
        ReadLines { sessions: any.then_some(sessions), problems: self.problems.into_vec(), bytes, open_line }
    }
}
