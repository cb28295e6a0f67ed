"""Without PyTorch, and without TensorBoard: what is stated, and what still works."""

from __future__ import annotations

import subprocess
import sys

import pytest


def run(code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    "block",
    [
        "sys.modules['torch'] = None",
        (
            "class Block:\n"
            "    def find_spec(self, name, path=None, target=None):\n"
            "        if name.split('.')[0] == 'torch': raise ModuleNotFoundError(name, name=name)\n"
            "sys.meta_path.insert(0, Block())"
        ),
    ],
    ids=["sys.modules", "meta_path"],
)
def test_without_pytorch_the_error_names_the_extra(block: str) -> None:
    done = run(f"import sys\n{block}\nimport stepbridge.adapters\nimport stepbridge.adapters.torch")
    assert done.returncode == 1
    last = done.stderr.strip().splitlines()[-1]
    assert last == "ImportError: stepbridge.adapters.torch needs PyTorch: pip install 'stepbridge[torch]'"


def test_a_broken_pytorch_is_not_called_missing() -> None:
    done = run(
        "import sys\n"
        "class Block:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name == 'torch._C': raise ModuleNotFoundError('No module named torch._C', name='torch._C')\n"
        "sys.meta_path.insert(0, Block())\n"
        "import stepbridge.adapters.torch"
    )
    assert done.returncode == 1
    assert "stepbridge[torch]" not in done.stderr


def test_without_tensorboard_all_but_the_writer_works() -> None:
    done = run(
        "import sys; sys.modules['tensorboard'] = None\n"
        "from stepbridge.adapters import torch as adapter\n"
        "print(adapter.watch.__name__, 'torch.utils.tensorboard' in sys.modules)\n"
        "try: adapter.SummaryWriter\n"
        "except ImportError as error: print(error)\n"
        "try: adapter.Nothing\n"
        "except AttributeError as error: print(error)\n"
    )
    assert done.returncode == 0, done.stderr
    first, second, third = done.stdout.splitlines()
    assert first == "watch False"
    assert second == "stepbridge.adapters.torch.SummaryWriter needs TensorBoard: pip install tensorboard"
    assert third == "module 'stepbridge.adapters.torch' has no attribute 'Nothing'"
