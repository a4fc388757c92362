"""The page in a real browser: quiet, offline, filtered, read by keyboard, on a phone, in the dark and on paper."""

from __future__ import annotations

import csv
import json
import shutil
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from made import make, value

from scorebench.stages.report import report

playwright = pytest.importorskip("playwright.sync_api", reason="needs playwright: pip install -e '.[dev]'")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
pytestmark = [
    pytest.mark.skipif(CHROMIUM is None, reason="needs a browser: apt-get install chromium"),
    pytest.mark.xdist_group("browser"),
]
OPTIONS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=OPTIONS)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A report of two data sets with a combined method and a cell that diverged."""
    folder = tmp_path_factory.mktemp("browser")
    spec, inputs = make(folder, lost={"ring/ssm/clean": [0, 1, 2]}, methods="  both: {objective: hybrid}\n")
    report(spec, inputs, folder / "out")
    return (folder / "out/report.html").as_uri()


@pytest.fixture
def opened(chromium: Any, address: str) -> Iterator[Any]:
    """A function that opens the page; whatever it says, asks for or pops up is a failure."""
    contexts, complaints = [], []

    def open_page(before: Any = None, **options: Any) -> Any:
        context = chromium.new_context(**{"viewport": {"width": 1280, "height": 900}} | options)
        contexts.append(context)
        page = context.new_page()
        page.tools = context.new_cdp_session(page)
        if before:
            before(page.tools)
        page.on("console", lambda message: complaints.append(f"console: {message.text}"))
        page.on("pageerror", lambda error: complaints.append(f"error: {error}"))
        page.on("dialog", lambda dialog: (complaints.append(f"dialog: {dialog.message}"), dialog.dismiss()))
        page.on("request", lambda request: complaints.append(f"request: {request.url}") if asked(request.url) else None)
        page.goto(address)
        if options.get("java_script_enabled", True):
            page.wait_for_selector("html[data-ready]")
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert complaints == []


def asked(url: str) -> bool:
    """Whether a request leaves the page."""
    return not url.startswith(("data:", "blob:")) and not url.endswith("/out/report.html")


def all_drawn(page: Any) -> None:
    """Scroll through the page, so that every chart is drawn."""
    for figure in page.locator(".figure:visible").all():
        figure.scroll_into_view_if_needed()
        figure.locator("svg, p.note").first.wait_for()


def figure_of(page: Any, name: str, dataset: str = "ring") -> Any:
    """The charts of one kind, drawn."""
    found = page.locator(f'[data-figure="{name}"][data-dataset="{dataset}"]')
    found.scroll_into_view_if_needed()
    found.locator("figure.chart svg").first.wait_for()
    return found


@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_chart_is_drawn_quietly_and_nothing_sticks_out(opened: Any, width: int, scheme: str) -> None:
    page = opened(viewport={"width": width, "height": 844}, color_scheme=scheme)
    all_drawn(page)
    assert page.locator("figure.chart svg").count() > 12
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    for svg in page.locator("figure.chart svg[role=img]").all():
        assert svg.get_attribute("aria-label")
    ink = page.evaluate("getComputedStyle(document.body).color")
    assert (min(int(part) for part in ink[4:-1].split(",")) > 128) == (scheme == "dark")


def test_text_of_a_study_is_text(opened: Any) -> None:
    page = opened()
    assert page.locator("h1").inner_text() == 'Evil <script>alert("title")</script> & $co$'
    assert '<script src="http://evil.example/x.js">' in page.locator(".description").inner_text()


def test_filters_reach_tables_pictures_and_charts(opened: Any) -> None:
    page = opened()
    leaders = figure_of(page, "leaders")
    row, picture = page.locator('tr[data-method="dsm"]:visible'), page.locator('#samples [data-method="dsm"]:visible')
    assert "dsm · many" in leaders.inner_text()
    assert row.count()
    assert picture.count()
    page.locator("#filters summary", has_text="Methods").click()
    page.locator("#filters label", has_text="dsm").locator("input").uncheck()
    assert "dsm · many" not in leaders.inner_text()
    assert "ssm · many" in leaders.inner_text()
    assert not row.count()
    assert not picture.count()
    page.locator("#filters .menu:visible button", has_text="all").click()
    assert "dsm · many" in leaders.inner_text()

    page.locator("#filters summary", has_text="Data").click()
    page.locator("#filters label", has_text="digits").locator("input").uncheck()
    assert not page.locator('[data-dataset="digits"]:visible').count()
    page.keyboard.press("Escape")
    assert not page.locator("#filters details[open]").count()

    page.locator("#filters summary", has_text="Schedules").click()
    page.locator("#filters label", has_text="many").locator("input").uncheck()
    assert not page.locator('[data-schedule="many"]:visible').count()
    assert page.locator('[data-schedule="clean"]:visible').count()


def test_a_choice_of_metric_changes_chart_and_table(opened: Any) -> None:
    page = opened()
    leaders = figure_of(page, "leaders")
    page.locator("#leaderboards select").first.select_option("c2st")
    assert "c2st" in leaders.locator("figcaption").inner_text()
    shown = page.locator("#leaderboards .metric:visible")
    assert {each.get_attribute("data-metric") for each in shown.all()} == {"c2st"}


def test_what_a_method_learned_beside_its_network_is_drawn(opened: Any) -> None:
    page = opened()
    shown = page.locator("#learned figcaption").first
    page.locator("#learned").scroll_into_view_if_needed()
    shown.wait_for()
    assert "both: λ(σ), the weight on SSM-VR" in shown.inner_text()
    book = json.loads(page.locator("#book").text_content())
    row = named(book["learned"])[0]
    cell = named(book["cells"])[row["cell"]]
    assert (book["methods"][cell["method"]], row["words"]) == ("both", "λ(σ), the weight on SSM-VR")
    assert book["grids"][row["grid"]] == [0.1, 1.0]
    assert (row["mean"], row["low"], row["high"]) == ([0.51, 0.51], [0.5, 0.5], [0.52, 0.52])


def named(packed: dict[str, Any]) -> list[dict[str, Any]]:
    """Rows as the page's scripts read them."""
    return [dict(zip(packed["names"], row, strict=True)) for row in packed["rows"]]


