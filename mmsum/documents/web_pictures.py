"""Pictures of web pages: what is drawn in the page itself, and where the others may be."""

from __future__ import annotations

from copy import deepcopy
from mimetypes import guess_type
from typing import Any

import lxml.etree

PICTURES = ("img", "svg", "object", "embed")
"""Elements that may show one."""
_DRAWN = tuple(
    f".//{tag}" for tag in ("path", "rect", "line", "polyline", "polygon", "circle", "ellipse", "text", "use")
)
_CAPITALS = {name.lower(): name for name in ("viewBox", "preserveAspectRatio")}
"""What MuPDF reads of an SVG that is not in small letters; clips and gradients it leaves out anyway."""
_LAZY = ("data-src", "data-original", "data-lazy-src")


def is_drawing(element: Any) -> bool:
    """Whether it is a drawing in the page itself, and more than one picture in a wrapper, as covers of EPUBs are set."""
    if element.tag != "svg":
        return False
    return len(list(element.iter("image"))) != 1 or any(element.find(tag) is not None for tag in _DRAWN)


def as_svg(element: Any) -> bytes:
    """A drawing in a page as a file of its own, with the capitals in its names: the parser of pages knows none."""
    drawing = deepcopy(element)
    for part in drawing.iter("*"):
        for name in part.attrib.keys() & _CAPITALS.keys():
            part.set(_CAPITALS[name], part.attrib.pop(name))
    return lxml.etree.tostring(drawing, with_tail=False)


def links_of(element: Any) -> list[str]:
    """Where its picture may be, best first: what a script puts in the place of `src` while one scrolls, `src` itself, and
    the first of those for other screens; of an object its own, and what it shows instead."""
    if element.tag == "svg":
        wrapped = next(element.iter("image"))
        return [wrapped.get("xlink:href") or wrapped.get("href") or ""]
    if element.tag in ("object", "embed"):
        link = element.get("data") or element.get("src") or ""
        is_image = (element.get("type") or guess_type(link)[0] or "").startswith("image/")
        return [link if is_image else "", *(other for image in element.iter("img") for other in links_of(image))]
    around = next(element.iterancestors("picture"), None)  # libxml2 sets the picture into its sources
    return [
        *(link for name in _LAZY if (link := element.get(name))),
        element.get("src") or "",
        *(
            link.rstrip(",")
            for other in (element, *(around.iter("source") if around is not None else ()))
            for name in ("srcset", "data-srcset")
            for link in (other.get(name) or "").split()[:1]
        ),
    ]
