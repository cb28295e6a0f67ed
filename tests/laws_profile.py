"""How hard Hypothesis tries the laws: `HYPOTHESIS_PROFILE=thorough` before a release, a short run otherwise.

`make test` and CI use `ci`, which tries the same examples each time, so that a change is to blame for a failure.
`few` does too. It is for the same tests on another Python or on other versions: there a law is tried to see that it
runs at all. `dev`, for pytest by itself, draws new ones. No deadline: the first example of a law pays for what is made
lazily, and machines are shared.
"""

from __future__ import annotations

import os

from hypothesis import settings

settings.register_profile("dev", deadline=None, max_examples=60)
settings.register_profile("ci", deadline=None, max_examples=100, derandomize=True, print_blob=True)
settings.register_profile("few", settings.get_profile("ci"), max_examples=10)
settings.register_profile("thorough", deadline=None, max_examples=3000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "dev"))
