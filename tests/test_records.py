"""mmsum.records: what crosses between stages survives Arrow."""

from dataclasses import fields

from mmsum.records import (
    DOCUMENT_SCHEMA,
    SUMMARY_SCHEMA,
    Document,
    Figure,
    ObjectRef,
    Section,
    Summary,
    SummaryFigure,
    document_id,
    documents_to_table,
    summaries_to_table,
    table_to_documents,
)


def full_document() -> Document:
    figure = Figure(
        "Figure 1", 2, (1.0, 2.0, 3.5, 4.0), "Figure 1: A line.", "chart", 64, 48, "x y", ["See Figure 1."], 0, b"\x89P"
    )
    return Document(
        ref=ObjectRef("/a/b.pdf", 12, "mtime:1:12"),
        content_hash="c",
        format="pdf",
        title="T",
        pages_total=3,
        pages_read=2,
        sections=[Section("H", "Text.\n\nMore.", 1)],
        figures=[figure],
        status="partial",
        failure_kind="timed_out",
        failure_message="too slow",
        seconds_fetch=0.5,
        seconds_parse=0.25,
    )


def test_documents_survive_arrow() -> None:
    documents = [full_document(), Document(ref=ObjectRef("s3://b/k", -1, "", op="delete"))]
    table = documents_to_table(documents)
    assert table.schema == DOCUMENT_SCHEMA
    assert table_to_documents(table) == documents


def test_no_documents_is_an_empty_table() -> None:
    assert documents_to_table([]).schema == DOCUMENT_SCHEMA


def test_summary_has_a_column_for_every_field() -> None:
    assert [field.name for field in fields(Summary)] == SUMMARY_SCHEMA.names
    row = Summary(document_id("/a"), "/a", "v", figures=[SummaryFigure("F", 1, (0, 0, 1, 1), "c", "chart", True, 2, 3)])
    back = summaries_to_table([row]).to_pylist()[0]
    assert back["figures"][0]["shown"] is True
    assert back["document_id"] == document_id("/a") != document_id("/b")


def test_text_joins_headings_and_paragraphs() -> None:
    assert full_document().text == "H\n\nText.\n\nMore."
