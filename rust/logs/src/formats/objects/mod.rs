//! One JSON object a line: what the formats that are written so have in common.
//!
//! A file is cut into blocks that several threads parse ([`lines`], [`rows`]); what they find is put together in the file's order
//! ([`gather`]), so that neither the size of a block nor the number of threads shows in it. A line is read as far as it
//! holds whole objects. The rest of it is reported: a line that is torn, text between the objects, git's conflict markers.

mod block;
mod found;
mod gather;
mod head;
mod keys;
mod lines;
mod rows;
mod shape;
#[cfg(test)]
mod tests;

use std::io;
use std::ops::ControlFlow;

use super::{Input, Sink};
use stepbridge_io::parallel;
use stepbridge_records::{Decimal, Format, SeriesMeaning};

use block::Blocks;
pub(super) use block::first_line;
pub(super) use gather::{Carried, Last};
pub(super) use head::{Keys, Seen, seen};

/// What a key is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    /// Its numbers are values, and its name is their tag.
    Value,
    Step,
    Epoch,
    WallTime,
    /// A second count of steps, which is no value.
    Iter,
    /// Whether the line is of training or of validation.
    Mode,
}

/// What a line says of its mode.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Mode {
    #[default]
    None,
    Train,
    Validation,
}

/// One object: where it stands, and what it says of itself.
#[derive(Debug, Clone)]
pub(super) struct Row {
    /// Where it begins in the file, and how long it is.
    pub(super) begin: u64,
    pub(super) length: u64,
    /// Its values end here, among those of the block; they begin where those of the row before end.
    pub(super) upto: usize,
    pub(super) step: Option<i64>,
    /// Whether it has a step that could not be read, which is reported on its own.
    pub(super) odd: bool,
    pub(super) iter: Option<i64>,
    pub(super) epoch: Option<Decimal>,
    pub(super) wall_time: f64,
    pub(super) mode: Mode,
}

/// What becomes of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Settled {
    /// Its values are records of that kind, by its number in [`Dialect::kinds`].
    Kind(usize),
    /// They are, but the row does not say where it stands.
    Unplaced(usize),
    /// It is about the run, and no record.
    Header,
}

/// Records that mean the same.
pub(super) struct Kind {
    pub(super) meaning: SeriesMeaning,
    /// What stands before the names of its tags.
    pub(super) prefix: &'static str,
}

/// How a writer uses the objects.
pub(super) trait Dialect: Sync {
    fn format(&self) -> Format;

    /// What the key of a name is for.
    fn role(&self, name: &str) -> Role;

    /// What is put between the names of nested objects: what the writer's own tools show there.
    fn separator(&self) -> &'static str {
        "."
    }

    /// Whether `"NaN"` and `"Infinity"` are written as text.
    fn spells_floats(&self) -> bool {
        false
    }

    /// Whether objects that have a `_type` are media, and no values.
    fn has_media(&self) -> bool {
        false
    }

    /// The kinds of records.
    fn kinds(&self) -> Vec<Kind> {
        vec![Kind { meaning: self.format().meaning(), prefix: "" }]
    }

    /// What a row is, by what came before it. It may set right where the row stands.
    fn settle(&self, _last: &mut Last, row: &mut Row) -> Settled {
        if row.step.is_none() && !row.odd { Settled::Unplaced(0) } else { Settled::Kind(0) }
    }

    /// What is said of rows that do not say where they stand; `None` where that is no fault.
    fn unplaced(&self) -> Option<&'static str> {
        None
    }

    /// The keys that the caller named, each with what it was to hold.
    fn named(&self) -> Vec<(Role, &str)> {
        Vec::new()
    }
}

/// Reads a file, or what was added to it since it was read before.
pub(super) fn read(dialect: &dyn Dialect, input: &Input, sink: &mut Sink) -> io::Result<()> {
    read_in_blocks(dialect, input, sink, Blocks::DEFAULT)
}

/// The same, by blocks of another size.
fn read_in_blocks(dialect: &dyn Dialect, input: &Input, sink: &mut Sink, blocks: Blocks) -> io::Result<()> {
    let carried = input.mark.as_ref().and_then(|mark| mark.downcast_ref::<Carried>()).cloned().unwrap_or_default();
    let blocks = blocks.of(input.bytes, carried.at, input.size);
    let mut gather = gather::Gather::new(dialect, carried);
    let read = parallel::in_order(
        blocks.count(),
        input.threads,
        |index| blocks.parse(index, dialect),
        |_, block| {
            let block = block?;
            let end = block.end;
            gather.take(block, sink);
            sink.came_to(end)
        },
    );
    gather.finish(read.is_ok(), sink);
    read
}

/// Looks at the rows from the file's beginning on, as long as `look` goes on.
pub(super) fn look(
    dialect: &dyn Dialect,
    input: &Input,
    mut look: impl FnMut(&Row) -> ControlFlow<()>,
) -> io::Result<()> {
    let blocks = Blocks::SMALL.of(input.bytes, 0, input.size);
    for index in 0..blocks.count() {
        if blocks.parse(index, dialect)?.rows.iter().try_for_each(&mut look).is_break() {
            break;
        }
    }
    Ok(())
}
