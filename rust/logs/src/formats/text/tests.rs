//! Whole text logs: every shape with lines as its writer's source prints them, and what may go wrong.

use std::fmt::Write as _;

use proptest::prelude::*;

use super::*;
use crate::formats::{EpochMeaning, Meaning, Scope, read_for_test};
use crate::options::ReadOptions;
use crate::piece::{Facts, FileRead};
use crate::problem::Problem;
use crate::progress::Progress;
use crate::read_bytes;

fn options(pattern: &str) -> ReadOptions {
    ReadOptions { pattern: (!pattern.is_empty()).then(|| pattern.to_owned()), ..ReadOptions::default() }
}

fn read_text(pattern: &str, text: &str) -> FileRead {
    read_for_test(Format::Text, "train.log", text.as_bytes(), &options(pattern), 1)
}

/// Records as `tag@epoch/step=value`, with `-` for what a record has not.
fn records(read: &FileRead) -> Vec<String> {
    let mut all = Vec::new();
    for piece in &read.pieces {
        let chunk = &piece.chunk;
        for index in 0..chunk.len() {
            let epoch = chunk.epoch.as_ref().and_then(|epoch| epoch[index]);
            let epoch = epoch.map_or_else(|| "-".to_owned(), |epoch| epoch.to_f64().to_string());
            let step = chunk.step_of(index).map_or_else(|| "-".to_owned(), |step| step.to_string());
            all.push(format!("{}@{epoch}/{step}={}", piece.tags[chunk.tag[index] as usize], chunk.value[index]));
        }
    }
    all
}

/// A meaning as `unit base scope, epoch`.
fn said(meaning: Meaning) -> String {
    let mut said = String::new();
    if let Some(step) = meaning.step {
        let scope = if step.scope == Scope::Run { "run" } else { "epoch" };
        let _ = write!(said, "{:?} {} of {scope}", step.unit, step.base);
    }
    if let Some(epoch) = meaning.epoch {
        let _ = write!(said, "; {epoch:?}");
    }
    said
}

fn kinds(read: &FileRead) -> Vec<(ProblemKind, Option<u64>, Option<u64>)> {
    read.problems.iter().map(|problem| (problem.kind, problem.offset, problem.length)).collect()
}

struct Case {
    name: &'static str,
    text: &'static str,
    records: &'static [&'static str],
    /// Of each piece.
    meanings: &'static [&'static str],
    prose: u64,
}

