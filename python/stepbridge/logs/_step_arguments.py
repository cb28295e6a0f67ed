"""What a caller says that logged steps count: `unit`, `base`, `convention` and `series`, as the core takes them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from stepbridge.conventions import convention as convention_named

if TYPE_CHECKING:
    from collections.abc import Mapping

    from stepbridge.conventions import ConventionName
    from stepbridge.timeline import UnitLike

__all__ = ["logged_step", "series_rules"]


def logged_step(
    unit: UnitLike | None, base: Literal[0, 1] | None, convention: ConventionName | None
) -> tuple[UnitLike | None, Literal[0, 1] | None]:
    """Returns what the caller says of logged steps: what they count, and from what number.

    Raises:
        ValueError: `convention` was given together with `unit` or `base`, or declares no step.
    """
    if convention is None:
        return unit, base
    if unit is not None or base is not None:
        raise ValueError("convention= sets unit= and base= too: give it alone, or give those two")
    return _logged_step(convention)


def _logged_step(name: ConventionName) -> tuple[UnitLike, Literal[0, 1]]:
    """Returns what a framework's logged step counts, and from what number."""
    # A framework that logs no step logs the batch.
    for role in ("step", "batch"):
        for counter in convention_named(name).counters:
            if counter.role == role:
                # A count that is read after the update is the number of that update.
                return role, counter.base if counter.kind == "index" else 1
    raise ValueError(f"{name} declares no step: give unit= and base=")


def series_rules(series: Mapping[str, tuple[UnitLike, Literal[0, 1]]] | None) -> list[tuple[str, str, int]]:
    """Returns pattern, unit and base of each rule.

    Raises:
        ValueError: a rule is not a unit and a base.
    """
    rules: list[tuple[str, str, int]] = []
    for pattern, meaning in (series or {}).items():
        try:
            unit, base = meaning
        except (TypeError, ValueError):
            raise ValueError(
                f"series={{{pattern!r}: ...}} takes a unit and a base, as in ('epoch', 1), not {meaning!r}"
            ) from None
        rules.append((pattern, str(unit), base))
    return rules
