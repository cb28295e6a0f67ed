//! Translation, speech and language models by epochs.

use super::prelude::*;

/// A line of `MLPerf`'s log (`mlperf_compliance`): the result of an evaluation, after `epoch_num` epochs.
pub(super) const MLPERF: ShapeLine = line(
    ":::MLL {wall_time} eval_accuracy: {{\"value\": {eval_accuracy}, {_}\"epoch_num\": {epoch:1}",
    PairStyle::None,
)
.epoch(Ends(1));

/// The same as `mlperf_logging` prints it (`mllog.py`).
pub(super) const MLPERF_LOG: ShapeLine = line(
    ":::MLLOG {{{_}\"key\": \"eval_accuracy\", \"value\": {eval_accuracy}, {_}\"epoch_num\": {epoch:1}",
    PairStyle::None,
)
.epoch(Ends(1));

/// The same as the first round of `MLPerf` had it: an evaluation in the epoch, or after it, with the index of the epoch.
pub(super) const MLPERF_05: ShapeLine = line(
    ":::MLPv0.5.0 {_} {wall_time} ({_}) eval_accuracy: {{\"epoch\": {epoch:0}, \"value\": {eval_accuracy}}}",
    PairStyle::None,
)
.epoch(In(0));

const NUM_UPDATES: &[(&str, ShapeKey)] = &[("num_updates", ShapeKey::Step)];
const UPDATES: &[(&str, ShapeKey)] =
    &[("num_updates", ShapeKey::Step), ("train_num_updates", ShapeKey::Step), ("valid_num_updates", ShapeKey::Step)];

/// Whether a line does not name a collection: the tags of several would be mixed.
fn has_no_collection(line: &[u8]) -> bool {
    memchr::memmem::find(line, b" collection=").is_none()
}

