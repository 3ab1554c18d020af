"""Corpora: what the built-in one holds and must not say, and how a user's file becomes one."""

import csv
import json
import re
from collections import Counter
from hashlib import sha256

import pyarrow
import pyarrow.parquet
import pytest
from hypothesis import given
from hypothesis import strategies as st

from icl.errors import UserError
from icl.tasks import wordlists
from icl.tasks.builtin import BUILTIN_TASKS
from icl.tasks.corpus import Corpus, builtin_corpus, load_corpus, num_words

SENTENCES = ("A kettle stands on the stove.", "Rain fell on Tuesday, and on Friday.", "ladder")

OPINIONS = """good bad nice great better best worse worst beautiful ugly pretty pleasant unpleasant happy sad love loved
    hate hated enjoy enjoyed liked dislike perfect boring exciting interesting useful useless wonderful terrible
    comfortable cosy charming dirty cheap expensive fun fine poor rich delicious tasty disgusting annoying"""


def words(text: str) -> set[str]:
    return set(re.findall(r"[\w'-]+", text.lower()))


def test_the_built_in_corpus_has_sentences_of_every_length():
    sentences = builtin_corpus().sentences
    counts = Counter(map(num_words, sentences))
    assert len(sentences) >= 4000
    assert all(counts[length] >= 40 for length in range(1, 41))
    assert all(counts[length] >= 10 for length in range(41, 121))
    assert max(counts) == 120


def test_the_built_in_corpus_stays_as_it_is():
    written = "\n".join(builtin_corpus().sentences)
    assert (
        sha256(written.encode()).hexdigest()[:12] == "b4cc072ad859"
    )  # changes with every word: prompts change with it


def test_the_built_in_corpus_is_written_cleanly():
    for sentence in builtin_corpus().sentences:
        assert sentence == " ".join(sentence.split())
        assert not re.search(r"[][<>|{}\d]| [.,;?]|\.\.|,,|\ba [aeiou]|\ban (?!hour)[^aeiou]", sentence), sentence
        assert not re.search(r"\b(\w+) \1\b", sentence), sentence
        if num_words(sentence) > 12:
            assert sentence[0].isupper(), sentence
            assert sentence.endswith("."), sentence
            assert all(part[0].isupper() for part in sentence.split(". ")), sentence


def test_the_built_in_corpus_takes_no_side_and_belongs_to_no_task():
    adjectives = {word for label in wordlists.REVIEW_ADJECTIVES.values() for word in label}
    places = {place.removeprefix("the ").lower() for group in wordlists.PLACES.values() for place in group}
    topics = "striker league medal champion shareholders shares profits investors merger galaxy gene molecule tourists"
    inputs = {example.input for make in BUILTIN_TASKS.values() for example in make().pool}
    sentences = builtin_corpus().sentences
    found = set().union(*map(words, sentences))
    assert not found & {*adjectives, *OPINIONS.split(), *topics.split()}
    assert not [place for place in places if any(f" {place} " in f" {sentence.lower()} " for sentence in sentences)]
    assert not inputs & set(sentences)


def test_a_paragraph_has_one_person_at_most():
    people = ("my aunt", "the housekeeper", "our neighbour", "his mother")
    laundry = [sentence.lower() for sentence in builtin_corpus().sentences if "Sheets are hung" in sentence]
    assert laundry
    assert all(sum(person in sentence for person in people) <= 1 for sentence in laundry)


