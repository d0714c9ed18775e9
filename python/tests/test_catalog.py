"""Promise: what the command does with a catalog, Python does too: list, versions, diff, pin, prune, restore, compact, verify.

Method: a bundle is published three times and each answer compared with what was done.
"""

from __future__ import annotations

import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import barrow
from barrow import errors
from barrow.records import Change

Rows = dict[str, Any]


@pytest.fixture
def versions(root: Path, rows: Rows) -> list[str]:
    """Three versions: without the last 10 bars of AAA, with all bars, and with one volume changed."""
    own = np.flatnonzero(rows["symbol"] == "AAA")
    early = np.setdiff1d(np.arange(len(rows["time"])), own[-10:])
    late = {name: values[own[-10:]] for name, values in rows.items()}
    corrected = {name: values[own[3:4]].copy() for name, values in rows.items()}
    corrected["volume"] += 7.0
    found = [
        barrow.ingest("market", {name: values[early] for name, values in rows.items()}),
        barrow.ingest("market", late, append=True),
        barrow.ingest("market", corrected, correct=True),
    ]
    return [summary.version for summary in found]


def test_a_catalog_lists_its_bundles(root: Path, versions: list[str], rows: Rows) -> None:
    catalog = barrow.catalog()
    assert catalog.root == root == barrow.default_root()
    assert catalog.names() == list(catalog) == ["market"]
    assert len(catalog) == 1
    assert "market" in catalog
    assert "nothing" not in catalog
    (entry,) = catalog.bundles()
    assert entry == catalog.bundle("market")
    assert (entry.name, entry.version, entry.generation) == ("market", versions[2], 3)
    assert (entry.rows, entry.assets) == (len(rows["time"]), 3)
    now = np.datetime64(datetime.datetime.now(datetime.timezone.utc).replace(tzinfo=None))
    assert abs(entry.published - now) < np.timedelta64(1, "h")
    with pytest.raises(errors.UnknownBundleError) as unknown:
        catalog.bundle("markets")
    assert unknown.value.nearest == "market"


def test_versions_and_history(versions: list[str]) -> None:
    catalog = barrow.catalog()
    listed = catalog.versions("market")
    assert [it.version for it in listed] == versions[::-1]
    assert [it.parent for it in listed] == [versions[1], versions[0], None]
    assert listed[0].change == Change("correct", 0, 1, 0, 0, 0, 0)
    assert listed[1].change == Change("append", 10, 0, 0, 0, 0, 0)
    published = catalog.restore("market", versions[0][:10])
    assert published.version == versions[0]
    history = catalog.history("market")
    assert [it.version.version for it in history] == [versions[0], *versions[::-1]]
    assert history[0].change.kind == "restore"


def test_older_versions_open_by_digits_and_by_time(versions: list[str]) -> None:
    assert barrow.open("market").version == versions[2]
    assert barrow.open("market", versions[0]).version == versions[0]
    assert barrow.open("market", version=versions[1][:8]).version == versions[1]
    assert barrow.open(f"market@{versions[1][:8]}").version == versions[1]
    tomorrow = datetime.date.today() + datetime.timedelta(days=2)
    assert barrow.open("market", tomorrow).version == versions[2]
    catalog = barrow.catalog()
    for published in catalog.versions("market"):
        # A moment has microseconds, or nanoseconds, and maybe a zone.
        exact = published.published
        zoned = pd.Timestamp(exact, tz="UTC").tz_convert("Asia/Tokyo")
        later = (zoned + pd.Timedelta(microseconds=1)).floor("us").to_pydatetime()
        for moment in (exact, zoned, pd.Timestamp(exact), later, later.astimezone(datetime.timezone.utc).replace(tzinfo=None)):
            assert barrow.open("market", moment).version == published.version
    with pytest.raises(errors.UnknownVersionError, match="had no version"):
        barrow.open("market", datetime.date(2001, 1, 1))
    with pytest.raises(errors.NameSyntaxError):
        barrow.open("market", "yesterday")