pub(super) const SHAPES: &[TextShape] = &[
    // Lines inside an epoch, and a summary of it; with --log-format json both are objects. Where in the epoch a line is, is
    // an index in old versions and a count in new ones; num_updates is the count of the updates.
    TextShape {
        name: "fairseq",
        source: "fairseq, fairseq/logging/progress_bar.py, SimpleProgressBar and JsonProgressBar",
        either: false,
        common: false,
        after: &[],
        lines: &[
            line("| epoch {epoch} | valid on {_} subset | {*}", Bar).prefix("valid/").keys(NUM_UPDATES),
            line("valid | epoch {epoch} | {*}", Bar).prefix("valid/").keys(NUM_UPDATES),
            line("| epoch {epoch} | {*}", Bar).prefix("train/").keys(NUM_UPDATES).needs("num_updates"),
            line("epoch {epoch}: {_} / {steps} {*}", Comma).keys(NUM_UPDATES).needs("num_updates"),
            line("{{\"epoch\": {epoch}, {*}", Object).keys(UPDATES).needs("num_updates"),
        ],
        also: &[MLPERF, MLPERF_LOG, MLPERF_05],
        examples: &[Example {
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
        }],
    },
    // f'{phase} [{self.epoch}][{i}/{len(data_loader)}]', from enumerate().
    TextShape {
        name: "gnmt",
        source: "NVIDIA's GNMT, seq2seq/train/trainer.py, feed_data",
        either: false,
        common: false,
        after: &[],
        lines: &[
            line("TRAIN [{epoch:0}][{iter:0}/{iters}] {*}", Tab),
            line("TEST [{epoch:0}][{_}/{_}] {*}", Tab).prefix("test/"),
            line("VALIDATION [{epoch:0}][{_}/{_}] {*}", Tab).prefix("validation/"),
            line("Summary: Epoch: {epoch:0} {*}", Tab),
            line("Performance: Epoch: {epoch:0} {*}", Tab).prefix("performance/"),
        ],
        also: &[MLPERF, MLPERF_LOG, MLPERF_05],
        examples: &[Example {
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
        }],
    },
    // nbatch is the index of the batch that was completed.
    TextShape {
        name: "mxnet",
        source: "MXNet, python/mxnet/callback.py, Speedometer; module/base_module.py, fit",
        either: false,
        common: false,
        after: &[],
        lines: &[
            line("Epoch[{epoch:0}] Batch [{_}-{iter:0}] {*}", Tab),
            line("Epoch[{epoch:0}] Batch [{iter:0}] {*}", Tab).needs("Speed:"),
            line("Epoch[{epoch:0}] {*}", Tab),
        ],
        also: &[MLPERF, MLPERF_LOG, MLPERF_05],
        examples: &[Example {
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
        }],
    },
    // state_->newBatch() and newUpdate() come before.
    TextShape {
        name: "marian",
        source: "Marian, src/training/scheduler.h, Scheduler.update",
        either: false,
        common: false,
        after: &[],
        lines: &[
            line("[valid] Ep. {epoch:1} : Up. {step:1} : {*}", Free)
                .keys(&[("stalled", ShapeKey::Ignored), ("times (last best", ShapeKey::Ignored)])
                .prefix("valid/"),
            line("Ep. {epoch:1} : Up. {step:1} : Sen. {Sen.} : {*}", Colon).grouped(),
        ],
        also: &[],
        examples: &[Example {
            text: "[2019-01-01 10:00:40] Ep. 1 : Up. 100 : Sen. 6,400 : Cost 1.25 : Time 10.12s : 12345.67 words/s : \
               L.r. 1.0000e-04\n\
               [2019-01-01 10:00:50] [valid] Ep. 1 : Up. 100 : cross-entropy : 123.5 : new best\n\
               [2019-01-01 10:00:50] [valid] Ep. 1 : Up. 100 : bleu : 12.5 : stalled 2 times (last best: 13.5)\n\
               [2019-01-01 10:01:20] Ep. 2 : Up. 200 : Sen. 12,800 : Cost 0.875 * 64,123 @ 1,024 after 128,246 : \
               Time 10.5s : 12345.67 words/s : L.r. 1.0000e-04\n",
            records: &[
                "valid/cross-entropy@1/100=123.5",
                "valid/bleu@1/100=12.5",
                "Sen.@1/100=6400",
                "Cost@1/100=1.25",
                "Time@1/100=10.12",
                "L.r.@1/100=0.0001",
                "Sen.@2/200=12800",
                "Cost@2/200=0.875",
                "Time@2/200=10.5",
                "L.r.@2/200=0.0001",
            ],
            meanings: &["Step 1 of run; In(1)", "Step 1 of run; In(1)"],
            prose: 0,
        }],
    },
    // The range of batches whose mean it is, from 1.
    TextShape {
        name: "espnet",
        source: "ESPnet 2, espnet2/train/trainer.py, train_one_epoch; reporter.py, log_message",
        either: false,
        common: false,
        after: &[],
        lines: &[
            line("{epoch:1}epoch:train:{_}-{iter:1}batch: {*}", Comma),
            line("{epoch:1}epoch results: {*}", Sections).epoch(Ends(1)),
        ],
        also: &[],
        examples: &[Example {
            text: "[host] 2022-01-01 10:00:00,123 (trainer:732) INFO: 1epoch:train:1-100batch: iter_time=0.001, \
               loss_att=2.5, acc=0.5, optim0_lr0=1.0e-05, train_time=0.4\n\
               [host] 2022-01-01 10:00:00,123 (trainer:732) INFO: 1epoch:train:101-200batch: iter_time=0.001, \
               loss_att=2.25, acc=0.625, optim0_lr0=1.0e-05, train_time=0.4\n\
               [host] 2022-01-01 10:00:00,123 (trainer:338) INFO: 1epoch results: [train] loss_att=2.375, time=1 \
               minute and 2.5 seconds, total_count=200, [valid] loss_att=1.5, acc=0.75, total_count=20, [att_plot] time=2.5 seconds, \
               total_count=0\n",
            records: &[
                "iter_time@1/100=0.001",
                "loss_att@1/100=2.5",
                "acc@1/100=0.5",
                "optim0_lr0@1/100=0.00001",
                "train_time@1/100=0.4",
                "iter_time@1/200=0.001",
                "loss_att@1/200=2.25",
                "acc@1/200=0.625",
                "optim0_lr0@1/200=0.00001",
                "train_time@1/200=0.4",
                "train/loss_att@1/-=2.375",
                "train/total_count@1/-=200",
                "valid/loss_att@1/-=1.5",
                "valid/acc@1/-=0.75",
                "valid/total_count@1/-=20",
                "att_plot/time@1/-=2.5",
                "att_plot/total_count@1/-=0",
            ],
            meanings: &["Batch 1 of epoch; In(1)", "; Ends(1)"],
            prose: 0,
        }],
    },
    // The step is that of optim.training_step, after the update.
    TextShape {
        name: "opennmt",
        source: "OpenNMT-py, onmt/utils/statistics.py, Statistics.output",
        either: false,
        common: false,
        after: &[],
        lines: &[line("Step {step:1}/{steps}; {*}", Free).needs("tok/s")],
        // An evaluation comes at a step of its own, which nothing prints.
        also: &[
            line("Validation perplexity: {Validation perplexity}", PairStyle::None).begins(),
            line("Validation accuracy: {Validation accuracy}", PairStyle::None).begins(),
        ],
        examples: &[Example {
            text: "[2022-01-01 10:00:00,123 INFO] Step 50/100000; acc:   0.25; ppl: 12345.5; xent: 9.5; lr: 0.00001; \
               1234/5678 tok/s;     12 sec\n\
               [2022-01-01 10:00:10,123 INFO] Step 100/100000; acc: 5.5; ppl: 1234.5; xent: 7.25; lr: 0.00002; \
               sents: 1600; bsz: 32/ 28/ 2; 1234/5678 tok/s; 24 sec;\n\
               [2022-01-01 10:00:20,123 INFO] Validation perplexity: 12.5\n\
               [2022-01-01 10:00:20,123 INFO] Validation accuracy: 45.5\n",
            records: &[
                "acc@-/50=0.25",
                "ppl@-/50=12345.5",
                "xent@-/50=9.5",
                "lr@-/50=0.00001",
                "acc@-/100=5.5",
                "ppl@-/100=1234.5",
                "xent@-/100=7.25",
                "lr@-/100=0.00002",
                "sents@-/100=1600",
                "Validation perplexity@-/-=12.5",
                "Validation accuracy@-/-=45.5",
            ],
            meanings: &["Step 1 of run", "", ""],
            prose: 0,
        }],
    },
    // One line an epoch, from 1.
    TextShape {
        name: "speechbrain",
        source: "SpeechBrain, speechbrain/utils/train_logger.py, FileTrainLogger",
        either: false,
        common: false,
        after: &[],
        lines: &[
            line("epoch: {epoch:1}, {*}", Free).needs(" - train ").begins(),
            line("Epoch: {epoch:1}, {*}", Free).needs(" - train ").begins(),
        ],
        also: &[],
        examples: &[Example {
            text: "epoch: 1, lr: 1.00e-03 - train loss: 2.5 - valid loss: 1.75, valid PER: 45.5\n\
               epoch: 2, lr: 1.00e-03 - train loss: 1.5 - valid loss: 1.25, valid PER: 30.5\n\
               Epoch loaded: 2 - test loss: 1.25, test PER: 31.5\n",
            records: &[
                "lr@1/-=0.001",
                "train loss@1/-=2.5",
                "valid loss@1/-=1.75",
                "valid PER@1/-=45.5",
                "lr@2/-=0.001",
                "train loss@2/-=1.5",
                "valid loss@2/-=1.25",
                "valid PER@2/-=30.5",
            ],
            meanings: &["; Ends(1)"],
            prose: 1,
        }],
    },
    // Batches from enumerate().
    TextShape {
        name: "word_language_model",
        source: "PyTorch examples, word_language_model/main.py, train",
        either: false,
        common: false,
        after: &[],
        lines: &[
            line("| epoch {epoch:1} | {iter:0}/{iters} batches | {*}", Bar),
            line("| end of epoch {epoch:1} | {*}", Bar),
        ],
        also: &[],
        examples: &[Example {
            text: "| epoch   1 |   200/ 2983 batches | lr 20.00 | ms/batch 12.50 | loss  7.62 | ppl  2042.50\n\
               | epoch   1 |   400/ 2983 batches | lr 20.00 | ms/batch 12.25 | loss  6.75 | ppl   850.25\n\
               -----------------------------------------------------------------------------------------\n\
               | end of epoch   1 | time: 40.25s | valid loss  5.75 | valid ppl   314.50\n",
            records: &[
                "lr@1/200=20",
                "ms/batch@1/200=12.5",
                "loss@1/200=7.62",
                "ppl@1/200=2042.5",
                "lr@1/400=20",
                "ms/batch@1/400=12.25",
                "loss@1/400=6.75",
                "ppl@1/400=850.25",
                "time@1/-=40.25",
                "valid loss@1/-=5.75",
                "valid ppl@1/-=314.5",
            ],
            meanings: &["Batch 0 of epoch; In(1)", "; Ends(1)"],
            prose: 1,
        }],
    },
    // global_step is raised before it is logged.
    TextShape {
        name: "nvidia_bert",
        source: "NVIDIA's BERT, LanguageModeling/BERT/run_pretraining.py, format_step",
        either: false,
        common: false,
        after: &[],
        lines: &[line("Training Epoch: {epoch:0} Training Iteration: {step:1} {*}", Wide)],
        also: &[],
        examples: &[Example {
            text: "DLL 2020-01-01 10:00:00.123456 - Training Epoch: 0 Training Iteration: 10  average_loss : 11.25  \
               step_loss : 11.0  learning_rate : 0.0006 \n\
               DLL 2020-01-01 10:01:00.123456 - Training Epoch: 0 Training Iteration: 20  average_loss : 10.25  \
               step_loss : 10.0  learning_rate : 0.0012 \n",
            records: &[
                "average_loss@0/10=11.25",
                "step_loss@0/10=11",
                "learning_rate@0/10=0.0006",
                "average_loss@0/20=10.25",
                "step_loss@0/20=10",
                "learning_rate@0/20=0.0012",
            ],
            meanings: &["Step 1 of run; In(0)"],
            prose: 0,
        }],
    },
    // The step that the caller gives; the examples of Flax give that of the last update or the number of updates.
    TextShape {
        name: "clu",
        source: "CLU, clu/metric_writers/logging_writer.py, LoggingWriter.write_scalars; examples of Flax, T5X",
        either: true,
        common: false,
        after: &[],
        lines: &[
            line("logging_writer.py:{_}] [{step}] collection=train {*}", Comma).prefix("train/"),
            line("logging_writer.py:{_}] [{step}] collection=valid {*}", Comma).prefix("valid/"),
            line("logging_writer.py:{_}] [{step}] collection=eval {*}", Comma).prefix("eval/"),
            line("logging_writer.py:{_}] [{step}] collection=test {*}", Comma).prefix("test/"),
            ShapeLine { check: Some(has_no_collection), ..line("logging_writer.py:{_}] [{step}] {*}", Comma) },
        ],
        also: &[],
        examples: &[Example {
            text: "I0101 10:00:00.123456 140 logging_writer.py:48] [100] accuracy=0.125, loss=2.5\n\
               I0101 10:00:10.123456 140 logging_writer.py:48] [200] accuracy=0.25, loss=2.25\n\
               I0101 10:00:10.123456 140 logging_writer.py:48] [200] collection=eval accuracy=0.375, loss=2.125\n",
            records: &[
                "eval/accuracy@-/200=0.375",
                "eval/loss@-/200=2.125",
                "accuracy@-/100=0.125",
                "loss@-/100=2.5",
                "accuracy@-/200=0.25",
                "loss@-/200=2.25",
            ],
            meanings: &["Step 1 of run", "Step 1 of run"],
            prose: 0,
        }],
    },
    // One line an epoch.
    TextShape {
        name: "ncf",
        source: "NVIDIA's and MLPerf's NCF, ncf.py, main",
        either: true,
        common: false,
        after: &[],
        lines: &[line("Epoch {epoch}: {*}", Comma).needs("HR@")],
        also: &[],
        examples: &[Example {
            text: "Epoch 0: HR@10 = 0.5, NDCG@10 = 0.25, train_time = 30.5, val_time = 1.25\n\
               Epoch 1: HR@10 = 0.5625, NDCG@10 = 0.3125, train_time = 30.25, val_time = 1.5\n",
            records: &[
                "HR@10@0/-=0.5",
                "NDCG@10@0/-=0.25",
                "train_time@0/-=30.5",
                "val_time@0/-=1.25",
                "HR@10@1/-=0.5625",
                "NDCG@10@1/-=0.3125",
                "train_time@1/-=30.25",
                "val_time@1/-=1.5",
            ],
            meanings: &["; Ends(0)"],
            prose: 0,
        }],
    },
    TextShape {
        name: "mlperf",
        source: "MLPerf's mlperf_compliance and mlperf_logging, mllog.py",
        either: false,
        common: false,
        after: &[],
        lines: &[MLPERF, MLPERF_LOG, MLPERF_05],
        also: &[],
        examples: &[Example {
            text: ":::MLLOG {\"namespace\": \"\", \"time_ms\": 1600000000000, \"event_type\": \"POINT_IN_TIME\", \
               \"key\": \"eval_accuracy\", \"value\": 0.125, \"metadata\": {\"file\": \"fit.py\", \"lineno\": 987, \
               \"epoch_num\": 1}}\n\
               :::MLLOG {\"namespace\": \"\", \"time_ms\": 1600000000001, \"event_type\": \"POINT_IN_TIME\", \
               \"key\": \"eval_accuracy\", \"value\": 0.25, \"metadata\": {\"file\": \"fit.py\", \"lineno\": 987, \
               \"epoch_num\": 2}}\n",
            records: &["eval_accuracy@1/-=0.125", "eval_accuracy@2/-=0.25"],
            meanings: &["; Ends(1)"],
            prose: 0,
        }],
    },
];
