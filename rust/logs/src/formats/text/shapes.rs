//! The shapes of lines that are known by name: data, with the place in the writer's source that each stands on.
//!
//! The first shape of the table that fits a line has it, so that what says more stands before what says less.

use std::sync::LazyLock;

use stepbridge_timeline::Unit;

use super::pattern::Pattern;
use stepbridge_records::{EpochMeaning, SeriesMeaning};

/// A sort of log.
pub(super) struct Shape {
    pub(super) name: &'static str,
    /// Whether its writers count from 0 or from 1, as each likes: a 0 shows which.
    pub(super) either: bool,
    pub(super) lines: &'static [Line],
}

/// A sort of line in it.
pub(super) struct Line {
    pub(super) pattern: &'static str,
    /// How the values that follow are written; `{*}` says where.
    pub(super) pairs: Pairs,
    /// Keys among them that are a place and no value.
    pub(super) keys: &'static [(&'static str, Key)],
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

/// What a key among the values says of the line's place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Key {
    Step,
    Epoch,
}

/// How keys and values are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pairs {
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

const fn line(pattern: &'static str, pairs: Pairs) -> Line {
    Line { pattern, pairs, keys: &[], needs: "", prefix: "", unit: None, epoch: None, follows: false }
}

/// A line of `MLPerf`'s log (`mlperf_compliance`, `mllog.py`): the result of an evaluation, after `epoch_num` epochs.
const MLPERF: Line = Line {
    epoch: Some(EpochMeaning::Ends(1)),
    ..line(":::MLL {wall_time} eval_accuracy: {{\"value\": {eval_accuracy}, {_}\"epoch_num\": {epoch}", Pairs::None)
};