def test_diff(versions: list[str], rows: Rows) -> None:
    catalog = barrow.catalog()
    appended = catalog.diff("market", versions[0], versions[1])
    assert (appended.rows_added, appended.rows_removed, appended.rows_changed) == (10, 0, 0)
    (asset,) = appended.assets_changed
    assert (asset.symbol, asset.rows_added) == ("AAA", 10)
    assert asset.last == rows["time"][rows["symbol"] == "AAA"][-1]
    corrected = catalog.diff("market", versions[1])
    assert corrected.rows_changed == 1
    assert {it.name: it.values_changed for it in corrected.columns}["volume"] == 1
    assert catalog.diff("market", versions[2]).is_empty


def test_pins_and_pruning(versions: list[str]) -> None:
    catalog = barrow.catalog()
    barrow.pool.clear()
    catalog.pin("market", versions[0], "a paper cites it")
    assert catalog.pins("market") == [(versions[0], "a paper cites it")]
    rehearsed = catalog.prune("market", keep=1, dry_run=True)
    assert rehearsed.removed == [versions[1]]
    assert rehearsed.spared == [(versions[0], "pinned")]
    usage = catalog.usage("market")
    assert (usage.versions, usage.pinned) == (3, 1)
    assert catalog.prune("market", keep=1, published_before="2001").removed == []
    assert catalog.prune("market", keep=1) == rehearsed
    assert catalog.unpin("market", versions[0])
    assert not catalog.unpin("market", versions[0])
    assert catalog.prune("market", keep=1).removed == [versions[0]]
    assert [it.version for it in catalog.versions("market")] == [versions[2]]


def test_compacting_keeps_the_version(versions: list[str]) -> None:
    catalog = barrow.catalog()
    assert catalog.versions("market")[0].parts > 1
    published = catalog.compact("market")
    assert published.version == versions[2]
    assert catalog.versions("market")[0].parts == 1
    assert barrow.open("market").origin("close") == "mapped"


def test_verifying_finds_a_flipped_bit(versions: list[str]) -> None:
    barrow.catalog().compact("market")
    bundle = barrow.open("market")
    assert bundle.verify() >= Path(bundle.path).stat().st_size
    copy = Path(bundle.path).with_name("copy.barrow")
    bytes_ = bytearray(Path(bundle.path).read_bytes())
    place = bytes_.index(bundle["AAA"].close.tobytes())
    bytes_[place] ^= 1
    copy.write_bytes(bytes_)
    with pytest.raises(errors.DamagedError, match="damaged in"):
        barrow.open(copy).verify()
    for verify in ("pages", "digests"):
        with pytest.raises(errors.DamagedError, match="column `close` of asset `AAA`"):
            barrow.open(copy, verify=verify)["AAA"].close
    assert barrow.open(copy)["BBB"].close.tobytes() == bundle["BBB"].close.tobytes()
    assert barrow.open(copy, verify="never")["AAA"].close.tobytes() != bundle["AAA"].close.tobytes()
    with pytest.raises(ValueError, match="`sometimes` is not what reads can be verified by"):
        barrow.open(copy, verify="sometimes")  # type: ignore[arg-type]
    with pytest.raises(errors.DamagedError):
        barrow.open(copy, mode="read")


def test_a_writer_at_work_is_told(root: Path, rows: Rows) -> None:
    barrow.ingest("market", rows)
    import fcntl

    with open(root / "market" / "LOCK", "r+") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(BlockingIOError, match="is being written") as locked:
            barrow.ingest("market", rows, append=True)
    assert isinstance(locked.value, errors.LockedError)
    assert locked.value.bundle == "market"


def test_the_pool_counts(root: Path, rows: Rows) -> None:
    barrow.ingest("market", rows)
    barrow.pool.clear()
    before = barrow.pool.stats
    kept = [barrow.open("market") for _ in range(3)]
    after = barrow.pool.stats
    assert (after.misses - before.misses, after.hits - before.hits, after.open) == (1, 2, 1)
    capacity = barrow.pool.capacity
    assert capacity == 100
    try:
        barrow.pool.capacity = 0
        assert barrow.pool.stats.open == 0
        assert len(kept[0]["AAA"]) == 60
    finally:
        barrow.pool.capacity = capacity
    assert repr(barrow.pool).startswith("<barrow.Pool of 100")


