//! Keras, TensorFlow, and what was written with them.

use super::prelude::*;

const ETA: &[(&str, ShapeKey)] = &[("ETA", ShapeKey::Ignored)];

/// Whether there is nothing like `1/32` before the time of a step but the count of the batches: a date is like it too.
fn has_one_ratio(line: &[u8]) -> bool {
    let end = memchr::memmem::find(line, b"/step").unwrap_or(line.len());
    let digit = |at: usize| line.get(at).is_some_and(u8::is_ascii_digit);
    memchr::memchr_iter(b'/', &line[..end]).filter(|&at| at > 0 && digit(at - 1) && digit(at + 1)).count() == 1
}

pub(super) const SHAPES: &[TextShape] = &[
    // Of arrays the bar counts samples.
    TextShape {
        name: "keras_samples",
        source: "Keras before 2.4 and TensorFlow before 2.2, keras/utils/generic_utils.py, Progbar",
        either: false,
        common: false,
        after: &["Train on ", " samples"],
        lines: &[
            heading("Epoch {epoch:1}/{epochs}"),
            line("{samples_in_epoch:1}/{samples_per_epoch} [{_}] - {*}", Dash).keys(ETA).under(In(1)).bar(),
            line("{steps}/{epochs} - {_}s - {*}", Dash).under(Ends(1)).needs("oss: "),
        ],
        also: &[],
        examples: &[Example {
            text: "Train on 60000 samples, validate on 10000 samples\n\
               Epoch 1/2\n\
               \r  128/60000 [..............................] - ETA: 5:00 - loss: 2.5 - acc: \
               0.125\u{8}\u{8}\u{8}\r  256/60000 [..............................] - ETA: 2s - loss: 2.25 - acc: \
               0.25\u{8}\u{8}\r60000/60000 [==============================] - 5s 80us/sample - loss: 0.5 - acc: \
               0.75 - val_loss: 0.25 - val_acc: 0.875\n",
            records: &[
                "loss@1/128=2.5",
                "acc@1/128=0.125",
                "loss@1/256=2.25",
                "acc@1/256=0.25",
                "loss@1/60000=0.5",
                "acc@1/60000=0.75",
                "val_loss@1/60000=0.25",
                "val_acc@1/60000=0.875",
            ],
            meanings: &["Sample 1 of epoch; In(1)", "Sample 1 of epoch; In(1)", "Sample 1 of epoch; In(1)"],
            prose: 2,
        }],
    },
    // The bar shows how many batches are done; with verbose=2 there is one line an epoch.
    TextShape {
        name: "keras_progbar",
        source: "Keras, keras/src/utils/progbar.py, Progbar",
        either: false,
        common: false,
        after: &[],
        lines: &[
            heading("Epoch {epoch:1}/{epochs}"),
            line("{iter:1}/{iters} [{_}] - {*}", Dash).keys(ETA).under(In(1)).begins().bar(),
            line("{iter:1}/{iters} \u{2501}{_}/step - {*}", Dash).keys(ETA).under(In(1)).begins().bar(),
            line("{steps}/{epochs} - {_}s - {*}", Dash).under(Ends(1)).begins().needs("oss: "),
            // The bar as other encodings have it.
            ShapeLine {
                check: Some(has_one_ratio),
                ..line("{iter:1}/{iters} {_}/step - {*}", Dash).keys(ETA).under(In(1)).begins().bar()
            },
            line("{iter:1}/Unknown {_} - {*}", Dash).keys(ETA).under(In(1)).begins().bar(),
            line("- {_}s - {*}", Dash).under(Ends(1)).begins().needs("oss: "),
        ],
        also: &[],
        examples: &[
            Example {
                text: "Epoch 1/3\n\
               \r\u{1b}[1m 1/32\u{1b}[0m \u{1b}[32m\u{1b}[0m\u{1b}[37m\u{2501}\u{2501}\u{2501}\u{1b}[0m \
               \u{1b}[1m0s\u{1b}[0m 5ms/step - accuracy: 0.5 - loss: 2.5\u{8}\u{8}\u{8}\r\u{1b}[1m32/32\u{1b}[0m \
               \u{1b}[32m\u{2501}\u{2501}\u{2501}\u{1b}[0m \u{1b}[1m1s\u{1b}[0m 5ms/step - accuracy: 0.625 - loss: \
               2.25\r\u{1b}[1m32/32\u{1b}[0m \u{1b}[32m\u{2501}\u{2501}\u{2501}\u{1b}[0m \u{1b}[1m1s\u{1b}[0m \
               6ms/step - accuracy: 0.625 - loss: 2.25 - val_accuracy: 0.75 - val_loss: 2.0\n",
                records: &[
                    "accuracy@1/1=0.5",
                    "loss@1/1=2.5",
                    "accuracy@1/32=0.625",
                    "loss@1/32=2.25",
                    "val_accuracy@1/32=0.75",
                    "val_loss@1/32=2",
                ],
                meanings: &["Batch 1 of epoch; In(1)", "Batch 1 of epoch; In(1)"],
                prose: 1,
            },
            Example {
                text: "Epoch 1/3\n\
               32/32 - 0s - 5ms/step - accuracy: 0.5 - loss: 1.5 - val_accuracy: 0.75 - val_loss: 1.25\n\
               Epoch 2/3\n\
               32/32 - 0s - loss: 1.25 - accuracy: 0.625\n",
                records: &[
                    "accuracy@1/-=0.5",
                    "loss@1/-=1.5",
                    "val_accuracy@1/-=0.75",
                    "val_loss@1/-=1.25",
                    "loss@2/-=1.25",
                    "accuracy@2/-=0.625",
                ],
                meanings: &["; Ends(1)"],
                prose: 0,
            },
            Example {
                text: "Epoch 1/3\n\
               \r 1/32 [..............................] - ETA: 10s - loss: 2.5 - accuracy: 0.125\u{8}\u{8}\r32/32 \
               [==============================] - 1s 5ms/step - loss: 2.25 - accuracy: 0.25\n\
               Epoch 00001: val_loss improved from inf to 2.0, saving model to m.h5\n",
                records: &["loss@1/1=2.5", "accuracy@1/1=0.125", "loss@1/32=2.25", "accuracy@1/32=0.25"],
                meanings: &["Batch 1 of epoch; In(1)", "Batch 1 of epoch; In(1)"],
                prose: 2,
            },
        ],
    },
    // The global step is read beside the update: 0 for the first in new versions, 1 in old ones.
    TextShape {
        name: "tf_estimator",
        source: "TensorFlow, python/training/basic_session_run_hooks.py, LoggingTensorHook; estimator.py, _write_dict_to_summary",
        either: true,
        common: false,
        after: &[],
        lines: &[
            line("loss = {loss}, step = {step}", PairStyle::None),
            line("Saving dict for global step {step:1}: {*}", Comma)
                .prefix("eval/")
                .keys(&[("global_step", ShapeKey::Ignored)])
                .step(StepMeaning::of_run(Unit::Step, 1)),
        ],
        also: &[],
        examples: &[Example {
            text: "INFO:tensorflow:loss = 2.5, step = 0\n\
               INFO:tensorflow:global_step/sec: 100.25\n\
               INFO:tensorflow:loss = 1.25, step = 100 (1.25 sec)\n\
               INFO:tensorflow:Saving dict for global step 1000: accuracy = 0.75, global_step = 1000, loss = 0.5\n",
            records: &["loss@-/0=2.5", "loss@-/100=1.25", "eval/accuracy@-/1000=0.75", "eval/loss@-/1000=0.5"],
            meanings: &["Step 0 of run", "Step 1 of run"],
            prose: 1,
        }],
    },
    // global_step after the update; the losses follow as a dictionary of several lines.
    TextShape {
        name: "tf_object_detection",
        source: "TensorFlow models, research/object_detection/model_lib_v2.py, train_loop",
        either: false,
        common: false,
        after: &[" per-step time "],
        lines: &[
            line("Step {step:1} per-step time {per-step time}s loss={loss}", PairStyle::None).sets(),
            line("Step {step:1} per-step time {per-step time}s", PairStyle::None).sets(),
            ShapeLine {
                takes: Takes::Place,
                ..line("'{*}", Object).begins().needs("': ").step(StepMeaning::of_run(Unit::Step, 1))
            },
        ],
        also: &[],
        examples: &[
            Example {
                text: "INFO:tensorflow:Step 100 per-step time 0.5s\n\
               INFO:tensorflow:{'Loss/classification_loss': 0.75,\n\
               \u{20}'Loss/total_loss': 1.5,\n\
               \u{20}'learning_rate': 0.01}\n\
               INFO:tensorflow:Step 200 per-step time 0.25s\n\
               INFO:tensorflow:{'Loss/classification_loss': 0.5,\n\
               \u{20}'Loss/total_loss': 1.25,\n\
               \u{20}'learning_rate': 0.02}\n",
                records: &[
                    "Loss/classification_loss@-/100=0.75",
                    "Loss/total_loss@-/100=1.5",
                    "learning_rate@-/100=0.01",
                    "Loss/classification_loss@-/200=0.5",
                    "Loss/total_loss@-/200=1.25",
                    "learning_rate@-/200=0.02",
                    "per-step time@-/100=0.5",
                    "per-step time@-/200=0.25",
                ],
                meanings: &["Step 1 of run", "Step 1 of run"],
                prose: 0,
            },
            Example {
                text: "INFO:tensorflow:Step 100 per-step time 0.5s loss=1.5\n\
               INFO:tensorflow:Step 200 per-step time 0.5s loss=1.25\n",
                records: &["per-step time@-/100=0.5", "loss@-/100=1.5", "per-step time@-/200=0.5", "loss@-/200=1.25"],
                meanings: &["Step 1 of run"],
                prose: 0,
            },
        ],
    },
    // What the monitors of an epoch print comes after its end.
    TextShape {
        name: "tensorpack",
        source: "tensorpack, tensorpack/callbacks/monitor.py, ScalarPrinter; train/base.py, main_loop",
        either: false,
        common: false,
        after: &[],
        lines: &[
            line("Epoch {epoch:1} (global_step {step:1}) finished, time:{epoch time} second", PairStyle::None).sets(),
            // `1 minute 10 seconds`
            line("Epoch {epoch:1} (global_step {step:1}) finished, time:{_}", PairStyle::None).sets(),
            ShapeLine {
                takes: Takes::Place,
                ..line("@monitor.py:{_}] {*}", Free).step(StepMeaning::of_run(Unit::Step, 1)).epoch(In(1))
            },
        ],
        also: &[],
        examples: &[Example {
            text: "[0610 10:00:00 @base.py:275] Start Epoch 1 ...\n\
               [0610 10:00:10 @base.py:285] Epoch 1 (global_step 937) finished, time:10.5 seconds.\n\
               [0610 10:00:10 @monitor.py:467] cross_entropy_loss: 0.5\n\
               [0610 10:00:10 @monitor.py:467] validation_accuracy: 0.75\n\
               [0610 10:00:20 @base.py:285] Epoch 2 (global_step 1874) finished, time:9.5 seconds.\n\
               [0610 10:00:20 @monitor.py:467] cross_entropy_loss: 0.25\n",
            records: &[
                "epoch time@1/937=10.5",
                "epoch time@2/1874=9.5",
                "cross_entropy_loss@1/937=0.5",
                "validation_accuracy@1/937=0.75",
                "cross_entropy_loss@2/1874=0.25",
            ],
            meanings: &["Step 1 of run; In(1)", "Step 1 of run; In(1)"],
            prose: 1,
        }],
    },
];
