//! Progress bars by tqdm.

use super::prelude::*;

/// Whether a bar has no description.
fn begins_with_percent(line: &[u8]) -> bool {
    line.trim_ascii_start().first().is_some_and(u8::is_ascii_digit)
}

pub(super) const SHAPES: &[TextShape] = &[
    // Epochs from 0; the bar shows how many batches are done.
    TextShape {
        name: "lightning_tqdm",
        source: "Lightning, src/lightning/pytorch/callbacks/progress/tqdm_progress.py, TQDMProgressBar",
        either: false,
        common: false,
        after: &[],
        lines: &[
            line("Epoch {epoch:0}: {_}| {iter:1}/{iters} [{*}", Comma).needs("v_num=").bar(),
            // RichProgressBar.
            line("Epoch {epoch:0}/{epochs} {_} {iter:1}/{iters} {_} \u{2022} {_}it/s {*}", Free).needs("v_num: ").bar(),
        ],
        also: &[],
        examples: &[
            Example {
                text: "Epoch 0/9 \u{2501}\u{2501}\u{2501} 20/391 0:00:20 \u{2022} 0:06:11 1.00it/s v_num: 0 train_loss: 2.5\n\
                   Epoch 0/9 \u{2501}\u{2501}\u{2501} 40/391 0:00:40 \u{2022} 0:06:11 1.00it/s v_num: 0 train_loss: 2.25\n",
                records: &["v_num@0/20=0", "train_loss@0/20=2.5", "v_num@0/40=0", "train_loss@0/40=2.25"],
                meanings: &["Batch 1 of epoch; In(0)"],
                prose: 0,
            },
            Example {
                text: "\rEpoch 0:   0%|          | 0/391 [00:00<?, ?it/s]\rEpoch 0:   5%|5         | 20/391 [00:20<00:10, \
               39.10it/s, v_num=0]\rEpoch 0:   5%|5         | 20/391 [00:20<00:10, 39.10it/s, v_num=0, \
               train_loss=2.125]\rEpoch 0:  10%|#         | 40/391 [00:40<00:10, 39.10it/s, v_num=0, \
               train_loss=1.75]\n\
               \rValidation:  50%|#####     | 1/2 [00:00<00:00, 9.00it/s]\rEpoch 1:   0%|          | 0/391 \
               [00:00<00:10, 39.10it/s, v_num=0, train_loss=1.75]\n",
                records: &[
                    "v_num@0/20=0",
                    "train_loss@0/20=2.125",
                    "v_num@0/40=0",
                    "train_loss@0/40=1.75",
                    "v_num@1/0=0",
                    "train_loss@1/0=1.75",
                ],
                meanings: &["Batch 1 of epoch; In(0)", "Batch 1 of epoch; In(0)", "Batch 1 of epoch; In(0)"],
                prose: 4,
            },
        ],
    },
    // `epoch {epoch+1} iter {it}` before the bar, of a batch that was made.
    TextShape {
        name: "mingpt",
        source: "minGPT, mingpt/trainer.py, before 2022",
        either: false,
        common: false,
        after: &[],
        lines: &[
            line("epoch {epoch:1} iter {iter:0}: train loss {train loss}. lr {lr}:", PairStyle::None).bar(),
            line("epoch {epoch:1} iter {iter:0}: train loss {train loss}:", PairStyle::None).bar(),
        ],
        also: &[],
        examples: &[Example {
            text: "\repoch 1 iter 0: train loss 4.25000. lr 6.000000e-04:   0%|          | 0/2 [00:01<?, ?it/s]\repoch \
               1 iter 0: train loss 4.25000. lr 6.000000e-04:  50%|#####     | 1/2 [00:01<00:01,  1.0s/it]\repoch \
               1 iter 1: train loss 3.50000. lr 6.000000e-04:  50%|#####     | 1/2 [00:02<00:01,  1.0s/it]\repoch \
               1 iter 1: train loss 3.50000. lr 6.000000e-04: 100%|##########| 2/2 [00:02<00:00,  1.0s/it]\n",
            records: &["train loss@1/0=4.25", "lr@1/0=0.0006", "train loss@1/1=3.5", "lr@1/1=0.0006"],
            meanings: &["Batch 0 of epoch; In(1)", "Batch 0 of epoch; In(1)"],
            prose: 1,
        }],
    },
    // The description has the updates that are done.
    TextShape {
        name: "torchtune_bar",
        source: "torchtune, recipes/*.py, train",
        either: false,
        common: false,
        after: &[],
        lines: &[line("{epoch:1}|{step:1}|Loss: {Loss}:", PairStyle::None).begins().bar()],
        also: &[],
        examples: &[Example {
            text: "1|1|Loss: 2.5:  50%|#####     | 1/2 [00:01<00:01,  1.0s/it]\r1|2|Loss: 2.25: 100%|##########| 2/2 \
               [00:02<00:00,  1.0s/it]\r2|3|Loss: 2.0:  50%|#####     | 1/2 [00:03<00:01,  1.0s/it]\n",
            records: &["Loss@1/1=2.5", "Loss@1/2=2.25", "Loss@2/3=2"],
            meanings: &["Step 1 of run; In(1)"],
            prose: 0,
        }],
    },
    // The bar shows how many batches are done.
    TextShape {
        name: "epoch_bar",
        source: "scripts that give tqdm the epoch as its description",
        either: true,
        common: true,
        after: &[],
        lines: &[
            line("Epoch {epoch}: {_}| {iter:1}/{iters} [{*}", Comma).bar(),
            line("Epoch {epoch}/{epochs}: {_}| {iter:1}/{iters} [{*}", Comma).bar(),
            line("Epoch [{epoch}/{epochs}]: {_}| {iter:1}/{iters} [{*}", Comma).bar(),
            line("Epoch {epoch}/{epochs} {_}| {iter:1}/{iters} [{*}", Comma).bar(),
        ],
        also: &[],
        examples: &[
            Example {
                text: "Epoch 1/3:  50%|#####     | 1/2 [00:00<00:01, 9.0it/s, loss=1.125]\rEpoch 1/3: 100%|##########| 2/2 \
               [00:01<00:00, 9.0it/s, loss=0.75]\n\
               Epoch 2/3:  50%|#####     | 1/2 [00:00<00:01, 9.0it/s, loss=0.5]\n",
                records: &["loss@1/1=1.125", "loss@1/2=0.75", "loss@2/1=0.5"],
                meanings: &["Batch 1 of epoch; In(1)", "Batch 1 of epoch; In(1)", "Batch 1 of epoch; In(1)"],
                prose: 0,
            },
            Example {
                text: "Epoch 0:  10%|#         | 1/10 [00:00<00:01, 9.0it/s, train_loss=1.125]\n\
               Epoch 0: 100%|##########| 10/10 [00:01<00:00, 9.0it/s, train_loss=0.75]\n",
                records: &["train_loss@0/1=1.125", "train_loss@0/10=0.75"],
                meanings: &["Batch 1 of epoch; In(0)", "Batch 1 of epoch; In(0)"],
                prose: 0,
            },
        ],
    },
    // The same under a heading.
    TextShape {
        name: "heading_bar",
        source: "scripts that print the epoch and then give tqdm what they measure",
        either: true,
        common: true,
        after: &["poch "],
        lines: &[
            heading("Epoch {epoch}/{epochs}"),
            heading("Epoch {epoch}"),
            heading("Epoch: {epoch}"),
            heading("Epoch: {epoch}/{epochs}"),
            ShapeLine {
                check: Some(begins_with_percent),
                ..line("{steps}%|{_}| {iter:1}/{iters} [{*}", Comma).under(In(1)).bar()
            },
        ],
        also: &[],
        examples: &[Example {
            text: "Epoch 1/2\n\r 50%|#####     | 1/2 [00:00<00:01, 9.0it/s, loss=1.125]\r100%|##########| 2/2 [00:01<00:00, \
                   9.0it/s, loss=0.75]\nEpoch 2/2\n\r 50%|#####     | 1/2 [00:00<00:01, 9.0it/s, loss=0.5]\n",
            records: &["loss@1/1=1.125", "loss@1/2=0.75", "loss@2/1=0.5"],
            meanings: &["Batch 1 of epoch; In(1)", "Batch 1 of epoch; In(1)"],
            prose: 2,
        }],
    },
];
