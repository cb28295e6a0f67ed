//! The shapes of lines that are known by name: data, with the place in the writer's source that each is taken from.
//!
//! A line belongs to the first shape of the table that fits it, so specific shapes come before general ones.

use std::sync::LazyLock;

use stepbridge_records::Unit;

use super::pattern::Pattern;
use stepbridge_records::{EpochMeaning, SeriesMeaning};

/// A sort of log.
pub(super) struct TextShape {
    pub(super) name: &'static str,
    /// Whether its writers count from 0 or from 1, as each likes: a 0 shows which.
    pub(super) either: bool,
    pub(super) lines: &'static [ShapeLine],
}

/// A sort of line in it.
pub(super) struct ShapeLine {
    pub(super) pattern: &'static str,
    /// How the values that follow are written; `{*}` says where.
    pub(super) pairs: PairStyle,
    /// Keys among them that are a place and no value.
    pub(super) keys: &'static [(&'static str, ShapeKey)],
    /// What the line must hold besides.
    needs: &'static str,
    /// Stands before each of its tags, where other lines have tags of the same name.
    pub(super) prefix: &'static str,
    /// What a step counts.
    unit: Option<Unit>,
    /// What the epoch is, where it is not as the fields say.
    epoch: Option<EpochMeaning>,
    /// Whether lines that are indented more hold its values, one `key=value` a line.
    pub(super) follows: bool,
}

/// What a key among the values says about the line's place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ShapeKey {
    Step,
    Epoch,
}

/// How keys and values are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PairStyle {
    /// There are none.
    None,
    /// `key: value, key: value`.
    Comma,
    /// `key: value | key: value`.
    Bar,
    /// `key: value  key: value`, two blanks or a tab between.
    Wide,
    /// `key value (average)`, a tab between.
    Tab,
    /// `"key": value, 'key': 'value'`.
    Object,
}

const fn line(pattern: &'static str, pairs: PairStyle) -> ShapeLine {
    ShapeLine { pattern, pairs, keys: &[], needs: "", prefix: "", unit: None, epoch: None, follows: false }
}

/// A line of `MLPerf`'s log (`mlperf_compliance`, `mllog.py`): the result of an evaluation, after `epoch_num` epochs.
const MLPERF: ShapeLine = ShapeLine {
    epoch: Some(EpochMeaning::Ends(1)),
    ..line(":::MLL {wall_time} eval_accuracy: {{\"value\": {eval_accuracy}, {_}\"epoch_num\": {epoch}", PairStyle::None)
};

