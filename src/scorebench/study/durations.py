"""Spans of time as people say them."""

from __future__ import annotations


def duration(seconds: float) -> str:
    """Seconds below two minutes, minutes below two hours, else hours and minutes."""
    if seconds < 120:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 120 else f"{minutes // 60} h {minutes % 60} min"
