"""Articles in JATS: which blocks, figures and ids an example has."""

from __future__ import annotations

from pathlib import Path

import pytest

from mmsum.data.files import read_examples
from mmsum.data.importers.jats import import_jats
from mmsum.data.importers.report import ImportReport
from mmsum.examples import Example
from tests.data.importers.samples import ARTICLE, png


def test_jats_articles_read_no_entities(tmp_path: Path) -> None:
    (tmp_path / "x.xml").write_text(ARTICLE)
    (tmp_path / "a.png").write_bytes(png())
    (tmp_path / "bad.xml").write_text("<article>")
    report = import_jats([str(tmp_path / "x.xml"), str(tmp_path / "bad.xml"), "none.xml"], str(tmp_path / "out"))
    assert report.written == {"train": 1} and len(report.skipped) == 2
    (example,) = read_examples(str(tmp_path / "out"))
    assert (example.id, example.title, example.licence) == ("10.1/x", "On mice", "CC-BY-4.0")
    assert example.summary == "Mice grew."
    assert example.text == "# Results\n\nThey grew fast (Figure 1)."
    assert example.figures[0].caption == "Figure 1: Growth. Weights." and example.figures[0].image


@pytest.mark.parametrize("group", ["floats-group", "floats-wrap"])
def test_jats_figures_behind_the_body_are_found_or_told_of(tmp_path: Path, group: str) -> None:
    start, end = ARTICLE.index("<fig>"), ARTICLE.index("</sec></body>")
    figure = ARTICLE[start:end]
    lost = figure.replace("Fig. 1", "Fig. 2").replace('"a"', '"gone"')
    behind = f"</sec></body><floats>{figure}<fig-group>{lost}</fig-group></floats>".replace("floats>", f"{group}>")
    (tmp_path / "x.xml").write_text(ARTICLE[:start] + ARTICLE[end:].replace("</sec></body>", behind))
    (tmp_path / "a.png").write_bytes(png())
    report = import_jats([str(tmp_path / "x.xml")], str(tmp_path / "out"))
    (example,) = read_examples(str(tmp_path / "out"))
    assert [figure.caption for figure in example.figures] == ["Figure 1: Growth. Weights."]
    assert [Path(name).name for name in report.broken] == ["gone"]


def test_jats_lists_stand_apart_and_once(tmp_path: Path) -> None:
    items = "<list-item><label>1.</label><p>first item</p></list-item><list-item><p>second <b>it</b>em</p></list-item>"
    article = ARTICLE.replace("Mice grew.", f"Mice:<list>{items}</list>they grew.").replace(
        "&secret;", f"<list>{items}</list>"
    )
    (tmp_path / "x.xml").write_text(article.replace("</fig>", f"</fig><list>{items}</list>"))
    (tmp_path / "a.png").write_bytes(png())
    import_jats([str(tmp_path / "x.xml")], str(tmp_path / "out"))
    (example,) = read_examples(str(tmp_path / "out"))
    assert example.summary == "Mice: 1. first item second item they grew."
    _, paragraph, *rest = example.text.split("\n\n")
    assert paragraph == "They grew fast (Figure 1). 1. first item second item"
    assert rest == ["first item", "second item"]


def test_jats_articles_without_a_doi_have_ids_of_their_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    doi = '<article-id pub-id-type="doi">10.1/x</article-id>'
    journal = "<journal-meta><journal-id>jm</journal-id></journal-meta><article-meta>"
    article = ARTICLE.replace("<article-meta>", journal)
    given = {
        "x": "",
        "y\udcff": "",
        "z": '<article-id pub-id-type="publisher-id">7</article-id>',
        "w": '<article-id pub-id-type="publisher-id">7</article-id><article-id pub-id-type="pmid">7</article-id>',
    }
    for folder, named in given.items():
        Path(folder).mkdir()
        Path(folder, "article.xml").write_text(article.replace(doi, named))
    report = import_jats([f"{folder}/article.xml" for folder in given], "out")
    assert report.written == {"train": 4}
    ids = [example.id for example in read_examples("out")]
    assert ids == ["x/article", "y\\xff/article", "publisher-id:jm 7", "pmid:7"]


