"""Nothing from elsewhere: the one script that the theme would load from a CDN comes from this site.

Opened from a folder, a page may start no worker; the theme's search then runs in a frame, by iframe-worker (MIT,
npm iframe-worker 1.0.4, in assets/iframe-worker).
"""

from __future__ import annotations

from typing import Any

from mkdocs.exceptions import PluginError
from mkdocs.utils import get_relative_url

ELSEWHERE = "https://unpkg.com/iframe-worker/shim"
HERE = "assets/iframe-worker/shim.js"


def on_post_page(output: str, page: Any, **_: Any) -> str:
    """Replace the address in a page."""
    if output.count(ELSEWHERE) != 1:
        raise PluginError(f"{page.file.src_uri}: the theme no longer loads {ELSEWHERE}: see docs/hooks/offline.py")
    return output.replace(ELSEWHERE, get_relative_url(HERE, page.url))


def on_post_template(output: str, **_: Any) -> str:
    """And in 404.html, which a server shows at any address."""
    return output.replace(ELSEWHERE, f"/{HERE}")
