//! Lines of training whose shape nobody knows, and lines of other programs.

use super::super::survey::Survey;
use std::fmt::Write as _;

/// The name of the shape of a text, and what the numbers of its lines mean.
fn shape(text: &str) -> Option<(&'static str, Vec<String>)> {
    let mut survey = Survey::new(None);
    survey.feed(text.as_bytes());
    let shape = survey.shape()?;
    let plan = shape.plan();
    let meanings = plan.lines.iter().map(|line| {
        let step = line.meaning.step.map(|step| format!("{:?} {} of {}", step.unit, step.base, step.scope.name()));
        let epoch = line.meaning.epoch.map(|epoch| format!("{epoch:?}"));
        [step, epoch].into_iter().flatten().collect::<Vec<_>>().join("; ")
    });
    Some((shape.name(), meanings.collect()))
}

#[test]
fn meanings_follow_from_how_numbers_go_on() {
    let lines = |form: &dyn Fn(u32, u32) -> String, epochs: u32, each: u32| {
        let mut text = String::new();
        for epoch in 0..epochs {
            for batch in 0..each {
                let _ = writeln!(text, "{}", form(epoch, batch));
            }
        }
        text
    };
    for (text, expected) in [
        // The count begins again with the epoch, or goes on.
        (lines(&|e, b| format!("epoch={e} batch={b} loss=0.5"), 2, 4), &["Batch 0 of epoch; In(0)"][..]),
        (lines(&|e, b| format!("epoch={} batch={} loss=0.5", e + 1, b + 1), 2, 4), &["Batch 1 of epoch; In(1)"]),
        (lines(&|e, b| format!("epoch {} step {} acc 0.5", e + 1, e * 4 + b), 2, 4), &["Step 0 of run; In(1)"]),
        (lines(&|e, b| format!("[Epoch {}/2] [iter {}/4] lr 0.5", e + 1, b + 1), 2, 4), &["Batch 1 of epoch; In(1)"]),
        // In one epoch nothing shows which of them it is; the number of batches does.
        (lines(&|e, b| format!("[Epoch {}/2] [iter {}/4] lr 0.5", e + 1, b + 1), 1, 4), &["In(1)"]),
        (lines(&|e, b| format!("[Epoch {}/2] [batch {}/4] lr 0.5", e + 1, b + 1), 1, 4), &["Batch 1 of epoch; In(1)"]),
        // No epoch: over the run. 9, 19, 29 are indices of an update that is printed after every tenth.
        (lines(&|_, b| format!("Update {}: ppl=0.5", (b + 1) * 10), 1, 4), &["Step 1 of run"]),
        (lines(&|_, b| format!("Update {}: ppl=0.5", b * 10 + 9), 1, 4), &["Step 0 of run"]),
        (lines(&|e, b| format!("ep: {e}, it: {b}, d_loss: 0.5"), 2, 4), &["Batch 0 of epoch; In(0)"]),
        (lines(&|e, b| format!("step {} reward {}", e * 4 + b, b * 10), 2, 4), &["Step 0 of run"]),
        // Four batches an update: that count is of updates that are done, or of the one that is going on.
        (lines(&|_, b| format!("iter {} step {}: loss 0.5", b + 1, (b + 1) / 4), 1, 9), &["Batch 1 of run"]),
        // A line an epoch, and one that is somewhere in it.
        (lines(&|e, b| format!("Epoch {}/4 ### {}/9 0:01 loss: 0.5", e + 1, b + 1), 4, 1), &["In(1)"]),
        (lines(&|e, _| format!("Finished epoch {} | train loss 0.5 | val loss 0.25", e + 1), 4, 1), &["Ends(1)"]),
        // Under a heading.
        (
            lines(
                &|e, b| if b == 0 { format!("=== Epoch {e}") } else { format!("iteration {b}, grad norm: 2.5") },
                3,
                4,
            ),
            &["Batch 1 of epoch; In(0)", "In(0)"],
        ),
        (
            lines(
                &|e, b| {
                    if b == 0 { format!("Epoch [{}/3]", e + 1) } else { "train loss: 0.5, val loss: 0.25".to_owned() }
                },
                3,
                2,
            ),
            &["Ends(1)", "In(1)"],
        ),
        (
            lines(&|e, b| format!("{{'epoch': {}, 'step': {}, 'loss': 0.5}}", e + 1, e * 3 + b + 1), 3, 3),
            &["Step 1 of run; In(1)"],
        ),
        // Under one that counts steps, or says how long the epoch took.
        (
            lines(
                &|_, b| {
                    if b == 0 { String::new() } else { format!("Iteration {b}/9\n  Mean reward: {b}.5\n  Loss: 0.25") }
                },
                1,
                5,
            ),
            &["Step 1 of run", "Step 1 of run", "Step 1 of run"],
        ),
        (
            lines(
                &|e, _| format!("Epoch: {:02} | Epoch Time: 0m 2{e}s\n\tTrain Loss: 0.5 | Train PPL: 1.65", e + 1),
                3,
                1,
            ),
            &["Ends(1)", "In(1)"],
        ),
        (lines(&|e, _| format!("Epoch {e} in 3.2{e} sec\nTest set accuracy 0.5"), 4, 1), &["Ends(0)", "In(0)"]),
        // A second word for epochs has a name.
        (
            lines(&|e, b| format!("Epoch: {e} | Step: {b} | PPO Epoch: 1 | Loss: 0.5"), 2, 4),
            &["Batch 0 of epoch; In(0)"],
        ),
        // Values before and between the counters.
        (lines(&|e, b| format!("[rank0]: loss 0.5 step {}", e * 4 + b), 2, 4), &["Step 0 of run"]),
        (lines(&|e, b| format!("2024-01-01 10:00:00 INFO loss 0.5, step {}", e * 4 + b), 2, 4), &["Step 0 of run"]),
        (lines(&|e, b| format!("{{'loss': 0.5, 'step': {}, 'lr': 0.1}}", e * 4 + b), 2, 4), &["Step 0 of run"]),
        (
            lines(&|e, b| format!("INFO - loss: 0.5 | Epoch {} | acc 0.5 | Step {}", e + 1, e * 4 + b), 2, 4),
            &["Step 0 of run; In(1)"],
        ),
        // Training and an evaluation with the same counter.
        (
            lines(
                &|e, b| {
                    let phase = if b == 0 { "Training" } else { "Validating" };
                    format!("{phase}... epoch={}, loss=0.5", e + 1)
                },
                4,
                2,
            ),
            &["Ends(1)", "Ends(1)"],
        ),
        // A count over the run whose beginning is not there.
        (lines(&|_, b| format!("Update {}: ppl=0.5", 500 + b * 10), 1, 4), &[""]),
    ] {
        let expected: Vec<String> = expected.iter().map(|&meaning| meaning.to_owned()).collect();
        assert_eq!(shape(&text), Some(("inferred", expected)), "{text}");
    }
}