def test_axes_switch_between_logarithmic_and_linear(opened: Any) -> None:
    page = opened()
    chart = figure_of(page, "scales").locator("figure.chart").first

    def ticks() -> list[str]:
        return chart.locator('[data-mark="x-axis tick label"] text').all_text_contents()

    logarithmic = ticks()
    assert {"0.01", "0.1", "1"} <= set(logarithmic)
    chart.locator("button", has_text="log x").click()
    steps = np.diff([float(tick) for tick in ticks()])
    assert steps == pytest.approx([steps[0]] * len(steps))
    chart.locator("button", has_text="log x").click()
    assert ticks() == logarithmic


def test_pointing_at_a_mark_says_its_number(opened: Any) -> None:
    page = opened()
    chart = figure_of(page, "leaders").locator("svg")
    labels = chart.locator('[data-mark="y-axis tick label"] text').all_text_contents()
    marks = chart.locator('[data-mark="dot"] path')
    box = marks.nth(labels.index("ssm · many")).bounding_box()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    told = chart.locator('[aria-label="tip"]').text_content()
    mean = np.mean([value("ssm", "D_integral", r) for r in range(3)])
    assert "ssm · many" in told
    assert f"{mean:.3g}" in told


def saved(page: Any, button: Any, folder: Path) -> Path:
    with page.expect_download() as found:
        button.click()
    path = folder / found.value.suggested_filename
    found.value.save_as(path)
    return path


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_charts_are_saved_as_svg_and_csv(opened: Any, tmp_path: Path, scheme: str) -> None:
    page = opened(color_scheme=scheme)
    chart = figure_of(page, "leaders").locator("figure.chart")
    path = saved(page, chart.locator("button", has_text="SVG"), tmp_path)
    assert path.name == "study-ring-D_integral.svg"
    text = path.read_text()
    assert "var(" not in text
    assert "light-dark" not in text
    assert "ssm · many" in "".join(ET.fromstring(text).itertext())

    path = saved(page, chart.locator("button", has_text="CSV"), tmp_path)
    rows = list(csv.DictReader(path.open()))
    assert {row["method"] for row in rows} == {"oracle", "dsm", "ssm", "both"}
    for row in rows:
        values = [value(row["method"], "D_integral", r) for r in range(3)]
        assert float(row["mean"]) == pytest.approx(np.mean(values), rel=1e-5)


def test_a_number_opens_the_cards_that_made_it(opened: Any) -> None:
    page = opened()
    row = page.locator('#leaderboards [data-dataset="ring"] .metric:visible tr[data-method="ssm"]')
    row.locator("button").last.focus()
    page.keyboard.press("Enter")
    card = page.locator("dialog#card")
    assert card.locator("h2").inner_text() == "ring/ssm/many"
    assert card.locator("h3").all_inner_texts() == ["prepare", "train", "sample", "floor", "advice", "evaluate"]
    assert "scorebench train --cell ring/ssm/many" in card.inner_text()
    page.keyboard.press("Escape")
    assert not card.is_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_barriers_that_axe_finds(opened: Any, scheme: str) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="needs axe-playwright-python")
    page = opened(color_scheme=scheme, bypass_csp=True)
    all_drawn(page)
    page.evaluate("scrollTo(0, 0)")
    found = axe.Axe().run(page)
    assert not found.response["violations"], found.generate_report()


def test_the_truth_stands_beside_every_row_of_samples(opened: Any) -> None:
    page = opened()
    rows = page.locator("#samples .row")
    assert rows.count() == 5, "schedule by sampler, and one for what diverged"
    for row in rows.filter(has=page.locator("img")).all():
        truth = row.locator('.truth [role="img"]')
        assert "test points of" in truth.get_attribute("aria-label")
        assert truth.evaluate("e => getComputedStyle(e).backgroundImage").startswith('url("data:image/png')
        assert truth.bounding_box()["width"] == pytest.approx(row.locator("img").first.bounding_box()["width"], abs=1)


def test_without_scripts_the_tables_say_it_all(opened: Any) -> None:
    page = opened(java_script_enabled=False)
    assert page.locator(".winner").first.is_visible()
    assert page.locator(".metric:visible").count() == page.locator(".metric").count() > 6
    assert not page.locator("#filters").is_visible()
    assert not page.locator(".choices:visible").count()
    for figure in page.locator(".figure").all():
        assert not figure.is_visible()


def test_on_paper_every_chart_is_there_in_dark_on_light(opened: Any, tmp_path: Path) -> None:
    page = opened(color_scheme="dark")
    page.pdf(path=tmp_path / "report.pdf", format="A4")
    assert (tmp_path / "report.pdf").read_bytes().startswith(b"%PDF")
    drawn = page.locator('.figure[data-dataset="ring"]')
    assert drawn.count() > 5
    assert all(figure.locator("svg, p.note").count() for figure in drawn.all())
    page.emulate_media(media="print", color_scheme="dark")
    assert page.evaluate("getComputedStyle(document.body).color") == "rgb(29, 33, 38)"
    assert not page.locator("#filters").is_visible()
    assert page.locator("#scales details").first.evaluate(
        "e => e.querySelector('table').checkVisibility({contentVisibilityAuto: true})"
    )
