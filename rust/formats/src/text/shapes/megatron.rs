//! Megatron-LM and other programs that train language models by updates alone.

use super::prelude::*;

/// Megatron-DeepSpeed prints the lines of both.
const MEGATRON: [ShapeLine; 2] = [
    line("iteration {step}/{steps} | {*}", Bar).needs("|").begins(),
    line("validation loss at iteration {step} | {*}", Bar),
];

const DEEPSPEED: [ShapeLine; 2] = [
    line("step={step}, skipped={skipped}, {*}", Comma),
    line("epoch={_}/micro_step={_}/global_step={step}, {*}", Comma),
];

/// Of the arguments that are printed before training: a name, points, and the value.
const ARGUMENTS: [ShapeLine; 4] = [
    setting("global_batch_size ..{global_batch_size}", ConfigItem::StepSamples),
    setting("micro_batch_size ..{micro_batch_size}", ConfigItem::RankBatch),
    setting("data_parallel_size ..{data_parallel_size}", ConfigItem::Ranks),
    setting("train_iters ..{train_iters}", ConfigItem::StepLimit),
];

pub(super) const SHAPES: &[TextShape] = &[
    // trainer.global_step before it is raised: 80 samples are consumed where batches of 8 show step 9.
    TextShape {
        name: "nemo",
        source: "NeMo 2, nemo/lightning/pytorch/callbacks/progress_printer.py, ProgressPrinter",
        either: false,
        common: false,
        after: &[],
        lines: &[line("Training epoch {epoch:0}, iteration {_}/{_} | {*}", Bar)
            .keys(&[("global_step", ShapeKey::Step)])
            .needs("global_step: ")
            .step(StepMeaning::of_run(Unit::Step, 0))
            .epoch(In(0))],
        also: &[],
        examples: &[Example {
            text: "Training epoch 0, iteration 0/99 | lr: 1.5e-07 | global_batch_size: 8 | global_step: 0 | \
               reduced_train_loss: 11.03 | train_step_timing in s: 9.5 | consumed_samples: 8\n\
               Training epoch 0, iteration 1/99 | lr: 3e-07 | global_batch_size: 8 | global_step: 1 | \
               reduced_train_loss: 10.5 | train_step_timing in s: 0.5 | consumed_samples: 16 | val_loss: 10.25\n",
            records: &[
                "lr@0/0=0.00000015",
                "global_batch_size@0/0=8",
                "reduced_train_loss@0/0=11.03",
                "train_step_timing in s@0/0=9.5",
                "consumed_samples@0/0=8",
                "lr@0/1=0.0000003",
                "global_batch_size@0/1=8",
                "reduced_train_loss@0/1=10.5",
                "train_step_timing in s@0/1=0.5",
                "consumed_samples@0/1=16",
                "val_loss@0/1=10.25",
            ],
            meanings: &["Step 0 of run; In(0)"],
            prose: 0,
        }],
    },
    // ' iteration {:8d}/{:8d} |' of the iteration that was completed.
    TextShape {
        name: "megatron",
        source: "Megatron-LM, megatron/training/training.py, training_log",
        either: false,
        common: false,
        after: &[],
        lines: &MEGATRON,
        also: &[DEEPSPEED[0], DEEPSPEED[1], ARGUMENTS[0], ARGUMENTS[1], ARGUMENTS[2], ARGUMENTS[3]],
        examples: &[Example {
            text: "  global_batch_size ............................... 256\n\
               \u{20}iteration      199/  317892 | consumed samples:       152832 | elapsed time per iteration (ms): 14287.5 | \
               learning rate: 2.407E-04 | lm loss: 5.905366E+00 |\n\
               (min, max) time across ranks (ms):\n\
               \u{20}[2024-03-07 15:27:17] iteration      200/  317892 | lm loss: 5.897035E+00 |\n\
               -----\n validation loss at iteration 200 | lm loss value: 5.5E+00 | lm loss PPL: 2.4E+02 | \n",
            records: &[
                "consumed samples@-/199=152832",
                "elapsed time per iteration (ms)@-/199=14287.5",
                "learning rate@-/199=0.0002407",
                "lm loss@-/199=5.905366",
                "lm loss@-/200=5.897035",
                "lm loss value@-/200=5.5",
                "lm loss PPL@-/200=240",
            ],
            meanings: &["Step 1 of run", "Step 1 of run"],
            prose: 3,
        }],
    },
    // global_step is raised before the line is printed; epochs are those of a range().
    TextShape {
        name: "olmo",
        source: "OLMo, olmo/train.py, fit",
        either: false,
        common: false,
        after: &[],
        lines: &[ShapeLine { follows: true, ..line("[step={step}/{steps},epoch={epoch:0}]", PairStyle::None) }],
        also: &[],
        examples: &[Example {
            text: "2025-12-12 11:04:38.507\thost:0\tolmo.train:979\tINFO\tPre-train system metrics\n    System/Peak (MB)=20,487\n\
               2025-12-12 11:05:02.009\thost:0\tolmo.train:979\tINFO\t[step=1/15000,epoch=0]\n    train/Loss=2.998\n    \
               throughput/total_tokens=2,097,152\nother\n    train/Loss=7\n\
               2025-12-12 11:05:05.850\thost:0\tolmo.train:979\tINFO\t[step=2/15000,epoch=0]\n    train/Loss=9.9e-05\n",
            records: &["train/Loss@0/1=2.998", "throughput/total_tokens@0/1=2097152", "train/Loss@0/2=0.000099"],
            meanings: &["Step 1 of run; In(0)"],
            prose: 4,
        }],
    },
    // The step is raised before it is logged.
    TextShape {
        name: "torchtitan",
        source: "torchtitan, torchtitan/components/metrics.py, MetricsProcessor.log",
        either: false,
        common: false,
        after: &[],
        lines: &[
            line("validate step: {step} {*}", Wide).needs("loss: ").prefix("val/").grouped(),
            line("step: {step} {*}", Wide).needs("tps: ").grouped(),
        ],
        also: &[],
        examples: &[Example {
            text: "[rank0]:[titan] 2025-01-28 10:11:12,345 - root - INFO - \u{1b}[31mstep:  1  \u{1b}[32mloss:  8.25  \
               \u{1b}[39mgrad_norm:  1.5000  memory: 12.50GiB(15.25%)  tps: 5,432  tflops: 45.50  mfu: \
               14.50%\u{1b}[39m\n\
               [rank0]:[titan] 2025-01-28 10:12:12,345 - root - INFO - validate step:  1  loss:  8.0  memory: \
               12.50GiB(15.25%)  tps: 15,432\n",
            records: &[
                "val/loss@-/1=8",
                "val/memory@-/1=12.5",
                "val/memory/avg@-/1=15.25",
                "val/tps@-/1=15432",
                "loss@-/1=8.25",
                "grad_norm@-/1=1.5",
                "memory@-/1=12.5",
                "memory/avg@-/1=15.25",
                "tps@-/1=5432",
                "tflops@-/1=45.5",
                "mfu@-/1=14.5",
            ],
            meanings: &["Step 1 of run", "Step 1 of run"],
            prose: 0,
        }],
    },
    // `it` of a range from 1.
    TextShape {
        name: "mlx_lm",
        source: "mlx-lm, mlx_lm/tuner/trainer.py, train",
        either: false,
        common: false,
        after: &[],
        lines: &[
            line("Iter {step}: Train loss {Train loss}, {*}", Comma),
            line("Iter {step}: Val loss {Val loss}, Val took {Val took}", PairStyle::None),
        ],
        also: &[],
        examples: &[Example {
            text: "Starting training..., iters: 100\n\
               Iter 1: Val loss 2.875, Val took 3.125s\n\
               Iter 10: Train loss 2.250, Learning Rate 1.000e-05, It/sec 1.5, Tokens/sec 699.5, Trained Tokens \
               2770, Peak mem 1.5 GB\n",
            records: &[
                "Train loss@-/10=2.25",
                "Learning Rate@-/10=0.00001",
                "It/sec@-/10=1.5",
                "Tokens/sec@-/10=699.5",
                "Trained Tokens@-/10=2770",
                "Peak mem@-/10=1.5",
                "Val loss@-/1=2.875",
                "Val took@-/1=3.125",
            ],
            meanings: &["Step 1 of run", "Step 1 of run"],
            prose: 1,
        }],
    },
    // global_steps is raised before it is printed. Its epochs count from the start of the process and are left alone.
    TextShape {
        name: "deepspeed",
        source: "DeepSpeed, deepspeed/runtime/engine.py, _report_progress; utils/timer.py, ThroughputTimer.stop",
        either: false,
        common: false,
        after: &[],
        lines: &DEEPSPEED,
        also: &MEGATRON,
        examples: &[Example {
            text: "[2024-01-01 10:00:10,123] [INFO] [logging.py:96:log_dist] [Rank 0] step=10, skipped=0, lr=[1e-05, \
               1e-05], mom=[(0.9, 0.95), (0.9, 0.95)]\n\
               [2024-01-01 10:00:10,124] [INFO] [timer.py:260:stop] epoch=0/micro_step=40/global_step=10, \
               RunningAvgSamplesPerSec=12.5, CurrSamplesPerSec=12.25, MemAllocated=1.25GB, MaxMemAllocated=3.5GB\n",
            records: &[
                "skipped@-/10=0",
                "RunningAvgSamplesPerSec@-/10=12.5",
                "CurrSamplesPerSec@-/10=12.25",
                "MemAllocated@-/10=1.25",
                "MaxMemAllocated@-/10=3.5",
            ],
            meanings: &["Step 1 of run", "Step 1 of run"],
            prose: 0,
        }],
    },
    // step + 1.
    TextShape {
        name: "llm_c",
        source: "llm.c, train_gpt2.cu and train_gpt2.py, main",
        either: false,
        common: false,
        after: &[],
        lines: &[line("step {step}/{steps} | {*}", Bar).needs(" tok/s").sets()],
        // It comes before the next update, and so after as many as the line before says.
        also: &[ShapeLine {
            takes: Takes::Place,
            ends: true,
            ..line("val loss {val loss}", PairStyle::None).begins().step(StepMeaning::of_run(Unit::Step, 1))
        }],
        examples: &[Example {
            text: "step    1/19560 | loss 11.009 (+nanz)| norm 15.25 (+nanz)| lr 8.5e-07 | 3200.5 ms | 38.0% bf16 MFU \
               | 163835 tok/s\n\
               val loss 10.5\n\
               step    2/19560 | loss 10.875 (+nanz)| norm 9.5 (+nanz)| lr 1.5e-06 | 3100.5 ms | 38.5% bf16 MFU | \
               163840 tok/s\n",
            records: &[
                "val loss@-/1=10.5",
                "loss@-/1=11.009",
                "norm@-/1=15.25",
                "lr@-/1=0.00000085",
                "loss@-/2=10.875",
                "norm@-/2=9.5",
                "lr@-/2=0.0000015",
            ],
            meanings: &["Step 1 of run", "Step 1 of run"],
            prose: 0,
        }],
    },
    // The step of its loop.
    TextShape {
        name: "llm_c_cpu",
        source: "llm.c, train_gpt2.c, main",
        either: false,
        common: false,
        after: &[],
        lines: &[line("step {step:0}: train loss {train loss} (took {took} ms)", PairStyle::None).sets()],
        also: &[ShapeLine {
            takes: Takes::Place,
            ends: true,
            ..line("val loss {val loss}", PairStyle::None).begins().step(StepMeaning::of_run(Unit::Step, 0))
        }],
        examples: &[Example {
            text: "val loss 5.325\n\
               step 0: train loss 5.356 (took 1452.125 ms)\n\
               step 1: train loss 4.301 (took 1288.5 ms)\n\
               val loss 4.25\n",
            records: &[
                "val loss@-/-=5.325",
                "val loss@-/1=4.25",
                "train loss@-/0=5.356",
                "took@-/0=1452.125",
                "train loss@-/1=4.301",
                "took@-/1=1288.5",
            ],
            meanings: &["Step 0 of run", "Step 0 of run"],
            prose: 0,
        }],
    },
    // A loss of training is that of the update with this index. An evaluation comes before it, and so after as many updates.
    TextShape {
        name: "llm_c_log",
        source: "llm.c, llmc/logger.h and train_gpt2.py, main.log",
        either: false,
        common: false,
        after: &[],
        lines: &[
            line("s:{step:0} {*}", Free).begins().needs(" trl:"),
            ShapeLine { ends: true, ..line("s:{step:1} tel:{tel}", PairStyle::None).begins() },
            ShapeLine { ends: true, ..line("s:{step:1} eval:{eval}", PairStyle::None).begins() },
        ],
        also: &[],
        examples: &[Example {
            text: "s:0 tel:11.0\ns:0 eval:0.25\ns:0 trl:11.009 lr:0.000001 norm:15.25\n\
               s:1 trl:10.875 lr:0.000002 norm:9.5\ns:2 tel:10.5\n",
            records: &[
                "trl@-/0=11.009",
                "lr@-/0=0.000001",
                "norm@-/0=15.25",
                "trl@-/1=10.875",
                "lr@-/1=0.000002",
                "norm@-/1=9.5",
                "tel@-/0=11",
                "tel@-/2=10.5",
                "eval@-/0=0.25",
            ],
            meanings: &["Step 0 of run", "Step 1 of run", "Step 1 of run"],
            prose: 0,
        }],
    },
    // Evaluations come before the update of their step, and so after as many.
    TextShape {
        name: "build_nanogpt",
        source: "build-nanogpt, train_gpt2.py",
        either: false,
        common: false,
        after: &[],
        lines: &[
            line("step {step:0} | loss: {loss} | {*}", Bar).needs("tok/sec: "),
            ShapeLine { ends: true, ..line("{step:0} train {train}", PairStyle::None).begins() },
            ShapeLine { ends: true, ..line("{step:1} val {val}", PairStyle::None).begins() },
            ShapeLine { ends: true, ..line("{step:1} hella {hella}", PairStyle::None).begins() },
        ],
        also: &[],
        examples: &[
            Example {
                text: "validation loss: 10.95\n\
               step     0 | loss: 10.955 | lr 8.5e-07 | norm: 15.25 | dt: 1000.50ms | tok/sec: 524000.50\n\
               step     1 | loss: 9.75 | lr 1.5e-06 | norm: 9.25 | dt: 950.50ms | tok/sec: 534000.50\n",
                records: &[
                    "loss@-/0=10.955",
                    "lr@-/0=0.00000085",
                    "norm@-/0=15.25",
                    "dt@-/0=1000.5",
                    "tok/sec@-/0=524000.5",
                    "loss@-/1=9.75",
                    "lr@-/1=0.0000015",
                    "norm@-/1=9.25",
                    "dt@-/1=950.5",
                    "tok/sec@-/1=534000.5",
                ],
                meanings: &["Step 0 of run"],
                prose: 1,
            },
            Example {
                text: "0 val 10.9511\n\
               0 hella 0.2463\n\
               0 train 10.955\n\
               1 train 9.75\n\
               250 val 5.75\n",
                records: &[
                    "train@-/0=10.955",
                    "train@-/1=9.75",
                    "val@-/0=10.9511",
                    "val@-/250=5.75",
                    "hella@-/0=0.2463",
                ],
                meanings: &["Step 0 of run", "Step 1 of run", "Step 1 of run"],
                prose: 0,
            },
        ],
    },
    // iter_num is the index of the update that was made; an evaluation comes before the update of that
    // number, and so after as many.
    TextShape {
        name: "nanogpt",
        source: "nanoGPT, train.py",
        either: false,
        common: false,
        after: &[],
        lines: &[
            line("iter {step:0}: {*}", Comma).needs(", time ").begins(),
            line("step {step:1}: train loss {train loss}, val loss {val loss}", PairStyle::None).begins(),
        ],
        also: &[],
        examples: &[Example {
            text: "step 0: train loss 10.9, val loss 10.8\niter 0: loss 10.8763, time 30728.83ms, mfu -100.00%\nsaving checkpoint to out\n\
               iter 1: loss nan, time 99.50ms, mfu 39.25%\n",
            records: &[
                "loss@-/0=10.8763",
                "time@-/0=30728.83",
                "mfu@-/0=-100",
                "loss@-/1=NaN",
                "time@-/1=99.5",
                "mfu@-/1=39.25",
                "train loss@-/0=10.9",
                "val loss@-/0=10.8",
            ],
            meanings: &["Step 0 of run", "Step 1 of run"],
            prose: 1,
        }],
    },
];
