//! One session of a ledger, line by line.

use stepbridge_timeline::{Error, Replay, Segment, Timeline};

use super::schema::{ChangeLine, EpochLine, LoggedAs, LoggedAsLine, Position, SessionLine, StopLine, Supersedes};

/// What a session's process did, as far as it is on record.
#[derive(Debug, Clone, PartialEq)]
pub struct Session {
    /// Its number, from 0.
    pub number: u64,
    /// Since when it is in force: seconds since 1970.
    pub time: f64,
    /// The clock's name.
    pub name: String,
    /// The version of stepbridge that wrote it.
    pub library: String,
    /// Where it began.
    pub start: Position,
    /// The furthest position that is on record.
    pub end: Position,
    /// Updates that really happened up to there, where it is on record.
    pub applied: Option<u64>,
    /// Tokens counted up to there.
    pub token: u64,
    /// Copies that a distributed sampler added up to there.
    pub padding: u64,
    /// What was observed, then what was planned. Where something is lost, it ends with an epoch of unknown length.
    pub timeline: Timeline,
    /// Whether lines of it are lost, so that the timeline does not say all that was on record.
    pub damaged: bool,
    /// Changes of the plan: where, and what was planned from there on.
    pub changes: Vec<Changed>,
    /// Steps that were not applied: the number of the first, from 1, and how many.
    pub skipped: Vec<(u64, u64)>,
    /// What it takes the place of.
    pub supersedes: Option<Supersedes>,
    /// How its loggers are given their step, where the ledger says it.
    pub logged_as: Option<LoggedAs>,
    /// Whether its loop was left, as far as is on record.
    pub stopped: bool,
}

/// A change of the plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Changed {
    /// After so many batches.
    pub batch: u64,
    /// The position: epochs complete.
    pub epoch: u64,
    /// The position: batches of the next one.
    pub iter: u64,
    /// Steps attempted before.
    pub step: u64,
    /// What was planned from there on.
    pub segments: Vec<Segment>,
}

/// A session whose lines are still coming.
#[derive(Debug, Clone)]
pub(super) struct Open {
    session: Session,
    replay: Replay,
    /// Nothing more can be placed: something before it is lost.
    ended: bool,
}

/// Why a line has no place in its session. The session's timeline ends before it.
pub(super) type Misfit = String;

impl Open {
    pub(super) fn new(line: SessionLine) -> Result<Self, Misfit> {
        let timeline = Timeline::from_segments(line.segments).map_err(|error| error.to_string())?;
        let replay = Replay::new(&timeline, line.at.batch, line.at.epochs);
        if !replay.stands() {
            return Err(format!(
                "its segments have no position after {} batches and {} epochs",
                line.at.batch, line.at.epochs
            ));
        }
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
            stopped: false,
        };
        Ok(Self { session, replay, ended: false })
    }

    /// A session whose first line is lost; it is in force since `time` at the latest.
    pub(super) fn lost(number: u64, time: f64) -> Result<Self, Error> {
        let replay = Replay::unknown();
        let session = Session {
            number,
            time,
            name: String::new(),
            library: String::new(),
            start: Position::default(),
            end: Position::default(),
            applied: None,
            token: 0,
            padding: 0,
            timeline: replay.timeline()?,
            damaged: true,
            changes: Vec::new(),
            skipped: Vec::new(),
            supersedes: None,
            logged_as: None,
            stopped: false,
        };
        Ok(Self { session, replay, ended: true })
    }

    pub(super) fn number(&self) -> u64 {
        self.session.number
    }

    /// A line behind the last one is lost: it may have changed the plan.
    pub(super) fn doubt(&mut self) {
        self.session.damaged = true;
        self.replay.forget_plan();
    }

    /// Nothing more can be placed.
    pub(super) fn end(&mut self) {
        self.doubt();
        self.ended = true;
    }

    pub(super) fn epoch(&mut self, line: EpochLine) -> Result<(), Misfit> {
        let known =
            Position { batch: line.batch, epochs: line.epoch.saturating_add(1), step: line.step, sample: line.sample };
        self.reached(known);
        (self.session.applied, self.session.token, self.session.padding) = (line.applied, line.token, line.padding);
        self.session.skipped.extend(line.skipped);
        self.session.stopped = false;
        if self.ended {
            return Ok(());
        }
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

    pub(super) fn change(&mut self, line: ChangeLine) -> Result<(), Misfit> {
        if !self.ended {
            if !self.replay.changes_at(line.epoch, line.iter, line.batch) {
                let (batch, epochs) = self.replay.position();
                self.end();
                return Err(format!(
                    "it is of a change after {} batches, at epoch {} and iter {}, which does not go on from the {batch} batches in {epochs} epochs on record",
                    line.batch, line.epoch, line.iter
                ));
            }
            self.replay.change(line.batch, line.segments.clone());
            if let Err(error) = self.replay.timeline() {
                self.end();
                return Err(error.to_string());
            }
        }
        let ChangeLine { batch, epoch, iter, step, segments, .. } = line;
        self.reached(Position { batch, epochs: epoch, step, sample: None });
        self.session.changes.push(Changed { batch, epoch, iter, step, segments });
        self.session.stopped = false;
        Ok(())
    }

    /// Two statements that contradict each other are no statement.
    pub(super) fn logged_as(&mut self, line: LoggedAsLine) {
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

    pub(super) fn stop(&mut self, line: &StopLine) {
        self.reached(line.at);
        (self.session.applied, self.session.token, self.session.padding) = (line.applied, line.token, line.padding);
        self.session.stopped = true;
    }

    fn reached(&mut self, at: Position) {
        let end = &mut self.session.end;
        if (at.batch, at.epochs) >= (end.batch, end.epochs) {
            *end = Position { sample: at.sample.or(end.sample.filter(|_| at.batch == end.batch)), ..at };
        }
    }

    /// The session as it stands on record.
    pub(super) fn close(mut self) -> Result<Session, Error> {
        self.session.timeline = self.replay.timeline()?;
        Ok(self.session)
    }
}
