"""Sentences as HTML. Every text that a person typed or a file brought is escaped here."""

from __future__ import annotations

from jinja2 import Environment

SHOWN = 8
"""Classes shown of each ranking."""

CSS = """
.ldpf-warning, .ldpf-error { border-left: 4px solid #c2410c; padding: .6rem .9rem;
  background: var(--background-fill-secondary); margin: 0 0 1rem; }
.ldpf-hint { color: var(--body-text-color); opacity: .7; }
#ldpf-domains .grid-container { grid-template-columns: repeat(6, minmax(0, 5rem)) !important; }
#ldpf-domains .grid-wrap { min-height: 0 !important; padding: 0 .75rem; }
#ldpf-domains .gallery-container { height: auto; }
#ldpf-domains .thumbnail-item { height: auto; aspect-ratio: 1; }
@media (max-width: 640px) {
  #ldpf-upload { max-height: 5.5rem; min-height: 0; }
  #ldpf-image, #ldpf-many, #ldpf-samples { max-height: 9rem; min-height: 0; }
  /* Samples behind the answer, which is then in sight without scrolling. */
  #ldpf-row { flex-direction: column; flex-wrap: nowrap; }
  #ldpf-left, #ldpf-right { display: contents; }
  #ldpf-samples { order: 5; }
  #ldpf-what { font-size: .85rem; }
  h1 { font-size: 1.3rem; margin: 0; }
}
#ldpf-image img { width: 100%; height: 100%; object-fit: contain; }
"""

_SENTENCE = Environment(autoescape=True).from_string(
    '<div class="ldpf-{{ kind }}"{% if alert %} role="alert"{% endif %}>{{ text }}</div>'
)

_HEADING = Environment(autoescape=True).from_string("<h1>{{ text }}</h1>")


def message(text: str) -> str:
    """A sentence about something that did not work."""
    return _SENTENCE.render(kind="error", alert=True, text=text)


def warning(text: str) -> str:
    """A sentence about an answer not to rely on."""
    return _SENTENCE.render(kind="warning", alert=True, text=text)


def hint(text: str) -> str:
    """A sentence in soft ink."""
    return _SENTENCE.render(kind="hint", alert=False, text=text)


def heading(text: str) -> str:
    """The heading of the page."""
    return _HEADING.render(text=text)
