//! Small intact files of each format, in several variants; every value occurs once.

use stepbridge_formats::NamedColumns;
use stepbridge_records::Format;

use crate::frames::{Framing, field, varint};

/// A format, and what is broken to try it.
pub(crate) struct Target {
    pub(crate) format: Format,
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

pub(crate) fn target(format: Format) -> Target {
    let (name, framing, seeds) = match format {
        Format::TfEvents => ("events.out.tfevents.1.host", Framing::Events, events()),
        Format::Wandb => ("run-1.wandb", Framing::DataStore, wandb()),
        Format::MlflowDb => ("mlflow.db", Framing::Whole, vec![database()]),
        Format::TrainerState => ("trainer_state.json", Framing::List, states()),
        Format::LightningCsv => ("metrics.csv", Framing::Lines, lightning()),
        Format::KerasCsv => ("log.csv", Framing::Lines, keras()),
        Format::Ultralytics => ("results.csv", Framing::Lines, ultralytics()),
        Format::StableBaselines3 => ("progress.csv", Framing::Lines, progress()),
        Format::Csv => ("table.csv", Framing::Lines, tables()),
        Format::Mmengine => ("scalars.json", Framing::Lines, mmengine()),
        Format::Mmcv => ("20200101_000000.log.json", Framing::Lines, mmcv()),
        Format::Detectron2 => ("metrics.json", Framing::Lines, detectron2()),
        Format::WandbHistory => ("wandb-history.jsonl", Framing::Lines, histories()),
        Format::JsonLines => ("log.jsonl", Framing::Lines, json_lines()),
        Format::Mlflow => ("loss", Framing::Lines, mlflow()),
        Format::Text => ("train.log", Framing::Lines, texts()),
    };
    Target { format, name, framing, columns: NamedColumns::default(), seeds }
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
    let plain = units(100, |index, one, other| {
        event(index, i64::from(index), &[simple("loss", one), simple("accuracy", other)])
    });
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
    vec![with_version(plain), with_version(edges), with_version(tensors), with_version(mixed)]
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
    let plain = units(100, numbered);
    let mut outputs = units(200, numbered);
    for (index, size) in [(2, 10), (4, 9_000), (6, 40_000), (9, 70_000)] {
        outputs[index] = Unit { payload: field(13, &field(2, &vec![b'x'; size])), values: Vec::new() };
    }
    let strange = units(300, |index, one, other| {
        let odd = ["\"NaN\"", "null", "[1, 2]", "true", "1e999", "{\"a\": {\"b\": 0.5}}"][usize::from(index % 6)];
        history(&[("loss", one.to_string()), ("odd", odd.to_owned()), ("x", other.to_string())])
    });
    [plain, outputs, strange].map(|units| Seed::new(*b":W&B\xe1\xbe\0", units)).into()
}

/// The tables of `MLflow`, as far as they matter.
const SCHEMA: &str = "
    CREATE TABLE experiments (experiment_id INTEGER PRIMARY KEY, name VARCHAR(256) NOT NULL);
    CREATE TABLE runs (run_uuid VARCHAR(32) NOT NULL PRIMARY KEY, name VARCHAR(250), experiment_id INTEGER);
    CREATE TABLE tags (key VARCHAR(250) NOT NULL, value VARCHAR(5000), run_uuid VARCHAR(32) NOT NULL);
    CREATE TABLE metrics (key VARCHAR(250) NOT NULL, value FLOAT NOT NULL, timestamp BIGINT NOT NULL,
        run_uuid VARCHAR(32) NOT NULL, step BIGINT DEFAULT '0' NOT NULL, is_nan BOOLEAN DEFAULT '0' NOT NULL,
        CONSTRAINT metric_pk PRIMARY KEY (key, timestamp, step, run_uuid, value, is_nan));
    INSERT INTO experiments VALUES (0, 'Default');
    INSERT INTO runs VALUES ('aaaaaaaa1111', 'bald-cow', 0), ('bbbbbbbb2222', NULL, 0);
    WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 60) INSERT INTO metrics
        SELECT 'loss', i + 0.125, 1700000000000 + i, iif(i % 3, 'aaaaaaaa1111', 'bbbbbbbb2222'), i, i % 17 = 5 FROM n;