pub(super) static SHAPES: &[Shape] = &[
    // Megatron-LM, training.py, training_log: ' iteration {:8d}/{:8d} |' of the iteration that was completed.
    Shape {
        name: "megatron",
        either: false,
        lines: &[
            Line { needs: "|", ..line("iteration {step}/{steps} | {*}", Pairs::Bar) },
            line("validation loss at iteration {step} | {*}", Pairs::Bar),
        ],
    },
    // OLMo, olmo/train.py, fit: global_step is raised before the line is printed; epochs are those of a range().
    Shape {
        name: "olmo",
        either: false,
        lines: &[Line { follows: true, ..line("[step={step}/{steps},epoch={epoch:0}]", Pairs::None) }],
    },
    // MMEngine, runner/log_processor.py: `Epoch(train)  [1][ 50/1000]`, both from 1; a validation's epoch is the one that
    // is over. An iteration of its loop is a batch.
    Shape {
        name: "mmengine",
        either: false,
        lines: &[
            line("Epoch(train) [{epoch}][{iter}/{iters}] {*}", Pairs::Wide),
            Line { prefix: "val/", ..line("Epoch(val) [{epoch}][{_}/{_}] {*}", Pairs::Wide) },
            Line { prefix: "test/", ..line("Epoch(test) [{epoch}][{_}/{_}] {*}", Pairs::Wide) },
            Line { unit: Some(Unit::Batch), ..line("Iter(train) [{step}/{steps}] {*}", Pairs::Wide) },
        ],
    },
    // mmcv, runner/hooks/logger/text.py, _log_info: `Epoch [4][100/1000]`, both from 1; `Iter [100/100000]`.
    Shape {
        name: "mmcv",
        either: false,
        lines: &[
            line("Epoch [{epoch}][{iter}/{iters}] {*}", Pairs::Comma),
            Line { prefix: "val/", ..line("Epoch(val) [{epoch}][{_}] {*}", Pairs::Comma) },
            Line { unit: Some(Unit::Batch), ..line("Iter [{step}/{steps}] {*}", Pairs::Comma) },
        ],
    },
    // timm, train.py: f'Train: {epoch} [{update_idx:>4d}/{updates_per_epoch} (', both from 0. With accumulation the
    // updates are its batches, in the count and in the total.
    Shape {
        name: "timm",
        either: false,
        lines: &[line("Train: {epoch:0} [{iter:0}/{iters} ({_}%)] {*}", Pairs::Wide)],
    },
    // detectron2, utils/events.py, CommonMetricPrinter: `iter: 19` of the index that was completed, as in metrics.json.
    Shape {
        name: "detectron2",
        either: false,
        lines: &[Line { needs: "lr: ", ..line("iter: {step:0} {*}", Pairs::Wide) }],
    },
    // fairseq, logging/progress_bar.py: SimpleProgressBar prints `epoch 001:   1000 / 1637 loss=..` between, and a summary
    // of the epoch parted by bars; with --log-format json both are objects. Where in the epoch a line stands is an
    // index in old versions and a count in new ones; num_updates is the count of the updates.
    Shape {
        name: "fairseq",
        either: false,
        lines: &[
            Line {
                prefix: "valid/",
                keys: NUM_UPDATES,
                ..line("| epoch {epoch} | valid on {_} subset | {*}", Pairs::Bar)
            },
            Line { prefix: "valid/", keys: NUM_UPDATES, ..line("valid | epoch {epoch} | {*}", Pairs::Bar) },
            Line {
                prefix: "train/",
                keys: NUM_UPDATES,
                needs: "num_updates",
                ..line("| epoch {epoch} | {*}", Pairs::Bar)
            },
            Line { keys: NUM_UPDATES, needs: "num_updates", ..line("epoch {epoch}: {_} / {steps} {*}", Pairs::Comma) },
            Line { keys: UPDATES, needs: "num_updates", ..line("{{\"epoch\": {epoch}, {*}", Pairs::Object) },
            MLPERF,
        ],
    },
    // MXNet, callback.py, Speedometer, and module/base_module.py, fit: nbatch is the index of the batch that was completed.
    Shape {
        name: "mxnet",
        either: false,
        lines: &[
            line("Epoch[{epoch:0}] Batch [{_}-{iter:0}] {*}", Pairs::Tab),
            Line { needs: "Speed:", ..line("Epoch[{epoch:0}] Batch [{iter:0}] {*}", Pairs::Tab) },
            line("Epoch[{epoch:0}] {*}", Pairs::Tab),
            MLPERF,
        ],
    },
    // NVIDIA's GNMT, seq2seq/train/trainer.py, feed_data: f'{phase} [{self.epoch}][{i}/{len(data_loader)}]', from enumerate().
    Shape {
        name: "gnmt",
        either: false,
        lines: &[
            line("TRAIN [{epoch:0}][{iter:0}/{iters}] {*}", Pairs::Tab),
            Line { prefix: "test/", ..line("TEST [{epoch:0}][{_}/{_}] {*}", Pairs::Tab) },
            Line { prefix: "validation/", ..line("VALIDATION [{epoch:0}][{_}/{_}] {*}", Pairs::Tab) },
            line("Summary: Epoch: {epoch:0} {*}", Pairs::Tab),
            Line { prefix: "performance/", ..line("Performance: Epoch: {epoch:0} {*}", Pairs::Tab) },
            MLPERF,
        ],
    },
    // NVIDIA's SSD of MLPerf, train.py: iter_num, from 0 over the run, printed before it is raised.
    Shape {
        name: "nvidia_ssd",
        either: false,
        lines: &[
            Line { needs: "Loss function:", ..line("Iteration: {step:0}, {*}", Pairs::Comma) }, // Its evaluations come inside an epoch.
            Line { epoch: Some(EpochMeaning::In(1)), ..MLPERF },
        ],
    },
    // nanoGPT, train.py: iter_num is the index of the update that was made; an evaluation comes before the update of that
    // number, and so after as many.
    Shape {
        name: "nanogpt",
        either: false,
        lines: &[
            Line { needs: "loss", ..line("iter {step:0}: {*}", Pairs::Comma) },
            Line { needs: "train loss", ..line("step {step}: {*}", Pairs::Comma) },
        ],
    },
    // Hugging Face, trainer_callback.py, PrinterCallback: the dictionaries of log_history, without their step.
    Shape {
        name: "hf_trainer",
        either: false,
        lines: &[Line {
            keys: &[("epoch", Key::Epoch)],
            needs: "'epoch': ",
            epoch: Some(EpochMeaning::Elapsed),
            ..line("{{'{*}", Pairs::Object)
        }],
    },
    // wide-residual-networks (Torch7), train.lua: an object an epoch, when it is over, from 1.
    Shape {
        name: "json_stats",
        either: false,
        lines: &[Line {
            keys: &[("epoch", Key::Epoch)],
            needs: "\"epoch\":",
            epoch: Some(EpochMeaning::Ends(1)),
            ..line("json_stats: {{{*}", Pairs::Object)
        }],
    },
    // The ImageNet example of PyTorch, imagenet/main.py: epochs from 0; batches from 1, and from 0 before 2022.
    Shape { name: "imagenet", either: true, lines: &[line("Epoch: [{epoch:0}][{iter}/{iters}] {*}", Pairs::Tab)] },
    // What textbooks and tutorials print: everything from 1.
    Shape {
        name: "textbook",
        either: true,
        lines: &[
            line("Epoch {epoch}, Iter {iter}, Step {step} {*}", Pairs::Comma),
            line("Epoch: {epoch}, Iter: {iter}, Step: {step} {*}", Pairs::Comma),
        ],
    },
    Shape {
        name: "tutorial",
        either: true,
        lines: &[
            line("Epoch [{epoch}/{epochs}], Step [{iter}/{iters}] {*}", Pairs::Comma),
            line("Epoch [{epoch}/{epochs}], Iter [{iter}/{iters}] {*}", Pairs::Comma),
            line("Epoch [{epoch}/{epochs}], Batch [{iter}/{iters}] {*}", Pairs::Comma),
            Line { needs: "oss", ..line("Epoch [{epoch}/{epochs}] {*}", Pairs::Comma) },
            Line { needs: "oss", ..line("Epoch [{epoch}] {*}", Pairs::Comma) },
        ],
    },
    // A line an epoch.
    Shape {
        name: "epochs",
        either: true,
        lines: &[
            Line { needs: "oss", ..line("Epoch {epoch}: {*}", Pairs::Comma) },
            Line { needs: "oss", ..line("Epoch {epoch}/{epochs}: {*}", Pairs::Comma) },
            Line { needs: "oss", ..line("Epoch: {epoch}, {*}", Pairs::Comma) },
        ],
    },
];

