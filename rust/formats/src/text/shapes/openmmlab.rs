//! `OpenMMLab`'s programs, and `BasicSR`, which began as one of them.

use super::prelude::*;

pub(super) const SHAPES: &[TextShape] = &[
    // `Epoch(train)  [1][ 50/1000]`, both from 1; a validation's epoch is the one that is over. An iteration of its loop is
    // a batch.
    TextShape {
        name: "mmengine",
        source: "MMEngine, mmengine/runner/log_processor.py, LogProcessor",
        either: false,
        common: false,
        after: &[],
        lines: &[
            line("Epoch(train) [{epoch}][{iter}/{iters}] {*}", Wide),
            line("Epoch(val) [{epoch}][{_}/{_}] {*}", Wide).prefix("val/").epoch(Ends(1)),
            line("Epoch(test) [{epoch}][{_}/{_}] {*}", Wide).prefix("test/").epoch(Ends(1)),
            line("Iter(train) [{step}/{steps}] {*}", Wide).unit(Unit::Batch),
        ],
        also: &[],
        examples: &[Example {
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
        }],
    },
    // `Epoch [4][100/1000]`, both from 1; `Iter [100/100000]`.
    TextShape {
        name: "mmcv",
        source: "mmcv, mmcv/runner/hooks/logger/text.py, TextLoggerHook._log_info",
        either: false,
        common: false,
        after: &[],
        lines: &[
            line("Epoch [{epoch}][{iter}/{iters}] {*}", Comma).needs("eta: "),
            line("Epoch(val) [{epoch}][{_}] {*}", Comma).prefix("val/"),
            line("Iter [{step}/{steps}] {*}", Comma).unit(Unit::Batch).needs("lr: "),
        ],
        also: &[],
        examples: &[Example {
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
        }],
    },
    // current_iter is raised before it is printed, epochs are those of a range().
    TextShape {
        name: "basicsr",
        source: "BasicSR, basicsr/utils/logger.py, MessageLogger",
        either: false,
        common: false,
        after: &[],
        lines: &[
            line(
                "[epoch: {epoch:0}, iter: {step:1}, lr:({lr},{_})] [eta: {_}, time (data): {time} ({data})] {*}",
                Free,
            ),
            line("[epoch: {epoch:0}, iter: {step:1}, lr:({lr},{_})] {*}", Free),
        ],
        also: &[],
        examples: &[Example {
            text: "2022-01-01 10:00:40,123 INFO: [train..][epoch:  0, iter:     100, lr:(2.000e-04,)] [eta: 1 day, \
               2:03:04, time (data): 0.212 (0.003)] l_pix: 2.5e-02 l_percep: 1.5e+00 \n\
               2022-01-01 10:00:50,123 INFO: [train..][epoch:  1, iter:   1,000, lr:(1.000e-04,1.000e-05,)] [eta: \
               2:03:04, time (data): 0.25 (0.005)] l_pix: 1.5e-02 \n",
            records: &[
                "lr@0/100=0.0002",
                "time@0/100=0.212",
                "data@0/100=0.003",
                "l_pix@0/100=0.025",
                "l_percep@0/100=1.5",
                "lr@1/1000=0.0001",
                "time@1/1000=0.25",
                "data@1/1000=0.005",
                "l_pix@1/1000=0.015",
            ],
            meanings: &["Step 1 of run; In(0)"],
            prose: 0,
        }],
    },
];