/// Lines as the writers' sources print them, some from the logs of public repositories.
const CASES: &[Case] = &[
    Case {
        name: "megatron",
        text: " iteration      199/  317892 | consumed samples:       152832 | elapsed time per iteration (ms): 14287.5 | \
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
        prose: 2,
    },
    Case {
        name: "olmo",
        text: "2025-12-12 11:04:38.507\thost:0\tolmo.train:979\tINFO\tPre-train system metrics\n    System/Peak (MB)=20,487\n\
               2025-12-12 11:05:02.009\thost:0\tolmo.train:979\tINFO\t[step=1/15000,epoch=0]\n    train/Loss=2.998\n    \
               throughput/total_tokens=2,097,152\nother\n    train/Loss=7\n\
               2025-12-12 11:05:05.850\thost:0\tolmo.train:979\tINFO\t[step=2/15000,epoch=0]\n    train/Loss=9.9e-05\n",
        records: &["train/Loss@0/1=2.998", "throughput/total_tokens@0/1=2097152", "train/Loss@0/2=0.000099"],
        meanings: &["Step 1 of run; In(0)"],
        prose: 4,
    },
    Case {
        name: "mmengine",
        text: "2023/06/05 20:10:13 - mmengine - INFO - Epoch(train)   [1][1/6]  lr: 4.0e-08  eta: 4:59:11  time: 9.97  loss: 0.42\n\
               2023/06/05 20:17:33 - mmengine - INFO - Epoch(val)  [10][1/6]    eta: 0:00:12  time: 2.44\n\
               2023/06/05 21:50:19 - mmengine - INFO - Epoch(val) [130][6/6]    coco/AP: 0.58  coco/AP .5: 1.0  time: 1.3\n\
               2023/06/05 21:50:19 - mmengine - INFO - Iter(train) [  100/20000]  base_lr: 1.0e-02  loss: 2.5\n",
        records: &[
            "lr@1/1=0.00000004",
            "time@1/1=9.97",
            "loss@1/1=0.42",
            "val/time@10/-=2.44",
            "val/coco/AP@130/-=0.58",
            "val/coco/AP .5@130/-=1",
            "val/time@130/-=1.3",
            "base_lr@-/100=0.01",
            "loss@-/100=2.5",
        ],
        meanings: &["Batch 1 of epoch; In(1)", "; Ends(1)", "Batch 1 of run"],
        prose: 0,
    },
    Case {
        name: "mmcv",
        text: "2021-04-26 17:03:57,345 - mmdet - INFO - Epoch [1][50/7330]\tlr: 1.978e-03, eta: 12:00:00, time: 0.5, memory: 3900, \
               loss: 1.25, grad_norm: nan\n\
               2021-04-26 18:03:57,345 - mmdet - INFO - Epoch(val) [1][625]\tbbox_mAP: 0.25, bbox_mAP_copypaste: 0.250 0.4\n\
               2021-04-26 18:03:57,345 - mmdet - INFO - Iter [50/80000]\tlr: 1.0e-02, loss: 3.5\n",
        records: &[
            "lr@1/50=0.001978",
            "time@1/50=0.5",
            "memory@1/50=3900",
            "loss@1/50=1.25",
            "grad_norm@1/50=NaN",
            "val/bbox_mAP@1/-=0.25",
            "val/bbox_mAP_copypaste@1/-=0.25",
            "lr@-/50=0.01",
            "loss@-/50=3.5",
        ],
        meanings: &["Batch 1 of epoch; In(1)", "; Ends(1)", "Batch 1 of run"],
        prose: 0,
    },
    Case {
        name: "timm",
        text: "Train: 0 [   0/1251 (  0%)]  Loss: 6.94 (6.94)  Time: 3.512s,  291.57/s  (3.512s,  291.57/s)  LR: 1.000e-06  \
               Data: 1.2 (1.2)\n\
               Train: 0 [  50/1251 (  4%)]  Loss: 6.93 (6.94)  Time: 0.5s, 2000.00/s  (0.6s, 1800.00/s)  LR: 1.000e-06  Data: 0.01 (0.03)\n\
               Test: [   0/48]  Time: 1.5 (1.5)  Loss:   0.9 ( 0.9)\n",
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
        ],
        meanings: &["Batch 0 of epoch; In(0)"],
        prose: 1,
    },
    Case {
        name: "detectron2",
        text: "[11/17 15:16:42] d2.utils.events INFO:  eta: 21:12:23  iter: 19  total_loss: 0.4109  time: 0.6826  lr: 0.0002  \
               max_mem: 11810M\n\
               \u{1b}[32m[11/17 15:16:55 d2.utils.events]: \u{1b}[0m iter: 39  total_loss: 0.3992  lr: 0.0004  \n",
        records: &[
            "total_loss@-/19=0.4109",
            "time@-/19=0.6826",
            "lr@-/19=0.0002",
            "max_mem@-/19=11810",
            "total_loss@-/39=0.3992",
            "lr@-/39=0.0004",
        ],
        meanings: &["Step 0 of run"],
        prose: 0,
    },
    Case {
        name: "fairseq",
        text: "| epoch 001:   1000 / 1637 loss=7.624, ppl=1.00, num_updates=996, lr=0.0019681, clip=100%, wall=241\n\
               | epoch 001 | loss 6.648 | num_updates 1631 | clip 100% | wall 390\n\
               | epoch 001 | valid on 'valid' subset | loss 4.5 | num_updates 1631 | best_loss 4.5\n\
               2020-05-01 10:00:00 | INFO | train_inner | epoch 002:    100 / 1637 loss=5.5, num_updates=1731\n\
               2020-05-01 10:00:00 | INFO | valid | epoch 002 | valid on 'valid' subset | loss 4 | num_updates 3268\n\
               2020-05-01 10:00:00 | INFO | train_inner | {\"epoch\": 3, \"update\": 2.061, \"loss\": \"5.25\", \"num_updates\": \"3368\"}\n",
        records: &[
            "valid/loss@1/1631=4.5",
            "valid/best_loss@1/1631=4.5",
            "valid/loss@2/3268=4",
            "train/loss@1/1631=6.648",
            "train/clip@1/1631=100",
            "train/wall@1/1631=390",
            "loss@1/996=7.624",
            "ppl@1/996=1",
            "lr@1/996=0.0019681",
            "clip@1/996=100",
            "wall@1/996=241",
            "loss@2/1731=5.5",
            "update@3/3368=2.061",
            "loss@3/3368=5.25",
        ],
        meanings: &["Step 1 of run; In(1)"; 4],
        prose: 0,
    },
    Case {
        name: "mxnet",
        text: "2019-06-18 18:15:38,827 Node[0] Epoch[0] Batch [0-20]\tSpeed: 10356.65 samples/sec\taccuracy=0.001145\n\
               INFO:root:Epoch[0] Batch [40]\tSpeed: 1.5 samples/sec\taccuracy=0.5\ttop_k=0.75\n\
               2019-06-18 18:17:29,842 Node[0] Epoch[0] Time cost=115.123\n\
               2019-06-18 18:23:19,182 Node[0] Epoch[0] Validation-accuracy=0.368480\n",
        records: &[
            "Speed@0/20=10356.65",
            "accuracy@0/20=0.001145",
            "Speed@0/40=1.5",
            "accuracy@0/40=0.5",
            "top_k@0/40=0.75",
            "Time cost@0/-=115.123",
            "Validation-accuracy@0/-=0.36848",
        ],
        meanings: &["Batch 0 of epoch; In(0)", "Batch 0 of epoch; In(0)", "; Ends(0)"],
        prose: 0,
    },
    Case {
        name: "gnmt",
        text: "0: TRAIN [0][10/1938]\tTime 0.178 (0.156)\tData 1.77e-04 (3.96e-04)\tTok/s 93951 (91495)\tLR 2.000e-03\n\
               0: TEST [0][0/3]\tTime 0.788 (0.788)\tDecoder iters 149.0 (149.0)\n\
               0: Summary: Epoch: 0\tTraining Loss: 4.5115\tTest BLEU: 20.12\n\
               0: Performance: Epoch: 0\tTraining: 731721 Tok/s\n\
               :::MLL 1560822683.386 eval_accuracy: {\"value\": 20.12, \"metadata\": {\"epoch_num\": 1, \"file\": \"train.py\"}}\n\
               0: TRAIN [1][0/1938]\tTime 0.5 (0.5)\n",
        records: &[
            "Time@0/10=0.178",
            "Time/avg@0/10=0.156",
            "Data@0/10=0.000177",
            "Data/avg@0/10=0.000396",
            "Tok/s@0/10=93951",
            "Tok/s/avg@0/10=91495",
            "LR@0/10=0.002",
            "Time@1/0=0.5",
            "Time/avg@1/0=0.5",
            "test/Time@0/-=0.788",
            "test/Time/avg@0/-=0.788",
            "test/Decoder iters@0/-=149",
            "test/Decoder iters/avg@0/-=149",
            "Training Loss@0/-=4.5115",
            "Test BLEU@0/-=20.12",
            "performance/Training@0/-=731721",
            "eval_accuracy@1/-=20.12",
        ],
        meanings: &["Batch 0 of epoch; In(0)", "; Ends(0)", "; Ends(0)", "; Ends(0)", "; Ends(1)"],
        prose: 0,
    },
    Case {
        name: "nvidia_ssd",
        text: "Iteration:      0, Loss function: 22.825, Average Loss: 0.023, avg. samples / sec: 75.46\n\
               Iteration:     20, Loss function: 20.681, Average Loss: 0.445, avg. samples / sec: 3874.80\n",
        records: &[
            "Loss function@-/0=22.825",
            "Average Loss@-/0=0.023",
            "avg. samples / sec@-/0=75.46",
            "Loss function@-/20=20.681",
            "Average Loss@-/20=0.445",
            "avg. samples / sec@-/20=3874.8",
        ],
        meanings: &["Step 0 of run"],
        prose: 0,
    },
    Case {
        name: "nanogpt",
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
    },
    Case {
        name: "hf_trainer",
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
    },
    Case {
        name: "json_stats",
        text: "==> online epoch # 1 [batchSize = 128]\t\n\
               json_stats: {\"hflip\":true,\"batchSize\":128,\"model\":\"nin\",\"epoch\":1,\"save\":\"logs\\/nin\",\"test_acc\":54.78}\n\
               json_stats: {\"epoch\":2,\"test_acc\":70.87}\n",
        records: &["batchSize@1/-=128", "test_acc@1/-=54.78", "test_acc@2/-=70.87"],
        meanings: &["; Ends(1)"],
        prose: 1,
    },
    Case {
        name: "imagenet",
        text: "Epoch: [0][   1/5005]\tTime  5.5 ( 5.5)\tLoss 7.0e+00 (7.0e+00)\tAcc@1   0.00 (  0.00)\n\
               Epoch: [1][  11/5005]\tLoss 6.5e+00 (6.75e+00)\n",
        records: &[
            "Time@0/1=5.5",
            "Time/avg@0/1=5.5",
            "Loss@0/1=7",
            "Loss/avg@0/1=7",
            "Acc@1@0/1=0",
            "Acc@1/avg@0/1=0",
            "Loss@1/11=6.5",
            "Loss/avg@1/11=6.75",
        ],
        meanings: &["Batch 1 of epoch; In(0)"],
        prose: 0,
    },
    Case {
        name: "imagenet",
        text: "Epoch: [0][0/5005]\tLoss 7.0 (7.0)\nEpoch: [0][10/5005]\tLoss 6.5 (6.75)\n",
        records: &["Loss@0/0=7", "Loss/avg@0/0=7", "Loss@0/10=6.5", "Loss/avg@0/10=6.75"],
        meanings: &["Batch 0 of epoch; In(0)"],
        prose: 0,
    },
    Case {
        name: "textbook",
        text: "Epoch 5, Iter 4, Step 24: loss 0.5\nEpoch 5, Iter 5, Step 25 - loss 0.25, acc 75%\n",
        records: &["loss@5/24=0.5", "loss@5/25=0.25", "acc@5/25=75"],
        meanings: &["Step 1 of run; In(1)"],
        prose: 0,
    },
    Case {
        name: "tutorial",
        text: "INFO:root:Epoch [6/6], Step [10/1549], Loss: 0.0490\nINFO:root:Epoch [6/6], Step [20/1549], Loss: 0.0833\n\
               INFO:root:Epoch [6] Validation Loss: 0.0660\nINFO:root:Saved best model at epoch 6 with val loss 0.0660\n",
        records: &["Loss@6/10=0.049", "Loss@6/20=0.0833", "Validation Loss@6/-=0.066"],
        meanings: &["Batch 1 of epoch; In(1)", "; Ends(1)"],
        prose: 1,
    },
    Case {
        name: "epochs",
        text: "2023-05-15 22:50:17,398 INFO:Epoch 1: Train Loss=0.0717, Val Loss=0.0766\n\
               2023-05-15 22:50:21,707 INFO:Epoch 2: Train Loss=0.0578, Val Loss=0.0507\n",
        records: &["Train Loss@1/-=0.0717", "Val Loss@1/-=0.0766", "Train Loss@2/-=0.0578", "Val Loss@2/-=0.0507"],
        meanings: &["; Ends(1)"],
        prose: 0,
    },
    Case {
        name: "epochs",
        text: "Epoch 0: loss=0.5\nEpoch 1: loss=0.25\n",
        records: &["loss@0/-=0.5", "loss@1/-=0.25"],
        meanings: &["; Ends(0)"],
        prose: 0,
    },
];

