"""The page in a browser: requests, layout on wide and narrow screens, dark theme, print, and keyboard."""

from itertools import pairwise
from pathlib import Path

import pytest

from gradiometer import analysis
from gradiometer.analysis.report import build, figure_selection

RESULTS = Path(__file__).parents[3] / "results" / "machines"
WIDE, NARROW = {"width": 1280, "height": 900}, {"width": 390, "height": 844}
CONTRAST = 4.5  # WCAG 2.2, 1.4.3, level AA


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """The report of a committed run, with one figure."""
    where = tmp_path_factory.mktemp("page")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(figure_selection, "MOST_FIGURES", 1)
        build.write_report(analysis.load([RESULTS / "quick-20261125t005949"]), where)
    return where


@pytest.fixture(scope="module")
def opened(browser, folder):
    """The page, with its console messages and its requests while it loaded."""
    page = browser.new_page(viewport=WIDE)
    page.messages, page.requests = [], []
    page.on("console", lambda message: page.messages.append(message.text))
    page.on("pageerror", lambda error: page.messages.append(str(error)))
    page.on("request", lambda request: page.requests.append(request.url))
    page.goto((folder / "report.html").as_uri())
    yield page
    page.close()


@pytest.fixture(autouse=True)
def as_it_opens(opened):
    yield
    opened.emulate_media(media="screen", color_scheme="light")
    opened.set_viewport_size(WIDE)


def overhang(page):
    return page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")


def test_the_page_requests_nothing_else_and_logs_no_message(opened, folder):
    assert opened.requests == [(folder / "report.html").as_uri()]
    assert opened.messages == []


def test_the_answers_to_every_problem_are_on_the_first_screen(opened):
    cards = opened.locator(".answers article")
    assert cards.count() == 3
    for card in cards.all():
        box = card.bounding_box()
        assert box["y"] + box["height"] <= WIDE["height"]
        for words in ("Correctness", "Use", "Digits kept", "float16", "Overflow"):
            assert words in card.inner_text()
    assert "textbook" in cards.first.locator("p", has_text="Large slowdown").inner_text()


def test_headings_skip_no_level_and_figures_follow_their_heading(opened):
    script = "[...document.querySelectorAll('h1,h2,h3,h4,h5,h6')].map(it => [Number(it.tagName[1]), it.innerText])"
    headings = opened.evaluate(script)
    levels = [level for level, _ in headings]
    assert levels[0] == 1 and levels.count(1) == 1
    assert all(deeper <= level + 1 for level, deeper in pairwise(levels))
    tops = [name for level, name in headings if level == 2]
    assert tops == ["Answers", "Details", "Figures", "Tables", "Method", "Glossary"]
    figures = opened.locator("figure svg")
    assert figures.count() == 1
    below, above = (opened.get_by_role("heading", name=name, exact=True).bounding_box()["y"] for name in tops[2:4])
    assert all(below < figure.bounding_box()["y"] < above for figure in figures.all())


@pytest.mark.parametrize("size", [WIDE, NARROW])
def test_the_page_is_never_wider_than_its_screen(opened, size):
    opened.set_viewport_size(size)
    assert overhang(opened) == 0


def test_the_keyboard_reaches_links_summaries_and_wide_tables(opened):
    opened.evaluate("document.activeElement.blur(); window.scrollTo(0, 0)")
    describe = "(it => [it.tagName, it.className, it.innerText.trim().slice(0, 30)])(document.activeElement)"
    reached = []
    for _ in range(30):
        opened.keyboard.press("Tab")
        reached.append(opened.evaluate(describe))
    assert reached[0][:2] == ["A", "skip"]
    assert [name for tag, _, name in reached[1:7]] == ["Answers", "Details", "Figures", "Tables", "Method", "Glossary"]
    assert {tag for tag, *_ in reached} >= {"A", "SUMMARY", "DIV"}
    assert any(name == "wide" for _, name, _ in reached)
    outline = opened.evaluate("getComputedStyle(document.activeElement).outlineStyle")
    assert outline == "solid"


def test_a_folded_section_opens_by_keyboard(opened):
    details = opened.locator("details:not([open])").last
    details.locator("summary").focus()
    opened.keyboard.press("Enter")
    assert opened.locator("details").last.get_attribute("open") is not None
    opened.keyboard.press("Enter")


def luminance(color):
    """Relative luminance, WCAG 2.2."""
    parts = [float(part) / 255 for part in color[color.index("(") + 1 : -1].split(",")[:3]]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one, other):
    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_has_enough_contrast_in_both_themes(opened, scheme):
    opened.emulate_media(color_scheme=scheme)
    style = "(it, [name]) => getComputedStyle(it)[name]"
    paper = opened.locator("body").evaluate(style, ["backgroundColor"])
    assert (luminance(paper) < 0.1) == (scheme == "dark")
    card = opened.locator(".answers article").first.evaluate(style, ["backgroundColor"])
    texts = [
        ("body", "color", paper),
        (".note", "color", paper),
        ("nav a", "color", paper),
        ("caption", "color", paper),
    ]
    texts += [(".answers p", "color", card), (".answers .bad", "color", card), (".digits caption", "color", card)]
    texts += [("figure svg text", "fill", paper)]
    for selector, name, ground in texts:
        ink = opened.locator(selector).first.evaluate(style, [name])
        assert contrast(ink, ground) >= CONTRAST, (selector, ink, ground)


def test_print_shows_details_and_figures_but_no_contents(opened):
    opened.emulate_media(media="print", color_scheme="dark")
    assert opened.locator("nav").first.is_hidden()
    assert luminance(opened.locator("body").evaluate("it => getComputedStyle(it).color")) < 0.1
    detail = opened.locator(".details p").first
    assert detail.evaluate("it => it.checkVisibility({contentVisibilityAuto: true})")
    assert opened.locator("figure").first.evaluate("it => getComputedStyle(it).breakInside") == "avoid"
