"""Where the numbers come from: commits, versions, machines, commands and run times of every job."""

from __future__ import annotations

import datetime
import io
import json
from collections import Counter
from dataclasses import dataclass
from typing import Any

from scorebench.study.durations import duration
from scorebench.study.stages import REPORT

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


def runs(cards: Cards) -> list[Run]:
    """All jobs, by place and stage."""
    listed = [
        Run(
            stage,
            at,
            card["key"],
            card.get("command", ""),
            moment(card.get("started")),
            float(card.get("seconds") or 0.0),
            card.get("peak_memory_mb"),
        )
        for stage in REPORT.reads
        for at, card in cards.get(stage, {}).items()
    ]
    return sorted(listed, key=lambda run: (run.at.split("/"), REPORT.reads.index(run.stage)))


WORTH_SHARING = 60
"""Characters of JSON from which on a part that stands twice is written once."""


def shared(cards: Cards) -> dict[str, Any]:
    """All run.json as {"cards": {stage: {place: card}}, "shared": [...]}.

    A mapping that stands in several places (hashes of code, versions, machine, hashes of an input) is kept in `shared`,
    and {"$": n} stands for it: a study's cards are mostly the same.
    """
    counts: Counter[str] = Counter()

    def count(value: Any) -> None:
        if isinstance(value, dict):
            counts[_compact(value)] += 1
            for item in value.values():
                count(item)

    def written(value: Any) -> Any:
        if not isinstance(value, dict):
            return value
        text = _compact(value)
        if counts[text] < 2 or len(text) < WORTH_SHARING:
            return {name: written(item) for name, item in sorted(value.items())}
        if text not in places:
            common.append({name: written(item) for name, item in sorted(value.items())})
            places[text] = len(common) - 1
        return {"$": places[text]}

    common: list[Any] = []
    places: dict[str, int] = {}
    listed = {stage: cards[stage] for stage in REPORT.reads if stage in cards}
    for card in (card for at in listed.values() for card in at.values()):
        count(card)
    written_cards = {stage: {name: written(card) for name, card in at.items()} for stage, at in listed.items()}
    return {"cards": written_cards, "shared": common}


def _compact(value: Any) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"))


def moment(seconds: float | None) -> str:
    """Seconds since 1970 as date and time in UTC."""
    if seconds is None:
        return ""
    return datetime.datetime.fromtimestamp(seconds, datetime.UTC).strftime("%Y-%m-%d %H:%M:%S")


def origins(cards: Cards) -> dict[str, Any]:
    """Commits and machines with the number of jobs that had them, versions of packages, and the span of time."""
    listed = [card for stage in REPORT.reads for card in cards.get(stage, {}).values()]
    started = sorted(card["started"] for card in listed if card.get("started") is not None)
    return {
        "commits": _counted(_commit(card) for card in listed),
        "packages": sorted({pair for card in listed for pair in card.get("versions", {}).items()}),
        "machines": _machines([card.get("machine") or {} for card in listed]),
        "jobs": len(listed),
        "seconds": duration(sum(float(card.get("seconds") or 0.0) for card in listed)),
        "by_stage": [
            (stage, len(cards[stage]), duration(sum(float(c.get("seconds") or 0) for c in cards[stage].values())))
            for stage in REPORT.reads
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


def _machines(machines: list[dict[str, Any]]) -> list[tuple[str, int]]:
    """What may change last digits: processor, system, Python, and the GPUs that some jobs there used."""
    gpus: dict[str, set[str]] = {}
    for machine in machines:
        gpus.setdefault(_machine(machine), set()).update([machine["gpu"]] if machine.get("gpu") else [])
    counted = _counted(_machine(machine) for machine in machines)
    return [(", ".join([name, *sorted(gpus[name])]), n) for name, n in counted]


def _machine(machine: dict[str, Any]) -> str:
    listed = [machine.get("processor"), f"{machine['cpus']} CPUs" if machine.get("cpus") else None]
    listed += [machine.get("platform"), f"Python {machine['python']}" if machine.get("python") else None]
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
