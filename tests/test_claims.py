from __future__ import annotations

from dataclasses import replace

import pytest

from mmsum.claims import CheckedFact, answer_spans, claimed, judge, names_figure, read_facts, sentences, write_facts
from mmsum.data.synthetic.wording import CHECKS

TREND = CheckedFact(
    kind="trend",
    statement="Demand in Northgate rose from about 3 to about 8 tonnes.",
    figure="Figure 1",
    said=False,
    about=["demand", r"\bnorthgate\b"],
    options={"rising": r"\b(rose|grew|climbed)\b", "falling": r"\b(fell|sank|dropped)\b"},
    answer="rising",
)


@pytest.mark.parametrize(
    ("summary", "verdict"),
    [
        ("Demand in Northgate grew every year.", "right"),
        ("DEMAND rose in Northgate. It fell in Southgate.", "right"),
        ("Demand in Northgate fell every year.", "wrong"),
        ("Demand in Northgate rose, then fell.", "wrong"),
        ("Demand rose. Northgate is a district.", "absent"),
        ("Demand in Northgate was measured.", "absent"),
        ("In Figure 1, sales in Northgate grew.", "right"),  # the figure is named: its subject may have another name
        ("In Figure 1, demand grew.", "absent"),  # only the subject
        ("In Figure 2, sales in Northgate grew.", "absent"),
        ("Demand in Northgate did not rise (Figure 1).", "absent"),  # denied
        ("Demand in Northgate never once rose.", "absent"),
        ("Demand in Northgate did not fall but rose.", "right"),
        ("Figure 1, which would show whether demand in Northgate rose, is missing.", "absent"),
        ("Demand in Northgate fell or rose: that cannot be told without Figure 1.", "absent"),
        ("", "absent"),
    ],
)
def test_verdicts(summary: str, verdict: str) -> None:
    assert judge(TREND, summary) == verdict


@pytest.mark.parametrize(
    ("summary", "verdict"),
    [
        ("Demand rose, and costs did not increase.", "right"),  # another thing is denied
        ("Demand rose, although prices did not rise.", "right"),
        ("Demand not only rose: costs went along (Figure 1).", "right"),
        ("Demand rose steadily (Figure 1), whether or not holidays are counted.", "right"),
        ("Demand rose, which cannot be explained by weather alone.", "right"),
        ("Demand rose even where data for some towns are missing.", "right"),
        ("Demand rose and could not be met in summer.", "right"),
        ("Demand did not rise.", "absent"),
        ("It is unclear whether demand rose (Figure 1).", "absent"),
        ("Without Figure 1 we do not know if demand rose.", "absent"),
        ("Whether demand rose or fell is not shown.", "absent"),
        ("Demand didn’t rise.", "absent"),
        ("There was no rise in demand.", "absent"),
        ("Demand neither rose nor fell.", "absent"),
        ("Demand failed to rise.", "absent"),
        ("Demand hardly rose.", "absent"),
        ("Demand rose rather than fell.", "right"),
        ("Demand rose without ever falling.", "right"),
        ("Demand is no longer rising.", "absent"),
        ("Demand rose for no longer than a year.", "right"),
        ("There was no clear sign of any rise in demand.", "absent"),
        ("Demand rose more than in any other town, no less than tenfold.", "right"),
    ],
)
def test_what_is_denied_of_a_trend(summary: str, verdict: str) -> None:
    fact = replace(TREND, about=["demand"], options=CHECKS["trend"].options or {})
    assert judge(fact, summary) == verdict


def test_an_answer_that_is_a_denial_is_claimed_by_one() -> None:
    never = {"crossed": r"^(?!.*\bnever\b).*\bcrossed\b", "apart": r"\bapart\b|\bnever\b.*\bcrossed\b"}
    fact = replace(TREND, about=["lines"], options=never, answer="apart")
    assert judge(fact, "The lines never crossed.") == "right"
    assert judge(fact, "The lines crossed.") == "wrong"
    assert judge(fact, "The lines were not apart.") == "absent"


def test_a_sentence_of_another_figure_does_not_count() -> None:
    other = replace(TREND, figure="Figure 2", about=["honey", r"\bnorthgate\b"], answer="falling")
    assert judge(TREND, "In Figure 1, sales in Northgate grew.", [TREND, other]) == "right"
    for sentence in (
        "In Figure 1, honey in Northgate grew.",  # the other's subject
        "Sales in Northgate grew (Figure 1, unlike Figure 2).",
        "Honey in Northgate grew (Figure 2).",
    ):
        assert judge(TREND, sentence, [TREND, other]) == "absent", sentence
    both = "Demand in Northgate grew (Figures 1 and 2)."
    assert judge(TREND, both, [TREND, other]) == "right"


