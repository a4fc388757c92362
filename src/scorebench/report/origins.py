"""Where the numbers come from: commits, versions, machines, commands and run times of every job."""

from __future__ import annotations

import datetime
import io
import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from pydantic import JsonValue

from scorebench.specs.card import AnyCard, Cards, Machine
from scorebench.study.durations import duration
from scorebench.study.stages import REPORT


def listed(cards: Cards) -> list[AnyCard]:
    """All cards, by place and stage."""
    every = (card for stage in REPORT.reads for card in cards.get(stage, {}).values())
    return sorted(every, key=lambda card: (card.at.split("/"), REPORT.reads.index(card.stage)))


WORTH_SHARING = 60
"""Characters of JSON from which on a part that stands twice is written once."""


def shared(cards: Cards) -> dict[str, JsonValue]:
    """All run.json as {"cards": {stage: {place: card}}, "shared": [...]}.

    A mapping that stands in several places (hashes of code, versions, machine, hashes of an input) is kept in `shared`,
    and {"$": n} stands for it: a study's cards are mostly the same.
    """
    counts: Counter[str] = Counter()

    def count(value: JsonValue) -> None:
        if isinstance(value, dict):
            counts[_compact(value)] += 1
            for item in value.values():
                count(item)

    def written(value: JsonValue) -> JsonValue:
        if not isinstance(value, dict):
            return value
        text = _compact(value)
        if counts[text] < 2 or len(text) < WORTH_SHARING:
            return {name: written(item) for name, item in sorted(value.items())}
        if text not in places:
            common.append({name: written(item) for name, item in sorted(value.items())})
            places[text] = len(common) - 1
        return {"$": places[text]}

    common: list[JsonValue] = []
    places: dict[str, int] = {}
    plain = {s: {at: card.model_dump(mode="json") for at, card in cards[s].items()} for s in REPORT.reads if s in cards}
    for card in (card for at in plain.values() for card in at.values()):
        count(card)
    return {
        "cards": {s: {at: written(card) for at, card in each.items()} for s, each in plain.items()},
        "shared": common,
    }


def _compact(value: JsonValue) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"))


def moment(seconds: float) -> str:
    """Seconds since 1970 as date and time in UTC."""
    return datetime.datetime.fromtimestamp(seconds, datetime.UTC).strftime("%Y-%m-%d %H:%M:%S")


@dataclass(frozen=True)
class Origins:
    """Commits and machines with the number of jobs that had them, versions of packages, and the span of time.

    by_stage: stage, jobs, their time. first, last: when the first job began, and the last; empty without jobs.
    """

    commits: list[tuple[str, int]]
    packages: list[tuple[str, str]]
    machines: list[tuple[str, int]]
    jobs: int
    seconds: str
    by_stage: list[tuple[str, int, str]]
    first: str
    last: str


def origins(cards: Cards) -> Origins:
    """Of all jobs of a study."""
    every = listed(cards)
    by_stage = [(stage, list(cards[stage].values())) for stage in REPORT.reads if cards.get(stage)]
    started = sorted(card.started for card in every)
    return Origins(
        commits=_counted(_commit(card) for card in every),
        packages=sorted({pair for card in every for pair in card.versions.items()}),
        machines=_machines([card.machine for card in every]),
        jobs=len(every),
        seconds=_took(every),
        by_stage=[(stage, len(there), _took(there)) for stage, there in by_stage],
        first=moment(started[0]) if started else "",
        last=moment(started[-1]) if started else "",
    )


def _took(cards: list[AnyCard]) -> str:
    return duration(sum(card.seconds for card in cards))


def _counted(values: Iterable[str]) -> list[tuple[str, int]]:
    return sorted(Counter(values).items(), key=lambda pair: (-pair[1], pair[0]))


def _commit(card: AnyCard) -> str:
    changed = " with uncommitted changes" if card.dirty else ""
    return f"{card.commit}{changed}" if card.commit else "no commit known"


def _machines(machines: list[Machine]) -> list[tuple[str, int]]:
    """What may change last digits: processor, system, Python, and the GPUs that some jobs there used."""
    gpus: dict[str, set[str]] = {}
    for machine in machines:
        gpus.setdefault(_machine(machine), set()).update([machine.gpu] if machine.gpu else [])
    counted = _counted(_machine(machine) for machine in machines)
    return [(", ".join([name, *sorted(gpus[name])]), n) for name, n in counted]


def _machine(machine: Machine) -> str:
    cpus = f"{machine.cpus} CPUs" if machine.cpus else ""
    return ", ".join(filter(None, [machine.processor, cpus, machine.platform, f"Python {machine.python}"]))


def as_yaml(params: dict[str, JsonValue]) -> str:
    """The parameters of a study, every default spelled out, as a params.yaml."""
    from ruamel.yaml import YAML

    yaml: Any = YAML(typ="safe", pure=True)
    yaml.default_flow_style, yaml.sort_base_mapping_type_on_output = False, False
    yaml.width = 100
    buffer = io.StringIO()
    yaml.dump(params, buffer)
    return buffer.getvalue()
