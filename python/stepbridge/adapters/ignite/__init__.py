"""Ignite: a clock that counts what an engine trains, and handlers in any unit.

- `attach(engine, clock, optimizer)` keeps a clock in step with `engine.run`, and checks a resume before it trains;
- `every(clock, "1ep")` is an `event_filter` for the handlers of an engine;
- `global_step(clock)` is a `global_step_transform` for loggers and for the names of checkpoints.

What Ignite does to a step is in the docstring of the module that deals with it.

>>> import torch
>>> from ignite.engine import Events, create_supervised_trainer
>>> from stepbridge import StepClock
>>> model = torch.nn.Linear(4, 1)
>>> optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
>>> trainer = create_supervised_trainer(model, optimizer, torch.nn.MSELoss())
>>> clock = StepClock()
>>> counting = attach(trainer, clock, optimizer)
>>> seen = []
>>> _ = trainer.add_event_handler(
...     Events.ITERATION_COMPLETED(event_filter=every(clock, "0.5ep")), lambda: seen.append(clock.sample)
... )
>>> data = torch.utils.data.TensorDataset(torch.randn(12, 4), torch.randn(12, 1))
>>> _ = trainer.run(torch.utils.data.DataLoader(data, batch_size=3), max_epochs=2)
>>> clock.step, clock.applied, clock.sample, seen
(8, 8, 24, [6, 12, 18, 24])
"""

from __future__ import annotations

from stepbridge.adapters.base import framework

with framework("ignite", title="PyTorch Ignite", tested="0.5"):
    import ignite as _ignite  # noqa: F401  # first and alone; `framework` says why

from stepbridge.adapters.ignite.attaching import Attachment, attach
from stepbridge.adapters.ignite.handlers import every, global_step

__all__ = ["Attachment", "attach", "every", "global_step"]
