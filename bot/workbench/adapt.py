"""What `showtell adapt` does once its arguments are read."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

from bot.errors import BotError
from bot.workbench.console import name_skipped, out, progress_bars, say
from embedding.adaptation.directory import write_mapped
from embedding.adaptation.gain import CUTS, Gain
from embedding.data.captions import read_captions
from retrieval.bundle.adapt import adapt_bundle, gain_of
from retrieval.bundle.catalog import Catalog
from retrieval.bundle.lessons import gather

__all__ = ["NoGain", "run_adaptation"]


class NoGain(BotError):
    """Learning from these captions finds no more than before; nothing was written."""


def run_adaptation(catalog: Catalog, pairs: Path | None, *, only_measure: bool = False) -> None:
    """Measure what a gallery's captions teach its model; where they do, make it the live version.

    Args:
        catalog: of the gallery; its live version is adapted.
        pairs: more captions, such as corrections: JSON lines or a table (see ``read_captions``).
        only_measure: write nothing.

    Raises:
        NoGain: nothing is gained on captions held out.
        RetrievalError: too few pictures have captions.
        DataError: the file of pairs cannot be read.
    """
    corrections = read_captions(pairs) if pairs else {}
    with closing(catalog.open()) as bundle:
        material = gather(bundle, corrections)
        name_skipped(material.skipped)
        with progress_bars() as progress:
            gain = gain_of(bundle, material, progress)
        _print(gain)
        if not gain.is_real:
            low, high = gain.total.interval
            raise NoGain(
                f"bundle {bundle.version} stays as it is: learning from its captions changes "
                f"recall@1, 5 and 10 by {gain.total.value:+.1f} points together ({low:+.1f} to "
                f"{high:+.1f}), which may be nothing; add captions or corrections (--pairs)"
            )
        if only_measure:
            return
        say(f"Writing {bundle.manifest.model_name} adapted to this gallery.")
        with progress_bars() as progress:
            report = adapt_bundle(bundle, material, gain, catalog, write_mapped, progress)
    catalog.publish(report.version)
    name_skipped(report.skipped)
    say(
        f"Bundle {report.version} is live: {report.count} pictures, {report.reused} of them not "
        f"encoded again. The version before is kept; `showtell bundles` lists them."
    )


def _print(gain: Gain) -> None:
    """Print recall before and after on captions held out."""
    rows = (("as it is", gain.before), ("adapted", gain.after), ("difference", gain.difference))
    lines = [f"{'':12}" + "".join(f"{f'R@{k}':>24}" for k in CUTS)]
    for name, figures in rows:
        sign = "+" if figures is gain.difference else ""
        cells = [
            f"{one.value:{sign}.1f} ({one.interval[0]:{sign}.1f} to {one.interval[1]:{sign}.1f})"
            for one in figures
        ]
        lines.append(f"{name:12}" + "".join(f"{cell:>24}" for cell in cells))
    for line in lines:
        out.print(line, highlight=False, markup=False, soft_wrap=True)
    say(
        f"Text to image, {gain.captions} captions held out in turn, by looks alone, in the gallery "
        f"of {gain.pictures} pictures; 95 % intervals."
    )
