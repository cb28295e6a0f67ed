//! `PyTorch`'s examples and tutorials, nnU-Net, Caffe and `BigDL`.

use super::prelude::*;

/// A line of nnU-Net: the date comes before it, and it belongs to the epoch of its heading.
const fn dated(pattern: &'static str) -> ShapeLine {
    ShapeLine { check: Some(has_date), ..line(pattern, PairStyle::None).alone().under(Ends(0)) }
}

/// Whether a line begins as nnU-Net prints it, after its date: `2024-01-01 10:00:00.123456: train_loss`.
fn has_date(line: &[u8]) -> bool {
    const DATE: usize = "2024-01-01 10:00:00".len();
    const BEGINNINGS: [&str; 9] = [
        "Current learning",
        "train_loss",
        "val_loss",
        "Pseudo",
        "Yayy!",
        "Epoch time",
        "train loss",
        "validation",
        "lr:",
    ];
    let is_date = |part: &[u8]| {
        let marks = [(4, b'-'), (7, b'-'), (10, b' '), (13, b':'), (16, b':')];
        part.iter().enumerate().all(|(at, byte)| match marks.iter().find(|(mark, _)| *mark == at) {
            Some((_, mark)) => byte == mark,
            None => byte.is_ascii_digit(),
        })
    };
    let Some(at) = line.windows(DATE).position(is_date) else { return false };
    let rest = &line[at + DATE..];
    let fraction = rest.iter().take_while(|byte| **byte == b'.' || byte.is_ascii_digit()).count();
    let text = rest[fraction..].strip_prefix(b":").map(<[u8]>::trim_ascii_start);
    text.is_some_and(|text| BEGINNINGS.iter().any(|begin| text.starts_with(begin.as_bytes())))
}