#[test]
fn every_shape_is_read() {
    for Case { name, text, records: expected, meanings, prose } in CASES {
        let read = read_text("", text);
        assert_eq!(read.facts.shape, Some(*name), "{text}");
        assert_eq!(records(&read), *expected, "{name}");
        let said: Vec<String> = read.pieces.iter().map(|piece| said(piece.chunk.meaning)).collect();
        assert_eq!(said, *meanings, "{name}");
        assert_eq!((read.facts.prose, read.problems), (*prose, vec![]), "{name}");
    }
    for shape in shapes::SHAPES {
        assert!(CASES.iter().any(|case| case.name == shape.name), "{} has no lines here", shape.name);
    }
}

#[test]
fn the_meaning_of_a_textbook_line() {
    use stepbridge_timeline::Unit;
    // 5 batches an epoch, so that step 25 is the last batch of epoch 5.
    let mut text = String::new();
    for step in 1..=25 {
        let _ = writeln!(text, "Epoch {}, Iter {}, Step {step}", (step - 1) / 5 + 1, (step - 1) % 5 + 1);
    }
    let read = read_text("", &text);
    let [piece] = &read.pieces[..] else { panic!("one piece") };
    // Counters alone are no values, but they say where the epochs are.
    assert!(piece.chunk.is_empty());
    assert_eq!(piece.chunk.evidence.len(), 25);
    assert_eq!(piece.chunk.evidence[24], (25, crate::record::Stated::integer(5)));
    assert_eq!(piece.chunk.lengths, [(Some(1), 5), (Some(2), 5), (Some(3), 5), (Some(4), 5)]);
    let step = piece.chunk.meaning.step.expect("a step");
    assert_eq!((step.unit, step.base, step.scope), (Unit::Step, 1, Scope::Run));
    assert_eq!(piece.chunk.meaning.epoch, Some(EpochMeaning::In(1)));
    assert_eq!(read.facts.sound, 25);
}

