//! The whole numbers of a configuration that is written as Python: `train_cfg = dict(max_epochs=12)`. Nothing is executed.
//!
//! A number is of interest where it alone is the value of a keyword, or of a name at the outermost level.

use super::config::{Setting, whole};

/// Deeper calls are not looked into.
const DEPTH: usize = 16;

/// The whole numbers of a program, with the names of the calls above them, joined with points. A name that gets two values is left
/// out.
pub(crate) fn python_settings(_name: &str, text: &str) -> Vec<Setting> {
    let mut found: Vec<(String, Option<u64>)> = Vec::new();
    // The names of the brackets that are open; none if the bracket is not the value of a name.
    let mut open: Vec<Option<&str>> = Vec::new();
    // The name before the last `=`.
    let mut name: Option<&str> = None;
    let mut rest = text;
    while let Some(first) = rest.bytes().next() {
        match first {
            b'#' => rest = rest.split_once('\n').map_or("", |(_, after)| after),
            b'"' | b'\'' => {
                rest = after_string(rest);
                name = None;
            }
            b'(' | b'{' | b'[' => {
                open.push(name.take());
                rest = &rest[1..];
            }
            b')' | b'}' | b']' => {
                open.pop();
                name = None;
                rest = &rest[1..];
            }
            b',' | b'\n' => {
                // A line that ends inside brackets goes on.
                if first == b',' || open.is_empty() {
                    name = None;
                }
                rest = &rest[1..];
            }
            _ if first.is_ascii_alphanumeric() || first == b'_' => {
                let end = rest.find(|letter: char| !(letter.is_ascii_alphanumeric() || matches!(letter, '_' | '.')));
                let (word, after) = rest.split_at(end.unwrap_or(rest.len()));
                rest = after;
                let next = after.trim_start_matches([' ', '\t']);
                if next.starts_with('=') && !next.starts_with("==") {
                    name = Some(word);
                    rest = &next[1..];
                } else if let Some(own) = name
                    && first.is_ascii_digit()
                {
                    let alone = next.is_empty() || next.starts_with([',', ')', '\n', '\r', '#']);
                    let named = open.iter().all(Option::is_some) && open.len() < DEPTH;
                    if named {
                        let path: Vec<&str> = open.iter().flatten().copied().chain([own]).collect();
                        let path = path.join(".");
                        let value = whole(word).filter(|_| alone);
                        match found.iter_mut().find(|(known, _)| *known == path) {
                            Some((_, number)) => *number = number.filter(|number| Some(*number) == value),
                            None => found.push((path, value)),
                        }
                    }
                    name = None;
                }
                // `dict` between the name and its bracket keeps the name.
            }
            b' ' | b'\t' | b'\r' => rest = &rest[1..],
            _ => {
                name = None;
                rest = rest.char_indices().nth(1).map_or("", |(next, _)| &rest[next..]);
            }
        }
    }
    found.into_iter().filter_map(|(name, value)| Some((name, value?))).collect()
}

/// What comes after a string, which begins the text.
fn after_string(text: &str) -> &str {
    let quote = &text[..1];
    let triple = quote.repeat(3);
    let (skip, close) = if text.starts_with(&triple) { (3, &triple[..]) } else { (1, quote) };
    let mut at = skip;
    while let Some(letter) = text[at..].chars().next() {
        if letter == '\\' {
            at += 1;
            at += text[at..].chars().next().map_or(0, char::len_utf8);
        } else if text[at..].starts_with(close) {
            return &text[at + close.len()..];
        } else if letter == '\n' && skip == 1 {
            return &text[at..];
        } else {
            at += letter.len_utf8();
        }
    }
    ""
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_calls_are_found() {
        let text = "# x = 1\nbase_batch_size = 16\nlr = 0.1\nn = 2 * 3\ntrain_cfg = dict(\n    max_epochs=12, type='EpochBasedTrainLoop', \
                    val_interval=1)\ntrain_dataloader = dict(\n    batch_size=2,\n    dataset=dict(ann='a=3, batch_size=9', \
                    pipeline=[dict(batch_size=5)]),\n    num_workers=4)\noptim = {'batch_size': 7}\ntext = '''\nbatch_size = 8\n'''\n\
                    runner = dict(type='X', max_iters=80_000)\n";
        let expected = [
            ("base_batch_size", 16),
            ("train_cfg.max_epochs", 12),
            ("train_cfg.val_interval", 1),
            ("train_dataloader.batch_size", 2),
            ("train_dataloader.num_workers", 4),
            ("runner.max_iters", 80_000),
        ];
        let found = python_settings("", text);
        assert_eq!(found.iter().map(|(name, value)| (&name[..], *value)).collect::<Vec<_>>(), expected);
        assert_eq!(python_settings("", "a = 1\na = 2\nb = dict(c=1"), [("b.c".to_owned(), 1)]);
        assert_eq!(python_settings("", "s = 'open\nc = 3\n\u{e9} = '\\"), [("c".to_owned(), 3)]);
    }
}
