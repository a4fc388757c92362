"""Where the numbers come from: commits, versions, machines, commands and run times of every job."""

from __future__ import annotations

import datetime
import io
import json
from collections import Counter
from dataclasses import dataclass
from typing import Any

STAGES = ("prepare", "floor", "train", "sample", "evaluate")
Cards = dict[str, dict[str, dict[str, Any]]]
"""Stage -> place -> run.json."""


@dataclass(frozen=True)
class Run:
    """One job as a row of the table."""

    stage: str
    at: str
    key: str
    command: str
    started: str
    seconds: float
    memory: float | None
    card: str
    """run.json: parameters, parts of the key, inputs, versions, machine."""


def runs(cards: Cards) -> list[Run]:
    """All jobs, by place and stage."""
    found = [
        Run(
            stage,
            at,
            card["key"],
            card.get("command", ""),
            moment(card.get("started")),
            float(card.get("seconds") or 0.0),
            card.get("peak_memory_mb"),
            json.dumps(card, indent=1, sort_keys=True, ensure_ascii=False),
        )
        for stage in STAGES
        for at, card in cards.get(stage, {}).items()
    ]
    return sorted(found, key=lambda run: (run.at.split("/"), STAGES.index(run.stage)))


def moment(seconds: float | None) -> str:
    """Seconds since 1970 as date and time in UTC."""
    if seconds is None:
        return ""
    return datetime.datetime.fromtimestamp(seconds, datetime.UTC).strftime("%Y-%m-%d %H:%M:%S")


def duration(seconds: float) -> str:
    """Seconds as people say them."""
    if seconds < 120:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 120 else f"{minutes // 60} h {minutes % 60} min"


def origins(cards: Cards) -> dict[str, Any]:
    """Commits, versions and machines with the number of jobs that had them, and the span of time."""
    listed = [card for stage in STAGES for card in cards.get(stage, {}).values()]
    started = sorted(card["started"] for card in listed if card.get("started") is not None)
    versions = Counter(pair for card in listed for pair in card.get("versions", {}).items())
    return {
        "commits": _counted(_commit(card) for card in listed),
        "versions": sorted(versions.items()),
        "machines": _counted(_machine(card.get("machine") or {}) for card in listed),
        "jobs": len(listed),
        "seconds": duration(sum(float(card.get("seconds") or 0.0) for card in listed)),
        "by_stage": [
            (stage, len(cards[stage]), duration(sum(float(c.get("seconds") or 0) for c in cards[stage].values())))
            for stage in STAGES
            if cards.get(stage)
        ],
        "first": moment(started[0]) if started else "",
        "last": moment(started[-1]) if started else "",
    }


def _counted(values: Any) -> list[tuple[str, int]]:
    return sorted(Counter(values).items(), key=lambda pair: (-pair[1], pair[0]))


def _commit(card: dict[str, Any]) -> str:
    if not card.get("commit"):
        return "no commit known"
    changed = " with uncommitted changes" if card.get("dirty") else ""
    return f"{card['commit']}{changed}"


def _machine(machine: dict[str, Any]) -> str:
    listed = [machine.get("processor"), f"{machine['cpus']} CPUs" if machine.get("cpus") else None]
    listed += [machine.get("gpu"), machine.get("platform")]
    listed.append(f"Python {machine['python']}" if machine.get("python") else None)
    return ", ".join(str(item) for item in listed if item) or "machine not known"


def as_yaml(params: dict[str, Any]) -> str:
    """The parameters of a study, every default spelled out, as a params.yaml."""
    from ruamel.yaml import YAML

    yaml: Any = YAML(typ="safe", pure=True)
    yaml.default_flow_style, yaml.sort_base_mapping_type_on_output = False, False
    yaml.width = 100
    buffer = io.StringIO()
    yaml.dump(params, buffer)
    return buffer.getvalue()
