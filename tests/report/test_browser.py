"""The page in a real browser: it sorts, filters and opens rows, asks for nothing, runs nothing.

Skipped where no Chromium with its driver is on the machine; nothing is ever downloaded.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from PIL import Image

from clibd_cli.core.atomic import write_text
from clibd_cli.core.progress import SILENT
from clibd_cli.core.records import Skip
from clibd_cli.io.results import RESULT_COLUMNS, SkipWriter, open_results, skipped_path
from clibd_cli.report.contents import Contents
from clibd_cli.report.page import render_page
from clibd_cli.report.thumbnails import SIDE, Thumbnails, make_thumbnails
from clibd_cli.tasks.report_contents import read_contents
from clibd_cli.tasks.report_photos import PhotoFinder, photos_of
from clibd_cli.tasks.runlog import run_log_path
from tests.report.made_report import BREAKOUTS, contents, hostile, near, row

if TYPE_CHECKING:
    from selenium.webdriver import Chrome

_BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
_SWITCHES = (
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --hide-scrollbars "
    "--disable-background-networking --disable-component-update --disable-sync "
    "--window-size=1280,900"
)

MOST_NODES = 4_000
"""Elements of a page of 50 rows, whatever the number of specimens."""

Browser = Callable[[Contents], "Chrome"]


@pytest.fixture(scope="module")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chrome]:
    webdriver = pytest.importorskip("selenium.webdriver", reason="selenium is not installed")
    browser = next(filter(None, map(shutil.which, _BROWSERS)), None)
    driver = shutil.which("chromedriver")
    if browser is None or driver is None:
        pytest.skip("no Chromium with its chromedriver is on this machine")
    options = webdriver.ChromeOptions()
    options.binary_location = browser
    for switch in _SWITCHES.split():
        options.add_argument(switch)
    options.add_argument(f"--user-data-dir={tmp_path_factory.mktemp('profile')}")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    service = webdriver.ChromeService(executable_path=driver)
    opened = webdriver.Chrome(options=options, service=service)
    opened.get("about:blank")  # the new tab page, which it begins with, has requests of its own
    yield opened
    opened.quit()


@pytest.fixture
def show(chromium: Chrome, tmp_path: Path) -> Iterator[Browser]:
    """Opens a page; afterwards, there was no error, no message, and no request."""
    asked: list[str] = []

    def opened(made: Contents, thumbnails: Thumbnails | None = None) -> Chrome:
        page = tmp_path / "page.html"
        write_text(page, render_page(made, thumbnails or Thumbnails()))
        chromium.get_log("browser")
        chromium.get_log("performance")
        chromium.get(page.as_uri())
        asked.append(page.as_uri())
        return chromium

    yield opened
    assert chromium.get_log("browser") == []
    requests = [
        message["params"]["request"]["url"]
        for entry in chromium.get_log("performance")
        if (message := json.loads(entry["message"])["message"])["method"]
        == "Network.requestWillBeSent"
    ]
    assert [url for url in requests if not url.startswith("data:image/jpeg;base64,")] == asked
    assert chromium.execute_script("return window.owned") is None


def some_rows() -> list[Any]:
    """Five specimens, of which the third and fourth are flagged."""
    return [
        row(3, "S3", flags=("conflict", "few_references"),
            conflict="image: Diptera Culicidae; dna: Lepidoptera Noctuidae"),
        row(4, "S4", flags=("few_references",), names=("Diptera", None, None, None),
            confidence=(0.6, None, None, None)),
        row(1, "S10", names=("Lepidoptera", "Noctuidae", "Xestia", "Xestia c-nigrum"),
            confidence=(1.0, 1.0, 0.9, 0.85), similarity=0.5, evidence="dna"),
        row(2, "S2", names=(None,) * 4, confidence=(None,) * 4, nearest=()),
        row(5, "S5", similarity=None, nearest_id="", nearest_species="", nearest=()),
    ]  # fmt: skip


def find(browser: Chrome, selector: str) -> Any:
    return browser.find_element("css selector", selector)


def texts(browser: Chrome, selector: str) -> list[str]:
    return [found.text for found in browser.find_elements("css selector", selector)]


def ids(browser: Chrome) -> list[str]:
    return texts(browser, "tr.specimen .id")


def nodes(browser: Chrome) -> int:
    return int(browser.execute_script("return document.querySelectorAll('*').length"))


def press(browser: Chrome, *keys: str) -> None:
    for key in keys:
        browser.switch_to.active_element.send_keys(key)


def focused(browser: Chrome) -> str:
    """The id of the specimen that has the focus."""
    return str(browser.execute_script(
        "return document.activeElement.querySelector('.id')?.textContent ?? ''"
    ))  # fmt: skip


def test_a_click_on_a_heading_sorts(show: Browser) -> None:
    browser = show(contents(some_rows()))
    assert ids(browser) == ["S3", "S4", "S10", "S2", "S5"]
    heading = find(browser, "th.c-id")
    assert heading.get_attribute("aria-sort") is None
    for order, expected in (
        ("ascending", ["S2", "S3", "S4", "S5", "S10"]),
        ("descending", ["S10", "S5", "S4", "S3", "S2"]),
        (None, ["S3", "S4", "S10", "S2", "S5"]),
    ):
        find(browser, "th.c-id button").click()
        assert ids(browser) == expected
        assert heading.get_attribute("aria-sort") == order


@pytest.mark.parametrize(
    ("column", "expected"),
    [
        ("name", ["S4", "S3", "S5", "S10", "S2"]),
        ("confidence", ["S4", "S3", "S5", "S10", "S2"]),
        ("similarity", ["S3", "S4", "S2", "S10", "S5"]),
        ("flags", ["S3", "S4", "S10", "S2", "S5"]),
    ],
)
def test_missing_values_sort_last(show: Browser, column: str, expected: list[str]) -> None:
    browser = show(contents(some_rows()))
    button = find(browser, f"th.c-{column} button")
    button.click()
    assert ids(browser) == expected
    button.click()
    if column in ("confidence", "name"):
        assert ids(browser)[-1] == "S2"


def test_search_flags_and_ranks_filter(show: Browser) -> None:
    browser = show(contents(some_rows()))
    search = find(browser, "#search")
    search.send_keys("XESTIA nigrum")
    assert ids(browser) == ["S10"]
    assert find(browser, ".told").text == "1–1 of 1 specimen (5 in all)"
    find(browser, ".status .link").click()
    assert len(ids(browser)) == 5
    chips = browser.find_elements("css selector", ".chip")
    assert [chip.get_attribute("aria-pressed") for chip in chips] == ["false", "false"]
    chips[0].click()
    assert ids(browser) == ["S3"]
    assert chips[0].get_attribute("aria-pressed") == "true"
    chips[1].click()
    assert ids(browser) == ["S3", "S4"]
    search.send_keys("few references plates/a/S4")
    assert ids(browser) == ["S4"]
    find(browser, ".status .link").click()
    find(browser, "#rank option[value='3']").click()
    assert ids(browser) == ["S10"]
    find(browser, "#rank option[value='-1']").click()
    assert ids(browser) == ["S2"]
    find(browser, "#evidence option[value='dna']").click()
    assert ids(browser) == []
    assert find(browser, ".nothing").text == "Nothing matches these filters."
    find(browser, ".status .link").click()
    find(browser, "#order option[value='position']").click()
    assert ids(browser) == ["S10", "S2", "S3", "S4", "S5"]


def test_taxa_filter(show: Browser) -> None:
    browser = show(contents(some_rows()))
    assert texts(browser, ".taxon-row .taxon") == ["Diptera", "Lepidoptera"]
    assert "1 without a name at order" in find(browser, "#taxa-list").text
    browser.find_elements("css selector", ".taxon-row")[1].click()
    assert ids(browser) == ["S10"]
    assert texts(browser, ".crumbs li") == ["All", "Lepidoptera", "Noctuidae", "Xestia"]
    find(browser, ".middle").click()
    find(browser, ".crumb").click()
    assert len(ids(browser)) == 5
    segment = find(browser, ".segment.ring-1")
    browser.execute_script(
        "arguments[0].dispatchEvent(new MouseEvent('click', {bubbles: true}))", segment
    )
    assert ids(browser) == ["S3", "S5"]


def test_a_click_opens_a_row(show: Browser) -> None:
    browser = show(contents(some_rows()))
    line = find(browser, "tr.specimen")
    assert line.get_attribute("aria-expanded") == "false"
    line.click()
    assert line.get_attribute("aria-expanded") == "true"
    detail = find(browser, "tr.detail")
    assert texts(browser, ".conflict p") == ["image Diptera Culicidae", "dna Lepidoptera Noctuidae"]
    assert texts(browser, ".call .call-name") == ["Diptera", "Culicidae", "Aedes", "left blank"]
    assert texts(browser, ".call .number") == ["1.00", "0.98", "0.75", "–"]
    assert texts(browser, ".card .band") == ["same genus", "same genus"]
    for told in ("0.987", "99.5 %", "655 bp", "BOLD:AAA1234", "R1 and 2 more", "swapped well"):
        assert told in detail.text
    line.click()
    assert browser.find_elements("css selector", "tr.detail") == []


def test_references_are_coloured_by_the_deepest_rank_in_common(show: Browser) -> None:
    called = ("Diptera", "Culicidae", "Aedes", "Aedes vexans")
    found = [
        near("1", "Aedes vexans"),
        near("2", "Aedes cinereus"),
        near("3", "Culex pipiens"),
        replace(near("4"), names=("Diptera", "Muscidae", None, None)),
        replace(near("5"), names=("Lepidoptera", None, None, None)),
    ]
    browser = show(contents([row(names=called, nearest=tuple(found))]))
    find(browser, "tr.specimen").click()
    assert texts(browser, ".card .band") == [
        "same species", "same genus", "same family", "same order", "another order"
    ]  # fmt: skip
    colours = browser.execute_script(
        "return [...document.querySelectorAll('.card .band')]"
        ".map((band) => getComputedStyle(band).backgroundColor)"
    )
    assert len(set(colours)) == 5


def test_the_keyboard_does_all_of_it(show: Browser) -> None:
    from selenium.webdriver.common.keys import Keys

    rows = [row(n, f"S{n}") for n in range(1, 121)]
    browser = show(contents(rows))
    press(browser, "/")
    assert browser.switch_to.active_element.get_attribute("id") == "search"
    assert browser.switch_to.active_element.get_attribute("value") == ""
    browser.execute_script("document.querySelector('tr.specimen[tabindex=\"0\"]').focus()")
    press(browser, Keys.ARROW_DOWN, Keys.ARROW_DOWN, Keys.ENTER)
    assert focused(browser) == "S3"
    assert "Nearest references" in find(browser, "tr.specimen + tr.detail").text
    press(browser, Keys.ARROW_DOWN)
    assert focused(browser) == "S4"
    press(browser, Keys.ARROW_UP, Keys.ESCAPE)
    assert browser.find_elements("css selector", "tr.detail") == []
    press(browser, Keys.END, Keys.ARROW_DOWN)
    assert focused(browser) == "S51"
    press(browser, Keys.PAGE_DOWN, Keys.END)
    assert focused(browser) == "S120"
    press(browser, Keys.PAGE_UP, Keys.HOME, Keys.ARROW_UP)
    assert focused(browser) == "S50"
    assert len(browser.find_elements("css selector", "tr.specimen[tabindex='0']")) == 1
    heading = find(browser, "th.c-id button")
    heading.send_keys(Keys.ENTER)
    assert find(browser, "th.c-id").get_attribute("aria-sort") == "ascending"


def test_every_field_has_a_name(show: Browser) -> None:
    browser = show(contents(some_rows()))
    unnamed = browser.execute_script(
        "return [...document.querySelectorAll('button, input, select, a')].filter((node) => "
        "!(node.textContent.trim() || node.ariaLabel || node.labels?.length)).length"
    )
    assert unnamed == 0


def test_photos_are_shown(show: Browser) -> None:
    made = contents([row(photo="a", nearest=(near(photo="b"),)), row(2, "S2")])
    show_with: Any = show
    photos = make_thumbnails(["a", "b"], lambda path: Image.new("RGB", (80, 60), "red"))
    browser = show_with(made, photos)
    find(browser, "tr.specimen").click()
    browser.execute_async_script(
        "const done = arguments[0]; Promise.all([...document.images].map((image) => "
        "image.decode())).then(() => done(), done)"
    )
    widths = browser.execute_script("return [...document.images].map((i) => i.naturalWidth)")
    assert widths == [80, 80, 80]
    assert len(browser.find_elements("css selector", ".no-photo.small")) == 1


def test_where_the_encoder_looked_stands_below_the_photo_with_its_legend(show: Browser) -> None:
    made = contents([row(photo="a", explanation="heat"), row(2, "S2", photo="a")])
    show_with: Any = show
    sizes = {"a": (80, 60), "heat": (256, 192)}
    pictures = make_thumbnails(["a", "heat"], lambda path: Image.new("RGB", sizes[path], "red"))
    browser = show_with(made, pictures)
    for line in browser.find_elements("css selector", "tr.specimen"):
        line.click()
    (figure,) = browser.find_elements("css selector", ".detail figure.looked")
    image = figure.find_element("css selector", "img")
    assert image.is_displayed()
    assert image.get_attribute("alt") == "where the encoder looked in the photo of S1"
    assert int(image.get_property("naturalWidth")) == SIDE
    photo = find(browser, ".query > img.photo")
    assert image.location["y"] > photo.location["y"]
    assert image.location["x"] == photo.location["x"]
    for told in ("Where the encoder looked", "little", "much", "how sure the name is"):
        assert told in figure.text
    key = figure.find_element("css selector", ".heat")
    assert "rgb(206, 16, 38)" in key.value_of_css_property("background-image")
    assert key.size["width"] > 50


def test_hostile_names_run_nothing(show: Browser) -> None:
    browser = show(hostile())
    shown = ids(browser)
    assert len(shown) == len(BREAKOUTS)
    assert BREAKOUTS[0] in shown
    assert browser.title == f"{BREAKOUTS[0]} – clibd report"
    before = browser.execute_script("return document.scripts.length")
    for line in browser.find_elements("css selector", "tr.specimen"):
        browser.execute_script("arguments[0].click()", line)
    assert len(browser.find_elements("css selector", "tr.detail")) == len(BREAKOUTS)
    assert browser.find_elements("css selector", "img") == []
    assert browser.execute_script("return document.scripts.length") == before == 3
    for chip in browser.find_elements("css selector", ".chip"):
        chip.click()
    for button in browser.find_elements("css selector", ".sort"):
        button.click()
    find(browser, ".taxon-row").click()
    width = browser.execute_script("return document.documentElement.scrollWidth")
    assert width <= 1280


def test_hostile_labels_and_file_names_of_a_run_run_nothing(show: Browser, tmp_path: Path) -> None:
    """From the files that `classify` leaves, with photos that are really called so."""
    texts = [text.encode("utf-8", "replace").decode() for text in BREAKOUTS]
    path = tmp_path / "<img src=x onerror=window.owned=1>.csv"
    with open_results(path, RESULT_COLUMNS) as table:
        for number, text in enumerate(texts):
            photo = tmp_path / f"{text.replace('/', '∕')[:60]}{number}.png"
            Image.new("RGB", (40, 30), "navy").save(photo)
            columns = (
                "order",
                "family",
                "genus",
                "species",
                "nearest_species",
                "flags",
                "conflict",
            )
            row = dict.fromkeys(columns, text) | {"evidence": "image", "source": str(photo)}
            table.write({"specimen_id": f"{text}{number}", **row})
    with SkipWriter(skipped_path(path)) as skips:
        for text in texts:
            skips.write(Skip(text, text, text))
    write_text(run_log_path(path), json.dumps({text: text for text in texts} | {"model": texts[0]}))
    made = read_contents(path, SILENT)
    load = PhotoFinder([tmp_path], []).load
    browser = show(made, make_thumbnails(list(photos_of(made.rows)), load))
    assert len(ids(browser)) == len(texts)
    for line in browser.find_elements("css selector", "tr.specimen"):
        browser.execute_script("arguments[0].click()", line)
    pictures = browser.find_elements("css selector", "tr.detail img")
    assert len(pictures) == len(texts) - 1  # results have no line breaks, so one is not found
    assert all(str(one.get_attribute("src")).startswith("data:image/jpeg") for one in pictures)
    assert browser.execute_script("return document.scripts.length") == 3


def test_ten_thousand_specimens_stay_a_small_page(show: Browser) -> None:
    rows = [
        row(n, f"S{n}", names=("Diptera", f"F{n % 90}", f"Genus{n % 700}", f"Genus{n % 700} s{n}"))
        for n in range(10_000)
    ]
    browser = show(contents(rows))
    assert nodes(browser) < MOST_NODES
    assert len(ids(browser)) == 50
    for name in ("Next page", "Last page", "Previous page"):
        browser.execute_script(
            "document.querySelector(`.pager [aria-label='${arguments[0]}']`).click()", name
        )
    assert find(browser, ".told").text == "9,901–9,950 of 10,000 specimens"
    for button in browser.find_elements("css selector", ".sort"):
        browser.execute_script("arguments[0].click()", button)
        assert len(browser.find_elements("css selector", "tr.specimen")) == 50
    find(browser, "#search").send_keys("genus13 s9")
    assert 0 < len(ids(browser)) <= 50
    assert nodes(browser) < MOST_NODES


def test_nothing_at_all(show: Browser) -> None:
    browser = show(contents([], skipped=[]))
    assert find(browser, ".nothing").text == "There are no specimens."


@pytest.mark.parametrize("width", [1280, 400])
def test_nothing_is_wider_than_the_window(show: Browser, width: int) -> None:
    browser = show(contents(some_rows()))
    size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    find(browser, "tr.specimen").click()
    assert browser.execute_script("return document.documentElement.scrollWidth") <= width
    browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


def test_print_shows_the_rows_with_their_evidence(show: Browser) -> None:
    browser = show(contents(some_rows()))
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
    printed = texts(browser, "tr.printed")
    assert len(printed) == 5
    assert "Diptera 1.00 › Culicidae 0.98 › Aedes 0.75" in printed[0]
    assert "nearest: Aedes vexans 0.987, Aedes cinereus 0.987" in printed[0]
    assert "dna: Lepidoptera Noctuidae" in printed[0]
    assert not find(browser, "#controls").is_displayed()
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": ""})
    assert not find(browser, "tr.printed").is_displayed()
