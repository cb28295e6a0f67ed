//! Which of the lines that are looked for a line is, and where its parts are.

use super::bigrams::Bigrams;
use super::block::ShapePlan;
use super::line_form::LineForm;
use super::line_layout::LineLayout;
use super::pattern::Captures;

/// So many forms of lines are known at a time.
const FORMS: usize = 32;

/// Lines whose forms do not come again are read without forms after so many.
const TRIES: usize = 256;

/// Looks for the lines of a plan.
pub(super) struct LineFinder<'a> {
    plan: &'a ShapePlan<'a>,
    captures: Captures,
    layout: LineLayout,
    forms: Vec<KnownForm>,
    /// The form of the line that had one last.
    last: usize,
    learned: usize,
    found: usize,
}

struct KnownForm {
    form: LineForm,
    /// The form that came after it last.
    next: usize,
}

impl<'a> LineFinder<'a> {
    pub(super) fn new(plan: &'a ShapePlan<'a>) -> Self {
        Self {
            plan,
            captures: Captures::default(),
            layout: LineLayout::default(),
            forms: Vec::new(),
            last: 0,
            learned: 0,
            found: 0,
        }
    }

    /// The parts of a line if it is one of the plan.
    pub(super) fn find(&mut self, line: &[u8]) -> Option<&LineLayout> {
        if let Some(form) = self.known(line) {
            self.found += 1;
            self.come_to(form);
            return self.forms.get(form).map(|known| known.form.layout());
        }
        self.search(line)?;
        self.learn(line);
        Some(&self.layout)
    }

    /// The form that a line has. Mostly lines take turns.
    fn known(&mut self, line: &[u8]) -> Option<usize> {
        let probable = self.forms.get(self.last)?.next;
        if self.forms.get_mut(probable).is_some_and(|known| known.form.fits(line)) {
            return Some(probable);
        }
        self.forms.iter_mut().position(|known| known.form.fits(line))
    }

    fn come_to(&mut self, form: usize) {
        if let Some(last) = self.forms.get_mut(self.last) {
            last.next = form;
        }
        self.last = form;
    }

    /// The same, without what is known of the lines before.
    pub(super) fn search(&mut self, line: &[u8]) -> Option<&LineLayout> {
        let Self { plan, captures, layout, .. } = self;
        if line.len() < 2 {
            return None;
        }
        let bigrams = Bigrams::of(line);
        let mut lines = plan.lines.iter().enumerate();
        let (index, sought) = lines.find(|(_, sought)| sought.compiled.fits(line, bigrams, captures))?;
        layout.locate(index, sought.compiled, captures, line);
        Some(&*layout)
    }

    /// How many lines had a form that was known.
    #[cfg(test)]
    pub(super) fn found(&self) -> usize {
        self.found
    }

    fn learn(&mut self, line: &[u8]) {
        let Self { plan, layout, .. } = self;
        let compares = plan.lines[..=layout.index].iter().any(|sought| sought.compiled.line.numbers.is_some());
        let setting = plan.lines[layout.index].compiled.line.setting.is_some();
        let in_vain = self.learned >= TRIES && self.found < self.learned;
        if compares || setting || in_vain {
            return;
        }
        let Some(form) = LineForm::learn(line, layout, &plan.literals) else { return };
        let at = if self.forms.len() < FORMS { self.forms.len() } else { self.learned % FORMS };
        let known = KnownForm { form, next: at };
        match self.forms.get_mut(at) {
            Some(place) => *place = known,
            None => self.forms.push(known),
        }
        self.learned += 1;
        self.come_to(at);
    }
}
