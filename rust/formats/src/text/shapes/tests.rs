use super::*;

#[test]
fn every_shape_is_sound() {
    for CompiledShape { shape, lines } in compiled() {
        assert_eq!(shape.lines.len() + shape.also.len(), lines.len(), "{}", shape.name);
        for line in shape.lines {
            assert_eq!(line.pairs == PairStyle::None, !line.pattern.contains("{*}"), "{}", line.pattern);
        }
        assert!(!shape.source.is_empty() && !shape.examples.is_empty(), "{}", shape.name);
    }
    let mut names: Vec<&str> = compiled().iter().map(|compiled| compiled.shape.name).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), compiled().len());
}

/// How many lines of a text are records of a shape.
fn fitting(shape: &CompiledShape, text: &str) -> usize {
    let mut captures = Captures::default();
    let mut count = 0;
    crate::text::lines::each(text.as_bytes(), |_, raw, _| {
        let line = crate::text::lines::plain(raw);
        let bigrams = Bigrams::of(&line);
        let found = shape.own().iter().find(|sought| sought.fits(&line, bigrams, &mut captures));
        count += usize::from(found.is_some_and(|sought| {
            let rest = captures.rest.clone().map(|rest| &line[rest]).unwrap_or_default();
            let mut tags = sought.pattern.tags.iter().zip(&captures.tags);
            tags.any(|(tag, range)| crate::text::pairs::number_of(tag.as_bytes(), &line[range.clone()]).is_some())
                || crate::text::pairs::any_number(rest, sought.line.pairs)
        }));
    });
    count
}

/// Pairs of a shape and one whose lines have the same form; the first comes before the second in the table, or needs a line
/// before that the other does not need.
const ALIKE: &[(&str, &str)] = &[
    ("nanogpt", "iter_loss"),
    ("mmengine", "mmcv"),
    ("mmcv", "tutorial"),
    ("gnmt", "mlperf"),
    ("dllogger", "dllogger_step"),
    ("ms_swift", "hf_trainer"),
    ("ms_swift", "tf_object_detection"),
    ("hf_trainer", "tf_object_detection"),
    ("lightning_tqdm", "epoch_bar"),
    ("keras_samples", "keras_progbar"),
    ("keras_progbar", "keras_samples"),
    ("openclip", "mnist_example"),
];

#[test]
fn the_lines_of_a_shape_are_no_others() {
    let mut alike = Vec::new();
    for CompiledShape { shape, .. } in compiled() {
        for other in compiled().iter().filter(|other| other.shape.name != shape.name) {
            let most = shape.examples.iter().map(|example| fitting(other, example.text)).max().unwrap_or(0);
            if most > 0 {
                alike.push((shape.name, other.shape.name));
            }
        }
    }
    assert_eq!(alike, ALIKE);
}

#[test]
fn every_shape_is_in_the_docs() {
    let page = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/formats.md");
    let page = std::fs::read_to_string(page).expect("a page");
    for CompiledShape { shape, .. } in compiled() {
        assert!(page.contains(&format!("| `{}` |", shape.name)), "{} is not in docs/formats.md", shape.name);
    }
}
