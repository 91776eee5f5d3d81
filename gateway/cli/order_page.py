"""One order's story as a page of HTML to hand to a client or a regulator.

It stands alone: no script, nothing loaded from anywhere, and a policy that forbids both. Clients and venues wrote much
of what is on it, so everything is escaped, and nothing of it comes to stand in a tag.
"""

from collections.abc import Mapping, Sequence
from html import escape

from gateway.cli.story import Entry
from gateway.cli.times import duration, utc_text

_STYLE = """
body { font: 14px/1.45 system-ui, sans-serif; color: #1a1a1a; margin: 2rem auto; max-width: 70rem; padding: 0 1rem }
h1 { font-size: 1.5rem; margin: 0 0 .2rem } p.about { color: #555; margin: 0 0 1.2rem }
dl { display: grid; grid-template-columns: repeat(auto-fill, minmax(15rem, 1fr)); gap: .5rem 1.5rem }
dt { color: #555; font-size: .85em } dd { margin: 0; font-weight: 600; overflow-wrap: anywhere }
table { border-collapse: collapse; width: 100%; table-layout: fixed }
th { text-align: left; border-bottom: 2px solid #1a1a1a; padding: .3rem .5rem }
td { border-bottom: 1px solid #ddd; padding: .35rem .5rem; vertical-align: top; overflow-wrap: anywhere }
td.time { white-space: nowrap; font-variant-numeric: tabular-nums } td.since { text-align: right; white-space: nowrap }
th:nth-child(1) { width: 9.5rem } th:nth-child(2) { width: 5.5rem; text-align: right } th:nth-child(3) { width: 6rem }
tr { break-inside: avoid } thead { display: table-header-group }
ul { margin: .3rem 0 0; padding: 0; list-style: none; color: #555; font: 12px/1.4 ui-monospace, monospace }
.kind { display: inline-block; border-radius: 3px; padding: 0 .4em; font-size: .85em; border: 1px solid }
.fix-in, .fix-out { color: #1d4f91 } .venue-in, .venue-out { color: #7a2e8e } .decision { color: #0b6b6b }
.event { color: #1a1a1a } .alert { color: #b00020 }
@media screen and (max-width: 45rem) {
  thead { display: none } tr, td { display: block } tr { border-bottom: 1px solid #ddd; padding: .4rem 0 }
  td { border: 0; padding: .1rem 0 } td.since { text-align: left }
}
@page { margin: 15mm } @media print { body { margin: 0; max-width: none; font-size: 10px } ul { font-size: 8px } }
"""


def order_page(title: str, about: str, summary: Mapping[str, str], story: Sequence[Entry]) -> str:
    """The whole page. about: where the story is from. summary: the order's terms and state, name by value."""
    terms = "".join(f"<div><dt>{escape(name)}</dt><dd>{escape(value)}</dd></div>" for name, value in summary.items())
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">"
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title><style>{_STYLE}</style></head>\n<body>"
        f'<h1>{escape(title)}</h1><p class="about">{escape(about)}</p><dl>{terms}</dl>\n'
        "<table><thead><tr><th>Time, UTC</th><th>Since</th><th>What</th><th>Content</th></tr></thead><tbody>\n"
        f"{''.join(_rows(story))}</tbody></table></body></html>\n"
    )


def _rows(story: Sequence[Entry]) -> list[str]:
    rows = []
    previous: Entry | None = None
    for entry in story:
        date, _, time = (utc_text(entry.at) or "").removesuffix("Z").partition("T")
        is_new_day = previous is None or date != (utc_text(previous.at) or "")[: len(date)]
        since = "" if previous is None or entry.at <= previous.at else f"+{duration(entry.at - previous.at)}"
        notes = "".join(f"<li>{escape(note)}</li>" for note in entry.notes)
        rows.append(
            f'<tr><td class="time">{f"{escape(date)}<br>" if is_new_day else ""}{escape(time[:-3])}</td>'
            f'<td class="since">{escape(since)}</td>'
            f'<td><span class="kind {escape(entry.kind.lower().replace(" ", "-"))}">{escape(entry.kind)}</span></td>'
            f"<td>{escape(entry.text)}{f'<ul>{notes}</ul>' if notes else ''}</td></tr>\n"
        )
        previous = entry
    return rows