#[test]
fn a_callers_pattern() {
    let text = "# run\n[t=1700000000.5] ep 1 it 3 of 10, n=3: loss=0.5 acc=51%\n[t=1700000001] ep 1 it 4 of 10, n=4: loss=- acc=52%\n";
    let pattern = "[t={wall_time}] ep {epoch} it {iter} of {iters}, n={step}: loss={loss} acc={acc}%";
    let read = read_text(pattern, text);
    assert_eq!(records(&read), ["loss@1/3=0.5", "acc@1/3=51", "acc@1/4=52"]);
    let chunk = &read.pieces[0].chunk;
    assert_eq!(chunk.wall_time.as_deref(), Some(&[1_700_000_000.5, 1_700_000_000.5, 1_700_000_001.0][..]));
    assert_eq!(chunk.lengths, [(Some(1), 10)]);
    assert_eq!((read.facts.shape, read.facts.prose, read.facts.others), (Some("pattern"), 1, 1));
    assert_eq!(kinds(&read), [(ProblemKind::NotANumber, Some(62), Some(51))]);
    // Several patterns, and the first that fits.
    let read = read_text("step {step:0} loss {loss}\nval {epoch} {val loss}", "step 0 loss 1\nval 1 2\nval x 3\n");
    assert_eq!(records(&read), ["loss@-/0=1", "val loss@1/-=2"]);
    assert_eq!(read.facts.prose, 1);
}

