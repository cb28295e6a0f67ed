//! What scripts print that no project owns.

use super::prelude::*;

pub(super) const SHAPES: &[TextShape] = &[
    // Everything from 1, or from 0 where a 0 is seen.
    TextShape {
        name: "textbook",
        source: "textbooks",
        either: true,
        common: true,
        after: &[],
        lines: &[
            line("Epoch {epoch}, Iter {iter}, Step {step} {*}", Comma),
            line("Epoch: {epoch}, Iter: {iter}, Step: {step} {*}", Comma),
        ],
        also: &[],
        examples: &[Example {
            text: "Epoch 1, Iter 1, Step 1: loss 0.5\nEpoch 1, Iter 2, Step 2 - loss 0.25, acc 75%\n",
            records: &["loss@1/1=0.5", "loss@1/2=0.25", "acc@1/2=75"],
            meanings: &["Step 1 of run; In(1)"],
            prose: 0,
        }],
    },
    // The same.
    TextShape {
        name: "tutorial",
        source: "tutorials",
        either: true,
        common: true,
        after: &[],
        lines: &[
            line("Epoch [{epoch}/{epochs}], Step [{iter}/{iters}] {*}", Comma),
            line("Epoch [{epoch}/{epochs}], Iter [{iter}/{iters}] {*}", Comma),
            line("Epoch [{epoch}/{epochs}], Batch [{iter}/{iters}] {*}", Comma),
            ShapeLine { alone: true, ..line("Epoch [{epoch}/{epochs}] {*}", Comma).needs("oss") },
            ShapeLine { alone: true, ..line("Epoch [{epoch}] {*}", Comma).needs("oss") },
        ],
        also: &[],
        examples: &[Example {
            text: "INFO:root:Epoch [6/6], Step [10/1549], Loss: 0.0490\nINFO:root:Epoch [6/6], Step [20/1549], Loss: 0.0833\n\
               INFO:root:Epoch [6] Validation Loss: 0.0660\nINFO:root:Saved best model at epoch 6 with val loss 0.0660\n",
            records: &["Loss@6/10=0.049", "Loss@6/20=0.0833", "Validation Loss@6/-=0.066"],
            meanings: &["Batch 1 of epoch; In(1)", "; Ends(1)"],
            prose: 1,
        }],
    },
    // The same.
    TextShape {
        name: "generic_bar",
        source: "scripts",
        either: true,
        common: true,
        after: &[],
        lines: &[
            line("Epoch {epoch}/{epochs} | Batch {iter}/{iters} | {*}", Bar),
            line("Epoch: {epoch}/{epochs} | Batch: {iter}/{iters} | {*}", Bar),
        ],
        also: &[],
        examples: &[Example {
            text: "Epoch 1/3 | Batch 50/391 | Loss: 1.5 | LR: 0.001\n\
               Epoch 1/3 | Batch 100/391 | Loss: 1.25 | LR: 0.001\n",
            records: &["Loss@1/50=1.5", "LR@1/50=0.001", "Loss@1/100=1.25", "LR@1/100=0.001"],
            meanings: &["Batch 1 of epoch; In(1)"],
            prose: 0,
        }],
    },
    // A line an epoch.
    TextShape {
        name: "epochs",
        source: "scripts",
        either: true,
        common: true,
        after: &[],
        lines: &[
            ShapeLine { alone: true, ..line("Epoch {epoch}: {*}", Comma).needs("oss") },
            ShapeLine { alone: true, ..line("Epoch {epoch}/{epochs}: {*}", Comma).needs("oss") },
            ShapeLine { alone: true, ..line("Epoch: {epoch}, {*}", Comma).needs("oss") },
            ShapeLine { alone: true, ..line("Epoch {epoch}, {*}", Comma).needs("oss") },
        ],
        also: &[],
        examples: &[
            Example {
                text: "2023-05-15 22:50:17,398 INFO:Epoch 1: Train Loss=0.0717, Val Loss=0.0766\n\
               2023-05-15 22:50:21,707 INFO:Epoch 2: Train Loss=0.0578, Val Loss=0.0507\n",
                records: &[
                    "Train Loss@1/-=0.0717",
                    "Val Loss@1/-=0.0766",
                    "Train Loss@2/-=0.0578",
                    "Val Loss@2/-=0.0507",
                ],
                meanings: &["; Ends(1)"],
                prose: 0,
            },
            Example {
                text: "Epoch 0: loss=0.5\nEpoch 1: loss=0.25\n",
                records: &["loss@0/-=0.5", "loss@1/-=0.25"],
                meanings: &["; Ends(0)"],
                prose: 0,
            },
            Example {
                text: "Epoch 1, Loss: 2.125\n\
               Epoch 2, Loss: 1.75\n",
                records: &["Loss@1/-=2.125", "Loss@2/-=1.75"],
                meanings: &["; Ends(1)"],
                prose: 0,
            },
        ],
    },
    // Updates over the run.
    TextShape {
        name: "iter_loss",
        source: "scripts",
        either: true,
        common: true,
        after: &[],
        lines: &[line("iter {step}: {*}", Comma).begins().needs("loss ")],
        also: &[],
        examples: &[Example {
            text: "iter 10: loss 2.5, eta 3:05, elapsed 1:43:01\niter 20: loss 2.25, eta 3:00, elapsed 1:43:06\n",
            records: &["loss@-/10=2.5", "loss@-/20=2.25"],
            meanings: &["Step 1 of run"],
            prose: 0,
        }],
    },
    // Updates over the run.
    TextShape {
        name: "step_loss",
        source: "scripts",
        either: true,
        common: true,
        after: &[],
        lines: &[
            line("step {step} loss {loss} {*}", Free).begins(),
            line("step {step} | loss {loss} {*}", Free).begins(),
        ],
        also: &[],
        examples: &[Example {
            text: "2024-01-01 10:00:00,123 - INFO - step 0 loss 2.5 lr 1.0e-04\n\
               2024-01-01 10:00:10,123 - INFO - step 10 loss 2.25 lr 1.0e-04\n",
            records: &["loss@-/0=2.5", "lr@-/0=0.0001", "loss@-/10=2.25", "lr@-/10=0.0001"],
            meanings: &["Step 0 of run"],
            prose: 0,
        }],
    },
];
