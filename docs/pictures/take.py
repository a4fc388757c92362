"""Take docs/pictures/result.png, the top of a report beside its phone in the dark, from reports/default/report.html.

python docs/pictures/take.py                      # or: make pictures
python docs/pictures/take.py --report reports/noise/report.html --out noise.png
"""

import argparse
import io
import shutil
from pathlib import Path

from PIL import Image
from playwright.sync_api import Page, sync_playwright

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
WIDE, PHONE, HEIGHT, GAP = 1180, 390, 1500, 24
LIMIT = 400_000
"""Bytes."""


def shot(page: Page, width: int) -> Image.Image:
    """The top of the page, with its charts drawn."""
    page.wait_for_selector("html[data-ready]")
    for figure in page.locator(".figure:visible").all()[:4]:
        figure.scroll_into_view_if_needed()
        figure.locator("svg, p.note").first.wait_for()
    page.evaluate("scrollTo(0, 0)")
    return Image.open(io.BytesIO(page.screenshot(clip={"x": 0, "y": 0, "width": width, "height": HEIGHT})))


def main() -> None:
    """Take it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--report", type=Path, default=ROOT / "reports/default/report.html")
    parser.add_argument("--out", type=Path, default=HERE / "result.png")
    chosen = parser.parse_args()
    if not chosen.report.is_file():
        parser.error(f"{chosen.report} is not there: `snakemake --cores all -- report` draws it")
    browser_at = shutil.which("chromium") or shutil.which("chromium-browser")
    if browser_at is None:
        parser.error("there is no Chromium: apt-get install chromium")
    picture = Image.new("RGB", (WIDE + GAP + PHONE, HEIGHT), "white")
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=browser_at, args=["--no-sandbox", "--disable-gpu"])
        for width, scheme, x in ((WIDE, "light", 0), (PHONE, "dark", WIDE + GAP)):
            page = browser.new_page(viewport={"width": width, "height": HEIGHT}, color_scheme=scheme)
            page.goto(chosen.report.resolve().as_uri())
            picture.paste(shot(page, width), (x, 0))
        browser.close()
    picture.quantize(128).save(chosen.out, optimize=True)
    size = chosen.out.stat().st_size
    print(f"{chosen.out}: {size / 1000:.0f} kB")
    if size > LIMIT:
        raise SystemExit(f"more than {LIMIT / 1000:.0f} kB")


if __name__ == "__main__":
    main()
