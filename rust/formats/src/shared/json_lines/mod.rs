//! One JSON object a line: the mechanism of all formats that are written so.
//!
//! A file is cut into blocks that several threads parse ([`lines`], [`parser`]). What they find is merged in the order of the
//! file ([`merge`]), so that neither the size of a block nor the number of threads changes the result. A line is read as far as
//! it holds complete objects. The rest of it is reported: a torn line, text between the objects, git's conflict markers.

mod block;
mod cutter;
mod dialect;
mod keys;
mod line_object;
mod line_template;
mod lines;
mod merge;
mod parser;
mod probe;
#[cfg(test)]
mod tests;

use std::io;
use std::ops::ControlFlow;

use stepbridge_io::parallel;

use super::input::Input;
use super::sink::Sink;
use cutter::BlockSizes;

pub(crate) use cutter::first_line;
pub(crate) use dialect::{Dialect, JsonRow, KeyRole, LineMode, RecordKind, RowPlacement, RowsBefore};
pub(crate) use merge::JsonLinesMark;
pub(crate) use probe::{ProbedKeys, ProbedLines, probe};

/// Reads a file, or what was added to it since it was last read.
pub(crate) fn read(dialect: &dyn Dialect, input: &Input, sink: &mut Sink) -> io::Result<()> {
    read_in_blocks(dialect, input, sink, BlockSizes::DEFAULT)
}

/// The same with blocks of another size.
fn read_in_blocks(dialect: &dyn Dialect, input: &Input, sink: &mut Sink, blocks: BlockSizes) -> io::Result<()> {
    let carried =
        input.mark.as_ref().and_then(|mark| mark.downcast_ref::<JsonLinesMark>()).cloned().unwrap_or_default();
    let blocks = blocks.of(input.bytes, carried.at, input.size);
    let mut merge = merge::BlockMerge::new(dialect, carried);
    let read = parallel::in_order(
        blocks.count(),
        input.threads,
        |index| blocks.parse(index, dialect),
        |_, block| {
            let block = block?;
            let end = block.end;
            merge.take(block, sink);
            sink.came_to(end)
        },
    );
    merge.finish(read.is_ok(), sink);
    read
}

/// Passes the first rows of a file to `look` until it breaks off.
pub(crate) fn look(
    dialect: &dyn Dialect,
    input: &Input,
    mut look: impl FnMut(&JsonRow) -> ControlFlow<()>,
) -> io::Result<()> {
    let blocks = BlockSizes::SMALL.of(input.bytes, 0, input.size);
    for index in 0..blocks.count() {
        let block = blocks.parse(index, dialect)?;
        if block.rows.iter().try_for_each(&mut look).is_break() {
            break;
        }
    }
    Ok(())
}