const NUM_UPDATES: &[(&str, Key)] = &[("num_updates", Key::Step)];
const UPDATES: &[(&str, Key)] =
    &[("num_updates", Key::Step), ("train_num_updates", Key::Step), ("valid_num_updates", Key::Step)];

/// A line of a shape, ready to be looked for.
pub(super) struct Compiled {
    pub(super) pattern: Pattern,
    pub(super) line: Option<&'static Line>,
    /// What must be in the line besides.
    pub(super) needs: memchr::memmem::Finder<'static>,
    pub(super) meaning: SeriesMeaning,
}

impl Compiled {
    /// A line of a caller.
    pub(super) fn of_caller(pattern: Pattern) -> Self {
        let meaning = pattern.meaning;
        Self { pattern, line: None, needs: memchr::memmem::Finder::new("").into_owned(), meaning }
    }

    fn of_shape(line: &'static Line) -> Option<Self> {
        // A test sees to it that all of them are sound.
        let pattern = Pattern::of_shape(line.pattern).ok()?;
        let mut meaning = pattern.meaning;
        if line.keys.iter().any(|(_, key)| *key == Key::Step) {
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
pub(super) fn compiled() -> &'static [Vec<Compiled>] {
    static COMPILED: LazyLock<Vec<Vec<Compiled>>> = LazyLock::new(|| {
        SHAPES.iter().map(|shape| shape.lines.iter().filter_map(Compiled::of_shape).collect()).collect()
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
                assert_eq!(line.pairs == Pairs::None, !line.pattern.contains("{*}"), "{}", line.pattern);
            }
        }
        let mut names: Vec<&str> = SHAPES.iter().map(|shape| shape.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), SHAPES.len());
    }
}