def test_a_sentence_may_tell_two_facts_of_a_figure() -> None:
    names = {name: rf"\b{name}\b" for name in ("market", "station", "park")}
    largest = replace(TREND, kind="largest", about=["takings", r"\bhighest\b"], options=names, answer="market")
    smallest = replace(largest, kind="smallest", about=["takings", r"\blowest\b"], answer="park")
    both = [largest, smallest]
    for sentence in (
        "The market had the highest takings and the park the lowest (Figure 1).",
        "Takings were highest at the market and lowest at the park.",
    ):
        assert [judge(fact, sentence, both) for fact in both] == ["right", "right"], sentence
        turned = sentence.replace("highest", "x").replace("lowest", "highest").replace("x", "lowest")
        assert [judge(fact, turned, both) for fact in both] == ["wrong", "wrong"], turned
    assert judge(largest, "The market and the park had the highest takings.", both) == "wrong"


@pytest.mark.parametrize(
    ("summary", "verdict"),
    [
        ("The market did not have the highest takings.", "absent"),
        ("The market was not the place with the highest takings.", "absent"),
        ("Neither the market nor the park had the highest takings.", "absent"),
        ("Takings were highest at the market, not the park.", "right"),
        ("Takings were highest not at the park but at the market.", "right"),
        ("It was not the park that had the highest takings, but the market.", "right"),
        ("The market and not the park had the highest takings.", "right"),
    ],
)
def test_what_is_denied_of_a_name(summary: str, verdict: str) -> None:
    names = {name: rf"\b{name}\b" for name in ("market", "station", "park")}
    fact = replace(TREND, kind="largest", about=["takings", r"\bhighest\b"], options=names, answer="market")
    assert judge(fact, summary) == verdict


def test_a_denied_answer_leaves_what_it_is_about() -> None:
    humps = replace(TREND, about=["loans", r"\bhumps?\b"], options={"one": r"\bone\b", "two": r"\btwo\b"}, answer="two")
    for summary in ("Loans do not have one hump, they have two.", "Loans have two rather than one hump."):
        assert judge(humps, summary) == "right", summary


def test_every_claim_is_found() -> None:
    assert claimed(TREND, "Demand in Northgate rose. Later, demand in Northgate fell.") == {"rising", "falling"}


def test_the_words_of_an_answer_are_found_where_they_answer() -> None:
    summary = "Prices rose. Demand in Northgate rose in May and grew in June. Demand in Northgate fell."
    found = [summary[start:end] for start, end in answer_spans(TREND, summary)]
    assert found == ["rose", "grew"] and answer_spans(TREND, summary)[0][0] > len("Prices rose.")


def test_facts_survive_the_way_through_parquet() -> None:
    assert read_facts(write_facts([TREND])) == [TREND]
    assert read_facts("") == []


def test_sentences_end_where_a_reader_sees_it() -> None:
    assert sentences("About 3.5 t were sold. It rose!\nA line") == ["About 3.5 t were sold.", "It rose!", "A line"]
    assert sentences("The answer was no. It fell.") == ["The answer was no.", "It fell."]
    assert sentences("销量上升。图1下降！") == ["销量上升。", "图1下降！"]
    assert sentences("Рожь росла. Овёс падал, рис. 7 это видно. Ячмень рос.")[1] == "Овёс падал, рис. 7 это видно."
    assert sentences("J. Smith came. He left.") == ["J. Smith came.", "He left."]
    assert sentences("It cost 3.5 euros. “Good.” They left.") == ["It cost 3.5 euros.", "“Good.”", "They left."]
    assert sentences("As Fig. 3 shows, it grew. Did it? Yes.")[0] == "As Fig. 3 shows, it grew."
    assert sentences("no end") == ["no end"] and sentences("") == []
    for whole in (
        "Dr. Smith grew rye, e.g. Oklon, as Jones et al. (2019) did (No. 3, Fig. 2).",
        "The U.S. Army came.",
    ):
        assert sentences(whole) == [whole]


def test_a_figure_is_named_in_lists_and_ranges() -> None:
    for sentence in (
        "Figure 2 rose.",
        "Figs. 1, 2 and 5",
        "Figures 1-3",
        "FIGURES 1 to 3",
        "See figures 1, and 2.",
        "Figures 1 through 3",
        "Figs 1/2",
        "Rye led (Figure 1, 2).",
        "Figures 1, 2 show it.",
        "Figure 1, 2 and 5 show it.",
    ):
        assert names_figure(sentence, "Figure 2"), sentence
    for sentence in (
        "Figure 2.1 rose.",
        "Figure 12 rose.",
        "Figures 1 and 3",
        "Supplementary Figure 2",
        "Figures 3 to 5",
        "Refigure 2",
        "Figure 1-2 of the first chapter",
        "In Figure 1, 2 of the lines crossed.",
    ):
        assert not names_figure(sentence, "Figure 2"), sentence
    assert names_figure("如图1所示，销量下降。", "图 1") and not names_figure("如图12所示", "图 1")
    assert names_figure("As Table S2 shows", "Table S2") and names_figure("In Chart II", "Chart II")
    assert not names_figure("Figure 2", "")
    assert names_figure("Fig. 2b and c rose.", "Figure 2", panels=True) and names_figure(
        "Fig. 2b", "Figure 2b", panels=True
    )
    glued = "Figure1" + "showsthetotal" * 2000 + "Table customer,total,store,motor,brand,sand " * 200
    assert not names_figure(glued, "Figure 9")  # at once: no number is tried in two ways
