"""The 26 data sets of Min et al. 2022, as data: where each is on the Hub and how its rows become inputs and labels.

The list and the numbers of rows are the paper's table 2. Minimal templates are those of its data preparation (MetaICL);
manual templates are its table 3 and, for financial_phrasebank and codah, its code. Deliberately not as there:

- a line break inside a text becomes a space in every set, not in some;
- poem_sentiment's class "mixed", which its validation split does not have, is left out of the demonstrations too;
- medical_questions_pairs: 1 means similar in the data, where the preparation wrote "Dissimilar";
- questions of ai2_arc with another number of options than most are dropped.
"""

from icl.tasks.hub import HubName
from icl.tasks.min2022_record import ManualTemplate, MinSet

__all__ = ["MIN_SETS"]


def _same(*words: str) -> dict[str, str | None]:
    """Classes whose names are the label words."""
    return {word: word for word in words}


_PAIR = "sentence 1: {sentence1} [SEP] sentence 2: {sentence2}"
_TRUE_OR_FALSE = "{sentence1}\nThe question is: {sentence2} True or False?"
_ANSWER = "The answer is: "
_SENTIMENT = "The sentiment is: "
_TRUTH = {
    "equivalent": "True",
    "not_equivalent": "False",
    "entailment": "True",
    "not_entailment": "False",
    "contradiction": "False",
    "neutral": "Not sure",
}
_QUESTION = ManualTemplate(input="{question}", input_prefix="The question is: ", label_prefix=_ANSWER)


def _truth(*words: str, input: str = _TRUE_OR_FALSE) -> ManualTemplate:
    return ManualTemplate(
        input=input, full_stops=True, words={word: _TRUTH[word] for word in words}, label_prefix=_ANSWER
    )


def _ethos(dimension: str) -> MinSet:
    return MinSet(
        name=f"ethos-{dimension}",
        hub=HubName(path="iamollas/ethos", config="multilabel", exported=True),
        test_split=None,
        num_rows=(346, 87),
        columns=("text", dimension),
        input="{text}",
        label=dimension,
        classes=_same("false", "true"),
    )


def _stance(target: str, num_rows: tuple[int, int]) -> MinSet:
    return MinSet(
        name=f"tweet_eval-stance_{target}",
        hub=HubName(path="cardiffnlp/tweet_eval", config=f"stance_{target}"),
        num_rows=num_rows,
        columns=("text", "label"),
        input="{text}",
        classes=_same("none", "against", "favor"),
    )


def _quartz(mode: str, input: str) -> MinSet:
    return MinSet(
        name=f"quartz-{mode}",
        hub=HubName(path="allenai/quartz"),
        num_rows=(2696, 384),
        columns=("question", "para", "choices", "answerKey"),
        input=input,
        label="answerKey",
        options=("choices",),
    )


_CLASSIFICATION = (
    MinSet(
        name="financial_phrasebank",
        hub=HubName(path="takala/financial_phrasebank", config="sentences_allagree", exported=True),
        test_split=None,
        num_rows=(1811, 453),
        columns=("sentence", "label"),
        input="{sentence}",
        classes=_same("negative", "neutral", "positive"),
        manual=ManualTemplate(input="{sentence}", label_prefix=_SENTIMENT),
    ),
    MinSet(
        name="poem_sentiment",
        hub=HubName(path="google-research-datasets/poem_sentiment"),
        num_rows=(892, 105),
        columns=("verse_text", "label"),
        input="{verse_text}",
        classes=_same("negative", "positive", "no_impact") | {"mixed": None},
        manual=ManualTemplate(input="{verse_text}", label_prefix=_SENTIMENT),
    ),
    MinSet(
        name="medical_questions_pairs",
        hub=HubName(path="curaihealth/medical_questions_pairs"),
        test_split=None,
        num_rows=(2438, 610),
        columns=("question_1", "question_2", "label"),
        input="question 1: {question_1} [SEP] question 2: {question_2}",
        classes={"0": "Dissimilar", "1": "Similar"},
    ),
    MinSet(
        name="glue-mrpc",
        hub=HubName(path="nyu-mll/glue", config="mrpc"),
        num_rows=(3668, 408),
        columns=("sentence1", "sentence2", "label"),
        input=_PAIR,
        classes=_same("not_equivalent", "equivalent"),
        manual=_truth("not_equivalent", "equivalent"),
    ),
    MinSet(
        name="glue-wnli",
        hub=HubName(path="nyu-mll/glue", config="wnli"),
        num_rows=(635, 71),
        columns=("sentence1", "sentence2", "label"),
        input=_PAIR,
        classes=_same("not_entailment", "entailment"),
    ),
    MinSet(
        name="climate_fever",
        hub=HubName(path="tdiggelm/climate_fever", split="test"),
        test_split=None,
        num_rows=(1228, 307),
        columns=("claim", "claim_label"),
        input="{claim}",
        label="claim_label",
        classes={
            "SUPPORTS": "Supports",
            "REFUTES": "Refutes",
            "NOT_ENOUGH_INFO": "Not enough info",
            "DISPUTED": "Disputed",
        },
    ),
    MinSet(
        name="glue-rte",
        hub=HubName(path="nyu-mll/glue", config="rte"),
        num_rows=(2490, 277),
        columns=("sentence1", "sentence2", "label"),
        input=_PAIR,
        classes=_same("entailment", "not_entailment"),
        manual=_truth("entailment", "not_entailment"),
    ),
    MinSet(
        name="superglue-cb",
        hub=HubName(path="aps/super_glue", config="cb"),
        num_rows=(250, 56),
        columns=("premise", "hypothesis", "label"),
        input="premise: {premise} [SEP] hypothesis: {hypothesis}",
        classes=_same("entailment", "contradiction", "neutral"),
    ),
    MinSet(
        name="sick",
        hub=HubName(path="RobZamp/sick", exported=True),
        num_rows=(4439, 495),
        columns=("sentence_A", "sentence_B", "label"),
        input="sentence 1: {sentence_A} [SEP] sentence 2: {sentence_B}",
        classes=_same("entailment", "neutral", "contradiction"),
        manual=_truth(
            "entailment",
            "neutral",
            "contradiction",
            input="{sentence_A}\nThe question is: {sentence_B} True or False?",
        ),
    ),
    MinSet(
        name="hate_speech18",
        hub=HubName(path="odegiber/hate_speech18", exported=True),
        test_split=None,
        num_rows=(8562, 2141),
        columns=("text", "label"),
        input="{text}",
        classes=_same("noHate", "hate") | {"idk/skip": None, "relation": None},
    ),
    _ethos("national_origin"),
    _ethos("race"),
    _ethos("religion"),
    MinSet(
        name="tweet_eval-hate",
        hub=HubName(path="cardiffnlp/tweet_eval", config="hate"),
        num_rows=(8993, 999),
        columns=("text", "label"),
        input="{text}",
        classes=_same("non-hate", "hate"),
        manual=ManualTemplate(
            input="{text}",
            input_prefix="Tweet: ",
            label_prefix="Sentiment: ",
            words={"non-hate": "favor", "hate": "against"},
        ),
    ),
    _stance("atheism", (461, 52)),
    _stance("feminist", (597, 67)),
)

