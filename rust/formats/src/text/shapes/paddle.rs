//! `PaddlePaddle`'s programs.

use super::prelude::*;

pub(super) const SHAPES: &[TextShape] = &[
    // Epochs from 1, iterations from 0.
    TextShape {
        name: "paddleclas",
        source: "PaddleClas, ppcls/engine/train/utils.py, log_info; engine.py, Engine.train",
        either: false,
        common: false,
        after: &[],
        lines: &[
            line("[Train][Epoch {epoch:1}/{epochs}][Iter: {iter:0}/{iters}]{*}", Comma),
            line("[Train][Epoch {epoch:1}/{epochs}][Avg]{*}", Comma).prefix("avg/"),
            line("[Eval][Epoch {epoch:1}][Avg]{*}", Comma).prefix("eval/"),
        ],
        also: &[],
        examples: &[Example {
            text: "[2022/01/01 10:00:50] ppcls INFO: [Train][Epoch 1/3][Iter: 0/50]lr(LinearWarmup): 0.00010000, top1: \
               0.125, loss: 2.5, batch_cost: 0.25s, ips: 32.5 samples/s, eta: 0:10:00\n\
               [2022/01/01 10:00:59] ppcls INFO: [Train][Epoch 1/3][Avg]top1: 0.25, loss: 2.25\n\
               [2022/01/01 10:01:50] ppcls INFO: [Eval][Epoch 1][Iter: 0/4]CELoss: 1.5, top1: 0.25\n\
               [2022/01/01 10:01:50] ppcls INFO: [Eval][Epoch 1][Avg]CELoss: 1.75, loss: 1.75, top1: 0.5\n",
            records: &[
                "lr(LinearWarmup)@1/0=0.0001",
                "top1@1/0=0.125",
                "loss@1/0=2.5",
                "batch_cost@1/0=0.25",
                "ips@1/0=32.5",
                "avg/top1@1/-=0.25",
                "avg/loss@1/-=2.25",
                "eval/CELoss@1/-=1.75",
                "eval/loss@1/-=1.75",
                "eval/top1@1/-=0.5",
            ],
            meanings: &["Batch 0 of epoch; In(1)", "; Ends(1)", "; Ends(1)"],
            prose: 1,
        }],
    },
    // global_step is raised before it is printed. The first versions call it iter and raise it after that. An evaluation comes
    // at a step of its own.
    TextShape {
        name: "paddleocr",
        source: "PaddleOCR, tools/program.py, train",
        either: false,
        common: false,
        after: &[],
        lines: &[
            line("epoch: [{epoch:1}/{epochs}], global_step: {step:1}, {*}", Comma).sets(),
            line("epoch: [{epoch:1}/{epochs}], iter: {step:0}, {*}", Comma).sets(),
            line("cur metric, {*}", Comma).prefix("eval/").under(In(1)),
        ],
        also: &[],
        examples: &[
            Example {
                text: "[2022/01/01 10:00:00] ppocr INFO: epoch: [1/500], global_step: 10, lr: 0.000500, acc: 0.25, loss: \
               25.5, avg_reader_cost: 1.25 s, avg_samples: 256.0, ips: 12.5 samples/s, eta: 1 day, 2:00:00\n\
               [2022/01/01 10:00:10] ppocr INFO: epoch: [2/500], global_step: 20, lr: 0.000500, acc: 0.5, loss: \
               12.5, ips: 12.5 samples/s, eta: 0:10:00\n\
               [2022/01/01 10:00:20] ppocr INFO: cur metric, acc: 0.75, norm_edit_dis: 0.875, fps: 100.5\n",
                records: &[
                    "lr@1/10=0.0005",
                    "acc@1/10=0.25",
                    "loss@1/10=25.5",
                    "avg_reader_cost@1/10=1.25",
                    "avg_samples@1/10=256",
                    "ips@1/10=12.5",
                    "lr@2/20=0.0005",
                    "acc@2/20=0.5",
                    "loss@2/20=12.5",
                    "ips@2/20=12.5",
                    "eval/acc@2/-=0.75",
                    "eval/norm_edit_dis@2/-=0.875",
                    "eval/fps@2/-=100.5",
                ],
                meanings: &["Step 1 of run; In(1)", "; In(1)"],
                prose: 0,
            },
            Example {
                text: "epoch: [1/500], iter: 10, lr: 0.0005, loss: 25.5\n\
               epoch: [1/500], iter: 20, lr: 0.0005, loss: 20.5\n",
                records: &["lr@1/10=0.0005", "loss@1/10=25.5", "lr@1/20=0.0005", "loss@1/20=20.5"],
                meanings: &["Step 0 of run; In(1)"],
                prose: 0,
            },
        ],
    },
    // Both from 0.
    TextShape {
        name: "paddledet",
        source: "PaddleDetection, ppdet/engine/callbacks.py, LogPrinter",
        either: false,
        common: false,
        after: &[],
        lines: &[line("Epoch: [{epoch:0}] [{iter:0}/{iters}] {*}", Free).needs("batch_cost: ")],
        also: &[],
        examples: &[Example {
            text: "[01/01 10:00:00] ppdet.engine INFO: Epoch: [0] [  0/50] learning_rate: 0.000125 loss_cls: 2.5 loss: \
               2.25 eta: 0:10:00 batch_cost: 0.25 data_cost: 0.125 ips: 12.5 images/s\n\
               [01/01 10:00:10] ppdet.engine INFO: Epoch: [0] [ 20/50] learning_rate: 0.000250 loss_cls: 2.25 \
               loss: 2.0 eta: 1 day, 0:10:00 batch_cost: 0.25 data_cost: 0.125 ips: 12.5 images/s\n",
            records: &[
                "learning_rate@0/0=0.000125",
                "loss_cls@0/0=2.5",
                "loss@0/0=2.25",
                "batch_cost@0/0=0.25",
                "data_cost@0/0=0.125",
                "ips@0/0=12.5",
                "learning_rate@0/20=0.00025",
                "loss_cls@0/20=2.25",
                "loss@0/20=2",
                "batch_cost@0/20=0.25",
                "data_cost@0/20=0.125",
                "ips@0/20=12.5",
            ],
            meanings: &["Batch 0 of epoch; In(0)"],
            prose: 0,
        }],
    },
    // iter is raised before it is printed; an evaluation comes at an iteration of its own.
    TextShape {
        name: "paddleseg",
        source: "PaddleSeg, paddleseg/core/train.py, train; val.py, evaluate",
        either: false,
        common: false,
        after: &[],
        lines: &[
            line("[TRAIN] epoch: {epoch:1}, iter: {step:1}/{steps}, {*}", Comma).sets(),
            line("[EVAL] #Images: {Images} {*}", Free).prefix("eval/").under(In(1)),
        ],
        also: &[],
        examples: &[Example {
            text: "2022-01-01 10:00:10 [INFO]\t[TRAIN] epoch: 1, iter: 10/200, loss: 2.25, lr: 0.009010, batch_cost: \
               0.125, reader_cost: 0.0125, ips: 32.5 samples/sec | ETA 00:10:00\n\
               2022-01-01 10:00:20 [INFO]\t[TRAIN] epoch: 2, iter: 20/200, loss: 2.0, lr: 0.009, batch_cost: \
               0.125, reader_cost: 0.0125, ips: 32.5 samples/sec | ETA 00:10:00\n\
               2022-01-01 10:00:20 [INFO]\t[EVAL] #Images: 500 mIoU: 0.5 Acc: 0.75 Kappa: 0.625 Dice: 0.25\n",
            records: &[
                "loss@1/10=2.25",
                "lr@1/10=0.00901",
                "batch_cost@1/10=0.125",
                "reader_cost@1/10=0.0125",
                "ips@1/10=32.5",
                "loss@2/20=2",
                "lr@2/20=0.009",
                "batch_cost@2/20=0.125",
                "reader_cost@2/20=0.0125",
                "ips@2/20=32.5",
                "eval/Images@2/-=500",
                "eval/mIoU@2/-=0.5",
                "eval/Acc@2/-=0.75",
                "eval/Kappa@2/-=0.625",
                "eval/Dice@2/-=0.25",
            ],
            meanings: &["Step 1 of run; In(1)", "; In(1)"],
            prose: 0,
        }],
    },
];
