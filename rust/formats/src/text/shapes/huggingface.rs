//! Hugging Face's Trainer, and programs that use it or accelerate.

use super::prelude::*;

/// Whether the epoch of a line has a fraction: the Trainer's always has one, and an epoch without is of another program.
fn has_fraction(line: &[u8]) -> bool {
    let mark = b"'epoch': ";
    let found = memchr::memmem::find(line, mark).map(|at| &line[at + mark.len()..]);
    let number = found.map(|text| text.strip_prefix(b"'").unwrap_or(text)).unwrap_or_default();
    let digits = number.iter().take_while(|byte| byte.is_ascii_digit()).count();
    number[digits..].starts_with(b".")
}

/// What the Trainer, and scripts that are written after it, print before the first step. The number of examples is not among
/// them: an evaluation prints it in the same words, and some scripts print how many batches there are.
const HEADER: [ShapeLine; 5] = [
    setting("Num Epochs = {Num Epochs}", ConfigItem::Epochs),
    setting("Instantaneous batch size per device = {Instantaneous batch size per device}", ConfigItem::RankBatch),
    setting(
        "Total train batch size (w. parallel, distributed & accumulation) = {Total train batch size}",
        ConfigItem::StepSamples,
    ),
    setting("Gradient Accumulation steps = {Gradient Accumulation steps}", ConfigItem::Accumulate),
    setting("Total optimization steps = {Total optimization steps}", ConfigItem::Steps),
];

pub(super) const SHAPES: &[TextShape] = &[
    // The dictionaries of log_history, with their step.
    TextShape {
        name: "ms_swift",
        source: "ms-swift, swift/trainers/callback.py, ProgressCallbackNew",
        either: false,
        common: false,
        after: &[],
        lines: &[line("{{'{*}", Object)
            .keys(&[
                ("epoch", ShapeKey::Epoch),
                ("global_step/max_steps", ShapeKey::Step),
                ("elapsed_time", ShapeKey::Ignored),
                ("remaining_time", ShapeKey::Ignored),
            ])
            .needs("global_step/max_steps")
            .epoch(Elapsed)],
        also: &HEADER,
        examples: &[Example {
            text: "{'loss': 1.25, 'acc': 0.5, 'grad_norm': 2.5, 'learning_rate': 1e-05, 'memory(GiB)': 12.5, \
               'train_speed(iter/s)': 0.25, 'epoch': 0.01, 'global_step/max_steps': '1/93', 'percentage': '1.08%', \
               'elapsed_time': '10s', 'remaining_time': '15m 20s'}\n\
               {'loss': 1.0, 'acc': 0.625, 'epoch': 0.11, 'global_step/max_steps': '10/93', 'percentage': \
               '10.75%', 'elapsed_time': '1m 40s'}\n",
            records: &[
                "loss@0.01/1=1.25",
                "acc@0.01/1=0.5",
                "grad_norm@0.01/1=2.5",
                "learning_rate@0.01/1=0.00001",
                "memory(GiB)@0.01/1=12.5",
                "train_speed(iter/s)@0.01/1=0.25",
                "percentage@0.01/1=1.08",
                "loss@0.11/10=1",
                "acc@0.11/10=0.625",
                "percentage@0.11/10=10.75",
            ],
            meanings: &["Step 1 of run; Elapsed"],
            prose: 0,
        }],
    },
    // The dictionaries of log_history, without their step.
    TextShape {
        name: "hf_trainer",
        source: "Transformers, src/transformers/trainer_callback.py, PrinterCallback and ProgressCallback",
        either: false,
        common: false,
        after: &[],
        lines: &[ShapeLine {
            check: Some(has_fraction),
            ..line("{{'{*}", Object).keys(&[("epoch", ShapeKey::Epoch)]).needs("'epoch': ").epoch(Elapsed)
        }],
        also: &HEADER,
        examples: &[Example {
            text: "{'loss': 0.5, 'learning_rate': 1e-05, 'epoch': 0.25}\n  5%|#    | 10/200 [00:01<00:20]\r\
               {'eval_loss': 0.75, 'eval_runtime': 1.5, 'epoch': 1.0}\n{'loss': '0.25', 'grad_norm': 'nan', 'epoch': '1.5'}\n",
            records: &[
                "loss@0.25/-=0.5",
                "learning_rate@0.25/-=0.00001",
                "eval_loss@1/-=0.75",
                "eval_runtime@1/-=1.5",
                "loss@1.5/-=0.25",
                "grad_norm@1.5/-=NaN",
            ],
            meanings: &["; Elapsed"],
            prose: 1,
        }],
    },
    // A bar over the run, which is raised before its text is set.
    TextShape {
        name: "diffusers_tqdm",
        source: "Diffusers, examples/text_to_image/train_text_to_image.py, main",
        either: false,
        common: false,
        after: &[],
        lines: &[line("Steps: {_}| {step:1}/{steps} [{*}", Comma).bar()],
        also: &HEADER,
        examples: &[Example {
            text: "\rSteps:   0%|          | 1/300 [00:01<01:00,  5.00it/s]\rSteps:   0%|          | 1/300 \
               [00:01<01:00,  5.00it/s, lr=1e-5, step_loss=2.5]\rSteps:   1%|          | 2/300 [00:02<01:00,  \
               5.00it/s, lr=1e-5, step_loss=2.5]\rSteps:   1%|          | 2/300 [00:02<01:00,  5.00it/s, lr=1e-5, \
               step_loss=2.25]\rSteps:   1%|",
            records: &["lr@-/1=0.00001", "step_loss@-/1=2.5", "lr@-/2=0.00001", "step_loss@-/2=2.25"],
            meanings: &["Step 1 of run", "Step 1 of run"],
            prose: 2,
        }],
    },
    // The same, in small letters.
    TextShape {
        name: "kohya",
        source: "kohya-ss sd-scripts, train_network.py, train",
        either: false,
        common: false,
        after: &[],
        lines: &[line("steps: {_}| {step:1}/{steps} [{*}", Comma).bar()],
        also: &[],
        examples: &[Example {
            text: "\rsteps:   1%|\u{258f}         | 1/1600 [00:01<33:07,  1.25s/it]\rsteps:   1%|\u{258f}         | \
               1/1600 [00:01<33:07,  1.25s/it, avr_loss=0.125]\rsteps:   1%|\u{258f}         | 2/1600 \
               [00:02<33:07,  1.25s/it, avr_loss=0.0625]\n",
            records: &["avr_loss@-/1=0.125", "avr_loss@-/2=0.0625"],
            meanings: &["Step 1 of run", "Step 1 of run"],
            prose: 1,
        }],
    },
];
