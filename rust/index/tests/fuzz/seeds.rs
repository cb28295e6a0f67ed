//! Small intact files of each format, in several variants; every value occurs once.

use stepbridge_formats::{Example, ExampleUnits, Examples, FormatReader, Framing, NamedColumns};

use crate::frames::{field, varint};

/// A format, and what is broken to try it.
pub(crate) struct Target {
    pub(crate) reader: &'static FormatReader,
    /// What its files are called.
    pub(crate) name: &'static str,
    pub(crate) framing: Framing,
    pub(crate) columns: NamedColumns,
    pub(crate) seeds: Vec<Seed>,
}

/// An intact file.
pub(crate) struct Seed {
    pub(crate) head: Vec<u8>,
    pub(crate) units: Vec<Unit>,
    pub(crate) tail: Vec<u8>,
    /// The shape of a text log.
    pub(crate) shape: Option<&'static str>,
}

/// A part of a file that says something on its own: a line, a frame.
pub(crate) struct Unit {
    pub(crate) payload: Vec<u8>,
    /// Its values, none of which is in another unit; those that need other units are not among them.
    pub(crate) values: Vec<f64>,
}

impl Seed {
    pub(crate) fn payloads(&self) -> Vec<Vec<u8>> {
        self.units.iter().map(|unit| unit.payload.clone()).collect()
    }

    fn new(head: impl Into<Vec<u8>>, units: Vec<Unit>) -> Self {
        Self { head: head.into(), units, tail: Vec::new(), shape: None }
    }
}

/// How many units a seed has.
const UNITS: u16 = 12;

pub(crate) fn target(reader: &'static FormatReader) -> Target {
    let Examples { file, framing, all } = reader.examples;
    let mut seeds: Vec<Seed> =
        (100..).step_by(100).zip(all).map(|(base, example)| seed(base, framing, example)).collect();
    // Some formats are more than their examples show.
    match reader.description.name {
        "tfevents" => seeds.extend(events()),
        "wandb" => seeds.extend(wandb()),
        "text" => seeds = texts(),
        _ => {}
    }
    Target { reader, name: file, framing, columns: NamedColumns::default(), seeds }
}

/// An example as a seed, whose values begin at `base`.
fn seed(base: u16, framing: Framing, example: &Example) -> Seed {
    let (head, tail) = (example.head, example.tail.into());
    let ending = if framing == Framing::List { "" } else { "\n" };
    let seed = match example.units {
        ExampleUnits::Document(document) => Seed::new(document().expect("a document"), Vec::new()),
        ExampleUnits::Text(unit) => Seed::new(head, units(base, |i, one, other| (unit(i, one, other) + ending).into())),
        ExampleUnits::Bytes(unit) => Seed::new(head, units(base, unit)),
    };
    Seed { tail, ..seed }
}

/// Units by their number: each is what `write` makes of its number and of two values of its own.
fn units(base: u16, write: impl Fn(u16, f64, f64) -> Vec<u8>) -> Vec<Unit> {
    let values = |index: u16| [f64::from(base + index) + 0.125, f64::from(base + index) + 0.625];
    (0..UNITS)
        .map(|index| {
            let [one, other] = values(index);
            let payload = write(index, one, other);
            let mut values = vec![one, other];
            if framed_without(&payload, other) {
                values.pop();
            }
            Unit { payload, values }
        })
        .collect()
}

/// Whether a line does not hold this value.
fn framed_without(payload: &[u8], value: f64) -> bool {
    let text = value.to_string();
    payload.is_ascii() && !payload.windows(text.len()).any(|window| window == text.as_bytes())
}

fn lines(base: u16, write: impl Fn(u16, f64, f64) -> String) -> Vec<Unit> {
    units(base, |index, one, other| (write(index, one, other) + "\n").into_bytes())
}

// --- frames -----------------------------------------------------------------------------------------------------------

fn events() -> Vec<Seed> {
    let time = |index: u16| [&[0x09][..], &(1.7e9 + f64::from(index)).to_le_bytes()].concat();
    let event = |index: u16, step: i64, values: &[Vec<u8>]| {
        let step = [&[0x10][..], &varint(step.cast_unsigned())].concat();
        let values: Vec<u8> = values.iter().flat_map(|value| field(1, value)).collect();
        [time(index), step, field(5, &values)].concat()
    };
    let simple = |tag: &str, value: f64| {
        #[expect(clippy::cast_possible_truncation, reason = "few digits")]
        let number = (value as f32).to_le_bytes();
        [&field(1, tag.as_bytes())[..], &[0x15], &number].concat()
    };
    let tensor = |tag: &str, kind: u8, content: &[u8], plugin: &str| {
        let tensor = [&[0x08, kind, 0x12, 0][..], &field(4, content)].concat();
        let metadata = if plugin.is_empty() { Vec::new() } else { field(9, &field(1, &field(1, plugin.as_bytes()))) };
        [field(1, tag.as_bytes()), field(8, &tensor), metadata].concat()
    };
    let version = || Unit { payload: [time(0), field(3, b"brain.Event:2")].concat(), values: Vec::new() };
    let with_version = |units: Vec<Unit>| Seed::new("", std::iter::once(version()).chain(units).collect());
    let edges = units(200, |index, one, other| {
        let step = [0, -1, i64::MAX, i64::MIN, 1 << 53][usize::from(index % 5)];
        event(index, step, &[simple("a/b", one), simple(&"long".repeat(50), other)])
    });
    let tensors = units(300, |index, one, other| {
        let (kind, bytes) = match index % 3 {
            0 => (2, one.to_le_bytes().to_vec()),
            1 => (9, i64::from(index).to_le_bytes().to_vec()),
            _ => (1, 0.5_f32.to_le_bytes().to_vec()),
        };
        let plugin = if index < 3 { "scalars" } else { "" };
        event(
            index,
            i64::from(index),
            &[tensor(&format!("epoch_{}", index % 3), kind, &bytes, plugin), simple("x", other)],
        )
    });
    let tensors = tensors
        .into_iter()
        .map(|unit| {
            // The tensors' values need the metadata of the first ones.
            Unit { values: unit.values[1..].to_vec(), ..unit }
        })
        .collect();
    let mixed = units(400, |index, one, other| match index % 4 {
        0 => [time(index), vec![0x10, 3], field(7, &[0x08, 1])].concat(),
        1 => event(index, 5, &[tensor("text", 7, b"words", "text"), field(1, b"weights")]),
        _ => event(index, i64::from(index), &[simple("loss", one), simple("lr", other)]),
    });
    let mixed = mixed
        .into_iter()
        .enumerate()
        .map(|(index, unit)| if index % 4 < 2 { Unit { values: Vec::new(), ..unit } } else { unit })
        .collect();
    vec![with_version(edges), with_version(tensors), with_version(mixed)]
}

