"""Long documents become calls under a budget, with nothing lost silently."""

from hypothesis import example, given
from hypothesis import strategies as st

from mmsum.generation.prompt import (
    MARK,
    PART_TOKENS,
    _total_calls,
    affordable_leaves,
    caption_line,
    group_for_merging,
    keep_marks,
    merge_fan_in,
    merge_prompt,
    split_document,
)
from mmsum.records import Document, Figure, ObjectRef, Section


def words(text: str) -> int:
    return len(text.split())


def figure(label: str, caption: str, section: int) -> Figure:
    return Figure(label, 1, (0, 0, 1, 1), caption, "chart", 8, 8, section=section)


def document(sections: list[Section], figures: list[Figure] | None = None) -> Document:
    return Document(ref=ObjectRef("/x", 1, ""), sections=sections, figures=figures or [])


def test_a_short_document_is_one_call_with_its_figures() -> None:
    leaves = split_document(
        document([Section("Intro", "a b c", 1), Section("End", "d e", 3)], [figure("Figure 1", "Figure 1: x y", 0)]),
        100,
        words,
        4,
    )
    assert len(leaves) == 1
    assert leaves[0].text == f"Intro\na b c\n\n{MARK}[Figure 1: x y]\n\nEnd\nd e"
    assert leaves[0].figures == [0]
    assert leaves[0].last_page == 3


def test_marks_are_ours_alone() -> None:
    given = document([Section("", f"a{MARK}b", 1)], [figure("Figure 1", f"x{MARK}y", 0), figure("Figure 2", "z", 0)])
    (leaf,) = split_document(given, 100, words, 4)
    assert leaf.text == f"a b\n\n{MARK}[Figure 1: x y]\n\n{MARK}[Figure 2: z]"
    assert keep_marks(leaf.text, [False, True]) == f"a b\n\n[Figure 1: x y]\n\n{MARK}[Figure 2: z]"


def test_figures_go_with_the_section_that_mentions_them() -> None:
    sections = [Section("", " ".join(f"w{n}" for n in range(10)), page) for page in (1, 2, 3)]
    figures = [figure("Figure 1", "one", 2), figure("Figure 2", "two", 0), figure("Figure 3", "lost", 9)]
    leaves = split_document(document(sections, figures), 14, words, 4)
    assert [leaf.figures for leaf in leaves] == [[1], [], [0], [2]]


def test_more_figures_than_a_call_may_show_are_still_read_as_captions() -> None:
    figures = [figure(f"Figure {n}", f"caption{n}", 0) for n in range(5)]
    leaf = split_document(document([Section("", "text", 1)], figures), 100, words, 2)[0]
    assert leaf.figures == [0, 1]
    assert leaf.text.count(MARK) == 2 and f"{MARK}[Figure 1: caption1]" in leaf.text
    assert all(f"caption{n}" in leaf.text for n in range(5))


@given(
    st.lists(st.lists(st.text("abc ", min_size=1, max_size=60), max_size=4), max_size=6),
    st.integers(3, 20),
)
@example([["aaaaaaa a a a"]], 3)  # no space before the middle
def test_every_word_is_in_exactly_one_leaf(paragraphs: list[list[str]], budget: int) -> None:
    sections = [Section("", "\n\n".join(texts), 1) for texts in paragraphs]
    leaves = split_document(document(sections), budget, words, 4)
    assert all(words(leaf.text) <= budget for leaf in leaves)
    assert [w for leaf in leaves for w in leaf.text.split()] == [
        w for texts in paragraphs for t in texts for w in t.split()
    ]


def test_a_huge_word_is_cut_not_looped_over() -> None:
    leaves = split_document(document([Section("", "x" * 1000, 1)]), 100, len, 4)
    assert "".join(leaf.text for leaf in leaves) == "x" * 1000
    assert all(leaf.tokens <= 100 for leaf in leaves)


def test_a_paragraph_of_megabytes_is_not_counted_whole() -> None:
    longest = 0

    def counted(text: str) -> int:
        nonlocal longest
        longest = max(longest, len(text))
        return words(text)

    text = "7 " * 100_000
    leaves = split_document(document([Section("", text, 1)]), 100, counted, 4)
    assert sum(words(leaf.text) for leaf in leaves) == 100_000 and longest <= 1000


def test_caption_line_names_the_label_once() -> None:
    assert caption_line(figure("Figure 3", "Figure 3: Trend of loans.", 0)) == "[Figure 3: Trend of loans.]"
    assert caption_line(figure("Figure 3", "Fig. 3. Trend", 0)) == "[Figure 3: Trend]"
    assert caption_line(figure("", "", 0)) == "[Figure]"


@given(st.integers(1, 500), st.integers(2, 12), st.integers(1, 200))
def test_affordable_leaves_is_the_most_that_fits(leaves: int, fan_in: int, calls: int) -> None:
    kept = affordable_leaves(leaves, fan_in, calls)
    assert kept == 1 or _total_calls(kept, fan_in) <= calls
    assert kept == leaves or _total_calls(kept + 1, fan_in) > calls


def test_merging_always_shrinks() -> None:
    assert merge_fan_in(100, 128) == 2
    assert merge_fan_in(1800, 128) == 12
    assert "T\n\nPart 1: one\n\nPart 2: two\n\n" in merge_prompt("T", ["one", "two"])


@given(st.lists(st.integers(1, 120), min_size=2, max_size=40), st.integers(60, 400))
def test_groups_fit_and_shrink(lengths: list[int], budget: int) -> None:
    texts = ["x" * length for length in lengths]
    groups = group_for_merging(texts, budget, len, lambda text, n: text[:n])
    assert all(sum(len(t) + PART_TOKENS for t in group) <= budget for group in groups)
    assert all(len(group) >= 2 for group in groups[:-1])
    assert sum(map(len, groups)) == len(texts)
    assert len(groups) < len(texts)