pub(super) const SHAPES: &[TextShape] = &[
    // batch_idx * len(data): the samples before this batch.
    TextShape {
        name: "mnist_example",
        source: "PyTorch examples, mnist/main.py, train",
        either: false,
        common: false,
        after: &[],
        lines: &[line("Train Epoch: {epoch:1} [{samples_in_epoch:0}/{samples_per_epoch} ({_}%)] {*}", Tab).sets()],
        // The test after each epoch; vae/main.py prints both means.
        also: &[
            line("Test set: Average loss: {Average loss}, Accuracy: {_}/{_} ({Accuracy}%)", PairStyle::None)
                .prefix("test/")
                .under(Ends(1)),
            line("====> Epoch: {epoch:1} Average loss: {Average loss}", PairStyle::None).epoch(Ends(1)).sets(),
            line("====> Test set loss: {loss}", PairStyle::None).prefix("test/").under(Ends(1)),
        ],
        examples: &[
            Example {
                text: "Train Epoch: 1 [0/60000 (0%)]\tLoss: 2.5\n\
               Train Epoch: 1 [640/60000 (1%)]\tLoss: 2.25\n\
               \n\
               Test set: Average loss: 0.0625, Accuracy: 9850/10000 (98%)\n\
               \n\
               Train Epoch: 2 [0/60000 (0%)]\tLoss: 0.25\n",
                records: &[
                    "Loss@1/0=2.5",
                    "Loss@1/640=2.25",
                    "Loss@2/0=0.25",
                    "test/Average loss@1/-=0.0625",
                    "test/Accuracy@1/-=98",
                ],
                meanings: &["Sample 0 of epoch; In(1)", "; Ends(1)"],
                prose: 2,
            },
            Example {
                text: "Train Epoch: 1 [0/60000 (0%)]\tLoss: 550.5\n\
               Train Epoch: 1 [1280/60000 (2%)]\tLoss: 250.25\n\
               ====> Epoch: 1 Average loss: 164.5\n====> Test set loss: 127.5\n",
                records: &["Loss@1/0=550.5", "Loss@1/1280=250.25", "Average loss@1/-=164.5", "test/loss@1/-=127.5"],
                meanings: &["Sample 0 of epoch; In(1)", "; Ends(1)", "; Ends(1)"],
                prose: 0,
            },
        ],
    },
    // Epochs from 0; batches from 1, and from 0 before 2022.
    TextShape {
        name: "imagenet",
        source: "PyTorch examples, imagenet/main.py, ProgressMeter",
        either: true,
        common: false,
        after: &[],
        lines: &[line("Epoch: [{epoch:0}][{iter}/{iters}] {*}", Tab).sets()],
        // The means of the validation after the epoch.
        also: &[
            line("* Acc@1 {Acc@1} Acc@5 {Acc@5}", PairStyle::None).begins().prefix("val/").under(Ends(0)),
            line("* Prec@1 {Prec@1} Prec@5 {Prec@5}", PairStyle::None).begins().prefix("val/").under(Ends(0)),
        ],
        examples: &[
            Example {
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
            Example {
                text: "Epoch: [0][0/5005]\tLoss 7.0 (7.0)\nEpoch: [0][10/5005]\tLoss 6.5 (6.75)\n\
               Test: [0/196]\tLoss 6.0 (6.0)\n *   Acc@1 12.5 Acc@5 30.25\n",
                records: &[
                    "Loss@0/0=7",
                    "Loss/avg@0/0=7",
                    "Loss@0/10=6.5",
                    "Loss/avg@0/10=6.75",
                    "val/Acc@1@0/-=12.5",
                    "val/Acc@5@0/-=30.25",
                ],
                meanings: &["Batch 0 of epoch; In(0)", "; Ends(0)"],
                prose: 1,
            },
        ],
    },
    // (batch + 1) * len(X), and batch * len(X) in old versions, under a heading.
    TextShape {
        name: "quickstart",
        source: "PyTorch tutorials, beginner_source/basics/quickstart_tutorial.py, train_loop",
        either: true,
        common: false,
        after: &[],
        lines: &[
            heading("Epoch {epoch:1}"),
            line("loss: {loss} [{samples_in_epoch}/{samples_per_epoch}]", PairStyle::None).under(In(1)),
            line("Accuracy: {Accuracy}%, Avg loss: {Avg loss}", PairStyle::None).prefix("test/").under(Ends(1)),
        ],
        also: &[],
        examples: &[
            Example {
                text: "Epoch 1\n\
               -------------------------------\n\
               loss: 2.5  [   64/60000]\n\
               loss: 1.25  [ 6464/60000]\n\
               Test Error: \n\
               \u{20}Accuracy: 63.5%, Avg loss: 1.125000 \n\
               \n\
               Epoch 2\n\
               -------------------------------\n\
               loss: 1.0  [   64/60000]\n\
               Done!\n",
                records: &[
                    "loss@1/64=2.5",
                    "loss@1/6464=1.25",
                    "loss@2/64=1",
                    "test/Accuracy@1/-=63.5",
                    "test/Avg loss@1/-=1.125",
                ],
                meanings: &["Sample 1 of epoch; In(1)", "; Ends(1)"],
                prose: 5,
            },
            Example {
                text: "Epoch 1\n\
               -------------------------------\n\
               loss: 2.5  [    0/60000]\n\
               loss: 1.25  [ 6400/60000]\n",
                records: &["loss@1/0=2.5", "loss@1/6400=1.25"],
                meanings: &["Sample 0 of epoch; In(1)"],
                prose: 1,
            },
        ],
    },
    // One line an epoch and phase, under a heading.
    TextShape {
        name: "transfer_tutorial",
        source: "PyTorch tutorials, beginner_source/transfer_learning_tutorial.py, train_model",
        either: true,
        common: false,
        after: &[],
        lines: &[
            heading("Epoch {epoch}/{epochs}"),
            line("train Loss: {Loss} Acc: {Acc}", PairStyle::None).prefix("train/").under(Ends(1)),
            line("val Loss: {Loss} Acc: {Acc}", PairStyle::None).prefix("val/").under(Ends(1)),
        ],
        also: &[],
        examples: &[Example {
            text: "Epoch 0/24\n\
               ----------\n\
               train Loss: 0.625 Acc: 0.5\n\
               val Loss: 0.5 Acc: 0.625\n\
               \n\
               Epoch 1/24\n\
               ----------\n\
               train Loss: 0.375 Acc: 0.75\n\
               val Loss: 0.25 Acc: 0.875\n\
               \n\
               Training complete in 1m 7s\n\
               Best val Acc: 0.875\n",
            records: &[
                "train/Loss@0/-=0.625",
                "train/Acc@0/-=0.5",
                "train/Loss@1/-=0.375",
                "train/Acc@1/-=0.75",
                "val/Loss@0/-=0.5",
                "val/Acc@0/-=0.625",
                "val/Loss@1/-=0.25",
                "val/Acc@1/-=0.875",
            ],
            meanings: &["; Ends(0)", "; Ends(0)"],
            prose: 6,
        }],
    },
    // epoch + 1, i + 1.
    TextShape {
        name: "cifar_tutorial",
        source: "PyTorch tutorials, beginner_source/blitz/cifar10_tutorial.py",
        either: false,
        common: false,
        after: &[],
        lines: &[line("[{epoch:1}, {iter:1}] loss: {loss}", PairStyle::None)],
        also: &[],
        examples: &[Example {
            text: "[1,  2000] loss: 2.125\n\
               [1,  4000] loss: 1.75\n\
               [2,  2000] loss: 1.5\n\
               Finished Training\n",
            records: &["loss@1/2000=2.125", "loss@1/4000=1.75", "loss@2/2000=1.5"],
            meanings: &["Batch 1 of epoch; In(1)"],
            prose: 1,
        }],
    },
    // One block of lines an epoch, under a heading, from 0.
    TextShape {
        name: "nnunet",
        source: "nnU-Net, nnunetv2/training/nnUNetTrainer/nnUNetTrainer.py, on_epoch_end; v1, network_trainer.py",
        either: false,
        common: false,
        after: &[],
        lines: &[
            heading("Epoch {epoch:0}"),
            heading("epoch: {epoch:0}"),
            dated("Current learning rate: {learning rate}"),
            dated("train_loss {train_loss}"),
            dated("val_loss {val_loss}"),
            ShapeLine { ends: false, ..dated("Pseudo dice {Pseudo dice}") },
            dated("Yayy! New best EMA pseudo Dice: {EMA pseudo Dice}"),
            dated("Epoch time: {Epoch time} s"),
            dated("train loss : {train_loss}"),
            dated("validation loss: {val_loss}"),
            dated("lr: {learning rate}"),
        ],
        also: &[],
        examples: &[Example {
            text: "2024-01-01 10:00:00.123456: Epoch 0 \n\
               2024-01-01 10:00:00.123456: Current learning rate: 0.01 \n\
               2024-01-01 10:00:00.123456: train_loss -0.5 \n\
               2024-01-01 10:00:00.123456: val_loss -0.25 \n\
               2024-01-01 10:00:00.123456: Pseudo dice [0.25, 0.5] \n\
               2024-01-01 10:00:00.123456: Epoch time: 60.12 s \n\
               2024-01-01 10:01:00.123456: Yayy! New best EMA pseudo Dice: 0.375 \n\
               2024-01-01 10:01:00.123456: Epoch 1 \n\
               2024-01-01 10:01:00.123456: train_loss -0.625 \n",
            records: &[
                "learning rate@0/-=0.01",
                "train_loss@0/-=-0.5",
                "train_loss@1/-=-0.625",
                "val_loss@0/-=-0.25",
                "EMA pseudo Dice@0/-=0.375",
                "Epoch time@0/-=60.12",
            ],
            meanings: &["; Ends(0)", "; Ends(0)", "; Ends(0)", "; Ends(0)", "; Ends(0)"],
            prose: 0,
        }],
    },
    // iter_ is the index of the update that is being made; a test comes before the update of its number, and so after as
    // many.
    TextShape {
        name: "caffe",
        source: "Caffe, src/caffe/solver.cpp, Step and Test; sgd_solver.cpp",
        either: false,
        common: false,
        after: &[],
        lines: &[
            line("Iteration {step:0} ({_}), loss = {loss}", PairStyle::None).sets(),
            // NVIDIA's prints how many epochs are done, to a tenth.
            line("Iteration {step:0} ({_}), {_}ep, loss = {loss}", PairStyle::None).sets(),
            // Scikit-learn prints the same after "Iteration", counted from 1.
            line("solver.cpp:{_}] Iteration {step:0}, loss = {loss}", PairStyle::None).sets(),
            line("Iteration {step:0}, lr = {lr}", PairStyle::None),
            line("Iteration {step:1}, Testing net (#{_})", PairStyle::None).sets(),
            ShapeLine {
                takes: Takes::Place,
                ..line("Train net output #{_}: {*}", Free).prefix("train/").step(StepMeaning::of_run(Unit::Step, 0))
            },
            ShapeLine {
                takes: Takes::Place,
                ..line("Test net output #{_}: {*}", Free).prefix("test/").step(StepMeaning::of_run(Unit::Step, 1))
            },
        ],
        also: &[],
        examples: &[Example {
            text: "I0101 10:00:00.123456  1234 solver.cpp:347] Iteration 0, Testing net (#0)\n\
               I0101 10:00:00.123456  1234 solver.cpp:414]     Test net output #0: accuracy = 0.125\n\
               I0101 10:00:00.123456  1234 solver.cpp:414]     Test net output #1: loss = 2.375 (* 1 = 2.375 \
               loss)\n\
               I0101 10:00:00.123456  1234 solver.cpp:239] Iteration 0 (0 iter/s, 0.5s/100 iters), loss = 2.5\n\
               I0101 10:00:00.123456  1234 solver.cpp:258]     Train net output #0: loss = 2.5 (* 1 = 2.5 loss)\n\
               I0101 10:00:00.123456  1234 sgd_solver.cpp:112] Iteration 0, lr = 0.01\n\
               I0101 10:00:10.123456  1234 solver.cpp:239] Iteration 100 (5.25 iter/s, 19.5s/100 iters), loss = \
               1.25\n\
               I0101 10:00:10.123456  1234 sgd_solver.cpp:112] Iteration 100, lr = 0.005\n\
               I0101 10:00:20.123456  1234 solver.cpp:347] Iteration 500, Testing net (#0)\n\
               I0101 10:00:20.123456  1234 solver.cpp:414]     Test net output #0: accuracy = 0.75\n",
            records: &[
                "train/loss@-/0=2.5",
                "test/accuracy@-/0=0.125",
                "test/loss@-/0=2.375",
                "test/accuracy@-/500=0.75",
                "loss@-/0=2.5",
                "loss@-/100=1.25",
                "lr@-/0=0.01",
                "lr@-/100=0.005",
            ],
            meanings: &["Step 0 of run", "Step 1 of run", "Step 0 of run", "Step 0 of run"],
            prose: 0,
        }],
    },
    // neval is that of the update that was made, from 1.
    TextShape {
        name: "bigdl",
        source: "BigDL, spark/dl/.../optim/DistriOptimizer.scala, optimize",
        either: false,
        common: false,
        after: &[],
        lines: &[line(
            "[Epoch {epoch:1} {_}/{_}][Iteration {step:1}][Wall Clock {Wall Clock}s] {_}Throughput is {Throughput} records/second. Loss is {Loss}",
            PairStyle::None,
        )],
        also: &[],
        examples: &[Example {
            text: "2017-01-01 10:00:00 INFO  DistriOptimizer$:330 - [Epoch 1 0/60000][Iteration 1][Wall Clock 0.5s] \
               Train 128 in 0.5seconds. Throughput is 256.5 records/second. Loss is 2.3. \n\
               2017-01-01 10:00:01 INFO  DistriOptimizer$:330 - [Epoch 1 128/60000][Iteration 2][Wall Clock 1.0s] \
               Trained 128 records in 0.5 seconds. Throughput is 256.5 records/second. Loss is 2.25. Current \
               learning rate is 0.01.\n",
            records: &[
                "Wall Clock@1/1=0.5",
                "Throughput@1/1=256.5",
                "Loss@1/1=2.3",
                "Wall Clock@1/2=1",
                "Throughput@1/2=256.5",
                "Loss@1/2=2.25",
            ],
            meanings: &["Step 1 of run; In(1)"],
            prose: 0,
        }],
    },
];