";

fn database() -> Seed {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("mlflow.db");
    let database = rusqlite::Connection::open(&path).expect("a database");
    // Small pages, for more of them to break.
    database.execute_batch(&format!("PRAGMA page_size = 512; {SCHEMA}")).expect("sound statements");
    drop(database);
    Seed::new(std::fs::read(path).expect("written"), Vec::new())
}

// --- documents and lines ----------------------------------------------------------------------------------------------

fn states() -> Vec<Seed> {
    let entry = |index: u16, one: f64, other: f64| {
        let epoch = f64::from(index) / 4.0;
        format!("{{\"epoch\": {epoch}, \"grad_norm\": {one}, \"loss\": {other}, \"step\": {index}}}").into_bytes()
    };
    let strange = |index: u16, one: f64, other: f64| {
        let odd = ["NaN", "null", "\"text \\u00e9 \\\" {\"", "[1, {\"a\": []}]", "true", "-Infinity"];
        let odd = odd[usize::from(index % 6)];
        format!("{{\n  \"eval_loss\": {one},\n  \"odd\": {odd},\n  \"step\": {index},\n  \"x\": {other}\n}}")
            .into_bytes()
    };
    let head = "{\n \"best_metric\": null, \"epoch\": 3.0, \"global_step\": 12, \"log_history\": [\n";
    let seed = |units, tail: &str| Seed { tail: tail.into(), ..Seed::new(head, units) };
    vec![
        seed(units(100, entry), "\n ],\n \"max_steps\": 12, \"trial_params\": null\n}\n"),
        seed(units(200, strange), "]}"),
    ]
}

fn lightning() -> Vec<Seed> {
    vec![
        Seed::new("epoch,step,loss,acc\n", lines(100, |i, one, other| format!("{},{i},{one},{other}", i / 5))),
        Seed::new("loss,epoch,val,step\r\n", lines(200, |i, one, _| format!("{one},{},,{i}\r", i / 5))),
        Seed::new("step,epoch,a,b\n", lines(300, |i, one, other| format!("{i},,{one}e0,+{other}"))),
        Seed::new("step,epoch,\"a,b\",c\n", lines(400, |i, one, other| format!("{i},0,\"{one}\",{other}"))),
    ]
}

fn keras() -> Vec<Seed> {
    vec![
        Seed::new("epoch,accuracy,loss\r\n", lines(100, |i, one, other| format!("{i},{one},{other}\r"))),
        Seed::new("epoch;accuracy;loss;val_loss\n", lines(200, |i, one, other| format!("{i};{one};{other};NA"))),
        Seed::new("epoch\tloss\n", lines(300, |i, one, _| format!("{i}\t{one}"))),
    ]
}

fn ultralytics() -> Vec<Seed> {
    let head = "      epoch,   train/box_loss, metrics/mAP50(B)\n";
    vec![
        Seed::new(head, lines(100, |i, one, other| format!("          {i},   {one},      {other}"))),
        Seed::new("epoch,time,train/loss,x/lr0\n", lines(200, |i, one, other| format!("{},{one},{other},0.5", i + 1))),
    ]
}

fn progress() -> Vec<Seed> {
    let own = "rollout/ep_rew_mean,time/total_timesteps,train/loss\n";
    vec![
        Seed::new(own, lines(100, |i, one, other| format!("{one},{},{other}", 2048 * u32::from(i)))),
        Seed::new("samples,step,loss\n", lines(200, |i, one, other| format!("{one},{i},{other}"))),
        Seed::new("total/steps,reward\n", lines(300, |i, one, _| format!("{i}.0,{one}"))),
    ]
}

fn tables() -> Vec<Seed> {
    vec![
        Seed::new("step,loss,lr\n", lines(100, |i, one, other| format!("{i},{one},{other}"))),
        Seed::new("epoch|train loss|val loss\n", lines(200, |i, one, other| format!("{i}|{one}|{other}"))),
        Seed::new("Wall time,Step,loss\n", lines(300, |i, one, _| format!("1700000000.5,{i},{one}"))),
    ]
}