#[test]
fn broken_numbers_are_reported_and_the_rest_is_kept() {
    let text = "Epoch 1, Iter 1, Step 1: loss 0.5\nEpoch 1, Iter 2, Step 2x: loss 0.5\nEpoch 1.5, Iter 3, Step 3: loss 0.5\n\
                Epoch 1, Iter 4, Step 99999999999999999999: loss 0.0.5\nEpoch one, Iter 5, Step 5: loss 1\n";
    let read = read_text("", text);
    assert_eq!(records(&read), ["loss@1/1=0.5", "loss@1/-=0.5", "loss@-/3=0.5"]);
    let line = |index: usize| {
        let begin: usize = text.lines().take(index).map(|line| line.len() + 1).sum();
        (ProblemKind::NotANumber, Some(begin as u64), text.lines().nth(index).map(|line| line.len() as u64))
    };
    assert_eq!(kinds(&read), [line(1), line(2), line(3), line(3)]);
    assert_eq!(read.problems[0].reason, "the step of a line is '2x', not a whole number; its values were kept without");
    assert_eq!(read.problems[3].reason, "1 values of 'loss' are no numbers (the first: '0.0.5')");
    assert_eq!((read.facts.sound, read.facts.prose, read.facts.others), (4, 1, 1));
}

#[test]
fn carriage_returns_colours_and_bytes_that_are_no_text() {
    let text = b"step 1 loss 1\rstep 2 loss 2\r\n\x1b[1mstep\x1b[0m 3 loss \x1b[31m3\x1b[0m\n\xff\xfe step 4 loss 4 \xc3(\n\nstep 5 \xe4 loss 5\n";
    let read = read_for_test(Format::Text, "a.log", text, &options("step {step} loss {loss}"), 1);
    assert_eq!(records(&read), ["loss@-/1=1", "loss@-/2=2", "loss@-/3=3", "loss@-/4=4"]);
    assert_eq!((read.facts.prose, read.facts.sound), (2, 4));
    assert!(read.problems.is_empty());
}