def test_jats_boxes_hold_neither_rights_nor_headings(tmp_path: Path) -> None:
    rights = "<permissions><copyright-statement>(c) 2013, X</copyright-statement></permissions>"
    inner = "<sec><title>Inner</title><p>Deep<index-term><term>depth</term></index-term>.</p></sec>"
    boxes = (
        f"<boxed-text><object-id>10.1/x.009</object-id><label>Box 1.</label><p>Inside.</p>{rights}</boxed-text>"
        f"<boxed-text><sec><title>Box</title><p>In.</p>{inner}</sec><attrib>By X</attrib></boxed-text><p>After.</p>"
    )
    (tmp_path / "x.xml").write_text(ARTICLE.replace("</fig>", f"</fig>{boxes}"))
    import_jats([str(tmp_path / "x.xml")], str(tmp_path / "out"))
    (example,) = read_examples(str(tmp_path / "out"))
    assert example.text.split("\n\n")[2:] == ["Box 1.", "Inside.", "Box", "In.", "Inner", "Deep.", "After."]


def test_jats_blocks_of_all_kinds_are_text(tmp_path: Path) -> None:
    blocks = (
        "<def-list><def-item><term>Mouse</term><def><p>A rodent.</p></def></def-item></def-list>"
        "<preformat># weigh\n  all</preformat>"
        "<statement><label>Theorem 1</label><p>They grow.</p></statement>"
        "<verse-group><verse-line>Oh mice,</verse-line><verse-line>grow on.</verse-line></verse-group>"
        "<strange>Unheard <b>of</b>.</strange><odd><p>First.</p><p>Second.</p></odd>"
        "<boxed-text><sec><title>Aside</title><p>Boxed.</p><fig><caption><p>Seen.</p></caption></fig></sec></boxed-text>"
        "<disp-formula>x = y</disp-formula><table-wrap><label>Table 1</label></table-wrap>"
    )
    (tmp_path / "x.xml").write_text(ARTICLE.replace("</fig>", f"</fig>{blocks}"))
    import_jats([str(tmp_path / "x.xml")], str(tmp_path / "out"))
    (example,) = read_examples(str(tmp_path / "out"))
    assert example.text.split("\n\n")[2:] == [
        *(
            "Mouse A rodent.",
            "weigh all",
            "Theorem 1",
            "They grow.",
            "Oh mice, grow on.",
            "Unheard of.",
            "First.",
            "Second.",
        ),
        *("Aside", "Boxed."),
    ]


def test_jats_panels_of_a_figure_are_figures(tmp_path: Path) -> None:
    forms = '<alternatives><graphic xlink:href="b.eps"/><graphic xlink:href="b"/></alternatives>'
    graphics = f'<graphic xlink:href="a"/>{forms}<graphic xlink:href="gone"/>'
    (tmp_path / "x.xml").write_text(ARTICLE.replace('<graphic xlink:href="a"/>', graphics))
    for name in ("a.png", "b.png"):
        (tmp_path / name).write_bytes(png())
    (tmp_path / "b.eps").write_bytes(b"%!PS: no image that Pillow reads")
    report = import_jats([str(tmp_path / "x.xml")], str(tmp_path / "out"))
    (example,) = read_examples(str(tmp_path / "out"))
    assert [figure.caption for figure in example.figures] == ["Figure 1: Growth. Weights."] * 2
    assert [Path(name).name for name in report.broken] == ["gone"]


def _import(folder: Path, article: str) -> tuple[Example, ImportReport]:
    (folder / "x.xml").write_text(article)
    report = import_jats([str(folder / "x.xml")], str(folder / "out"))
    (example,) = read_examples(str(folder / "out"))
    return example, report


def test_jats_references_keep_their_sentences_whole(tmp_path: Path) -> None:
    cited = (
        "Known [{0}1</xref>–{0}3</xref>], ({0}Smith 2010</xref>; {0}Doe 2011</xref>)<sup>{0}4</sup>,{0}5</xref>. See "
        '<xref ref-type="table">Table 1</xref>. As {0}Miller (2012)</xref> showed, print() works<xref ref-type="fn">a</xref>.'
    ).replace("{0}4</sup>", "{0}4</xref></sup>")
    words = "<p>They grew" + cited.replace("{0}", '<xref ref-type="bibr">') + "</p><p>They grew"
    example, _ = _import(tmp_path, ARTICLE.replace("<p>They grew", words, 1))
    assert example.text.split("\n\n")[1] == (
        "They grewKnown, (Smith 2010; Doe 2011). See Table 1. As Miller (2012) showed, print() works."
    )