pub(super) static SHAPES: &[TextShape] = &[
    // Megatron-LM, training.py, training_log: ' iteration {:8d}/{:8d} |' of the iteration that was completed.
    TextShape {
        name: "megatron",
        either: false,
        lines: &[
            ShapeLine { needs: "|", ..line("iteration {step}/{steps} | {*}", PairStyle::Bar) },
            line("validation loss at iteration {step} | {*}", PairStyle::Bar),
        ],
    },
    // OLMo, olmo/train.py, fit: global_step is raised before the line is printed; epochs are those of a range().
    TextShape {
        name: "olmo",
        either: false,
        lines: &[ShapeLine { follows: true, ..line("[step={step}/{steps},epoch={epoch:0}]", PairStyle::None) }],
    },
    // MMEngine, runner/log_processor.py: `Epoch(train)  [1][ 50/1000]`, both from 1; a validation's epoch is the one that
    // is over. An iteration of its loop is a batch.
    TextShape {
        name: "mmengine",
        either: false,
        lines: &[
            line("Epoch(train) [{epoch}][{iter}/{iters}] {*}", PairStyle::Wide),
            ShapeLine { prefix: "val/", ..line("Epoch(val) [{epoch}][{_}/{_}] {*}", PairStyle::Wide) },
            ShapeLine { prefix: "test/", ..line("Epoch(test) [{epoch}][{_}/{_}] {*}", PairStyle::Wide) },
            ShapeLine { unit: Some(Unit::Batch), ..line("Iter(train) [{step}/{steps}] {*}", PairStyle::Wide) },
        ],
    },
    // mmcv, runner/hooks/logger/text.py, _log_info: `Epoch [4][100/1000]`, both from 1; `Iter [100/100000]`.
    TextShape {
        name: "mmcv",
        either: false,
        lines: &[
            line("Epoch [{epoch}][{iter}/{iters}] {*}", PairStyle::Comma),
            ShapeLine { prefix: "val/", ..line("Epoch(val) [{epoch}][{_}] {*}", PairStyle::Comma) },
            ShapeLine { unit: Some(Unit::Batch), ..line("Iter [{step}/{steps}] {*}", PairStyle::Comma) },
        ],
    },
    // timm, train.py: f'Train: {epoch} [{update_idx:>4d}/{updates_per_epoch} (', both from 0. With accumulation the
    // updates are its batches, in the count and in the total.
    TextShape {
        name: "timm",
        either: false,
        lines: &[line("Train: {epoch:0} [{iter:0}/{iters} ({_}%)] {*}", PairStyle::Wide)],
    },
    // detectron2, utils/events.py, CommonMetricPrinter: `iter: 19` of the index that was completed, as in metrics.json.
    TextShape {
        name: "detectron2",
        either: false,
        lines: &[ShapeLine { needs: "lr: ", ..line("iter: {step:0} {*}", PairStyle::Wide) }],
    },
    // fairseq, logging/progress_bar.py: SimpleProgressBar prints `epoch 001:   1000 / 1637 loss=..` between, and a summary
    // of the epoch separated by bars; with --log-format json both are objects. Where in the epoch a line is, is an
    // index in old versions and a count in new ones; num_updates is the count of the updates.
    TextShape {
        name: "fairseq",
        either: false,
        lines: &[
            ShapeLine {
                prefix: "valid/",
                keys: NUM_UPDATES,
                ..line("| epoch {epoch} | valid on {_} subset | {*}", PairStyle::Bar)
            },
            ShapeLine { prefix: "valid/", keys: NUM_UPDATES, ..line("valid | epoch {epoch} | {*}", PairStyle::Bar) },
            ShapeLine {
                prefix: "train/",
                keys: NUM_UPDATES,
                needs: "num_updates",
                ..line("| epoch {epoch} | {*}", PairStyle::Bar)
            },
            ShapeLine {
                keys: NUM_UPDATES,
                needs: "num_updates",
                ..line("epoch {epoch}: {_} / {steps} {*}", PairStyle::Comma)
            },
            ShapeLine { keys: UPDATES, needs: "num_updates", ..line("{{\"epoch\": {epoch}, {*}", PairStyle::Object) },
            MLPERF,
        ],
    },
    // MXNet, callback.py, Speedometer, and module/base_module.py, fit: nbatch is the index of the batch that was completed.
    TextShape {
        name: "mxnet",
        either: false,
        lines: &[
            line("Epoch[{epoch:0}] Batch [{_}-{iter:0}] {*}", PairStyle::Tab),
            ShapeLine { needs: "Speed:", ..line("Epoch[{epoch:0}] Batch [{iter:0}] {*}", PairStyle::Tab) },
            line("Epoch[{epoch:0}] {*}", PairStyle::Tab),
            MLPERF,
        ],
    },
    // NVIDIA's GNMT, seq2seq/train/trainer.py, feed_data: f'{phase} [{self.epoch}][{i}/{len(data_loader)}]', from enumerate().
    TextShape {
        name: "gnmt",
        either: false,
        lines: &[
            line("TRAIN [{epoch:0}][{iter:0}/{iters}] {*}", PairStyle::Tab),
            ShapeLine { prefix: "test/", ..line("TEST [{epoch:0}][{_}/{_}] {*}", PairStyle::Tab) },
            ShapeLine { prefix: "validation/", ..line("VALIDATION [{epoch:0}][{_}/{_}] {*}", PairStyle::Tab) },
            line("Summary: Epoch: {epoch:0} {*}", PairStyle::Tab),
            ShapeLine { prefix: "performance/", ..line("Performance: Epoch: {epoch:0} {*}", PairStyle::Tab) },
            MLPERF,
        ],
    },
    // NVIDIA's SSD of MLPerf, train.py: iter_num, from 0 over the run, printed before it is raised.
    TextShape {
        name: "nvidia_ssd",
        either: false,
        lines: &[
            ShapeLine { needs: "Loss function:", ..line("Iteration: {step:0}, {*}", PairStyle::Comma) }, // Its evaluations come inside an epoch.
            ShapeLine { epoch: Some(EpochMeaning::In(1)), ..MLPERF },
        ],
    },
    // nanoGPT, train.py: iter_num is the index of the update that was made; an evaluation comes before the update of that
    // number, and so after as many.
    TextShape {
        name: "nanogpt",
        either: false,
        lines: &[
            ShapeLine { needs: "loss", ..line("iter {step:0}: {*}", PairStyle::Comma) },
            ShapeLine { needs: "train loss", ..line("step {step}: {*}", PairStyle::Comma) },
        ],
    },
    // Hugging Face, trainer_callback.py, PrinterCallback: the dictionaries of log_history, without their step.
    TextShape {
        name: "hf_trainer",
        either: false,
        lines: &[ShapeLine {
            keys: &[("epoch", ShapeKey::Epoch)],
            needs: "'epoch': ",
            epoch: Some(EpochMeaning::Elapsed),
            ..line("{{'{*}", PairStyle::Object)
        }],
    },
    // wide-residual-networks (Torch7), train.lua: an object an epoch, when it is over, from 1.
    TextShape {
        name: "json_stats",
        either: false,
        lines: &[ShapeLine {
            keys: &[("epoch", ShapeKey::Epoch)],
            needs: "\"epoch\":",
            epoch: Some(EpochMeaning::Ends(1)),
            ..line("json_stats: {{{*}", PairStyle::Object)
        }],
    },
    // The ImageNet example of PyTorch, imagenet/main.py: epochs from 0; batches from 1, and from 0 before 2022.
    TextShape {
        name: "imagenet",
        either: true,
        lines: &[line("Epoch: [{epoch:0}][{iter}/{iters}] {*}", PairStyle::Tab)],
    },
    // What textbooks and tutorials print: everything from 1.
    TextShape {
        name: "textbook",
        either: true,
        lines: &[
            line("Epoch {epoch}, Iter {iter}, Step {step} {*}", PairStyle::Comma),
            line("Epoch: {epoch}, Iter: {iter}, Step: {step} {*}", PairStyle::Comma),
        ],
    },
    TextShape {
        name: "tutorial",
        either: true,
        lines: &[
            line("Epoch [{epoch}/{epochs}], Step [{iter}/{iters}] {*}", PairStyle::Comma),
            line("Epoch [{epoch}/{epochs}], Iter [{iter}/{iters}] {*}", PairStyle::Comma),
            line("Epoch [{epoch}/{epochs}], Batch [{iter}/{iters}] {*}", PairStyle::Comma),
            ShapeLine { needs: "oss", ..line("Epoch [{epoch}/{epochs}] {*}", PairStyle::Comma) },
            ShapeLine { needs: "oss", ..line("Epoch [{epoch}] {*}", PairStyle::Comma) },
        ],
    },
    // A line an epoch.
    TextShape {
        name: "epochs",
        either: true,
        lines: &[
            ShapeLine { needs: "oss", ..line("Epoch {epoch}: {*}", PairStyle::Comma) },
            ShapeLine { needs: "oss", ..line("Epoch {epoch}/{epochs}: {*}", PairStyle::Comma) },
            ShapeLine { needs: "oss", ..line("Epoch: {epoch}, {*}", PairStyle::Comma) },
        ],
    },
];