fn mmengine() -> Vec<Seed> {
    let plain = |i: u16, one: f64, other: f64| {
        format!(
            "{{\"lr\": {one}, \"data_time\": 0.5, \"loss\": {other}, \"time\": 0.25, \"epoch\": {}, \"iter\": {i}, \"step\": {i}}}",
            i / 4 + 1
        )
    };
    let validation =
        |i: u16, one: f64, other: f64| format!("{{\"accuracy/top1\": {one}, \"time\": {other}, \"step\": {i}}}");
    vec![Seed::new("", lines(100, plain)), Seed::new("", lines(200, validation))]
}

fn mmcv() -> Vec<Seed> {
    let head = "{\"env_info\": \"sys.platform: linux\\nPython: 3.7\", \"config\": \"runner = dict(type='EpochBasedRunner')\", \"seed\": null}\n";
    let plain = |i: u16, one: f64, other: f64| {
        let mode = if i % 5 == 4 { "val" } else { "train" };
        format!(
            "{{\"mode\": \"{mode}\", \"epoch\": {}, \"iter\": {}, \"lr\": {one}, \"loss\": {other}}}",
            i / 5 + 1,
            i % 5 + 1
        )
    };
    let rates = |i: u16, one: f64, other: f64| {
        format!(
            "{{\"mode\": \"train\", \"epoch\": 1, \"iter\": {i}, \"lr\": {{\"a\": {one}, \"b\": [0.5]}}, \"loss\": {other}}}"
        )
    };
    vec![Seed::new(head, lines(100, plain)), Seed::new("", lines(200, rates))]
}

fn detectron2() -> Vec<Seed> {
    let plain = |i: u16, one: f64, other: f64| {
        format!("{{\"iteration\": {}, \"lr\": {one}, \"total_loss\": {other}}}", 20 * i + 19)
    };
    let nested = |i: u16, one: f64, other: f64| {
        format!(
            "{{\"bbox/AP\": {one}, \"data_time\": NaN, \"iteration\": {i}, \"total_loss\": {other}, \"eta_seconds\": 1e5}}"
        )
    };
    vec![Seed::new("", lines(100, plain)), Seed::new("", lines(200, nested))]
}

fn histories() -> Vec<Seed> {
    let plain = |i: u16, one: f64, other: f64| {
        format!(
            "{{\"loss\": {one}, \"acc\": {other}, \"_runtime\": 5.5, \"_timestamp\": 1700000000.25, \"_step\": {i}}}"
        )
    };
    let media = |i: u16, one: f64, other: f64| {
        format!(
            "{{\"image\": {{\"_type\": \"images/separated\", \"count\": 3}}, \"a\": {{\"b\": {one}}}, \"x\": \"NaN\", \
             \"y\": {other}, \"_step\": {i}}}"
        )
    };
    vec![Seed::new("", lines(100, plain)), Seed::new("", lines(200, media))]
}

fn json_lines() -> Vec<Seed> {
    let plain = |i: u16, one: f64, other: f64| {
        format!("{{\"step\": {i}, \"epoch\": {}.5, \"loss\": {one}, \"acc\": {other}}}", i / 4)
    };
    let strange = |i: u16, one: f64, other: f64| {
        let odd = ["Infinity", "null", "\"text \\u00e9 \\\" {\"", "[1, {\"a\": []}]", "false", "1e-400"];
        let odd = odd[usize::from(i % 6)];
        format!(
            "{{\"n\\u00e4me\": {{\"deep\": {{\"er\": {one}}}}}, \"odd\": {odd}, \"x\": {other}, \"global_step\": {i}}}"
        )
    };
    let array = |i: u16, one: f64, other: f64| format!("{{\"epoch\":{i},\"loss\":{one},\"acc\":{other}}} ");
    [lines(100, plain), lines(200, strange), lines(300, array)].map(|units| Seed::new("", units)).into()
}

fn mlflow() -> Vec<Seed> {
    vec![
        Seed::new("", lines(100, |i, one, _| format!("{} {one} {i}", 1_664_364_007_310_u64 + u64::from(i)))),
        Seed::new("", lines(200, |i, one, _| format!("{} {one}\r", 1_664_364_007_310_u64 + u64::from(i)))),
        Seed::new("", lines(300, |i, one, _| format!("1664364007310 {one} -{i} iris 0a1b"))),
    ]
}

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
