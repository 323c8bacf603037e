"""Answers as HTML. Every text that a person typed or a file brought is escaped here."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from html import escape

from PIL import Image

from ldpf.app.session import Answer

SHOWN = 8
"""Classes shown of each ranking."""

CSS = """
.ldpf-title { font-weight: 600; margin: 0 0 .5rem; }
.ldpf-columns { display: grid; grid-template-columns: 1fr 1fr; gap: 1.5rem; }
@media (max-width: 640px) { .ldpf-columns { grid-template-columns: 1fr; } }
.ldpf-row { display: grid; grid-template-columns: 7.5rem 1fr 3.4rem; gap: .6rem;
  align-items: center; margin: .3rem 0; }
.ldpf-name { overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
.ldpf-track { background: var(--border-color-primary); border-radius: 4px; height: .8rem; }
.ldpf-bar { background: var(--color-accent); border-radius: 4px; height: 100%; }
.ldpf-number { text-align: right; font-variant-numeric: tabular-nums; }
.ldpf-warning, .ldpf-error { border-left: 4px solid #c2410c; padding: .6rem .9rem;
  background: var(--background-fill-secondary); margin: 0 0 1rem; }
.ldpf-soft { color: var(--body-text-color); opacity: .7; }
#ldpf-image img { width: 100%; height: 100%; object-fit: contain; }
.ldpf-pictures { display: flex; flex-wrap: wrap; gap: 6px; margin: .2rem 0 .9rem; }
.ldpf-pictures img { width: 72px; height: 72px; border-radius: 4px; margin: 0;
  border: 1px solid var(--border-color-primary); }
"""


def message(text: str) -> str:
    """A sentence about something that did not work."""
    return f'<div class="ldpf-error" role="alert">{escape(text)}</div>'


def hint(text: str) -> str:
    """A sentence in soft ink."""
    return f'<p class="ldpf-soft">{escape(text)}</p>'


def answer_html(answer: Answer, baseline: str = "Zero-shot (no training)") -> str:
    """Classes by the trained model, and beside them by the ready-made one."""
    warning = ""
    if answer.warning is not None:
        warning = f'<div class="ldpf-warning" role="alert">{escape(answer.warning)}</div>'
    own = _bars("Trained model", answer.ranking[:SHOWN])
    return (
        f'{warning}<div class="ldpf-columns">{own}{_bars(baseline, answer.zero_shot[:SHOWN])}</div>'
    )


def domains_html(
    weights: Sequence[float], typical: Sequence[Sequence[Image.Image]], note: str | None = None
) -> str:
    """The weight of every latent domain, with typical images of it where there are some."""
    if len(weights) < 2:
        return hint("This model has one prompt for all images, and no latent domains.")
    parts = ['<p class="ldpf-title">Weight of each latent domain</p>']
    for s, weight in enumerate(weights):
        parts.append(_bar(f"Latent domain {s}", weight))
        if typical:
            pictures = "".join(_picture(image, s) for image in typical[s])
            parts.append(f'<div class="ldpf-pictures">{pictures}</div>')
    return "".join(parts) + (hint(note) if note else "")


def _bars(title: str, entries: Sequence[tuple[str, float]]) -> str:
    rows = "".join(_bar(name, value) for name, value in entries)
    return f'<div><p class="ldpf-title">{escape(title)}</p>{rows}</div>'


def _bar(name: str, value: float) -> str:
    safe = escape(name)
    return (
        f'<div class="ldpf-row"><span class="ldpf-name" title="{safe}">{safe}</span>'
        f'<div class="ldpf-track"><div class="ldpf-bar" style="width:{100 * value:.1f}%"></div>'
        f'</div><span class="ldpf-number">{value:.1%}</span></div>'
    )


def _picture(image: Image.Image, domain: int) -> str:
    stream = io.BytesIO()
    image.save(stream, "JPEG", quality=85)
    data = base64.b64encode(stream.getvalue()).decode()
    alt = f"typical of latent domain {domain}"
    return f'<img alt="{alt}" src="data:image/jpeg;base64,{data}">'
