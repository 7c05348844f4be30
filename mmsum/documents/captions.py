"""Captions: lines that open with "Figure 3:", "Fig. 2a", "Table 1", "Abb. 4", and the lines that go on from them."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from mmsum.claims import names_figure, numbers_named
from mmsum.documents.page import Line, overlap_x, union_all
from mmsum.records import Box

_LATIN = {
    "Figure": "fig figure",
    "Figura": "figura",  # Spanish, Italian, Portuguese
    "Figur": "figur",
    "Figuur": "figuur",
    "Abbildung": "abb abbildung",
    "Afbeelding": "afb afbeelding",
    "Rysunek": "rys rysunek",
    "Рисунок": "рис рисунок",
    "Table": "tab table",
    "Tabelle": "tabelle",
    "Tableau": "tableau",
    "Tabla": "tabla",
    "Tabella": "tabella",
    "Tabela": "tabela",
    "Tabel": "tabel",
    "Tabell": "tabell",
    "Таблица": "табл таблица",
    "Chart": "chart",
    "Graph": "graph",
    "Grafik": "grafik",
    "Graphique": "graphique",
    "Gráfico": "gráfico",
    "Grafico": "grafico",
    "Diagram": "diagram",
    "Diagramm": "diagramm",
    "Bild": "bild",
    "Photo": "photo",
    "Illustration": "illustration",
    "Plate": "plate",
    "Scheme": "scheme",
    "Exhibit": "exhibit",
    "Map": "map",
    "Box": "box",
}
"""How labels are given -> the words, in small letters, that captions and sentences have for them."""
_JOINED = ("图", "圖", "図", "그림", "شكل", "الشكل", "איור", "表", "표", "جدول", "الجدول", "טבלה")
"""The same in scripts that set the number beside the word, with or without a space."""
_WORDS = {word: label for label, words in _LATIN.items() for word in words.split()} | {word: word for word in _JOINED}
_DOTTED = str.maketrans("\u0130\u0131", "ii")
"""Turkish İ and ı, which a pattern without regard to case takes for an i, and casefold() does not."""
_TABLES = frozenset({label for label in _LATIN if label.startswith(("Tab", "Таб"))} | set(_JOINED[7:]))

_NUMBER = r"(?:[A-Z]{0,2}\.?\d+(?:[.\-\u2013]\d+)*(?:\s?\(?[a-z]\)?(?![a-z]))?|[IVX]+(?![a-z]))"
_CAPTION = re.compile(
    r"^(?P<extra>(?i:extended data|supplementary|supplemental)\s)?"
    rf"(?:(?P<word>(?i:{'|'.join(sorted(set(_WORDS) - set(_JOINED), key=len, reverse=True))}))\b\.?"
    rf"|[\[<【〈]?(?P<joined>{'|'.join(_JOINED)}))\s*"
    # "Figure 3 shows" is a sentence: the number wants a mark, the end of the line or what is no small letter behind it.
    rf"(?P<number>{_NUMBER})(?:\s*(?:[:|\u2014\u2013：．。、\]>】〉]|[.)-](?=\s|$))|\s*$|\s+(?=(?P<next>[^\s\d])))"
)


@dataclass(slots=True)
class Caption:
    """A caption: `lines` are its lines, `box` that of the ones that stand together."""

    label: str
    text: str
    box: Box
    lines: list[Line]

    @property
    def is_table(self) -> bool:
        return self.label.split()[-2] in _TABLES


def find_captions(lines: list[Line]) -> list[Caption]:
    """The captions of a page, from its lines in the order of the file."""
    captions = []
    for index, line in enumerate(lines):
        match = _opening(line.text)
        if not match or not line.flat:
            continue
        if index and continues(lines[index - 1], line) and _is_full(lines[index - 1], lines[index : index + 2]):
            continue  # a sentence that happens to break before "Figure 3"
        members = [line]
        for following in lines[index + 1 :]:
            if not continues(members[-1], following) or _opening(following.text):
                break
            members.append(following)
        captions.append(
            Caption(_label(match), join_lines([m.text for m in members]), union_all(m.box for m in members), members)
        )
    return captions


def caption_label(text: str) -> str:
    """The label that a caption opens with ("Figure 3"), "" for none."""
    match = _opening(text)
    return _label(match) if match else ""


def find_mentions(told: Sequence[str], labels: Iterable[str]) -> dict[str, list[int]]:
    """Label -> which of these sentences name its figure: `Figure 3` also as `Fig. 3`, in `Figures 1-3` and by its panel, `3a`.

    Captions and sentences of one document may say it differently: "Abb. 4" and "Abbildung 4".
    """
    found: dict[str, list[int]] = {label: [] for label in labels}
    families: dict[tuple[str, ...], dict[str, str]] = {}  # words before the number -> number -> label
    for label in found:
        *words, number = label.split()
        families.setdefault(tuple(words), {})[number] = label
    for (*extra, word), numbers in families.items():
        begin = word[:3].lower()
        names = [" ".join([*extra, name]) for name in {name for name in _WORDS if name[:3] == begin} or {word}]
        odd = [number for number, label in numbers.items() if number not in numbers_named(label, [*names, word])]
        for place, sentence in enumerate(told):
            if begin not in (lower := sentence.lower()):
                continue
            named = numbers_named(sentence, names, panels=True)  # once, however many figures there are
            for number in odd:
                if number.lower() in lower and any(names_figure(sentence, f"{name} {number}") for name in names):
                    named.add(number)
            for number in numbers.keys() & named:
                found[numbers[number]].append(place)
    return found


def join_lines(texts: list[str]) -> str:
    """Lines of one paragraph as running text, with words broken at line ends mended."""
    joined = ""
    for text in texts:
        text = text.strip()
        if not text:
            continue
        if joined.endswith("\u00ad") or (_BROKEN.search(joined) and text[0].islower()):
            joined = joined[:-1] + text
        elif joined.endswith(("-", "\u2010", "/")) and not joined.endswith((" -", " /")):
            joined += text  # a true hyphen ("X-" + "Ray") or a link goes on
        elif joined and _WIDE.match(joined[-1]) and _WIDE.match(text[0]):
            joined += text  # Chinese and Japanese have no spaces
        else:
            joined += f" {text}" if joined else text
    return joined.replace("\u00ad", "")


PANEL_MARK = re.compile(r"\(?[a-h][).](?: .{0,80})?|\([a-h]\).{0,80}", re.IGNORECASE)
"""All of a line that stands between the panels of a figure: (a), "b) In autumn"."""

_WIDE = re.compile("[\u3000-\u30ff\u3400-\u9fff\uf900-\ufaff\uff00-\uffef]")
_BROKEN = re.compile(r"[^\W\d_]{2}[-\u2010]$")


def _opening(text: str) -> re.Match[str] | None:
    """The label that a line opens with, where it is no sentence about a figure."""
    match = _CAPTION.match(text)
    return match if match and not text[0].islower() and not (match["next"] or "").islower() else None


def _label(match: re.Match[str]) -> str:
    word = _WORDS[(match["word"] or match["joined"]).translate(_DOTTED).casefold()]
    number = re.sub(r"\s|[()]", "", unicodedata.normalize("NFKC", match["number"]))
    extra = (match["extra"] or "").title()
    return f"{extra}{word} {number}"


def _is_full(line: Line, following: list[Line]) -> bool:
    """Whether a line is as long as its neighbours: only then does a sentence go on below it. Marks of panels do not."""
    return line.box[2] - line.box[0] > 0.6 * max(other.box[2] - other.box[0] for other in following)


def continues(line: Line, following: Line) -> bool:
    """Whether `following` goes on the paragraph of `line`: same size, below it, or beside it on one baseline."""
    if not following.flat or abs(following.size - line.size) > 0.08 * line.size + 0.3:
        return False
    if abs(following.box[1] - line.box[1]) < 0.4 * line.height:
        return -overlap_x(line.box, following.box) < 1.5 * line.size
    gap = following.box[1] - line.box[3]
    return overlap_x(line.box, following.box) > 0 and -0.6 * line.height < gap < 0.45 * line.size
