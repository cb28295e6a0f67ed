//! One session of a ledger, built line by line.

use stepbridge_timeline::{Error, Mark, Marks, Replay, Segment, Timeline};

use crate::notes::{EpochEntered, SeriesStep};
use crate::schema::{ChangeLine, Counts, EpochLine, LoggedAs, LoggedAsLine, SessionLine, StopLine, Supersedes};

/// What the process of a session did, as far as it is on record.
#[derive(Debug, Clone, PartialEq)]
pub struct Session {
    /// Its number, from 0.
    pub number: u64,
    /// When it began: seconds since 1970.
    pub time: f64,
    /// The clock's name.
    pub name: String,
    /// The version of stepbridge that wrote it.
    pub library: String,
    /// How much was done when it began.
    pub start: Counts,
    /// The most that is on record as done.
    pub end: Counts,
    /// Updates applied up to there, if that is on record.
    pub applied: Option<u64>,
    /// Tokens counted up to there.
    pub token: u64,
    /// Copies that a distributed sampler added up to there.
    pub padding: u64,
    /// What was observed, then the plan. If something is lost, it ends with an epoch of unknown length.
    pub timeline: Timeline,
    /// Whether lines of it are lost, so that the timeline is incomplete.
    pub damaged: bool,
    /// The changes of the plan.
    pub changes: Vec<PlanChange>,
    /// Steps that were not applied, as ranges: the number of the first, from 1, and how many.
    pub skipped: Vec<(u64, u64)>,
    /// What it supersedes.
    pub supersedes: Option<Supersedes>,
    /// Which step its loggers are given, if the ledger says it.
    pub logged_as: Option<LoggedAs>,
    /// Epochs that were entered at another point than the one reached.
    pub entries: Vec<EpochEntered>,
    /// Tags that are logged by a step of their own, each once.
    pub series: Vec<SeriesStep>,
    /// Whether its loop was left, as far as that is on record.
    pub stopped: bool,
    /// How many of its lines were read.
    pub lines: u64,
    /// When the last of them was written: seconds since 1970.
    pub last_time: f64,
}

/// A change of the plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlanChange {
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
}

/// A session while its lines are read.
#[derive(Debug, Clone)]
pub(crate) struct OpenSession {
    session: Session,
    replay: Replay,
    /// The tokens that were counted.
    marks: Marks,
    /// What was done of the epoch in which the loop was left, if nothing came after it.
    left: Vec<Segment>,
    /// No further line can be applied, because something before it is lost.
    ended: bool,
    /// The number of the next line, if none is lost.
    next: u64,
}

/// Why a line does not fit its session. The timeline of the session ends before it.
pub(crate) type Misfit = String;

impl OpenSession {
    pub(crate) fn new(line: SessionLine) -> Result<Self, Misfit> {
        let timeline = Timeline::from_segments(line.segments).map_err(|error| error.to_string())?;
        let replay = Replay::new(&timeline, line.at.batch, line.at.epochs);
        if !replay.starts_on_timeline() {
            return Err(format!(
                "its segments have no position after {} batches and {} epochs",
                line.at.batch, line.at.epochs
            ));
        }
        let mut marks = Marks::new(line.tokens).map_err(|error| error.to_string())?;
        marks.push(Mark { batch: line.at.batch, token: line.token }).map_err(|error| error.to_string())?;
        let session = Session {
            number: line.session,
            time: line.time,
            name: line.name,
            library: line.library,
            start: line.at,
            end: line.at,
            applied: line.applied,
            token: line.token,
            padding: line.padding,
            timeline,
            damaged: false,
            changes: Vec::new(),
            skipped: Vec::new(),
            supersedes: line.supersedes,
            logged_as: None,
            entries: Vec::new(),
            series: Vec::new(),
            stopped: false,
            lines: 1,
            last_time: line.time,
        };
        Ok(Self { session, replay, marks, left: Vec::new(), ended: false, next: 1 })
    }

    /// A session whose first line is lost; it began at `time` at the latest.
    pub(crate) fn lost(number: u64, time: f64) -> Result<Self, Error> {
        let replay = Replay::of_unknown_run();
        let session = Session {
            number,
            time,
            name: String::new(),
            library: String::new(),
            start: Counts::default(),
            end: Counts::default(),
            applied: None,
            token: 0,
            padding: 0,
            timeline: replay.timeline()?,
            damaged: true,
            changes: Vec::new(),
            skipped: Vec::new(),
            supersedes: None,
            logged_as: None,
            entries: Vec::new(),
            series: Vec::new(),
            stopped: false,
            lines: 0,
            last_time: time,
        };
        Ok(Self { session, replay, marks: Marks::default(), left: Vec::new(), ended: true, next: 0 })
    }

    pub(crate) fn number(&self) -> u64 {
        self.session.number
    }

    /// Counts a line, and returns how many lines before it are missing.
    pub(crate) fn count(&mut self, n: Option<u64>, time: f64) -> u64 {
        self.session.lines += 1;
        self.session.last_time = time;
        let missing = n.map_or(0, |n| n.saturating_sub(self.next));
        self.next = n.unwrap_or(self.next).saturating_add(1);
        missing
    }