def test_jats_letters_by_their_names(tmp_path: Path) -> None:
    article = ARTICLE.replace("article [", 'article PUBLIC "-//NLM//DTD JATS v1.2//EN" "JATS.dtd" [')
    example, _ = _import(tmp_path, article.replace("Mice grew.", "Caf&eacute;s &amp; mice grew."))
    assert example.summary == "Cafés & mice grew."
    (tmp_path / "y.xml").write_text(article.replace("Mice grew.", "Mice &unheardof; grew."))
    report = import_jats([str(tmp_path / "y.xml")], str(tmp_path / "other"))
    assert "has the entity &unheardof;" in report.skipped[str(tmp_path / "y.xml")]


@pytest.mark.parametrize(
    "licence",
    [
        "<license><ali:license_ref xmlns:ali='http://www.niso.org/schemas/ali/1.0/'>{}</ali:license_ref></license>",
        "<license><license-p>Under <ext-link xlink:href='{}'>CC BY</ext-link>.</license-p></license>",
        "<license><license-p><ext-link xlink:href='https://x.org/terms'>Terms</ext-link>, <ext-link xlink:href='{}'/>."
        "</license-p></license>",
    ],
)
def test_jats_licences_stand_in_several_places(tmp_path: Path, licence: str) -> None:
    link = "https://creativecommons.org/licenses/by/4.0/"
    article = ARTICLE.replace(f'<license xlink:href="{link}"/>', licence.format(link))
    assert article != ARTICLE
    assert _import(tmp_path, article)[0].licence == "CC-BY-4.0"


def test_jats_graphics_under_another_ending_and_labels_of_all_kinds(tmp_path: Path) -> None:
    (tmp_path / "A.PNG").write_bytes(png())
    figure = '<graphic xlink:href="A.tif"/>'
    article = ARTICLE.replace('<graphic xlink:href="a"/>', figure).replace("<label>Fig. 1<", "<label>FIG.1<")
    example, report = _import(tmp_path, article.replace("Weights.</p>", "Weights.</p><!-- AU: a query -->"))
    assert [(f.label, f.caption) for f in example.figures] == [("Figure 1", "Figure 1: Growth. Weights.")]
    assert report.broken == []
    (tmp_path / "A.PNG").unlink()
    (tmp_path / "out" / "train" / "part-00000.parquet").unlink()
    _, report = _import(tmp_path, article)
    assert report.broken == [f"{tmp_path / 'x.xml'}: {tmp_path / 'A.tif'}"], "the article and what it lacks"


@pytest.mark.parametrize(
    ("href", "file"),
    [
        ("A.eps", "A.jpg"),
        ("growth%20rate.png", "growth rate.png"),
        ("info:doi/10.1/x.g001", "x.g001.PNG"),
        ("a%00.png", "a.png"),
    ],
)
def test_jats_graphics_by_links_are_files(tmp_path: Path, href: str, file: str) -> None:
    (tmp_path / file).write_bytes(png())
    example, report = _import(tmp_path, ARTICLE.replace('xlink:href="a"', f'xlink:href="{href}"'))
    assert (not report.broken, bool(example.figures)) == (("%00" not in href,) * 2)


