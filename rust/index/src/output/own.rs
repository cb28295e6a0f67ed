//! Recognises tables that this library wrote.
//!
//! A table that is written into the folder of the logs would be read as a log the next time, and doubled each time. Its name
//! does not show what it is, so its content does: the header of text, and a mark in the files of Arrow and Parquet.

use std::io;

use stepbridge_formats::OWN_TABLE;
use stepbridge_io::bytes::{ReadAt, read_up_to};
use stepbridge_io::json::JsonCursor;

/// How many of the last bytes of a file may hold the mark. It is in the footer, after what is known of each column.
const FOOTER: u64 = 256 << 10;

/// The first columns of a table of records, and of one with a column for each tag.
const LONG: [&str; 3] = ["run", "tag", "step"];
const WIDE: [&str; 5] = ["run", "step", "epoch", "iter", "epoch_float"];
/// The last columns of a table of records.
const LAST: [&str; 2] = ["value", "source"];

/// Whether a file is a table that this library wrote. `head` holds its first bytes, decompressed; `bytes` and `size` are those
/// of the file.
pub(crate) fn is_own_table(head: &[u8], bytes: &dyn ReadAt, size: u64) -> io::Result<bool> {
    if head.starts_with(b"PAR1") || head.starts_with(b"ARROW1") {
        let from = size.saturating_sub(FOOTER);
        let mut footer = vec![0; usize::try_from(size - from).unwrap_or(0)];
        let held = read_up_to(bytes, from, &mut footer, 0)?;
        return Ok(footer[..held].windows(OWN_TABLE.len()).any(|window| window == OWN_TABLE.as_bytes()));
    }
    let line = head.split(|byte| *byte == b'\n').next().unwrap_or_default();
    if line.starts_with(b"{\"run\":") {
        return Ok(is_own_object(line));
    }
    let names: Vec<&[u8]> = line.strip_suffix(b"\r").unwrap_or(line).split(|byte| *byte == b',').collect();
    Ok(is_own_header(&names))
}

fn is_own_header(names: &[&[u8]]) -> bool {
    let same = |names: &[&[u8]], known: &[&str]| {
        names.len() == known.len() && names.iter().zip(known).all(|(name, known)| *name == known.as_bytes())
    };
    let begins = |known: &[&str]| names.get(..known.len()).is_some_and(|names| same(names, known));
    let ends = names.len().checked_sub(LAST.len()).is_some_and(|from| same(&names[from..], &LAST));
    begins(&WIDE) || begins(&LONG) && ends
}

/// Whether a line is an object with our keys in our order. The known bytes may end inside it.
fn is_own_object(line: &[u8]) -> bool {
    let mut names = Vec::new();
    let mut cursor = JsonCursor::lines(line, 0);
    let mut next = cursor.expect(b'{');
    while next.is_ok() {
        let Ok(name) = cursor.name() else { break };
        names.push(name.into_owned());
        if cursor.value().is_err() {
            break;
        }
        next = cursor.expect(b',');
    }
    let names: Vec<&[u8]> = names.iter().map(String::as_bytes).collect();
    let whole = line.trim_ascii_end().ends_with(b"}");
    is_own_header(&names)
        || !whole && LONG.iter().zip(&names).filter(|(known, name)| known.as_bytes() == **name).count() == 3
}

#[cfg(test)]
mod tests {
    use super::*;

    fn own(text: &[u8]) -> bool {
        is_own_table(text, &text, text.len() as u64).expect("in memory")
    }

    #[test]
    fn headers_and_objects_with_our_columns_are_ours() {
        for text in [
            "run,tag,step,epoch,iter,epoch_float,epoch_logged,wall_time,value,source\n.,loss,1,0,0,0.1,,,0.5,a\n",
            "run,tag,step,epoch_logged,wall_time,value,source\r\n",
            "run,step,epoch,iter,epoch_float,epoch_logged,wall_time,loss\n",
            "{\"run\":\"a\",\"tag\":\"b\",\"step\":1,\"epoch\":null,\"value\":0.5,\"source\":\"x\"}\n{",
            "{\"run\":\"a,\\\"\",\"tag\":\"b\",\"step\":1,\"epoch\":nu",
        ] {
            assert!(own(text.as_bytes()), "{text}");
        }
        for text in [
            "",
            "run,tag,step,loss\n",
            "step,epoch,loss\n",
            "run,step,loss\n",
            "{\"run\":\"a\",\"step\":1,\"loss\":0.5}\n",
            "{\"run\":\"a\",\"tag\":\"b\",\"step\":1,\"value\":0.5}\n",
            "PAR1 and more",
        ] {
            assert!(!own(text.as_bytes()), "{text}");
        }
    }
}
