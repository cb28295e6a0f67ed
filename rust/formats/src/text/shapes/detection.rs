//! Detection and segmentation.

use super::prelude::*;

use super::language::{MLPERF, MLPERF_05, MLPERF_LOG};

pub(super) const SHAPES: &[TextShape] = &[
    // `iteration = iteration + 1` comes before it is printed, unlike detectron2's index.
    TextShape {
        name: "maskrcnn_benchmark",
        source: "maskrcnn-benchmark, maskrcnn_benchmark/engine/trainer.py, do_train",
        either: false,
        common: false,
        after: &[],
        lines: &[line("iter: {step:1} {*}", Wide).needs("max mem: ")],
        also: &[],
        examples: &[Example {
 text: "2019-01-01 10:00:20,123 maskrcnn_benchmark.trainer INFO: eta: 21:12:23  iter: 20  loss: 2.0 (2.5)  \
               loss_classifier: 1.5 (1.75)  time: 0.5 (0.25)  data: 0.01 (0.02)  lr: 0.000200  max mem: 1234\n\
               2019-01-01 10:00:40,123 maskrcnn_benchmark.trainer INFO: eta: 1 day, 21:12:23  iter: 40  loss: 1.5 \
               (2.0)  lr: 0.000400  max mem: 1234\n",
 records: &["loss@-/20=2", "loss/avg@-/20=2.5", "loss_classifier@-/20=1.5", "loss_classifier/avg@-/20=1.75", "time@-/20=0.5", "time/avg@-/20=0.25", "data@-/20=0.01", "data/avg@-/20=0.02", "lr@-/20=0.0002", "max mem@-/20=1234", "loss@-/40=1.5", "loss/avg@-/40=2", "lr@-/40=0.0004", "max mem@-/40=1234"],
 meanings: &["Step 1 of run"],
 prose: 0,
}],
    },
    // `iter: 19` of the index that was completed, as in metrics.json.
    TextShape {
        name: "detectron2",
        source: "detectron2, detectron2/utils/events.py, CommonMetricPrinter",
        either: false,
        common: false,
        after: &[],
        lines: &[line("iter: {step:0} {*}", Wide).needs("total_loss: ")],
        also: &[],
        examples: &[Example {
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
    }],
    },
    // self.epoch + 1, self.iter + 1.
    TextShape {
        name: "yolox",
        source: "YOLOX, yolox/core/trainer.py, Trainer.after_iter",
        either: false,
        common: false,
        after: &[],
        lines: &[line("epoch: {epoch:1}/{epochs}, iter: {iter:1}/{iters}, {*}", Comma)],
        also: &[],
        examples: &[Example {
 text: "2022-01-01 10:00:10 | INFO     | yolox.core.trainer:258 - epoch: 1/3, iter: 10/100, gpu mem: \
               2000Mb, mem: 12.5Gb, iter_time: 0.512s, data_time: 0.001s, total_loss: 2.5, iou_loss: 2.25, lr: \
               1.000e-01, size: 640, ETA: 1:02:03\n\
               2022-01-01 10:00:20 | INFO     | yolox.core.trainer:258 - epoch: 1/3, iter: 20/100, gpu mem: \
               2000Mb, mem: 12.5Gb, iter_time: 0.512s, data_time: 0.001s, total_loss: 2.25, iou_loss: 2.0, lr: \
               1.000e-01, size: 640, ETA: 1 day, 1:02:03\n",
 records: &["gpu mem@1/10=2000", "mem@1/10=12.5", "iter_time@1/10=0.512", "data_time@1/10=0.001", "total_loss@1/10=2.5", "iou_loss@1/10=2.25", "lr@1/10=0.1", "size@1/10=640", "gpu mem@1/20=2000", "mem@1/20=12.5", "iter_time@1/20=0.512", "data_time@1/20=0.001", "total_loss@1/20=2.25", "iou_loss@1/20=2", "lr@1/20=0.1", "size@1/20=640"],
 meanings: &["Batch 1 of epoch; In(1)"],
 prose: 0,
}],
    },
    // get_current_batch, the number of updates that were made.
    TextShape {
        name: "darknet",
        source: "darknet, examples/detector.c, train_detector; classifier.c, train_classifier",
        either: false,
        common: false,
        after: &[],
        lines: &[line("{step:1}: {loss}, {avg} avg, {rate} rate, {seconds} seconds, {images} images", PairStyle::None).begins(), line("{step:1}: {loss}, {avg} avg loss, {rate} rate, {seconds} seconds, {images} images", PairStyle::None).begins(), line("{step:1}, {epoch:elapsed}: {loss}, {avg} avg, {rate} rate, {seconds} seconds, {images} images", PairStyle::None).begins()],
        also: &[],
        examples: &[Example {
 text: "Loaded: 0.000031 seconds\n\
               1: 744.5, 775.25 avg, 0.000100 rate, 5.5 seconds, 64 images\n\
               Loaded: 0.000031 seconds\n\
               2: 742.5, 772.25 avg, 0.000100 rate, 5.25 seconds, 128 images\n",
 records: &["loss@-/1=744.5", "avg@-/1=775.25", "rate@-/1=0.0001", "seconds@-/1=5.5", "images@-/1=64", "loss@-/2=742.5", "avg@-/2=772.25", "rate@-/2=0.0001", "seconds@-/2=5.25", "images@-/2=128"],
 meanings: &["Step 1 of run"],
 prose: 2,
}, Example {
 text: " 1: 744.5, 775.25 avg loss, 0.000000 rate, 5.5 seconds, 64 images, 1.5 hours left\n\
               \u{20}2: 742.5, 772.25 avg loss, 0.000000 rate, 5.25 seconds, 128 images, 1.5 hours left\n",
 records: &["loss@-/1=744.5", "avg@-/1=775.25", "rate@-/1=0", "seconds@-/1=5.5", "images@-/1=64", "loss@-/2=742.5", "avg@-/2=772.25", "rate@-/2=0", "seconds@-/2=5.25", "images@-/2=128"],
 meanings: &["Step 1 of run"],
 prose: 0,
}, Example {
 text: "Loaded: 0.000031 seconds\n\
               1, 0.003: 6.5, 6.5 avg, 0.100000 rate, 5.5 seconds, 128 images\n\
               2, 0.005: 6.25, 6.475 avg, 0.100000 rate, 5.25 seconds, 256 images\n",
 records: &["loss@0.003/1=6.5", "avg@0.003/1=6.5", "rate@0.003/1=0.1", "seconds@0.003/1=5.5", "images@0.003/1=128", "loss@0.005/2=6.25", "avg@0.005/2=6.475", "rate@0.005/2=0.1", "seconds@0.005/2=5.25", "images@0.005/2=256"],
 meanings: &["Step 1 of run; Elapsed"],
 prose: 1,
}],
    },
    // Both from 0.
    TextShape {
        name: "detr_stdout",
        source: "DETR, util/misc.py, MetricLogger.log_every; torchvision, references/detection/utils.py",
        either: false,
        common: false,
        after: &[],
        lines: &[line("Epoch: [{epoch:0}] [{iter:0}/{iters}] {*}", Wide).needs("  data: ")],
        also: &[],
        examples: &[Example {
 text: "Epoch: [0]  [  0/100]  eta: 0:01:00  lr: 0.000125  class_error: 90.5  loss: 2.5 (2.75)  time: 0.5  \
               data: 0.25  max mem: 4123\n\
               Epoch: [0]  [ 10/100]  eta: 1 day, 0:01:10  lr: 0.000125  class_error: 80.5  loss: 2.25 (2.5)  \
               time: 0.5  data: 0.25  max mem: 4123\n\
               Epoch: [0] Total time: 0:00:41 (0.4123 s / it)\n\
               Test:  [ 0/50]  eta: 0:00:10  class_error: 80.5  loss: 2.0 (2.0)  time: 0.25  data: 0.125  max mem: \
               4123\n",
 records: &["lr@0/0=0.000125", "class_error@0/0=90.5", "loss@0/0=2.5", "loss/avg@0/0=2.75", "time@0/0=0.5", "data@0/0=0.25", "max mem@0/0=4123", "lr@0/10=0.000125", "class_error@0/10=80.5", "loss@0/10=2.25", "loss/avg@0/10=2.5", "time@0/10=0.5", "data@0/10=0.25", "max mem@0/10=4123"],
 meanings: &["Batch 0 of epoch; In(0)"],
 prose: 2,
}],
    },
    // One line an epoch, from 0, without names.
    TextShape {
        name: "yolov5_results",
        source: "YOLOv5 before v5.0, train.py, results.txt",
        either: false,
        common: false,
        after: &[],
        lines: &[ShapeLine { ends: true, ..line("{epoch:0}/{epochs} {gpu_mem} {box} {obj} {cls} {total} {labels} {img_size} {P} {R} {mAP@.5} {mAP@.5-.95} {val/box} {val/obj} {val/cls}", PairStyle::None).begins() }],
        also: &[],
        examples: &[Example {
 text: "     0/299     3.5G    0.125   0.0625  0.03125    0.219        24       640     0.625      0.5    \
               0.625     0.25  0.0625   0.125    0.03125\n\
               \u{20}    1/299     3.5G    0.1   0.05  0.03    0.18        30       640     0.65      0.55    0.65     \
               0.3  0.06   0.12    0.03\n",
 records: &["gpu_mem@0/-=3.5", "box@0/-=0.125", "obj@0/-=0.0625", "cls@0/-=0.03125", "total@0/-=0.219", "labels@0/-=24", "img_size@0/-=640", "P@0/-=0.625", "R@0/-=0.5", "mAP@.5@0/-=0.625", "mAP@.5-.95@0/-=0.25", "val/box@0/-=0.0625", "val/obj@0/-=0.125", "val/cls@0/-=0.03125", "gpu_mem@1/-=3.5", "box@1/-=0.1", "obj@1/-=0.05", "cls@1/-=0.03", "total@1/-=0.18", "labels@1/-=30", "img_size@1/-=640", "P@1/-=0.65", "R@1/-=0.55", "mAP@.5@1/-=0.65", "mAP@.5-.95@1/-=0.3", "val/box@1/-=0.06", "val/obj@1/-=0.12", "val/cls@1/-=0.03"],
 meanings: &["; Ends(0)"],
 prose: 0,
}],
    },
    // iter_num, from 0 over the run, printed before it is raised. Its evaluations come inside an epoch.
    TextShape {
        name: "nvidia_ssd",
        source: "NVIDIA's SSD of MLPerf, ssd/train.py",
        either: false,
        common: false,
        after: &[],
        lines: &[line("Iteration: {step:0}, {*}", Comma).needs("Loss function: ")],
        also: &[
            ShapeLine { epoch: Some(In(1)), ..MLPERF },
            ShapeLine { epoch: Some(In(1)), ..MLPERF_LOG },
            MLPERF_05,
        ],
        examples: &[Example {
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
    }],
    },
];
