//! The whole numbers of a YAML file: those that are values of nested mappings in block style, as every framework writes them.
//!
//! What else YAML has (sequences, flow style, anchors, tags, text over several lines) holds no number that is looked for and is
//! stepped over. A tag is never followed, so a file of somebody else creates nothing. A parser of all YAML would bring its aliases
//! and tags into the reading of hostile files, for a few numbers.

use super::config::{Setting, whole};

/// Deeper mappings are not looked into.
const DEPTH: usize = 16;

/// The whole numbers of a file, with the names of the mappings above them, joined with points. A name that the file has twice is
/// left out.
pub(crate) fn yaml_settings(_name: &str, text: &str) -> Vec<Setting> {
    let mut found: Vec<(String, Option<u64>)> = Vec::new();
    // The mappings that are open: how far their names are indented, and the names.
    let mut open: Vec<(usize, &str)> = Vec::new();
    // Lines that are indented further belong to the value of the line before.
    let mut skipped: Option<usize> = None;
    for line in text.lines() {
        let body = line.trim_start_matches(' ');
        let indent = line.len() - body.len();
        let body = body.trim_end();
        if body.is_empty() || body.starts_with('#') {
            continue;
        }
        if skipped.is_some_and(|limit| indent > limit) {
            continue;
        }
        skipped = None;
        // A document, a sequence, or a complex key: what is indented further belongs to it.
        let entry =
            if body.starts_with(['-', '?', '!', '&', '%', '{', '[', '\t']) { None } else { key_and_value(body) };
        let Some((key, value)) = entry else {
            skipped = Some(indent);
            continue;
        };
        while open.last().is_some_and(|(level, _)| *level >= indent) {
            open.pop();
        }
        if value.is_empty() && open.len() < DEPTH {
            open.push((indent, key));
            continue;
        }
        skipped = Some(indent);
        let names: Vec<&str> = open.iter().map(|(_, name)| *name).chain([key]).collect();
        let name = names.join(".");
        match found.iter_mut().find(|(known, _)| *known == name) {
            Some((_, number)) => *number = None,
            None => found.push((name, plain(value).and_then(whole))),
        }
    }
    found.into_iter().filter_map(|(name, value)| Some((name, value?))).collect()
}

/// The name and the value of `name: value`, without a comment.
fn key_and_value(line: &str) -> Option<(&str, &str)> {
    let (key, value) = match line.as_bytes().first() {
        Some(&quote @ (b'"' | b'\'')) => {
            let (key, rest) = line[1..].split_once(char::from(quote))?;
            (key, rest.trim_start().strip_prefix(':')?)
        }
        _ => match line.split_once(": ") {
            Some(found) => found,
            None => (line.strip_suffix(':').or_else(|| line.split_once(":\t").map(|(key, _)| key))?, ""),
        },
    };
    let value = value.trim();
    let value = if value.starts_with('#') { "" } else { value.split(" #").next().unwrap_or(value) };
    Some((key.trim_end(), value.trim_end()))
}

/// A value that is not text in quotes.
fn plain(value: &str) -> Option<&str> {
    value.as_bytes().first().is_some_and(u8::is_ascii_digit).then_some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_nested_mappings_are_found() {
        let text = "# lightning.pytorch==2.1\n---\nseed_everything: true\nbatch_size: 32  # a rank\ntrainer:\n  max_epochs: 5\n  \
                    logger:\n  - class_path: X\n    init_args:\n      batch_size: 9\n  accumulate_grad_batches: 2\n'lr': 0.1\n\
                    note: |\n  batch_size: 7\n  epochs: 8\ntext: a: b\nlist: [1,\n  epochs: 3]\nobject: !!python/object:x.Y\n  \
                    epochs: 4\nquoted: \"12\"\nmodel:\n    layers: 12\n\n    width: 1_024\nlast: 1e3\n";
        let expected = [
            ("batch_size", 32),
            ("trainer.max_epochs", 5),
            ("trainer.accumulate_grad_batches", 2),
            ("model.layers", 12),
            ("model.width", 1024),
            ("last", 1000),
        ];
        let found = yaml_settings("", text);
        assert_eq!(found.iter().map(|(name, value)| (&name[..], *value)).collect::<Vec<_>>(), expected);
    }

    #[test]
    fn a_name_that_comes_twice_says_nothing() {
        assert_eq!(yaml_settings("", "epochs: 3\nepochs: 4\n"), []);
        assert_eq!(yaml_settings("", "a:\n  n: 3\nb:\n  n: 4\n").len(), 2);
    }
}
