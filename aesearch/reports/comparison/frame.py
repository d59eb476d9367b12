"""The frame of the page of a comparison: its style, and the script that sorts the table."""

from __future__ import annotations

from aesearch.reports.base import html_page
from aesearch.reports.comparison import map as comparison_map

LOOK = """
:root { --right: #0072b2; --wrong: #d98300; --c0: #0072b2; --c1: #d55e00; --c2: #009e73;
  --c3: #b0568a; --c4: #b07d00; --c5: #3b9bd6; --c6: #6b7280; }
@media (prefers-color-scheme: dark) { :root { --right: #56b4e9; --wrong: #e69f00; --c0: #56b4e9;
  --c1: #ff8f4d; --c2: #2cc79a; --c3: #e08fbf; --c4: #f0c040; --c5: #8fa8ff; --c6: #9aa3ad; } }
body { max-width: 82rem; padding: 2rem clamp(1rem, 4vw, 3rem) 4rem; line-height: 1.5; }
h1 { margin: 0; font-size: 1.05rem; font-weight: 600; color: var(--faint); }
h2 { margin: 3rem 0 .35rem; font-size: 1.25rem; letter-spacing: -.01em; }
h3 { margin: 1.75rem 0 .5rem; font-size: 1rem; }
.lead { margin: .35rem 0 .75rem; max-width: 50rem; text-wrap: pretty; line-height: 1.3;
  font-size: clamp(1.25rem, 1rem + 1.3vw, 1.8rem); font-weight: 600; letter-spacing: -.015em; }
.lead small { display: block; margin-top: .45rem; font-size: 1rem; font-weight: 400;
  letter-spacing: 0; line-height: 1.45; }
.note { margin: 0 0 .75rem; max-width: 46rem; color: var(--faint); text-wrap: pretty; }
.charts { display: grid; gap: 2rem; align-items: start;
  grid-template-columns: repeat(auto-fit, minmax(min(100%, 26rem), 1fr)); }
.charts h2 { margin-top: 2rem; }
.charts figure { max-width: 40rem; }
svg { display: block; width: 100%; height: auto; overflow: visible; }
svg text { font-size: 12px; fill: var(--ink); text-anchor: middle; }
svg .small { font-size: 11px; fill: var(--faint); }
svg .start { text-anchor: start; }
svg .end { text-anchor: end; }
svg .figure { font-variant-numeric: tabular-nums; }
svg .strong { font-weight: 650; }
svg .named { font-weight: 600; fill: color-mix(in srgb, currentColor 70%, var(--ink)); }
svg .halo { paint-order: stroke; stroke: var(--paper); stroke-width: 3px; }
.grid { stroke: var(--line); fill: none; }
.tick { stroke: var(--faint); fill: none; stroke-width: .8; }
.leader { stroke: currentColor; fill: none; stroke-width: 1.2; }
.chance { stroke: var(--faint); fill: none; stroke-dasharray: 3 3; }
.line { fill: none; stroke: currentColor; stroke-width: 1.6; stroke-linejoin: round; }
.strong .line { stroke-width: 2.6; }
.band { fill: currentColor; opacity: .16; }
.bar { stroke: currentColor; stroke-width: 3; opacity: .55; stroke-linecap: round; }
.join { fill: none; stroke: currentColor; stroke-width: 1.2; opacity: .55; }
circle { fill: currentColor; }
.dot { fill: currentColor; stroke: var(--paper); stroke-width: 1.2; }
.scroll { overflow-x: auto; margin: 0 -.5rem; padding: 0 .5rem .25rem; }
table { border-collapse: separate; border-spacing: 0; font-variant-numeric: tabular-nums;
  white-space: nowrap; font-size: .86rem; min-width: 100%; }
th, td { padding: .3rem .45rem; text-align: right; border-bottom: 1px solid var(--line); }
th:first-child, td:first-child { text-align: left; position: sticky; left: -.5rem; z-index: 1;
  background: var(--paper); padding-left: .5rem; }
td:first-child { white-space: normal; min-width: 9rem; }
th:nth-child(2), td:nth-child(2) { text-align: left; }
thead th { font-weight: 600; white-space: normal; vertical-align: bottom;
  border-bottom: 1.5px solid var(--faint); }
th button { all: unset; cursor: pointer; }
th button:focus-visible { outline: 2px solid var(--right); outline-offset: 2px; }
th button::after { content: "\\a0↕"; color: var(--faint); opacity: .45; }
th[aria-sort=ascending] button::after { content: "\\a0↑"; opacity: 1; }
th[aria-sort=descending] button::after { content: "\\a0↓"; opacity: 1; }
td i { color: var(--faint); font-style: normal; font-size: .85em; }
tr.form td:first-child { color: var(--faint); }
tr.learned td:first-child { font-weight: 650; }
tr.learned td:first-child, tr.best td:first-child { box-shadow: inset 3px 0 var(--c0); }
tr.best:not(.learned) td:first-child { box-shadow: inset 3px 0 var(--c1); }
td.top { font-weight: 700; }
.key { display: inline-flex; align-items: center; gap: .35rem; margin-right: 1rem; }
.key b { width: 1rem; height: 1rem; border-radius: 3px; border: 3px solid var(--right); }
.key b.no { border: 3px dashed var(--wrong); }
.queries { display: grid; gap: 1.75rem 2.5rem; margin-bottom: 1rem;
  grid-template-columns: repeat(auto-fit, minmax(min(100%, 32rem), 1fr)); }
.query { display: grid; grid-template-columns: 6rem 1fr; gap: 0 1rem; align-content: start;
  border-top: 1px solid var(--line); padding-top: .75rem; }
.query > figure figcaption { font-size: .8rem; line-height: 1.3; overflow-wrap: anywhere;
  color: var(--faint); }
.query img, .strip img { display: block; width: 100%; aspect-ratio: 1; object-fit: contain;
  background: var(--mat); border-radius: 4px; }
.answers p { display: flex; justify-content: space-between; gap: .75rem; margin: .55rem 0 .2rem;
  font-size: .85rem; line-height: 1.3; }
.answers > div:first-child p { margin-top: 0; }
.answers p span { color: var(--faint); font-variant-numeric: tabular-nums; white-space: nowrap; }
.strip { display: grid; grid-template-columns: repeat(8, minmax(0, 1fr)); gap: 4px; }
.strip > * { border-radius: 5px; border: 3px solid var(--right); overflow: hidden; }
.strip > .no { border: 3px dashed var(--wrong); }
.strip img { border-radius: 2px; }
.strip .gone { aspect-ratio: 1; background: var(--missing); }
.titles { margin: 0; padding: 0; list-style: none; }
.titles li { border-left: 4px solid var(--right); padding: .1rem 0 .1rem .6rem; margin: .25rem 0;
  font-size: .85rem; line-height: 1.35; overflow-wrap: anywhere; }
.titles li.no { border-left-style: dashed; border-color: var(--wrong); color: var(--faint); }
.texts .query { grid-template-columns: 1fr; gap: .6rem; }
.texts .query > figure figcaption { font-size: .95rem; color: var(--ink); font-weight: 600; }
.texts .answers { display: grid; gap: .25rem 1.5rem;
  grid-template-columns: repeat(auto-fit, minmax(min(100%, 16rem), 1fr)); }
.texts .answers p { margin-top: 0; }
.texts .queries { grid-template-columns: 1fr; }
.rebuilt { display: grid; grid-template-columns: minmax(6rem, 12rem) 1fr; gap: .4rem 1rem;
  align-items: center; max-width: 52rem; font-size: .9rem; line-height: 1.25; }
.rebuilt small { display: block; color: var(--faint); font-variant-numeric: tabular-nums; }
.rebuilt .strip > * { border-width: 0; }
.rebuilt .strip img { image-rendering: pixelated; }
dl { max-width: 52rem; margin: 0; font-size: .9rem; }
dt { font-weight: 600; margin-top: .5rem; }
dd { margin: 0; color: var(--faint); }
@media (max-width: 34rem) { .query { grid-template-columns: 4.25rem 1fr; gap: 0 .75rem; }
  .strip { gap: 2px; } .strip > *, .strip > .no { border-width: 2px; }
  .rebuilt { grid-template-columns: 5.5rem 1fr; }
  td:first-child { min-width: 8.5rem; max-width: 42vw; } }
@media print { th button::after { content: ""; } .query { break-inside: avoid; } }
"""
LINES = """
:root { --line: #e5e7eb; }
@media (prefers-color-scheme: dark) { :root { --line: #2d333b; } }
"""
SCRIPT = """
"use strict";
for (const table of document.querySelectorAll("table")) {
  const heads = [...table.tHead.rows[0].cells], body = table.tBodies[0];
  const worth = (row, column) => {
    const value = row.cells[column].dataset.v;
    return value === undefined || value === "" ? null : isNaN(value) ? value : Number(value);
  };
  heads.forEach((head, column) => head.querySelector("button").addEventListener("click", () => {
    const before = head.getAttribute("aria-sort");
    const up = before ? before === "descending" : head.dataset.first === "ascending";
    for (const other of heads) other.removeAttribute("aria-sort");
    head.setAttribute("aria-sort", up ? "ascending" : "descending");
    const rows = [...body.rows].sort((a, b) => {
      const one = worth(a, column), two = worth(b, column);
      if (one === null || two === null) return (one === null) - (two === null);
      const order = typeof one === "string" ? one.localeCompare(two) : one - two;
      return up ? order : -order;
    });
    body.append(...rows);
  }));
}
"""


def framed(title: str, body: str) -> str:
    """Return the whole page, which loads nothing from anywhere; `body` is not escaped."""
    colours = "".join(f".c{n} {{ color: var(--c{n}); }}\n" for n in range(7))
    look = f"{LINES}{LOOK}{colours}{comparison_map.LOOK}"
    return html_page(title, body, look, SCRIPT + comparison_map.SCRIPT)