const NUM_UPDATES: &[(&str, ShapeKey)] = &[("num_updates", ShapeKey::Step)];
const UPDATES: &[(&str, ShapeKey)] =
    &[("num_updates", ShapeKey::Step), ("train_num_updates", ShapeKey::Step), ("valid_num_updates", ShapeKey::Step)];

/// A line of a shape, ready to be looked for.
pub(super) struct CompiledLine {
    pub(super) pattern: Pattern,
    pub(super) line: Option<&'static ShapeLine>,
    /// What must be in the line besides.
    pub(super) needs: memchr::memmem::Finder<'static>,
    pub(super) meaning: SeriesMeaning,
}

impl CompiledLine {
    /// A line of a caller.
    pub(super) fn of_caller(pattern: Pattern) -> Self {
        let meaning = pattern.meaning;
        Self { pattern, line: None, needs: memchr::memmem::Finder::new("").into_owned(), meaning }
    }

    fn of_shape(line: &'static ShapeLine) -> Option<Self> {
        // A test checks that all of them are valid.
        let pattern = Pattern::of_shape(line.pattern).ok()?;
        let mut meaning = pattern.meaning;
        if line.keys.iter().any(|(_, key)| *key == ShapeKey::Step) {
            meaning.step = Some(stepbridge_records::StepMeaning::of_run(Unit::Step, 1));
            meaning.epoch = Some(EpochMeaning::In(1));
        }
        if let (Some(step), Some(unit)) = (&mut meaning.step, line.unit) {
            step.unit = unit;
        }
        meaning.epoch = line.epoch.or(meaning.epoch);
        Some(Self { pattern, line: Some(line), needs: memchr::memmem::Finder::new(line.needs), meaning })
    }
}

/// The lines of every shape, as [`SHAPES`] orders them.
pub(super) fn compiled() -> &'static [Vec<CompiledLine>] {
    static COMPILED: LazyLock<Vec<Vec<CompiledLine>>> = LazyLock::new(|| {
        SHAPES.iter().map(|shape| shape.lines.iter().filter_map(CompiledLine::of_shape).collect()).collect()
    });
    &COMPILED
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_shape_is_sound() {
        for (shape, lines) in SHAPES.iter().zip(compiled()) {
            assert_eq!(shape.lines.len(), lines.len(), "{}", shape.name);
            for line in shape.lines {
                assert_eq!(line.pairs == PairStyle::None, !line.pattern.contains("{*}"), "{}", line.pattern);
            }
        }
        let mut names: Vec<&str> = SHAPES.iter().map(|shape| shape.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), SHAPES.len());
    }
}