def test_jats_abstracts_may_be_called_the_main_one(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(png())
    teaser = '<abstract abstract-type="teaser"><p>Big mice!</p></abstract><abstract abstract-type="main">'
    assert _import(tmp_path, ARTICLE.replace("<abstract>", teaser))[0].summary == "Mice grew."


def test_jats_formulas_in_a_sentence_are_read_once_and_powers_stay_powers(tmp_path: Path) -> None:
    tex = r"\documentclass[12pt]{minimal} \usepackage{amsmath} \begin{document}$$%s$$\end{document}"
    both = f"<alternatives><tex-math>{tex % 'a'}</tex-math><math><mi>α</mi></math></alternatives>"
    words = (
        f"The rate <inline-formula>{both}</inline-formula>, "
        f"<inline-formula><tex-math>{tex % 'x+1'}</tex-math></inline-formula> and <math><msup><mi>x</mi><mn>2</mn></msup>"
        "<mo>=</mo><mfrac><mn>1</mn><mn>4</mn></mfrac><annotation>x^2=1/4</annotation></math> "
        "or <math><msqrt><mi>x</mi><mo>+</mo><mn>1</mn></msqrt></math> "
        "of 10<sup>5</sup> cells, 10<sup>−3</sup> m<sup>2</sup> "
        "on the 12<sup>th</sup> day."
    )
    article = ARTICLE.replace("Mice grew.", words)
    (tmp_path / "a.png").write_bytes(png())
    example, _ = _import(tmp_path, article)
    assert example.summary == "The rate α, x+1 and x^2=1/4 or √(x+1) of 10^5 cells, 10^−3 m2 on the 12th day."


def test_jats_groups_of_figures_name_their_panels(tmp_path: Path) -> None:
    start, end = ARTICLE.index("<fig>"), ARTICLE.index("</fig>") + len("</fig>")
    panels = "".join(
        f'<fig><label>({n})</label><caption><p>{n} mice.</p></caption><graphic xlink:href="a"/></fig>' for n in "ab"
    )
    group = f"<fig-group><label>Fig. 2</label><caption><p>Growth.</p></caption>{panels}</fig-group>"
    (tmp_path / "a.png").write_bytes(png())
    example, _ = _import(tmp_path, ARTICLE[:start] + group + ARTICLE[end:])
    assert [(figure.label, figure.caption) for figure in example.figures] == [
        ("Figure 2", "Figure 2: Growth. (a) a mice."),
        ("Figure 2", "Figure 2: Growth. (b) b mice."),
    ]


def test_jats_files_of_several_articles_give_them_all(tmp_path: Path) -> None:
    article = ARTICLE[ARTICLE.index("<article ") :].replace("&secret;", "")
    bare = article.replace("<abstract><p>Mice grew.</p></abstract>", "")
    (tmp_path / "a.png").write_bytes(png())
    articles = article + article.replace("10.1/x", "10.1/y").replace("Mice grew.", "Rats shrank.") + bare
    (tmp_path / "x.xml").write_text(f"<pmc-articleset>{articles}</pmc-articleset>")
    report = import_jats([str(tmp_path / "x.xml")], str(tmp_path / "out"))
    found = {example.id: example.summary for example in read_examples(str(tmp_path / "out"))}
    assert found == {"10.1/x": "Mice grew.", "10.1/y": "Rats shrank."}
    assert list(report.skipped) == [f"{tmp_path / 'x.xml'}, article 3"]


def test_jats_translations_and_figures_have_their_own_abstracts_and_rights(tmp_path: Path) -> None:
    rights = '<permissions><license xlink:href="https://creativecommons.org/licenses/by/4.0/"/></permissions>'
    bare = ARTICLE.replace("<abstract><p>Mice grew.</p></abstract>", "")
    other = f"<sub-article><front-stub><abstract><p>Otro.</p></abstract>{rights}</front-stub></sub-article></article>"
    (tmp_path / "y.xml").write_text(bare.replace("</article>", other))
    report = import_jats([str(tmp_path / "y.xml")], str(tmp_path / "none"))
    assert "neither an abstract" in report.skipped[str(tmp_path / "y.xml")]
    example, _ = _import(tmp_path, ARTICLE.replace(rights, "").replace("</fig>", f"{rights}</fig>"))
    assert example.licence == "unknown"


def test_jats_summaries_hold_no_captions_and_notes(tmp_path: Path) -> None:
    start, end = ARTICLE.index("<fig>"), ARTICLE.index("</fig>") + len("</fig>")
    table = "<table-wrap><caption><p>Weights.</p></caption><table><tr><td><p>5 g</p></td></tr></table></table-wrap>"
    own = f"<sec><title>Summary</title><p>Mice grew.</p>{ARTICLE[start:end]}{table}<fn><p>A note.</p></fn></sec></body>"
    (tmp_path / "a.png").write_bytes(png())
    article = ARTICLE[:start] + ARTICLE[end:].replace("</body>", own)
    example, _ = _import(tmp_path, article.replace("<abstract><p>Mice grew.</p></abstract>", ""))
    assert (example.summary, [figure.label for figure in example.figures]) == ("Mice grew.", ["Figure 1"])


def test_jats_figures_without_a_label_take_no_other_one_s(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(png())
    scheme = '<fig><caption><p>The scheme.</p></caption><graphic xlink:href="a"/></fig><fig><label>'
    example, _ = _import(tmp_path, ARTICLE.replace("<fig><label>", scheme))
    named = [(figure.label, figure.caption) for figure in example.figures]
    assert named == [("", "The scheme."), ("Figure 1", "Figure 1: Growth. Weights.")]
    (tmp_path / "out" / "train" / "part-00000.parquet").unlink()
    example, _ = _import(tmp_path, ARTICLE.replace("<label>Fig. 1</label>", ""))
    assert [figure.label for figure in example.figures] == ["Figure 1"]