#[test]
fn other_programs_are_no_training() {
    for text in [
        // A build in a container.
        "Step 1/10 : FROM python:3.11\n ---> 5d0da3dc9764\nStep 2/10 : RUN pip install loss==0.5 torch==2.1.0\n\
         Step 3/10 : COPY . /app\nStep 4/10 : ENV LR 0.001\nStep 5/10 : CMD python train.py --lr 0.1\n",
        // A build by ninja and by cargo.
        "[1/120] Building CXX object src/step.cpp.o\n[2/120] Building CXX object src/iter.cpp.o\n[120/120] Linking\n\
         Compiling serde v1.0.200\nFinished in 12.5s\n",
        // A server.
        "10.0.0.1 - - [01/Jan/2024:10:00:00 +0000] \"GET /batch/12?step=3 HTTP/1.1\" 200 512\n\
         10.0.0.1 - - [01/Jan/2024:10:00:01 +0000] \"GET /batch/13?step=4 HTTP/1.1\" 200 512\n\
         10.0.0.1 - - [01/Jan/2024:10:00:02 +0000] \"GET /batch/14?step=5 HTTP/1.1\" 500 12\n",
        "INFO worker: batch 12 processed in 35 ms, 20 rows\nINFO worker: batch 13 processed in 30 ms, 21 rows\n\
         INFO worker: batch 14 processed in 31 ms, 25 rows\nINFO worker: batch 15 processed in 31 ms, 25 rows\n",
        // An install.
        "Step 1: unpack 120 files\nStep 2: copy 80 files\nStep 3: register 4 services\nStep 4: done in 12 s\n\
         Get:1 http://deb.debian.org/debian bookworm/main amd64 libc6 2.36 [2,756 kB]\nSetting up libc6 (2.36) ...\n",
        // A migration.
        "Running update 1: 12 rows affected\nRunning update 2: 15 rows affected\nRunning update 3: 5 rows affected\n",
        // Prose about training.
        "In step 3 the loss is below 0.5, and in step 4 it rises.\nEpoch 5 of the model is the best: see figure 2.\n\
         At iteration 12 we lower the learning rate.\n",
        // A chain of blocks.
        "Imported new chain segment blocks=1 epoch 12 slot 384 txs=120 mgas=8.5\nImported epoch 12 slot 385 txs=99\n\
         Imported new chain segment blocks=1 epoch 13 slot 416 txs=121 mgas=8.5\n",
        // Addresses with parameters, counts that are called as measurements are, a recipe.
        "GET /api/epoch?step=10&loss=0.1 HTTP/1.1\nGET /api/epoch?step=20&loss=0.2 HTTP/1.1\n\
         GET /api/epoch?step=30&loss=0.3 HTTP/1.1\nGET /api/epoch?step=40&loss=0.4 HTTP/1.1\n",
        "Step 1: data loss: 0 files, map: 1\nStep 2: data loss: 0 files, map: 2\nStep 3: data loss: 0 files, map: 3\n",
        "batch 1 of 9: precision 1 recall 2\nbatch 2 of 9: precision 2 recall 4\nbatch 3 of 9: precision 3 recall 6\n",
        "Step 1: Heat at 101 degrees. lr 0.5\nStep 2: Heat at 102 degrees. lr 0.5\nStep 3: Heat at 103 degrees. lr 0.5\n",
        // "it" as a word.
        "it 1 loss 0.5\nit 2 loss 0.5\nit 3 loss 0.5\n",
        // Two runs, or two epochs: nothing shows it.
        "Train [1/2] Iter [1/2] loss=0.5\nTrain [1/2] Iter [2/2] loss=0.5\nTrain [2/2] Iter [1/2] loss=0.5\n\
         Train [2/2] Iter [2/2] loss=0.5\n",
        // Lines under which heading they are does not show.
        "loss: 0.5\nEpoch 1 took 3.5 s\nloss: 0.25\nEpoch 2 took 3.5 s\nloss: 0.125\nEpoch 3 took 3.5 s\n",
        "loss: 0.5\nIteration 1\nloss: 0.25\nIteration 2\nloss: 0.125\nIteration 3\n",
        // The same place again and again.
        "step 1 loss = 0.5, retry\nstep 1 loss = 0.5, retry\nstep 1 loss = 0.5, retry\n",
    ] {
        assert_eq!(shape(text), None, "{text}");
    }
}

#[test]
fn a_shape_fails_where_most_lines_have_another_form() {
    let mut text = String::new();
    for step in 1..=20 {
        let _ = writeln!(text, "epoch: 1, iter: {step}/200, total_loss: 0.5, lr: 0.1");
        if step % 10 == 0 {
            let _ = writeln!(text, "eta: 0:00:10  iter: {step}  total_loss: 0.5  lr: 0.1");
        }
    }
    let (name, _) = shape(&text).expect("a log");
    assert_ne!(name, "detectron2");
}
