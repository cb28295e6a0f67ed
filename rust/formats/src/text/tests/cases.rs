//! A log of each shape, in its writer's layout, and what it holds.

pub(super) struct Case {
    pub(super) name: &'static str,
    pub(super) text: &'static str,
    pub(super) records: &'static [&'static str],
    /// Of each batch.
    pub(super) meanings: &'static [&'static str],
    pub(super) prose: u64,
}

/// Lines as the writers' sources print them, some from the logs of public repositories.
pub(super) const CASES: &[Case] = &[
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