fn wandb() -> Vec<Seed> {
    let history = |items: &[(&str, String)]| {
        let items: Vec<u8> = items
            .iter()
            .flat_map(|(key, json)| field(1, &[field(1, key.as_bytes()), field(16, json.as_bytes())].concat()))
            .collect();
        field(2, &items)
    };
    let numbered = |index: u16, one: f64, other: f64| {
        history(&[
            ("loss", one.to_string()),
            ("acc", other.to_string()),
            ("_step", index.to_string()),
            ("_timestamp", format!("{}.5", 1_700_000_000 + u32::from(index))),
            ("media", "{\"_type\": \"table\", \"rows\": 3}".to_owned()),
        ])
    };
    let mut outputs = units(200, numbered);
    for (index, size) in [(2, 10), (4, 9_000), (6, 40_000), (9, 70_000)] {
        outputs[index] = Unit { payload: field(13, &field(2, &vec![b'x'; size])), values: Vec::new() };
    }
    let strange = units(300, |index, one, other| {
        let odd = ["\"NaN\"", "null", "[1, 2]", "true", "1e999", "{\"a\": {\"b\": 0.5}}"][usize::from(index % 6)];
        history(&[("loss", one.to_string()), ("odd", odd.to_owned()), ("x", other.to_string())])
    });
    [outputs, strange].map(|units| Seed::new(*b":W&B\xe1\xbe\0", units)).into()
}

// --- text -------------------------------------------------------------------------------------------------------------

fn texts() -> Vec<Seed> {
    type Line = fn(u16, f64, f64) -> String;
    let shapes: [(&'static str, Line); 10] = [
        ("textbook", |i, one, other| format!("Epoch 1, Iter {i}, Step {i}: loss {one}, acc {other}")),
        ("tutorial", |i, one, _| format!("INFO:root:Epoch [6/6], Step [{i}/1549], Loss: {one}")),
        ("megatron", |i, one, other| {
            format!(" iteration {i:8}/  317892 | consumed samples: {one} | lm loss: {other}E+00 |")
        }),
        ("nanogpt", |i, one, other| format!("iter {i}: loss {one}, time {other}ms, mfu 39.25%")),
        ("timm", |i, one, other| {
            format!(
                "Train: 0 [{i:4}/1251 (  4%)]  Loss: {one} (6.94)  Time: {other}s,  291.57/s  (3.512s,  2.5/s)  LR: 1e-06"
            )
        }),
        ("mmcv", |i, one, other| {
            format!(
                "2021-04-26 17:03:57,345 - mmdet - INFO - Epoch [1][{i}/7330]\tlr: {one}, eta: 12:00:00, loss: {other}"
            )
        }),
        ("mmengine", |i, one, other| {
            format!(
                "2023/06/05 20:10:13 - mmengine - INFO - Epoch(train)   [1][{i}/60]  lr: {one}  eta: 4:59:11  loss: {other}"
            )
        }),
        ("detectron2", |i, one, other| {
            format!("\u{1b}[32m[11/17 15:16:55 d2.utils.events]: \u{1b}[0m iter: {i}  total_loss: {one}  lr: {other}  ")
        }),
        ("hf_trainer", |i, one, other| format!("{{'loss': {one}, 'learning_rate': {other}, 'epoch': 0.{i}}}")),
        ("imagenet", |i, one, other| format!("Epoch: [0][{i:4}/5005]\tTime  {one} ( 5.5)\tLoss {other} (7.0)")),
    ];
    let mut seeds = Vec::new();
    let mut base = 100;
    for (shape, line) in shapes {
        let mut units = lines(base, line);
        let prose = Unit { payload: b"saving a checkpoint of 3 files\n".to_vec(), values: Vec::new() };
        units.insert(5, prose);
        seeds.push(Seed { shape: Some(shape), ..Seed::new("", units) });
        base += 100;
    }
    seeds
}
