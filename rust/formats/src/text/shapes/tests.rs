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