_MULTIPLE_CHOICE = (
    MinSet(
        name="quarel",
        hub=HubName(path="community-datasets/quarel"),
        num_rows=(1941, 278),
        columns=("question", "answer_index"),
        derive="quarel",
        input="{stem}",
        label="answer_index",
        options=("A", "B"),
    ),
    MinSet(
        name="openbookqa",
        hub=HubName(path="allenai/openbookqa", config="main"),
        num_rows=(4957, 500),
        columns=("question_stem", "choices", "answerKey"),
        input="{question_stem}",
        label="answerKey",
        options=("choices",),
        manual=ManualTemplate(input="{question_stem}", input_prefix="The question is: ", label_prefix=_ANSWER),
    ),
    MinSet(
        name="qasc",
        hub=HubName(path="allenai/qasc"),
        num_rows=(8134, 926),
        columns=("question", "choices", "answerKey"),
        input="{question}",
        label="answerKey",
        options=("choices",),
    ),
    MinSet(
        name="commonsense_qa",
        hub=HubName(path="tau/commonsense_qa"),
        num_rows=(9741, 1221),
        columns=("question", "choices", "answerKey"),
        input="{question}",
        label="answerKey",
        options=("choices",),
        manual=_QUESTION,
    ),
    MinSet(
        name="ai2_arc",
        hub=HubName(path="allenai/ai2_arc", config="ARC-Challenge"),
        num_rows=(1119, 299),
        columns=("question", "choices", "answerKey"),
        input="{question}",
        label="answerKey",
        options=("choices",),
        manual=_QUESTION,
    ),
    MinSet(
        name="codah",
        hub=HubName(path="jaredfern/codah", config="fold_0"),
        num_rows=(1665, 556),
        columns=("question_propmt", "candidate_answers", "correct_answer_idx"),  # so spelt on the Hub
        input="{question_propmt}",
        label="correct_answer_idx",
        options=("candidate_answers",),
        manual=ManualTemplate(input="{question_propmt}", input_prefix="The question is: ", label_prefix=_ANSWER),
    ),
    MinSet(
        name="superglue-copa",
        hub=HubName(path="aps/super_glue", config="copa"),
        num_rows=(400, 100),
        columns=("premise", "choice1", "choice2", "question", "label"),
        derive="copa",
        input="{given}: {premise}",
        options=("choice1", "choice2"),
        option="{asked}: {option}",
        manual=ManualTemplate(input="{clause} {connective}", option="{continuation}", field_separator=" "),
    ),
    MinSet(
        name="dream",
        hub=HubName(path="dataset-org/dream", config="plain_text", exported=True),
        num_rows=(6116, 2040),
        columns=("question", "dialogue", "choice", "answer"),
        input="{question} [SEP] {dialogue} [SEP]",
        label="answer",
        label_is="text",
        options=("choice",),
    ),
    _quartz("with_knowledge", "{question}{para}"),
    _quartz("no_knowledge", "{question}"),
)

MIN_SETS: dict[str, MinSet] = {record.name: record for record in (*_CLASSIFICATION, *_MULTIPLE_CHOICE)}
"""The paper's 16 sets of classification, then its 10 of multiple choice, by name."""
