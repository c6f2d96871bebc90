"""`showtell bundles`: the list, and what may be removed."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from bot.commands.main import app
from retrieval.bundle.bundle import Bundle, list_versions
from retrieval.errors import BundleError, NoBundle


def run(bundles: Path, *arguments: str) -> str:
    command = ["bundles", "--bundles", str(bundles), *arguments]
    done = CliRunner().invoke(app, command, catch_exceptions=False)
    assert done.exit_code == 0
    return done.output


def test_the_list_tells_what_each_is(three_bundles: Path) -> None:
    oldest, _, newest = list_versions(three_bundles)
    (three_bundles / newest / "manifest.json").write_text('{"format": 1}')
    rows = json.loads(run(three_bundles, "--json"))
    assert [row["version"] for row in rows] == list_versions(three_bundles)
    assert (rows[0]["live"], rows[0]["count"], rows[0]["model"]) == (True, 30, "shapes")
    assert rows[0]["size"] > 1_000_000
    assert "showtell index" in rows[2]["problem"]
    table = run(three_bundles)
    assert oldest in table
    assert "live" in table


def test_none_is_said(tmp_path: Path) -> None:
    assert "There is no bundle" in run(tmp_path)


def test_one_is_removed_and_the_live_one_never(three_bundles: Path) -> None:
    oldest, middle, newest = list_versions(three_bundles)
    assert f"Bundle {middle} is removed." in run(three_bundles, "remove", middle)
    assert list_versions(three_bundles) == [oldest, newest]
    with pytest.raises(BundleError, match=f"bundle {oldest} is live; publish another"):
        run(three_bundles, "remove", oldest)
    with pytest.raises(NoBundle):
        run(three_bundles, "remove", "../outside")
    Bundle.open(three_bundles, newest).close()


def test_the_newest_and_the_live_one_stay(three_bundles: Path) -> None:
    oldest, middle, newest = list_versions(three_bundles)
    assert middle in run(three_bundles, "keep", "1")
    assert list_versions(three_bundles) == [oldest, newest]
    assert "nothing" in run(three_bundles, "keep", "1")
