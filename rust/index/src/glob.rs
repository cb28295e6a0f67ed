//! Patterns for names of runs and tags.

/// Whether a name fits a pattern: `*` is any text, `?` is any one character.
pub(crate) fn matches(pattern: &str, name: &str) -> bool {
    let (pattern, name): (Vec<char>, Vec<char>) = (pattern.chars().collect(), name.chars().collect());
    // Where the last `*` was, and up to where in the name it is taken to reach.
    let mut star: Option<(usize, usize)> = None;
    let (mut at, mut of) = (0, 0);
    while of < name.len() {
        match pattern.get(at) {
            Some('*') => {
                star = Some((at, of));
                at += 1;
            }
            Some(&each) if each == '?' || each == name[of] => (at, of) = (at + 1, of + 1),
            _ => {
                let Some((before, reached)) = star else { return false };
                star = Some((before, reached + 1));
                (at, of) = (before + 1, reached + 1);
            }
        }
    }
    pattern[at..].iter().all(|each| *each == '*')
}

#[cfg(test)]
mod tests {
    use super::matches;

    #[test]
    fn stars_are_any_text() {
        for (pattern, name, expected) in [
            ("val/*", "val/loss", true),
            ("val/*", "val", false),
            ("*", "", true),
            ("*/loss", "a/b/loss", true),
            ("v?l*s", "val/loss", true),
            ("loss", "Loss", false),
            ("*a*b*c", "xaybzc", true),
            ("*a*b*c", "xaybz", false),
            ("?", "é", true),
        ] {
            assert_eq!(matches(pattern, name), expected, "{pattern} {name}");
        }
    }
}
