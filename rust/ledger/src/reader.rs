//! Reads a ledger line by line into sessions.

use stepbridge_records::{Problem, ProblemKind};

use crate::lines::{LedgerLine, LedgerLines};
use crate::schema::{self, LedgerLineFault, ParsedLine, SessionLine};
use crate::session::{OpenSession, Session};

/// What the lines of a ledger hold.
pub(crate) struct ReadLines {
    /// The sessions; `None` if no line began one.
    pub(crate) sessions: Option<Vec<Session>>,
    /// What could not be read.
    pub(crate) problems: Vec<Problem>,
}

/// The reason of a line that is cut.
const SHORT: &str = "it ends inside";

/// Reads all lines; `file` is the name of the ledger in problems. Fails with the version of a ledger that is too new.
pub(crate) fn read_lines(bytes: &[u8], file: &str) -> Result<ReadLines, u32> {
    let mut reader = LedgerReader { file, open: Vec::new(), problems: Vec::new(), last: None, time: f64::NEG_INFINITY };
    // Lines that end inside. The next valid line tells why.
    let mut torn: Vec<LedgerLine> = Vec::new();
    for line in LedgerLines::new(bytes) {
        match schema::parse_line(line.bytes) {
            Ok(parsed) => {
                let session = matches!(parsed, ParsedLine::Session(_));
                for torn in torn.drain(..) {
                    // If a session begins next, the process before it was stopped while it wrote.
                    if session { reader.torn(&torn) } else { reader.broken(&torn, SHORT) }
                }
                reader.take(&line, parsed);
            }
            Err(LedgerLineFault::Newer(version)) => return Err(version),
            Err(LedgerLineFault::Short) if !(line.whole && schema::passes_checksum(line.bytes)) => torn.push(line),
            Err(fault) => {
                for torn in torn.drain(..) {
                    reader.broken(&torn, SHORT);
                }
                reader.broken(&line, if let LedgerLineFault::Broken(what) = &fault { what } else { SHORT });
            }
        }
    }
    for torn in torn.drain(..) {
        // The line that the writer was writing when it stopped is lost; the lines before it are on record.
        if torn.whole { reader.broken(&torn, SHORT) } else { reader.torn(&torn) }
    }
    Ok(reader.close())
}

struct LedgerReader<'a> {
    file: &'a str,
    open: Vec<OpenSession>,
    problems: Vec<Problem>,
    /// Index of the session that the last valid line belongs to.
    last: Option<usize>,
    /// The time at which that line was written.
    time: f64,
}

impl LedgerReader<'_> {
    /// Takes a valid line.
    fn take(&mut self, raw: &LedgerLine, line: ParsedLine) {
        let (number, n, time) = match &line {
            ParsedLine::Session(line) => (line.session, None, line.time),
            ParsedLine::Epoch(line) => (line.session, line.n, line.time),
            ParsedLine::Change(line) => (line.session, line.n, line.time),
            ParsedLine::LoggedAs(line) => (line.session, line.n, line.time),
            ParsedLine::Stop(line) => (line.session, line.n, line.time),
            ParsedLine::Other => return,
        };
        let at = self.open.iter().rposition(|open| open.number() == number);
        match (&line, at) {
            (ParsedLine::Session(line), None) => self.sessions_before(raw, line),
            (ParsedLine::Session(_), Some(_)) | (_, None) => {}
            (_, Some(at)) => {
                let missing = self.open[at].count(n, time);
                self.missing(raw, at, missing);
            }
        }
        let outcome = match (line, at) {
            (ParsedLine::Session(_), Some(at)) => {
                self.open[at].end();
                self.last = Some(at);
                Err(format!("a second session {number} begins: two processes wrote at once"))
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
                    ParsedLine::Stop(line) => {
                        open.stop(&line);
                        Ok(())
                    }
                    ParsedLine::Session(_) | ParsedLine::Other => Ok(()),
                };
                if missing { Err(format!("the first line of its session, {number}, is lost")) } else { fits }
            }
        };
        self.time = time;
        if let Err(why) = outcome {
            let reason = format!("{why}; the timeline of session {number} ends before it");
            self.problems.push(raw.problem(self.file, ProblemKind::Corrupt, reason));
        }
    }

    /// Checks what the first line of a session says of what is before it.
    fn sessions_before(&mut self, raw: &LedgerLine, line: &SessionLine) {
        let known = self.open.iter().map(OpenSession::number).max().map_or(0, |number| number + 1);
        if line.session > known && line.after.is_some() {
            let reason = format!("session {} begins, and those from {known} on before it are missing", line.session);
            self.problems.push(raw.problem(self.file, ProblemKind::Corrupt, reason));
        } else if let (Some(lines), Some(at)) = (line.after, self.open.len().checked_sub(1)) {
            let missing = self.open[at].missing_of(lines);
            self.missing(raw, at, missing);
        }
    }

    /// Reports whole lines that are missing before this one.
    fn missing(&mut self, raw: &LedgerLine, at: usize, missing: u64) {
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
        self.problems.push(raw.problem(self.file, ProblemKind::Corrupt, reason));
    }

    /// Begins a session of which only later lines are left. It may have begun right after the last valid line.
    fn lost(&mut self, number: u64) -> Option<usize> {
        self.open.push(OpenSession::lost(number, self.time).ok()?);
        self.last = Some(self.open.len() - 1);
        self.last
    }

    /// Reports a line that was not written to its end.
    fn torn(&mut self, line: &LedgerLine) {
        let reason = "the line is not whole: its writer was stopped while it wrote; what stands before it is on record";
        self.problems.push(line.problem(self.file, ProblemKind::Truncated, reason.to_owned()));
    }

    /// Reports a damaged line.
    fn broken(&mut self, line: &LedgerLine, what: &str) {
        let ends = match self.last.and_then(|last| self.open.get_mut(last)) {
            Some(open) => {
                open.doubt();
                open.expect_gap();
                format!("what session {} planned is not known from here on, until a later line says it", open.number())
            }
            None => "the lines behind it were read".to_owned(),
        };
        let reason = format!("the line is damaged ({what}); {ends}");
        self.problems.push(line.problem(self.file, ProblemKind::Corrupt, reason));
    }

    /// Closes all sessions.
    fn close(mut self) -> ReadLines {
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
        ReadLines { sessions: any.then_some(sessions), problems: self.problems }
    }
}
