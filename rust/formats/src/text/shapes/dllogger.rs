//! NVIDIA's dllogger, in its examples of deep learning.

use super::prelude::*;

/// A line of NVIDIA's dllogger: a step of so many numbers, then values.
macro_rules! dllogger {
    ($step:literal) => {
        ShapeLine {
            open: true,
            ..line(
                concat!(
                    "DLLL {{\"timestamp\": \"{wall_time}\", {_}\"type\": \"LOG\", \"step\": ",
                    $step,
                    ", \"data\": {{{*}"
                ),
                Object,
            )
        }
    };
}

const DLLOGGER: ShapeLine = dllogger!("[{epoch}, {step}]");
const DLLOGGER_3: ShapeLine = dllogger!("[{epoch}, {step}, {_}]");

pub(super) const SHAPES: &[TextShape] = &[
    // The program chooses the numbers of a step: mostly an epoch, an iteration in it or of the run, and a further one.
    TextShape {
        name: "dllogger",
        source: "NVIDIA's dllogger, logger.py, JSONStreamBackend.log",
        either: true,
        common: false,
        after: &[],
        lines: &[DLLOGGER, DLLOGGER_3],
        also: &[dllogger!("[{epoch}]")],
        examples: &[Example {
            text: "DLLL {\"timestamp\": \"1600000000.5\", \"datetime\": \"2020-09-13 12:26:40.500000\", \"elapsedtime\": \"1.5\", \
               \"type\": \"LOG\", \"step\": \"PARAMETER\", \"data\": {\"batch_size\": 256}}\n\
               DLLL {\"timestamp\": \"1600000001.5\", \"datetime\": \"2020-09-13 12:26:41.500000\", \"elapsedtime\": \"2.5\", \
               \"type\": \"LOG\", \"step\": [0, 19], \"data\": {\"train.loss\": 2.5, \"train.lr\": 0.125}}\n\
               DLLL {\"timestamp\": \"1600000002.5\", \"datetime\": \"2020-09-13 12:26:42.500000\", \"elapsedtime\": \"3.5\", \
               \"type\": \"LOG\", \"step\": [1, 19], \"data\": {\"train.loss\": 2.25}}\n\
               DLLL {\"timestamp\": \"1600000003.5\", \"datetime\": \"2020-09-13 12:26:43.500000\", \"elapsedtime\": \"4.5\", \
               \"type\": \"LOG\", \"step\": [1], \"data\": {\"val.top1\": 12.5}}\n",
            records: &["train.loss@0/19=2.5", "train.lr@0/19=0.125", "train.loss@1/19=2.25", "val.top1@1/-=12.5"],
            meanings: &["; In(0)", "; Ends(0)"],
            prose: 1,
        }],
    },
    TextShape {
        name: "dllogger_step",
        source: "the same, where a step is one number",
        either: false,
        common: false,
        after: &[],
        lines: &[dllogger!("[{step}]"), dllogger!("{step}")],
        also: &[DLLOGGER, DLLOGGER_3],
        examples: &[Example {
            text: "DLLL {\"timestamp\": \"1600000001.5\", \"datetime\": \"2020-09-13 12:26:41.500000\", \"elapsedtime\": \"2.5\", \
               \"type\": \"LOG\", \"step\": [10], \"data\": {\"loss\": 2.5}}\n\
               DLLL {\"timestamp\": \"1600000002.5\", \"datetime\": \"2020-09-13 12:26:42.500000\", \"elapsedtime\": \"3.5\", \
               \"type\": \"LOG\", \"step\": 20, \"data\": {\"loss\": 2.25}}\n",
            records: &["loss@-/10=2.5", "loss@-/20=2.25"],
            meanings: &["", ""],
            prose: 0,
        }],
    },
];