#[test]
fn a_torn_line_is_left_out_and_read_again() {
    let text = "step 1 loss 0.5\nstep 2 loss 0.25";
    let read = read_text("step {step} loss {loss}", text);
    assert_eq!(records(&read), ["loss@-/1=0.5"]);
    assert_eq!(kinds(&read), [(ProblemKind::Truncated, Some(16), Some(16))]);
    let mark = read.mark.as_ref().and_then(|mark| mark.downcast_ref::<Mark>()).expect("a mark");
    assert_eq!(mark.offset, 16);
    // Other text that is being written is no damage.
    assert!(read_text("step {step} loss {loss}", "step 1 loss 0.5\n 45%|##").problems.is_empty());
}

#[test]
fn what_has_no_shape_is_no_log() {
    let prose =
        "This is how it looks:\n\n    Epoch [1/5], Step [5/5], Loss: 0.1\n    Epoch [2/5], Step [5/5], Loss: 0.1\n";
    for (name, known) in [
        ("README", false),
        ("README.md", false),
        ("Readme.txt", false),
        ("guide.rst", false),
        ("train.py", false),
        ("notes.ipynb", false),
        ("train.log", true),
        ("slurm-123.out", true),
        ("train.o123", true),
        ("nohup", true),
    ] {
        assert_eq!(read_bytes(name, prose.as_bytes(), &ReadOptions::default(), 1).is_ok(), known, "{name}");
    }
    for text in
        ["", "loss 1\nloss 2\n", "Epoch 1\nEpoch 2\n", "step 1 of 2: read the manual\nstep 2 of 2: loss of data\n"]
    {
        assert!(read_bytes("train.log", text.as_bytes(), &ReadOptions::default(), 1).is_err(), "{text}");
    }
    let forced = ReadOptions { format: Some(Format::Text), ..ReadOptions::default() };
    let error = read_bytes("train.log", b"some text\n", &forced, 1).expect_err("no shape").to_string();
    assert!(error.contains("none of its lines has a shape that is known"), "{error}");
    let error = read_bytes("x.log", b"", &options("step {step} {x} {x}"), 1).expect_err("a bad pattern").to_string();
    assert_eq!(error, "the pattern 'step {step} {x} {x}' is wrong at column 17: the field {x} is there twice");
}

