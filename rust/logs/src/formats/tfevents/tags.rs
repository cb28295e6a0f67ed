//! The tags of a file: numbers for names, and what each tag's first event said it holds.

use std::collections::HashMap;
use std::fmt::Write as _;

/// What a tag holds, as far as its events said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Plugin {
    /// No event named a plugin: a tensor counts if it is one number.
    Unsaid,
    /// Scalars.
    Scalars,
    /// Images, histograms, text, ...
    Other,
}

/// The tags met so far, numbered in the order of their first event.
#[derive(Debug, Clone, Default)]
pub(crate) struct Tags {
    numbers: HashMap<Box<[u8]>, u32>,
    known: Vec<Tag>,
    last: usize,
}

#[derive(Debug, Clone)]
struct Tag {
    name: Box<[u8]>,
    plugin: Plugin,
    /// Whether a tensor was taken for a scalar, or was not, before any event named the plugin.
    taken_unsaid: bool,
    refused_unsaid: bool,
    /// The tag that came after this one the last time: loops log their tags in one order.
    next: usize,
}

impl Tags {
    /// The number of a tag.
    #[inline]
    pub(crate) fn number(&mut self, name: &[u8]) -> u32 {
        if let Some(last) = self.known.get(self.last) {
            let next = last.next;
            if *self.known[next].name == *name {
                self.last = next;
                return index(next);
            }
        }
        self.look_up(name)
    }

    fn look_up(&mut self, name: &[u8]) -> u32 {
        let number = if let Some(&number) = self.numbers.get(name) {
            number
        } else {
            let number = index(self.known.len());
            self.known.push(Tag::new(name));
            self.numbers.insert(name.into(), number);
            number
        };
        let last = self.last;
        self.known[last].next = number as usize;
        self.last = number as usize;
        number
    }

    /// Notes what an event says about its tag. Only the first word counts, as in `TensorBoard`.
    pub(crate) fn declare(&mut self, tag: u32, plugin: Plugin) {
        let tag = &mut self.known[tag as usize];
        if tag.plugin == Plugin::Unsaid {
            tag.plugin = plugin;
        }
    }

    /// Whether a tensor of a tag is taken for a scalar; `alone` says that it is a number of rank 0.
    #[inline]
    pub(crate) fn takes(&mut self, tag: u32, alone: bool) -> bool {
        let tag = &mut self.known[tag as usize];
        match tag.plugin {
            Plugin::Scalars => true,
            Plugin::Other => false,
            Plugin::Unsaid => {
                tag.taken_unsaid |= alone;
                tag.refused_unsaid |= !alone;
                alone
            }
        }
    }

    /// The names, as text: bytes that are no UTF-8 are written as `\xNN`.
    pub(crate) fn names(&self) -> impl Iterator<Item = String> {
        self.known.iter().map(|tag| text(&tag.name))
    }

    /// Whether a later part of the file, read without knowing `self`, was read as it would have been otherwise.
    pub(crate) fn would_not_change(&self, later: &Self) -> bool {
        later.known.iter().all(|tag| {
            let said_alike = tag.plugin == Plugin::Unsaid || tag.plugin == self.plugin(&tag.name);
            match self.plugin(&tag.name) {
                Plugin::Unsaid => true,
                Plugin::Scalars => said_alike && !tag.refused_unsaid,
                Plugin::Other => said_alike && !tag.taken_unsaid,
            }
        })
    }

    /// Takes over what a later part of the file learned.
    pub(crate) fn learn(&mut self, later: &Self) {
        for tag in later.known.iter().filter(|tag| tag.plugin != Plugin::Unsaid) {
            let number = self.number(&tag.name);
            self.declare(number, tag.plugin);
        }
    }

    fn plugin(&self, name: &[u8]) -> Plugin {
        self.numbers.get(name).map_or(Plugin::Unsaid, |&number| self.known[number as usize].plugin)
    }
}

impl Tag {
    fn new(name: &[u8]) -> Self {
        Self { name: name.into(), plugin: Plugin::Unsaid, taken_unsaid: false, refused_unsaid: false, next: 0 }
    }
}

/// A file holds fewer tags than 2^32: each takes more than one byte of it, and a part of a file is smaller.
fn index(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

fn text(name: &[u8]) -> String {
    let mut text = String::with_capacity(name.len());
    for chunk in name.utf8_chunks() {
        text.push_str(chunk.valid());
        for byte in chunk.invalid() {
            // Writing to a string cannot fail.
            let _ = write!(text, "\\x{byte:02x}");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_in_order_of_appearance() {
        let mut tags = Tags::default();
        let numbers: Vec<u32> = ["a", "b", "a", "c", "a", "b", "b"].map(|name| tags.number(name.as_bytes())).to_vec();
        assert_eq!(numbers, [0, 1, 0, 2, 0, 1, 1]);
        assert_eq!(tags.names().collect::<Vec<_>>(), ["a", "b", "c"]);
    }

    #[test]
    fn names_that_are_no_text() {
        assert_eq!(text(b"loss\xff/\xe4\xbd"), "loss\\xff/\\xe4\\xbd");
        assert_eq!(text("Verlust/ä".as_bytes()), "Verlust/ä");
    }

    #[test]
    fn a_tag_is_what_its_first_word_says() {
        let mut tags = Tags::default();
        let tag = tags.number(b"histogram");
        assert!(tags.takes(tag, true) && !tags.takes(tag, false));
        tags.declare(tag, Plugin::Other);
        tags.declare(tag, Plugin::Scalars);
        assert!(!tags.takes(tag, true));
    }

    #[test]
    fn what_a_part_assumed_is_checked_against_what_came_before() {
        let said = |plugin| {
            let mut tags = Tags::default();
            let tag = tags.number(b"x");
            tags.declare(tag, plugin);
            tags
        };
        let mut took = Tags::default();
        let tag = took.number(b"x");
        assert!(took.takes(tag, true));
        assert!(Tags::default().would_not_change(&took));
        assert!(said(Plugin::Scalars).would_not_change(&took));
        assert!(!said(Plugin::Other).would_not_change(&took));
        assert!(!said(Plugin::Scalars).would_not_change(&said(Plugin::Other)));
        took.learn(&said(Plugin::Other));
        assert!(!took.takes(tag, true));
    }
}
