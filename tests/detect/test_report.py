"""The page of alerts: complete, of text only, without a request, for one alert, none and very many."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import browser as finder
import pytest
from bs4 import BeautifulSoup
from findings import ADA, ADDRESS, ALERTS, DAY, HOUR, NOW, alert, signal
from hypothesis import given, settings
from playwright.sync_api import sync_playwright
from sign_ins import sign_in

from residual.detect.alert import Alert, Entity, FirstTime, Observation, Verdict
from residual.detect.evidence import event_table
from residual.detect.report import MOST_EVENTS, MOST_SIGNALS, report
from residual.detect.timeline import timeline

AXE = Path(__file__).parents[2] / "node_modules" / "axe-core" / "axe.min.js"
HOSTILE = [
    "<script>alert(1)</script>", "\"><img src=x onerror='alert(1)'>", "' onmouseover=alert(1) x='", "</title></svg>",
    "{{ 7 * 7 }}{% raw %}", "evil\u202etxt.exe", "a\nb\r\x00\x1b[2J", "</style><style>*{display:none}", "x" * 10_000,
]  # fmt: skip


def page_of(*alerts: Alert, **settings: Any) -> BeautifulSoup:
    return BeautifulSoup(report(alerts, **settings), "html.parser")


def text_of(page: Any) -> str:
    return " ".join(page.get_text(" ").split())


def hostile(number: int, text: str) -> Alert:
    """An alert that has a text wherever a log or a user may put one."""
    event = sign_in(user={"name": text}, status_detail=text, class_name=text, activity_name=text, status=text)
    entities = (Entity(text, text), ADDRESS)
    return alert(
        number, uid=text, entities=entities, firsts=(FirstTime(text, text, text),), evidence=(event, sign_in()),
        signals=(signal(detector=text, entities=entities[:1]), signal(detail=text)),
        verdict=Verdict("unsure", text, text, NOW) if number % 2 else None,
    )  # fmt: skip


def test_an_alert_is_told_whole() -> None:
    text = text_of(page_of(alert(), title="Of today", budget=10))
    for part in (
        "Of today", "1 alert of 14 November 2023, at most 10 per day.", "Tuesday, 14 November 2023",
        "14 November 2023, 22:00 to 22:59", "Address 10.1.2.3 41 failed sign-ins in 1 h, 2.1 expected", "Also user ada",
        "2.1 ± 1.4", "once in 40 days", "src_endpoint.ip 10.1.2.3 , new in the whole organization",
        "5 of 41 events", "Class Authentication", "Activity Logon", "Status Success", "Time 22:13:20 , 22:14:20",
        'residual verdict alert-0 benign --why "..."',
    ):  # fmt: skip
        assert part in text


def test_a_verdict_takes_the_place_of_the_command() -> None:
    page = page_of(alert(verdict=Verdict("benign", "our scanner", "ada", NOW)))
    assert "Benign : our scanner ada , 2023-11-14 22:00:00" in text_of(page)
    assert "1 is answered." in text_of(page)
    assert not page.select(".command")


def test_days_come_in_order_and_the_oddest_of_a_day_first() -> None:
    rates = {0: (2.0, NOW), 1: (0.1, NOW), 2: (1.0, NOW - DAY)}
    page = page_of(
        *(alert(n, raised=at, signals=(signal(rate=rate, detector=f"d{n}"),)) for n, (rate, at) in rates.items())
    )
    assert [link.get_text() for link in page.select(".contents h2 a")] == [
        "Monday, 13 November 2023",
        "Tuesday, 14 November 2023",
    ]
    assert [link.get_text() for link in page.select(".contents a .what")] == [
        f"41 d{n} in 1 h, 2.1 expected" for n in (2, 1, 0)
    ]
    for link in page.select("a"):
        assert page.find(id=str(link["href"]).removeprefix("#"))


def test_what_is_raised_at_midnight_is_of_the_day_that_is_over() -> None:
    midnight = NOW // DAY * DAY
    page = page_of(alert(0, raised=midnight), alert(1, raised=midnight + 1))
    assert len(page.select("h2.day")) == 2
    assert "from 13 November 2023 to 14 November 2023" in text_of(page)


def test_no_alerts_are_a_page_too() -> None:
    assert "There are no alerts." in text_of(page_of())


def test_very_many_alerts() -> None:
    alerts = [alert(n, raised=NOW + n * HOUR) for n in range(300)]
    page = page_of(*alerts)
    assert "300 alerts from 14 November 2023 to 27 November 2023." in text_of(page)
    assert len(page.select("article")) == len(page.select(".contents li")) == 300
    names = [tag["id"] for tag in page.select("[id]")]
    assert len(names) == len(set(names))


def test_what_is_not_shown_is_counted() -> None:
    events = tuple(sign_in(n * 1000, user={"name": f"u{n}"}) for n in range(50))
    page = page_of(alert(signals=tuple(signal(rate=n + 1.0) for n in range(9)), evidence=events, count=1234))
    assert len(page.select(".events tbody tr")) == MOST_EVENTS
    assert f"{MOST_EVENTS} of 1,234 events" in text_of(page)
    assert page.select(".events tbody tr")[-1].get_text(" ").split()[0] == "22:14:09"  # the last of them
    assert len(page.select(".signals tbody tr")) == MOST_SIGNALS
    assert "And 3 less odd." in text_of(page)
    assert "41 events, not kept here" in text_of(page_of(alert(evidence=())))


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_stays_text(text: str) -> None:
    page = page_of(hostile(0, text), hostile(1, text), title=text)
    assert not page.select("script, img, article style")
    assert len(page.select("style")) == 1
    for tag in page.find_all(True):
        assert not [name for name in tag.attrs if name.startswith("on")]
    assert all(part.isprintable() for part in page.get_text().splitlines())
    assert len(page.get_text()) < 20_000
    assert "49" not in page.get_text().replace("2049", "")


def test_a_command_with_a_hostile_uid_is_one_argument() -> None:
    (command,) = page_of(alert(uid="'; rm -rf ~ #" + "x" * 500)).select(".command")
    assert command.get_text().startswith("residual verdict ''\"'\"'; rm -rf ~ #xx")
    assert command.get_text().endswith('xx...\' benign --why "..."')


@settings(max_examples=30)
@given(ALERTS)
def test_any_alert_makes_a_page(any_alert: Alert) -> None:
    assert len(page_of(any_alert).select("article")) == 1


@pytest.mark.parametrize("value", [-5.0, 0.0, 1e-30, -1e30, 1e30])
def test_what_never_changed_has_a_picture(value: float) -> None:
    picture = timeline(signal(value=value, expected=value, spread=0.0, past=(Observation(NOW - 3 * DAY, value),)))
    assert picture is not None
    assert all(0 <= place <= 100 for place in (picture.top, picture.expected, *picture.band, picture.past[0][1]))


def test_the_picture_is_of_the_oddest_signal_with_a_past() -> None:
    page = page_of(alert(signals=(signal(past=()),)))
    assert not page.select("svg")
    page = page_of(alert(signals=(signal(past=(), detail="never so"), signal(value=7.0))))
    assert len(page.select("svg")) == 1
    assert [tag.get_text() for tag in page.select(".plot .now")] == ["7"]
    assert "never so" in text_of(page)
    assert text_of(page.figcaption).startswith("failed sign-ins of an address this alert")


def test_the_picture_is_inside_its_frame_and_told_in_words() -> None:
    picture = timeline(signal())
    assert picture is not None
    places = [place for pair in picture.past for place in pair] + [tick.place for tick in picture.times]
    assert all(0 <= place <= 100 for place in [*places, picture.top, picture.at, picture.expected, *picture.band])
    assert picture.top < picture.band[0] < picture.expected < 100  # the measured value is above the band
    assert sum(picture.window) == pytest.approx(100)
    assert [tick.label for tick in picture.values] == ["0", "10", "20", "30", "40"]
    assert picture.sentences[1] == "Expected: 2.1, with two standard deviations 0 to 4.9."
    (svg,) = page_of(alert()).select("svg")
    assert svg.title is not None
    assert svg.title["id"] == svg["aria-labelledby"]
    assert svg["aria-describedby"] == svg.desc["id"]


def test_one_window_before_leaves_that_of_the_alert_narrow() -> None:
    picture = timeline(signal(past=(Observation(NOW, 1.0),), end=NOW + 12 * HOUR))
    assert picture is not None
    assert picture.window[1] < 15


def test_what_events_share_is_told_once() -> None:
    table = event_table([sign_in(0), sign_in(60_000, user={"name": "bo"}), sign_in(90_000, user={"name": "<b>"})])
    assert table.columns == ("Time", "User")
    assert table.common["Class"] == "Authentication"
    assert [row[1] for row in table.rows] == ["ada", "bo", "<b>"]


def test_few_differences_need_no_table() -> None:
    page = page_of(alert(evidence=(sign_in(), sign_in(60_000)), count=2))
    assert "Time 22:13:20 , 22:14:20" in text_of(page)
    assert not page.select(".events")
    page = page_of(alert(evidence=(sign_in(),), count=1))
    assert "1 event Date 2023-11-14 Time 22:13:20 Class Authentication" in text_of(page)
    assert not page.select(".events")


@pytest.mark.parametrize(
    "event", [{}, {"class_uid": [1], "time": "now", "user": "ada"}, {"class_uid": 900_001, "time": 10**30}]
)
def test_an_odd_event_has_a_row(event: dict[str, Any]) -> None:
    assert len(event_table([event, sign_in()]).rows) == 2


def test_the_page_names_no_host_and_allows_none() -> None:
    page = page_of(alert(), hostile(1, "http://evil.example/x"))
    policy = page.find("meta", attrs={"http-equiv": "Content-Security-Policy"})
    assert policy is not None
    assert "default-src 'none'" in str(policy["content"])
    assert not page.select("[src], link, script, iframe, object, form")
    assert all(str(link["href"]).startswith("#") for link in page.select("[href]"))
    assert "url(" not in page.style.get_text()


def looked(url: str, scheme: Any, width: int) -> tuple[int, list[str], list[str]]:
    """How wide a page is in a browser, what axe finds, and what the page asks for."""
    path = finder.find()
    assert path is not None, finder.MISSING
    asked: list[str] = []
    with (
        sync_playwright() as playwright,
        playwright.chromium.launch(executable_path=path, args=["--no-sandbox"]) as chromium,
    ):
        tab = chromium.new_page(viewport={"width": width, "height": 800}, color_scheme=scheme)
        tab.on("request", lambda request: asked.append(request.url))
        tab.goto(url)
        wide = tab.evaluate("document.documentElement.scrollWidth")
        tab.evaluate(AXE.read_text("utf-8"))
        found = tab.evaluate("async () => (await axe.run()).violations.map(v => v.id + ' ' + v.nodes[0].html)")
        chromium.close()
    return wide, found, asked


@pytest.mark.parametrize("width", [1280, 360])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_everybody_can_read_it(scheme: Any, width: int, tmp_path: Path) -> None:
    alerts = [hostile(n, text) for n, text in enumerate(HOSTILE)]
    (tmp_path / "report.html").write_text(report([*alerts, alert(entities=(ADDRESS, ADA))], budget=10), "utf-8")
    url = (tmp_path / "report.html").as_uri()
    with ThreadPoolExecutor(1) as pool:  # a thread of its own: the tests of the site keep another browser in theirs
        wide, found, asked = pool.submit(looked, url, scheme, width).result()
    assert wide <= width
    assert found == []
    assert asked == [url]