#[test]
fn logs_that_begin_with_a_dump_of_their_environment() {
    let banner = "numpy 1.23.4 @/usr/lib\n".repeat(2000);
    assert!(banner.len() > HEAD);
    let text = format!("{banner}iter 0: loss 2.5, time 1ms\niter 1: loss 2.25, time 1ms\n");
    for (name, known) in [("train.log", true), ("log.txt.1", true), ("slurm.out", true), ("dump", false)] {
        assert_eq!(read_bytes(name, text.as_bytes(), &ReadOptions::default(), 1).is_ok(), known, "{name}");
    }
    // A pattern finds it wherever the name promises nothing.
    let pattern = options("iter {step:0}: loss {loss}, time");
    assert!(read_bytes("dump", &text.as_bytes()[banner.len() - HEAD / 2..], &pattern, 1).is_ok());
}

/// Reads with blocks of a size; the pieces of one meaning together.
fn in_small_blocks(text: &[u8], pattern: &str, block: usize, threads: usize) -> (Vec<String>, Facts, Vec<Problem>) {
    let read = read_with(text, pattern, Reach { begin: 0, block, longest: block.max(4096) }, threads, Inside::No).0;
    let mut records = records(&read);
    records.sort();
    (records, read.facts, read.problems)
}

fn read_with(text: &[u8], pattern: &str, reach: Reach, threads: usize, inside: Inside) -> (FileRead, (u64, Inside)) {
    let options = options(pattern);
    let of_caller = options.pattern.as_deref().map(found::of_caller).unwrap_or_default();
    let progress = Progress::default();
    let mut pieces = Vec::new();
    let mut emit = |piece| pieces.push(piece);
    let mut sink = Sink::new("a.log", text.len() as u64, &progress, &mut emit);
    let size = text.len() as u64;
    let path = std::path::Path::new("a.log");
    let input = Input {
        file: "a.log",
        path,
        folder: &[],
        name: "a.log",
        bytes: &text,
        size,
        threads,
        options: &options,
        mark: None,
    };
    let plan = match found::shape(text) {
        Some(found) if pattern.is_empty() => found.plan(),
        _ => Plan {
            lines: of_caller.iter().map(|compiled| Sought { compiled, meaning: compiled.meaning }).collect(),
            follows: false,
        },
    };
    let end = in_blocks(&input, &mut sink, &plan, reach, inside).expect("in memory");
    let Sink { problems, facts, mark, .. } = sink;
    (FileRead { pieces, problems, facts, mark }, end)
}

#[test]
fn blocks_and_threads_do_not_matter() {
    for case in CASES {
        let whole = in_small_blocks(case.text.as_bytes(), "", 1 << 20, 1);
        for (block, threads) in [(1, 1), (7, 3), (64, 2), (100, 4)] {
            assert_eq!(in_small_blocks(case.text.as_bytes(), "", block, threads), whole, "{} {block}", case.name);
        }
    }
    let long = format!("step 1 x 1\n{}\nstep 2 x 2\n", "y".repeat(10_000));
    let (records, facts, problems) = in_small_blocks(long.as_bytes(), "step {step} x {x}", 64, 3);
    assert_eq!((records.len(), facts.sound, facts.prose), (2, 2, 0));
    assert_eq!(problems.len(), 1);
    assert_eq!(
        (problems[0].kind, problems[0].offset, problems[0].length),
        (ProblemKind::Corrupt, Some(11), Some(10_001))
    );
}

#[test]
fn what_was_added_is_read_from_the_mark_on() {
    for case in CASES {
        let text = case.text.as_bytes();
        let reach = Reach { begin: 0, block: 64, longest: 4096 };
        let whole = records(&read_with(text, "", reach, 1, Inside::No).0).len();
        let shape = found::shape(text).expect("a shape");
        for cut in 0..text.len() {
            // A CR whose LF is not there yet ends a line all the same.
            let (first, (begin, inside)) = read_plan(&shape.plan(), &text[..cut], reach, Inside::No);
            let (second, _) = read_plan(&shape.plan(), text, Reach { begin, ..reach }, inside);
            assert_eq!(records(&first).len() + records(&second).len(), whole, "{} cut at {cut}", case.name);
        }
    }
}

