//! The tags of a file: numbers for names, and what each tag's first event said it holds.

use std::fmt::Write as _;

use crate::shared::proto::delimited;
use stepbridge_records::{TagTable, TooManyTags};

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
    numbers: TagTable,
    known: Vec<Tag>,
    last: u32,
}

#[derive(Debug, Clone)]
struct Tag {
    name: Box<[u8]>,
    plugin: Plugin,
    /// Whether a tensor was taken for a scalar, or was not, before any event named the plugin.
    taken_unsaid: bool,
    refused_unsaid: bool,
    /// The tag that came after this one the last time: loops log their tags in one order.
    next: u32,
    /// What its events of one float hold between step and float.
    label: Box<[u8]>,
}

impl Tags {
    /// The number of a tag by its label, which is compared as a whole with that of the tag that is expected; see
    /// [`label_of`]. `None` where it is not a label.
    #[inline]
    pub(crate) fn number_of_label(&mut self, label: &[u8]) -> Option<u32> {
        if let Some(last) = self.known.get(self.last as usize) {
            let next = last.next;
            if same(&self.known[next as usize].label, label) {
                self.last = next;
                return Some(next);
            }
        }
        name_in(label).map(|name| self.look_up(name))
    }

    /// The number of a tag.
    #[inline]
    pub(crate) fn number(&mut self, name: &[u8]) -> u32 {
        if let Some(last) = self.known.get(self.last as usize) {
            let next = last.next;
            if same(&self.known[next as usize].name, name) {
                self.last = next;
                return next;
            }
        }
        self.look_up(name)
    }

    fn look_up(&mut self, name: &[u8]) -> u32 {
        let number = self.numbers.number(name);
        if number as usize >= self.known.len() {
            self.known.push(Tag::new(name));
        }
        self.known[self.last as usize].next = number;
        self.last = number;
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

    /// The names, as text: bytes that are not UTF-8 are written as `\xNN`.
    pub(crate) fn into_names(self) -> Result<Vec<String>, TooManyTags> {
        self.numbers.check()?;
        Ok(self.known.iter().map(|tag| text(&tag.name)).collect())
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
        self.numbers.find(name).map_or(Plugin::Unsaid, |number| self.known[number as usize].plugin)
    }
}

impl Tag {
    fn new(name: &[u8]) -> Self {
        Self {
            name: name.into(),
            plugin: Plugin::Unsaid,
            taken_unsaid: false,
            refused_unsaid: false,
            next: 0,
            label: label_of(name),
        }
    }
}

/// What an event of one float of a tag holds between its step and the float: the keys and lengths of the summary, of its
/// value and of the name, the name, and the float's key.
fn label_of(name: &[u8]) -> Box<[u8]> {
    let name = delimited(0x0a, name);
    let value = delimited(0x0a, &[&name[..], &[0x15], &0_f32.to_le_bytes()].concat());
    let mut label = delimited(0x2a, &value);
    label.truncate(label.len() - size_of::<f32>());
    label.into()
}

/// The name in a label whose lengths each fit one byte, and say that nothing else is there.
fn name_in(label: &[u8]) -> Option<&[u8]> {
    let (&[0x2a, summary, 0x0a, value, 0x0a, length], rest) = label.split_first_chunk::<6>()? else {
        return None;
    };
    let (&0x15, name) = rest.split_last()? else {
        return None;
    };
    let sound = summary < 0x80
        && usize::from(summary) == name.len() + 9
        && usize::from(value) == name.len() + 7
        && usize::from(length) == name.len();
    sound.then_some(name)
}

/// Whether two slices are equal; those of most names are compared as two numbers, which may overlap.
#[inline]
fn same(one: &[u8], other: &[u8]) -> bool {
    fn ends<const N: usize>(one: &[u8], other: &[u8]) -> bool {
        one.first_chunk::<N>() == other.first_chunk() && one.last_chunk::<N>() == other.last_chunk()
    }
    one.len() == other.len()
        && match one.len() {
            8..=16 => ends::<8>(one, other),
            17..=32 => ends::<16>(one, other),
            _ => one == other,
        }
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
        assert_eq!(tags.into_names().expect("few tags"), ["a", "b", "c"]);
    }

    #[test]
    fn a_label_is_known_by_its_bytes() {
        let mut tags = Tags::default();
        let long = "x".repeat(300);
        let names = ["lr", "a", "", "train/loss", "train/accuracy", &long, "a name of more than thirty-two bytes"];
        for (number, name) in (0..).zip(names) {
            let label = label_of(name.as_bytes());
            // What of it is longer than one byte can say is read in the general way, once.
            let first = tags.number_of_label(&label).unwrap_or_else(|| tags.number(name.as_bytes()));
            assert_eq!(first, number, "{name}");
        }
        for at in (0..names.len()).chain(0..names.len()) {
            let label = label_of(names[at].as_bytes());
            assert_eq!(tags.number_of_label(&label), u32::try_from(at).ok());
            // No other bytes are taken for it.
            for wrong in 0..label.len() {
                let mut label = label.clone();
                label[wrong] ^= 1;
                let found = tags.clone().number_of_label(&label);
                assert!(found.is_none_or(|found| found as usize >= names.len()), "{}: byte {wrong}", names[at]);
            }
        }
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
