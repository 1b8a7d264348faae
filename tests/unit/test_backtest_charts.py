"""The figures of a report show the numbers of the run, in the zone that was asked for."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import polars as pl
import pytest

from streams.backtest.report import charts
from streams.backtest.report.page import percent, stamp

START = datetime(2026, 3, 2, 23, 30, tzinfo=UTC)  # a Monday; Tuesday in Shanghai


def fired(*told: tuple[str, str, float], zone: str = "UTC") -> pl.DataFrame:
    """(rule, account, hours after the start)."""
    rows = [
        {"rule": rule, "account": account, "at": START + timedelta(hours=hours), "why": "w"}
        for rule, account, hours in told
    ]
    frame = pl.DataFrame(rows, schema={"rule": str, "account": str, "why": str,
                                       "at": pl.Datetime("us", "UTC")})  # fmt: skip
    return frame.with_columns(pl.col("at").dt.convert_time_zone(zone))


@pytest.mark.parametrize(("hours", "unit"), [(48, "hour"), (24 * 90, "day"), (24 * 400, "week")])
def test_alerts_over_time_are_binned_as_suits_the_span(hours: int, unit: str) -> None:
    figure = charts.over_time(
        fired(("a", "x", 0), ("a", "y", 0.1), ("b", "x", 3), ("a", "x", hours))
    )
    assert figure.layout.yaxis.title.text == f"alerts per {unit}"
    assert {bar.name: sum(bar.y) for bar in figure.data} == {"a": 3, "b": 1}
    assert max(figure.data[0].y) == 2


def test_the_heat_map_counts_by_weekday_and_hour_of_the_zone() -> None:
    for zone, day, hour in (("UTC", 0, 23), ("Asia/Shanghai", 1, 7)):
        [grid] = charts.heat_map(fired(("a", "x", 0), ("a", "y", 0), zone=zone)).data
        assert grid.z[day][hour] == 2
        assert sum(map(sum, grid.z)) == 2


def test_timelines_are_of_the_accounts_with_the_most_alerts() -> None:
    told = [("a", f"acct-{n:02}", hour) for n in range(20) for hour in range(n + 1)]
    frame = fired(*told)
    names = charts.loudest(frame)
    assert names == [f"acct-{n:02}" for n in range(19, 7, -1)]
    outcomes = pl.DataFrame({"account": ["acct-19"], "at": [START]})
    shown = charts.timelines(names, frame.filter(pl.col("account").is_in(names)), outcomes)
    alerts, stars = shown.data
    assert len(alerts.x) == sum(range(9, 21))
    assert (stars.name, len(stars.x)) == ("outcome", 1)


def test_a_sweep_shows_precision_against_volume_and_larger_marks_for_more_lead() -> None:
    points = pl.DataFrame(
        {
            "point": ["after=1d", "after=7d"], "rule": ["r", "r"], "firing": [30, 10],
            "precision": [0.2, None], "lead_median_s": [100.0, None],
        }
    )  # fmt: skip
    [marks] = charts.sweep(points).data
    assert list(marks.x) == [30, 10]
    assert list(marks.y) == [0.2, None]
    assert marks.marker.size[0] > marks.marker.size[1]


def test_numbers_that_are_not_known_are_a_dash() -> None:
    assert (percent(0.1234), percent(None)) == ("12.3%", "-")
    shanghai = START.astimezone(ZoneInfo("Asia/Shanghai"))
    assert (stamp(shanghai), stamp(None)) == ("2026-03-03 07:30:00", "-")