fn read_plan(plan: &Plan, text: &[u8], reach: Reach, inside: Inside) -> (FileRead, (u64, Inside)) {
    let (options, progress) = (ReadOptions::default(), Progress::default());
    let mut pieces = Vec::new();
    let mut emit = |piece| pieces.push(piece);
    let size = text.len() as u64;
    let mut sink = Sink::new("a.log", size, &progress, &mut emit);
    let path = std::path::Path::new("a.log");
    let input = Input {
        file: "a.log",
        path,
        folder: &[],
        name: "a.log",
        bytes: &text,
        size,
        threads: 1,
        options: &options,
        mark: None,
    };
    let end = in_blocks(&input, &mut sink, plan, reach, inside).expect("in memory");
    let Sink { problems, facts, mark, .. } = sink;
    (FileRead { pieces, problems, facts, mark }, end)
}

#[test]
fn a_mark_goes_on_where_the_reader_stopped() {
    let text = "iter 0: loss 1.5, time 1ms\niter 1: loss 2.5, time 1ms\niter 2: lo";
    let first = read_text("", text);
    assert_eq!(first.pieces.len(), 1);
    let more = format!("{text}ss 3.5, time 1ms\niter 3: loss");
    let (options, progress) = (ReadOptions::default(), Progress::default());
    let mut pieces = Vec::new();
    let mut emit = |piece| pieces.push(piece);
    let size = more.len() as u64;
    let mut sink = Sink::new("a.log", size, &progress, &mut emit);
    let path = std::path::Path::new("a.log");
    let mark = first.mark.clone();
    let bytes = more.as_bytes();
    let mut input = Input {
        file: "a.log",
        path,
        folder: &[],
        name: "a.log",
        bytes: &bytes,
        size,
        threads: 1,
        options: &options,
        mark,
    };
    read(&mut input, &mut sink).expect("in memory");
    let Sink { problems, facts, mark, .. } = sink;
    let second = FileRead { pieces, problems, facts, mark };
    assert_eq!(records(&second), ["loss@-/2=3.5", "time@-/2=1"]);
    assert_eq!(second.facts.shape, Some("nanogpt"));
}

proptest! {
    #[test]
    fn any_bytes_are_read_or_reported(bytes in prop::collection::vec(any::<u8>(), 0..400), block in 1_usize..100) {
        for pattern in ["{step} {x}", "{epoch}{_}a{x}"] {
            let whole = in_small_blocks(&bytes, pattern, 1 << 20, 1);
            prop_assert_eq!(in_small_blocks(&bytes, pattern, block, 2), whole);
        }
    }

    #[test]
    fn logs_with_broken_bytes_are_read_or_reported(
        case in 0..CASES.len(),
        broken in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
        block in 1_usize..200,
    ) {
        let mut bytes = CASES[case].text.as_bytes().to_vec();
        for (at, byte) in broken {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        // Where enough lines are left that have a shape.
        if found::shape(&bytes).is_some() {
            let whole = in_small_blocks(&bytes, "", 1 << 20, 1);
            let mut lines = 0;
            lines::each(&bytes, |_, _, _| lines += 1);
            let torn = whole.2.iter().filter(|problem| problem.kind == ProblemKind::Truncated).count() as u64;
            prop_assert_eq!(whole.1.sound + whole.1.prose + torn, lines);
            prop_assert_eq!(in_small_blocks(&bytes, "", block, 2), whole);
        }
    }

    #[test]
    fn every_line_has_a_shape_or_is_prose(text in "(step [0-9x]{1,3}: loss [0-9.e-]{0,4}|[a-z ]{0,9}|\r|\n|\r\n|\u{1b}\\[1m){0,30}") {
        let (_, facts, problems) = in_small_blocks(text.as_bytes(), "step {step}: loss {loss}", 16, 2);
        let mut lines = 0;
        lines::each(text.as_bytes(), |_, _, _| lines += 1);
        let torn = problems.iter().filter(|problem| problem.kind == ProblemKind::Truncated).count() as u64;
        prop_assert_eq!(facts.sound + facts.prose + torn, lines);
    }
}
