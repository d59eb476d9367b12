"""The training history: what is read out of it, and what is drawn."""

from __future__ import annotations

import math

import numpy as np
import pytest
from PIL import Image
from test_sheet import Page

from aesearch.errors import ParameterError, StorageError, UnsupportedError
from aesearch.reports import training
from aesearch.reports.training import phases_of, write_history

MAIN = [
    {"epoch": 1, "seconds": 1.5, "rate": 0.1, "agreement": 5.0, "contours": 1.0, "validation": 7.0},
    {"epoch": 1, "event": "loss not finite: last good state restored"},
    {"epoch": 2, "seconds": 3.0, "rate": 0.1, "agreement": 0.25, "contours": 0.5, "validation": 8},
    {"epoch": 2, "event": "no further gain"},
]
DECODER = [
    {"phase": "decoder", "epoch": 1, "seconds": 0.5, "reconstruction": 0.5},
    {"phase": "decoder", "epoch": 2, "seconds": 1.0, "reconstruction": 0.4},
]


def test_phases_terms_and_events():
    main, decoder = phases_of([*MAIN, *DECODER])
    assert (main.name, decoder.name) == ("", "decoder")
    assert main.terms == {"agreement": ([1, 2], [5, 0.25]), "contours": ([1, 2], [1, 0.5])}
    assert main.total == ([1, 2], [6, 0.75])
    assert main.validation == ([1, 2], [7, 8])
    assert main.events == [(1, MAIN[1]["event"]), (2, "no further gain")]
    assert (main.seconds, decoder.seconds) == (3, 1)
    assert decoder.total == ([1, 2], [0.5, 0.4]) == decoder.terms["reconstruction"]
    assert decoder.validation == ([], [])


def test_what_is_no_number_is_passed_over():
    (phase,) = phases_of(
        [{"epoch": 1, "a": math.nan, "b": 2.0, "note": "text", "flag": True}, {"epoch": 2}]
    )
    assert phase.terms == {"b": ([1], [2.0])}


def panels(history):
    return training._figure(phases_of(history), "title").axes


def test_what_the_panels_show():
    loss, decoder_loss, terms, nothing = panels([*MAIN, *DECODER])
    assert [text.get_text() for text in loss.get_legend().get_texts()] == [
        "loss 0.75", "validation 8",
    ]  # fmt: skip
    drawn = {line.get_label(): line for line in loss.lines}
    np.testing.assert_array_equal(drawn["loss 0.75"].get_xydata(), [[1, 6], [2, 0.75]])
    np.testing.assert_array_equal(drawn["validation 8"].get_xydata(), [[1, 7], [2, 8]])
    assert [text.get_text() for text in terms.get_legend().get_texts()] == [
        "agreement 0.25", "contours 0.5",
    ]  # fmt: skip
    assert loss.get_title(loc="left") == "training, 3 s"
    assert decoder_loss.get_title(loc="left") == "decoder, 1 s"
    assert not nothing.axison  # a single term is the loss
    assert terms.get_xlabel().splitlines() == [
        "epoch", "1: loss not finite: last good state restored", "2: no further gain",
    ]  # fmt: skip
    marks = [line.get_xdata()[0] for line in loss.lines if len(set(line.get_xdata())) == 1]
    assert marks == [1, 2]
    assert decoder_loss.get_xlabel() == "epoch"


def test_a_logarithmic_scale_where_it_helps_and_is_possible():
    def scale(*values: float) -> str:
        return panels([{"epoch": n, "a": v} for n, v in enumerate(values, 1)])[0].get_yscale()

    assert scale(10, 5, 1) == "log"
    assert scale(9, 5, 1) == "linear"
    assert scale(100, 5, 0) == "linear"
    assert scale(100, -1) == "linear"


def test_epochs_are_whole_numbers():
    for count in (1, 2, 30):
        (axes,) = panels([{"epoch": n, "a": 1.0} for n in range(1, count + 1)])
        low, high = axes.get_xlim()
        ticks = [tick for tick in axes.get_xticks() if low <= tick <= high]
        assert ticks
        assert all(tick == round(tick) for tick in ticks)
        assert (low, high) == (0.5, count + 0.5)


def test_many_events_are_cut_short():
    lines = training._told([(n, "again") for n in range(1, 10)])
    assert lines == ["1: again", "2: again", "3: again", "4: again", "and 5 events more"]


def test_files(tmp_path):
    for suffix in (".png", ".svg", ".html"):
        write_history([*MAIN, *DECODER], tmp_path / f"plot{suffix}", title="of <x>")
    with Image.open(tmp_path / "plot.png") as picture:
        assert picture.format == "PNG"
        assert picture.width > 1000
        colours = {colour for _, colour in picture.convert("RGB").getcolors(1 << 20)}
    assert {(0xD9, 0x48, 0x0F), (0x00, 0x72, 0xB2)} <= colours  # validation, first term
    svg = (tmp_path / "plot.svg").read_bytes()
    assert b"<svg" in svg
    write_history([*MAIN, *DECODER], tmp_path / "again.svg", title="of <x>")
    assert (tmp_path / "again.svg").read_bytes() == svg
    page = Page((tmp_path / "plot.html").read_text(encoding="utf-8"))
    (chart,) = page.all("svg")
    assert chart["aria-label"] == (
        "training: loss from 6 to 0.75 at epoch 2, validation from 7 to 8 at epoch 2, agreement "
        "from 5 to 0.25 at epoch 2, contours from 1 to 0.5 at epoch 2, epoch 1: loss not finite: "
        "last good state restored, epoch 2: no further gain; decoder: loss from 0.5 to 0.4 at "
        "epoch 2"
    )
    for text in ("of <x>", "validation 8", "agreement 0.25", "2: no further gain"):
        assert text in page.text
    assert not page.all("img")


def test_what_cannot_be_drawn(tmp_path):
    out = tmp_path / "plot.png"
    for history in ([], [{"epoch": 1, "event": "stopped"}]):
        with pytest.raises(UnsupportedError, match="no training history to plot"):
            write_history(history, out, title="")
    assert not out.exists()
    with pytest.raises(ParameterError, match=r"\.png, \.svg, \.html; got 'plot\.gif'"):
        write_history(MAIN, tmp_path / "plot.gif", title="")
    with pytest.raises(StorageError, match="cannot be written"):
        write_history(MAIN, tmp_path / "no" / "plot.png", title="")
