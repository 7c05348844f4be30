"""What was taken out of one document, as JSON for people and scripts."""

from __future__ import annotations

from typing import Any

from mmsum.records import Document


def inspect_json(document: Document) -> dict[str, Any]:
    """A JSON-ready dict. Pages count from 1; boxes are [x0, y0, x1, y1] in points from the page's top left as shown."""
    failure = None
    if document.failure_kind:
        failure = {"kind": document.failure_kind, "message": document.failure_message}
    return {
        "uri": document.ref.uri,
        "title": document.title,
        "pages": document.pages_total,
        "text": document.text,
        "figures": [
            {
                "label": figure.label,
                "page": figure.page,
                "bbox": [round(side, 2) for side in figure.bbox],
                "caption": figure.caption,
                "kind": figure.kind,
                "text": figure.text,
                "legend": figure.legend,
                "mentions": figure.mentions,
                "width": figure.width,
                "height": figure.height,
            }
            for figure in document.figures
        ],
        "status": document.status,
        "failure": failure,
    }