    /// How many lines are missing at its end, if so many were on record.
    pub(crate) fn missing_of(&self, lines: u64) -> u64 {
        if self.session.damaged { 0 } else { lines.saturating_sub(self.session.lines) }
    }

    /// A damaged line was reported: it is not one of those that are missing.
    pub(crate) fn expect_gap(&mut self) {
        self.next = self.next.saturating_add(1);
    }

    /// A line after the last one is lost; it may have changed the plan.
    pub(crate) fn doubt(&mut self) {
        self.session.damaged = true;
        self.replay.forget_plan();
    }

    /// Notes that no further line can be applied.
    pub(crate) fn end(&mut self) {
        self.doubt();
        self.ended = true;
    }

    pub(crate) fn epoch(&mut self, line: EpochLine) -> Result<(), Misfit> {
        self.left.clear();
        let known =
            Counts { batch: line.batch, epochs: line.epoch.saturating_add(1), step: line.step, sample: line.sample };
        self.reached(known);
        (self.session.applied, self.session.token, self.session.padding) = (line.applied, line.token, line.padding);
        self.session.skipped.extend(line.skipped);
        self.session.stopped = false;
        if self.ended {
            return Ok(());
        }
        self.mark(Mark { batch: line.batch, token: line.token })?;
        let follows = self.replay.follows(line.epoch, line.batch, &line.segments);
        if !follows || self.replay.end_epoch(&line.segments).is_err() {
            let (batch, epochs) = self.replay.position();
            self.end();
            return Err(format!(
                "it is of the epoch with index {} that ended after {} batches, but {batch} batches in {epochs} epochs are on record before it",
                line.epoch, line.batch
            ));
        }
        Ok(())
    }

    pub(crate) fn change(&mut self, line: ChangeLine) -> Result<(), Misfit> {
        self.left.clear();
        if !self.ended {
            if !self.replay.changes_at(line.epoch, line.iter, line.batch) {
                let (batch, epochs) = self.replay.position();
                self.end();
                return Err(format!(
                    "it is of a change after {} batches, at epoch {} and iter {}, which does not go on from the {batch} batches in {epochs} epochs on record",
                    line.batch, line.epoch, line.iter
                ));
            }
            self.replay.change(line.batch, line.segments.clone(), &line.done);
            if let Err(error) = self.replay.timeline() {
                self.end();
                return Err(error.to_string());
            }
        }
        let ChangeLine { batch, epoch, iter, step, segments, .. } = line;
        self.reached(Counts { batch, epochs: epoch, step, sample: None });
        self.session.changes.push(PlanChange { batch, epoch, iter, step, segments });
        self.session.stopped = false;
        Ok(())
    }

    /// Takes a statement. Two statements that contradict each other count as an assumption.
    pub(crate) fn logged_as(&mut self, line: LoggedAsLine) {
        let mut logged = line.logged;
        if let Some(before) = self.session.logged_as.as_ref().filter(|before| before.stated) {
            if !logged.stated {
                return;
            }
            if (&before.unit, before.base) != (&logged.unit, logged.base) {
                logged.stated = false;
                logged.by = format!("the ledger states two ways, that of {} and that of {}", before.by, logged.by);
            }
        }
        self.session.logged_as = Some(logged);
    }

    pub(crate) fn entered(&mut self, entry: EpochEntered) {
        self.session.entries.push(entry);
        self.session.stopped = false;
    }

    /// Takes what a writer saw of a tag; the last word about a tag counts.
    pub(crate) fn series(&mut self, series: SeriesStep) {
        match self.session.series.iter_mut().find(|known| known.tag == series.tag) {
            Some(known) => *known = series,
            None => self.session.series.push(series),
        }
    }

    /// Takes the tokens that were counted at a batch.
    pub(crate) fn mark(&mut self, mark: Mark) -> Result<(), Misfit> {
        if self.ended {
            return Ok(());
        }
        self.marks.push(mark).map_err(|error| {
            self.end();
            error.to_string()
        })
    }

    pub(crate) fn stop(&mut self, line: &StopLine) -> Result<(), Misfit> {
        self.reached(line.at);
        (self.session.applied, self.session.token, self.session.padding) = (line.applied, line.token, line.padding);
        self.session.stopped = true;
        self.left.clone_from(&line.segments);
        self.mark(Mark { batch: line.at.batch, token: line.token })
    }

    fn reached(&mut self, at: Counts) {
        let end = &mut self.session.end;
        if (at.batch, at.epochs) >= (end.batch, end.epochs) {
            *end = Counts { sample: at.sample.or(end.sample.filter(|_| at.batch == end.batch)), ..at };
        }
    }

    /// The session as it is on record.
    pub(crate) fn close(mut self) -> Result<Session, Error> {
        if !self.ended {
            self.replay.leave(&self.left)?;
        }
        let timeline = self.replay.timeline()?;
        // Where tokens are stated, those on record follow from the samples.
        self.session.timeline =
            if timeline.tokens_per_sample().is_some() { timeline } else { timeline.with_marks(&self.marks)? };
        Ok(self.session)
    }
}