@pytest.mark.parametrize("ending", [".txt", ".jsonl", ".csv", ".parquet"])
def test_every_kind_of_file_gives_the_same_sentences(tmp_path, ending):
    rows = [SENTENCES[0], "", SENTENCES[1], f"  {SENTENCES[0]} ", "   ", SENTENCES[2]]
    path = tmp_path / f"mine{ending}"
    if ending == ".txt":
        path.write_text("\r\n".join(rows))
    elif ending == ".jsonl":
        path.write_text("\n".join(json.dumps({"text": row}) for row in rows))
    elif ending == ".csv":
        with path.open("w", newline="") as file:
            csv.writer(file).writerows([["id", "text"], *([str(i), row] for i, row in enumerate(rows))])
    else:
        pyarrow.parquet.write_table(pyarrow.table({"text": [*rows, None]}), path)
    corpus = load_corpus(path)
    assert corpus.sentences == SENTENCES
    assert corpus.name == "mine"
    assert corpus.source == f"file:mine{ending}#{sha256(path.read_bytes()).hexdigest()[:12]}"


def test_another_column_and_white_space_inside_a_sentence(tmp_path):
    path = tmp_path / "c.jsonl"
    path.write_text(json.dumps({"body": "Two\n\nparagraphs\tand a tab", "text": "x"}))
    assert load_corpus(path, text_column="body").sentences == ("Two paragraphs and a tab",)


@given(st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\0\n\r")), max_size=8))
def test_what_is_kept_is_distinct_and_not_blank(tmp_path_factory, lines):
    path = tmp_path_factory.mktemp("corpus") / "c.txt"
    path.write_bytes("\n".join([*lines, "one"]).encode())
    kept = load_corpus(path).sentences
    read = "\n".join([*lines, "one"]).removeprefix("\ufeff").split("\n")
    assert kept == tuple(dict.fromkeys(" ".join(line.split()) for line in read if line.strip()))
    assert all(sentence.strip() for sentence in kept)
    assert len(set(kept)) == len(kept)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("c.txt", b"", "'c.txt' is empty; give it sentences"),
        ("c.txt", b" \n\n ", "'c.txt' is empty; give it sentences"),
        ("c.jsonl", b'{"text": " "}', "'c.jsonl' has only blank sentences"),
        ("c.txt", "Käse".encode("latin-1"), r"line 1 of 'c.txt' is not UTF-8 text: byte 2 of the line"),
        ("c.csv", b"body,id\nx,1\n", "'c.csv' has no column 'text', only 'body', 'id'; rename the one"),
        ("c.csv", b"texts\nx\n", r"no column 'text', only 'texts'; .*\(did you mean 'texts'\?\)"),
        ("c.csv", b"text,text\nx,y\n", "'c.csv' has more than one column 'text'"),
        ("c.jsonl", b'{"text": "a"}\n{"text": ["b"]}', "row 2 of 'c.jsonl' has a list in column 'text'"),
        ("c.jsonl", b"{", "line 1 of 'c.jsonl' is not JSON"),
        ("c.pdf", b"x", r"has the ending '.pdf', not .txt, .csv, .tsv, .jsonl, .parquet; save it as one of these"),
        ("corpus", b"x", "'corpus' has no ending"),
    ],
)
def test_files_that_are_no_corpus_are_refused(tmp_path, name, content, message):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(UserError, match=message):
        load_corpus(tmp_path / name)


def test_missing_files_are_refused(tmp_path):
    (tmp_path / "corpus.txt").write_text("x")
    with pytest.raises(UserError, match=r"there is no file '.*corpsu.txt'; did you mean '.*corpus.txt'"):
        load_corpus(tmp_path / "corpsu.txt")
    with pytest.raises(UserError, match="is a folder; name one .txt, .csv, .tsv, .jsonl, .parquet file in it"):
        load_corpus(tmp_path)


@pytest.mark.parametrize(
    ("sentences", "message"),
    [
        ((), "has no sentences"),
        (("a", " "), r"corpus 'c' has blank sentences \(1 of 2\); leave them out"),
        (("a", "a"), r"has repeats \(1 of 2 sentences\); keep one of each"),
    ],
)
def test_a_corpus_holds_distinct_sentences(sentences, message):
    with pytest.raises(UserError, match=message):
        Corpus(name="c", sentences=sentences, source="test")
