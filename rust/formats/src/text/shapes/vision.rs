//! Image classification, image-text models, and generators.

use super::prelude::*;

/// The keys that are a place, or no measurement.
const SLOWFAST: &[(&str, ShapeKey)] =
    &[("epoch", ShapeKey::Epoch), ("iter", ShapeKey::Iter), ("_type", ShapeKey::Ignored)];

/// Whether a line is of the last batch: `[  48/48]`.
fn is_last(line: &[u8]) -> bool {
    let inside = memchr::memchr(b'[', line).map(|at| &line[at + 1..]).unwrap_or_default();
    let mut numbers = inside.split(|byte| matches!(byte, b'/' | b']')).map(<[u8]>::trim_ascii);
    numbers.next().is_some_and(|number| !number.is_empty() && numbers.next() == Some(number))
}

pub(super) const SHAPES: &[TextShape] = &[
    // Both from 0. With accumulation the updates are its batches, in the count and in the total.
    TextShape {
        name: "swin",
        source: "Swin Transformer and those after it, main.py, train_one_epoch and validate",
        either: false,
        common: false,
        after: &[],
        lines: &[line("Train: [{epoch:0}/{epochs}][{iter:0}/{iters}] {*}", Free).sets()],
        // The means of the validation after the epoch.
        also: &[line("* Acc@1 {Acc@1} Acc@5 {Acc@5}", PairStyle::None).prefix("test/").under(Ends(0))],
        examples: &[Example {
            text: "[2024-01-01 10:00:00 swin_tiny] (main.py 227): INFO Train: [0/300][0/1251]\teta 0:12:34 lr 0.000001\t wd 0.0500\t\
               time 0.5 (0.625)\tloss 6.94 (6.95)\tgrad_norm 1.25 (1.5)\tloss_scale 65536.0 (65536.0)\tmem 12345MB\n\
               [2024-01-01 10:00:10 swin_tiny] (main.py 227): INFO Train: [1/300][50/1251]\teta 0:12:14 lr 0.000001\t wd 0.0500\t\
               time 0.5 (0.625)\tloss 6.5 (6.75)\tmem 12345MB\n\
               [2024-01-01 10:00:20 swin_tiny] (main.py 286): INFO Test: [0/98]\tTime 0.5 (0.5)\tLoss 5.5 (5.5)\n\
               [2024-01-01 10:00:20 swin_tiny] (main.py 293): INFO  * Acc@1 12.5 Acc@5 30.25\n",
            records: &[
                "lr@0/0=0.000001",
                "wd@0/0=0.05",
                "time@0/0=0.5",
                "time/avg@0/0=0.625",
                "loss@0/0=6.94",
                "loss/avg@0/0=6.95",
                "grad_norm@0/0=1.25",
                "grad_norm/avg@0/0=1.5",
                "loss_scale@0/0=65536",
                "loss_scale/avg@0/0=65536",
                "mem@0/0=12345",
                "lr@1/50=0.000001",
                "wd@1/50=0.05",
                "time@1/50=0.5",
                "time/avg@1/50=0.625",
                "loss@1/50=6.5",
                "loss/avg@1/50=6.75",
                "mem@1/50=12345",
                "test/Acc@1@1/-=12.5",
                "test/Acc@5@1/-=30.25",
            ],
            meanings: &["Batch 0 of epoch; In(0)", "; Ends(0)"],
            prose: 1,
        }],
    },
    TextShape {
        name: "timm",
        source: "timm, train.py, train_one_epoch",
        either: false,
        common: false,
        after: &[],
        lines: &[line("Train: {epoch:0} [{iter:0}/{iters} ({_}%)] {*}", Wide).sets()],
        // Its means are those of the whole validation once all batches are in them.
        also: &[ShapeLine {
            numbers: Some(is_last),
            ..line("Test: [{_}/{_}] {*}", Wide).begins().prefix("test/").under(Ends(0))
        }],
        examples: &[Example {
            text: "Train: 0 [   0/1251 (  0%)]  Loss: 6.94 (6.94)  Time: 3.512s,  291.57/s  (3.512s,  291.57/s)  LR: 1.000e-06  \
               Data: 1.2 (1.2)\n\
               Train: 0 [  50/1251 (  4%)]  Loss: 6.93 (6.94)  Time: 0.5s, 2000.00/s  (0.6s, 1800.00/s)  LR: 1.000e-06  Data: 0.01 (0.03)\n\
               Test: [   0/48]  Time: 1.5 (1.5)  Loss:   0.9 ( 0.9)\n\
               Test: [  48/48]  Time: 0.5 (0.75)  Loss:  0.75 ( 0.8)\n",
            records: &[
                "Loss@0/0=6.94",
                "Loss/avg@0/0=6.94",
                "Time@0/0=3.512",
                "LR@0/0=0.000001",
                "Data@0/0=1.2",
                "Data/avg@0/0=1.2",
                "Loss@0/50=6.93",
                "Loss/avg@0/50=6.94",
                "Time@0/50=0.5",
                "LR@0/50=0.000001",
                "Data@0/50=0.01",
                "Data/avg@0/50=0.03",
                "test/Time@0/-=0.5",
                "test/Time/avg@0/-=0.75",
                "test/Loss@0/-=0.75",
                "test/Loss/avg@0/-=0.8",
            ],
            meanings: &["Batch 0 of epoch; In(0)", "; Ends(0)"],
            prose: 1,
        }],
    },
    // batch_count * batch_size * world_size; the first versions print the batches before this one.
    TextShape {
        name: "openclip",
        source: "open_clip, src/open_clip_train/train.py, train_one_epoch",
        either: true,
        common: false,
        after: &[],
        lines: &[line("Train Epoch: {epoch:0} [{samples_in_epoch}/{samples_per_epoch} ({_}%)] {*}", Free)
            .needs("Batch (t): ")],
        // evaluate() gets how many epochs are done.
        also: &[line("Eval Epoch: {epoch:1} {*}", Free).prefix("eval/").epoch(Ends(1))],
        examples: &[
            Example {
                text: "2023-01-01,10:00:00 | INFO | Train Epoch: 0 [   128/100000 (0%)] Data (t): 0.0125 Batch (t): 0.5, \
               500.5/s, 500.5/s/gpu LR: 0.000125 Logit Scale: 14.25 Contrastive_loss: 2.5 (2.75) Loss: 2.5 (2.75)\n\
               2023-01-01,10:00:50 | INFO | Train Epoch: 0 [ 12928/100000 (13%)] Data (t): 0.0125 Batch (t): 0.5, \
               500.5/s, 500.5/s/gpu LR: 0.000250 Logit Scale: 14.5 Contrastive_loss: 1.5 (2.0) Loss: 1.5 (2.0)\n\
               2023-01-01,10:01:50 | INFO | Eval Epoch: 1 imagenet-zeroshot-val-top1: 0.125\timagenet-zeroshot-val-top5: 0.25\n",
                records: &[
                    "Data (t)@0/128=0.0125",
                    "Batch (t)@0/128=0.5",
                    "LR@0/128=0.000125",
                    "Logit Scale@0/128=14.25",
                    "Contrastive_loss@0/128=2.5",
                    "Contrastive_loss/avg@0/128=2.75",
                    "Loss@0/128=2.5",
                    "Loss/avg@0/128=2.75",
                    "Data (t)@0/12928=0.0125",
                    "Batch (t)@0/12928=0.5",
                    "LR@0/12928=0.00025",
                    "Logit Scale@0/12928=14.5",
                    "Contrastive_loss@0/12928=1.5",
                    "Contrastive_loss/avg@0/12928=2",
                    "Loss@0/12928=1.5",
                    "Loss/avg@0/12928=2",
                    "eval/imagenet-zeroshot-val-top1@1/-=0.125",
                    "eval/imagenet-zeroshot-val-top5@1/-=0.25",
                ],
                meanings: &["Sample 1 of epoch; In(0)", "; Ends(1)"],
                prose: 0,
            },
            Example {
                text: "2021-08-01,10:00:00 | INFO | Train Epoch: 0 [0/100000 (0%)]\tLoss: 2.5\tData (t) 0.5\tBatch (t): \
               1.5\tLR: 0.000125\n\
               2021-08-01,10:00:00 | INFO | Train Epoch: 0 [12800/100000 (13%)]\tLoss: 2.25\tData (t) 0.5\tBatch \
               (t): 1.5\tLR: 0.000125\n",
                records: &[
                    "Loss@0/0=2.5",
                    "Data (t)@0/0=0.5",
                    "Batch (t)@0/0=1.5",
                    "LR@0/0=0.000125",
                    "Loss@0/12800=2.25",
                    "Data (t)@0/12800=0.5",
                    "Batch (t)@0/12800=1.5",
                    "LR@0/12800=0.000125",
                ],
                meanings: &["Sample 0 of epoch; In(0)"],
                prose: 0,
            },
        ],
    },
    // cur_epoch + 1 and cur_iter + 1, as `1/196` and `10/3000`.
    TextShape {
        name: "slowfast",
        source: "SlowFast and pycls, slowfast/utils/logging.py, log_json_stats",
        either: false,
        common: false,
        after: &[],
        lines: &[
            line("json_stats: {{{*}", Object).keys(SLOWFAST).needs("\"train_iter\""),
            line("json_stats: {{{*}", Object)
                .keys(&[("epoch", ShapeKey::Epoch), ("_type", ShapeKey::Ignored)])
                .needs("\"train_epoch\"")
                .prefix("epoch/")
                .epoch(Ends(1)),
            line("json_stats: {{{*}", Object)
                .keys(&[("epoch", ShapeKey::Epoch), ("_type", ShapeKey::Ignored)])
                .needs("\"val_epoch\"")
                .prefix("val/")
                .epoch(Ends(1)),
        ],
        also: &[],
        examples: &[Example {
            text: "[01/01 10:00:00][INFO] logging.py:  99: json_stats: {\"_type\": \"train_iter\", \"dt\": 1.25, \
               \"epoch\": \"1/196\", \"eta\": \"1:02:03\", \"gpu_mem\": \"5.0G\", \"iter\": \"10/3000\", \"loss\": \
               2.5, \"lr\": 0.01}\n\
               [01/01 10:00:00][INFO] logging.py:  99: json_stats: {\"_type\": \"train_epoch\", \"dt\": 1.25, \
               \"epoch\": \"1/196\", \"loss\": 2.25, \"lr\": 0.02}\n\
               [01/01 10:00:00][INFO] logging.py:  99: json_stats: {\"_type\": \"val_epoch\", \"epoch\": \
               \"1/196\", \"top1_err\": 50.5}\n",
            records: &[
                "dt@1/10=1.25",
                "gpu_mem@1/10=5",
                "loss@1/10=2.5",
                "lr@1/10=0.01",
                "epoch/dt@1/-=1.25",
                "epoch/loss@1/-=2.25",
                "epoch/lr@1/-=0.02",
                "val/top1_err@1/-=50.5",
            ],
            meanings: &["Batch 1 of epoch; In(1)", "; Ends(1)", "; Ends(1)"],
            prose: 0,
        }],
    },
    // An object an epoch, when it is over, from 1.
    TextShape {
        name: "json_stats",
        source: "wide-residual-networks (Torch7), train.lua",
        either: false,
        common: false,
        after: &[],
        lines: &[line("json_stats: {{{*}", Object)
            .keys(&[("epoch", ShapeKey::Epoch)])
            .needs("\"test_acc\":")
            .epoch(Ends(1))],
        also: &[],
        examples: &[Example {
            text: "==> online epoch # 1 [batchSize = 128]\t\n\
               json_stats: {\"hflip\":true,\"batchSize\":128,\"model\":\"nin\",\"epoch\":1,\"save\":\"logs\\/nin\",\"test_acc\":54.78}\n\
               json_stats: {\"epoch\":2,\"test_acc\":70.87}\n",
            records: &["batchSize@1/-=128", "test_acc@1/-=54.78", "test_acc@2/-=70.87"],
            meanings: &["; Ends(1)"],
            prose: 1,
        }],
    },
    // epoch_iter is raised by the batch size before it is printed.
    TextShape {
        name: "cyclegan",
        source: "pytorch-CycleGAN-and-pix2pix, util/visualizer.py, print_current_losses",
        either: false,
        common: false,
        after: &[],
        lines: &[
            line("(epoch: {epoch:1}, iters: {samples_in_epoch:1}, time: {time}, data: {data}) {*}", Free),
            line("(epoch: {epoch:1}, iters: {samples_in_epoch:1}, time: {time}) {*}", Free),
        ],
        also: &[],
        examples: &[Example {
            text: "================ Training Loss (Mon Nov 30 10:00:00 2020) ================\n\
               (epoch: 1, iters: 100, time: 0.079, data: 0.301) D_A: 2.25 G_A: 2.5 cycle_A: 2.75 \n\
               (epoch: 1, iters: 200, time: 0.079, data: 0.001) , D_A: 2.125, G_A: 2.0, cycle_A: 2.5\n",
            records: &[
                "time@1/100=0.079",
                "data@1/100=0.301",
                "D_A@1/100=2.25",
                "G_A@1/100=2.5",
                "cycle_A@1/100=2.75",
                "time@1/200=0.079",
                "data@1/200=0.001",
                "D_A@1/200=2.125",
                "G_A@1/200=2",
                "cycle_A@1/200=2.5",
            ],
            meanings: &["Sample 1 of epoch; In(1)"],
            prose: 1,
        }],
    },
    // Both from enumerate() and range().
    TextShape {
        name: "pytorch_gan",
        source: "PyTorch-GAN, implementations/*/*.py",
        either: false,
        common: false,
        after: &[],
        lines: &[line("[Epoch {epoch:0}/{epochs}] [Batch {iter:0}/{iters}] [{*}", Free).needs("loss: ")],
        also: &[],
        examples: &[Example {
            text: "[Epoch 0/200] [Batch 0/938] [D loss: 0.75] [G loss: 0.5]\n\
               [Epoch 0/200] [Batch 1/938] [D loss: 0.625] [G loss: 0.25, adv: 0.125, cycle: 1.5] ETA: 1:02:03.5\n",
            records: &[
                "D loss@0/0=0.75",
                "G loss@0/0=0.5",
                "D loss@0/1=0.625",
                "G loss@0/1=0.25",
                "adv@0/1=0.125",
                "cycle@0/1=1.5",
            ],
            meanings: &["Batch 0 of epoch; In(0)"],
            prose: 0,
        }],
    },
    // Both from range() in most programs.
    TextShape {
        name: "dcgan_tf",
        source: "DCGAN-tensorflow, model.py, DCGAN.train, and those after it",
        either: true,
        common: false,
        after: &[],
        lines: &[
            line("Epoch: [{epoch}] [{iter}/{iters}] time: {time} {*}", Free).needs("d_loss: "),
            line("Epoch: [{epoch}/{epochs}] [{iter}/{iters}] time: {time} {*}", Free).needs("d_loss: "),
        ],
        also: &[],
        examples: &[
            Example {
                text: "Epoch: [ 0] [   0/ 100] time: 4.125, d_loss: 1.25000000, g_loss: 0.75000000\n\
                       Epoch: [ 0] [   1/ 100] time: 4.25, d_loss: 1.12500000, g_loss: 0.62500000\n",
                records: &[
                    "time@0/0=4.125",
                    "d_loss@0/0=1.25",
                    "g_loss@0/0=0.75",
                    "time@0/1=4.25",
                    "d_loss@0/1=1.125",
                    "g_loss@0/1=0.625",
                ],
                meanings: &["Batch 0 of epoch; In(0)"],
                prose: 0,
            },
            Example {
                text: "Epoch: [ 1/25] [   1/ 100] time: 4.1250 d_loss: 1.25000000, g_loss: 0.75000000\n\
                       Epoch: [ 1/25] [   2/ 100] time: 4.2500 d_loss: 1.12500000, g_loss: 0.62500000\n",
                records: &[
                    "time@1/1=4.125",
                    "d_loss@1/1=1.25",
                    "g_loss@1/1=0.75",
                    "time@1/2=4.25",
                    "d_loss@1/2=1.125",
                    "g_loss@1/2=0.625",
                ],
                meanings: &["Batch 1 of epoch; In(1)"],
                prose: 0,
            },
        ],
    },
    // Both from 0.
    TextShape {
        name: "dcgan",
        source: "PyTorch examples, dcgan/main.py, and the DCGAN tutorial",
        either: false,
        common: false,
        after: &[],
        lines: &[line(
            "[{epoch:0}/{epochs}][{iter:0}/{iters}] Loss_D: {Loss_D} Loss_G: {Loss_G} D(x): {D(x)} D(G(z)): {D(G(z))} / {D(G(z))/2}",
            PairStyle::None,
        )],
        also: &[],
        examples: &[Example {
            text: "[0/3][0/1583]\tLoss_D: 2.5\tLoss_G: 2.25\tD(x): 0.5\tD(G(z)): 0.75 / 0.125\n\
               [0/3][50/1583] Loss_D: 2.0 Loss_G: 2.5 D(x): 0.5 D(G(z)): 0.625 / 0.25\n",
            records: &[
                "Loss_D@0/0=2.5",
                "Loss_G@0/0=2.25",
                "D(x)@0/0=0.5",
                "D(G(z))@0/0=0.75",
                "D(G(z))/2@0/0=0.125",
                "Loss_D@0/50=2",
                "Loss_G@0/50=2.5",
                "D(x)@0/50=0.5",
                "D(G(z))@0/50=0.625",
                "D(G(z))/2@0/50=0.25",
            ],
            meanings: &["Batch 0 of epoch; In(0)"],
            prose: 0,
        }],
    },
    // i + 1.
    TextShape {
        name: "stargan",
        source: "stargan, solver.py, Solver.train",
        either: false,
        common: false,
        after: &[],
        lines: &[line("Elapsed [{_}], Iteration [{step:1}/{steps}], {*}", Comma)],
        also: &[],
        examples: &[Example {
            text: "Elapsed [0:00:12], Iteration [10/200000], D/loss_real: -1.5, D/loss_fake: 0.5, G/loss_rec: 0.25\n\
               Elapsed [1 day, 0:00:24], Iteration [20/200000], D/loss_real: -1.25, D/loss_fake: 0.25, G/loss_rec: \
               0.5\n",
            records: &[
                "D/loss_real@-/10=-1.5",
                "D/loss_fake@-/10=0.5",
                "G/loss_rec@-/10=0.25",
                "D/loss_real@-/20=-1.25",
                "D/loss_fake@-/20=0.25",
                "G/loss_rec@-/20=0.5",
            ],
            meanings: &["Step 1 of run"],
            prose: 0,
        }],
    },
];