def test_what_notebooks_show(bundle: barrow.Bundle) -> None:
    assert repr(bundle) == f"<barrow.Bundle market@{bundle.version[:12]}: 3 assets, {bundle.rows} daily bars>"
    shown = bundle._repr_html_()
    assert "<b>market</b>" in shown and "<td>BBB</td>" in shown and "2020-01-01" in shown
    assert f"{bundle['AAA'].close[-1]:,.6g}" in bundle["AAA"]._repr_html_()
    assert "<th>CCC</th>" in bundle.panel("close")._repr_html_()
    assert "market" in barrow.catalog()._repr_html_()
    assert "close" in bundle.query("close")._repr_html_()
    for it in (bundle["AAA"], bundle.columns["close"], bundle.panel("close"), barrow.catalog(), bundle.assets[0]):
        assert repr(it).startswith("<barrow.")


def test_panels(bundle: barrow.Bundle, rows: Rows) -> None:
    import pandas as pd

    panel = bundle.panel("close", "2020-02", "2020-02")
    frame = pd.DataFrame(rows).pivot(index="time", columns="symbol", values="close")
    expected = frame.loc["2020-02"]
    assert panel.shape == expected.shape
    np.testing.assert_array_equal(panel.values, expected.to_numpy())
    np.testing.assert_array_equal(panel.times, expected.index.to_numpy())
    np.testing.assert_array_equal(np.asarray(panel), panel.values)
    np.testing.assert_array_equal(panel["BBB"], expected["BBB"])
    pd.testing.assert_frame_equal(panel.to_pandas(), expected, check_names=False, check_freq=False)
    with pytest.raises(KeyError):
        panel["ZZZ"]
    np.testing.assert_array_equal(bundle.cross_section("close", "2020-02-03"), frame.loc["2020-02-03"])
    assert np.isnan(bundle.cross_section("close", "2001-01-01")).all()
    assert bundle.panel("close", "2021").shape == (0, 3)
    pytest.importorskip("polars")
    assert panel.to_polars().columns == ["time", *bundle.symbols]


@pytest.mark.parametrize(
    "moment",
    [
        "2020-02-03",
        "2020-02-03T00:00:00Z",
        datetime.date(2020, 2, 3),
        datetime.datetime(2020, 2, 3),
        datetime.datetime(2020, 2, 3, 1, tzinfo=datetime.timezone(datetime.timedelta(hours=1))),
        np.datetime64("2020-02-03"),
        np.datetime64("2020-02-03T00:00:00.000000000"),
        1_580_688_000_000_000_000,
        np.int64(1_580_688_000_000_000_000),
    ],
)
def test_moments(bundle: barrow.Bundle, moment: Any) -> None:
    at = bundle["AAA"].between(moment, moment)
    np.testing.assert_array_equal(at.times, np.array(["2020-02-03"], dtype="M8[ns]"))


def test_what_is_no_moment(bundle: barrow.Bundle) -> None:
    with pytest.raises(ValueError, match="`soon` is no date"):
        bundle["AAA"].between("soon")
    with pytest.raises(TypeError, match="found `list`"):
        bundle["AAA"].between([])  # type: ignore[arg-type]
    with pytest.raises(ValueError):
        bundle["AAA"].between(np.datetime64("NaT"))


def test_metadata_and_facts(bundle: barrow.Bundle) -> None:
    (first, _, last) = bundle.assets
    assert (first.symbol, first.ordinal, first.rows, first.metadata) == ("AAA", 0, 60, None)
    assert last.first == bundle["CCC"].times[0]
    assert (bundle.frequency, bundle.stamp, bundle.adjustments) == ("daily", "session", ())
    golden = barrow.open(Path(__file__).parents[2] / "tests" / "golden" / "v1" / "all_types.barrow")
    assert golden.assets[0].metadata == {"name": "Berkshire Hathaway"}
    assert [(it.symbol, it.kind, it.value) for it in golden.adjustments] == [
        ("BRK.B", "split", 50.0),
        ("BRK.B", "cash dividend", 0.37),
        ("\u65e5\u7d4c", "merger", 1.25),
    ]
    assert (golden.columns["cents"].kind, golden.columns["cents"].scale) == ("decimal", 2)
    assert golden.time_zone == "America/New_York"
