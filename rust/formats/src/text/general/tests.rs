use super::super::survey::Survey;

/// The shape of a text: its name.
fn name(text: &str) -> Option<&'static str> {
    let mut survey = Survey::new(None);
    survey.feed(text.as_bytes());
    survey.shape().map(|shape| shape.name())
}

#[test]
fn debug_basicsr() {
    let text = "2022-01-01 10:00:40,123 INFO: [train..][epoch:  0, iter:     100, lr:(2.000e-04,)] [eta: 1 day, 2:03:04, time (data): 0.212 (0.003)] l_pix: 2.5213e-02 \n";
    assert_eq!(name(&text.repeat(3)), Some("basicsr"));
}
