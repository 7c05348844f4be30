"""What a text says, whatever program wrote it."""

from __future__ import annotations

import pytest

from mmsum.documents.detect import decode_text

RUSSIAN = "Отчёт о состоянии колодцев за год. Уровень воды снизился на девять метров, и два колодца высохли."
JAPANESE = "井戸の水位は昨年より九メートル下がりました。二つの井戸は夏に枯れ、冬には戻りませんでした。"
GERMAN = "Über dem Gelände fiel der Pegel um neun Meter – „größer“ war der Rückgang nie, höchstens 1976 für ein Jahr."


@pytest.mark.parametrize(
    ("text", "codec"),
    [
        (RUSSIAN, "cp1251"),
        (JAPANESE, "shift_jis"),
        (GERMAN, "cp1252"),
        (GERMAN, "utf-8"),
        (RUSSIAN, "utf-16"),
        (JAPANESE, "utf-8-sig"),
    ],
)
def test_texts_of_other_encodings(text: str, codec: str) -> None:
    assert decode_text(text.encode(codec)) == text


def test_a_broken_byte_costs_itself_alone() -> None:
    assert decode_text(b"The level fell by nine metres.\x81 Two wells dried out.") == (
        "The level fell by nine metres.\ufffd Two wells dried out."
    )


@pytest.mark.parametrize("text", [GERMAN, RUSSIAN, JAPANESE])
def test_utf_8_stays_utf_8_around_a_byte_that_is_not(text: str) -> None:
    data = text.encode()
    assert decode_text(data + b" \xff " + data) == f"{text} \ufffd {text}"
    assert decode_text(data + "ü".encode()[:1]) == text + "\ufffd"
