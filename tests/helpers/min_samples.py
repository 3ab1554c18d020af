"""Two rows of each data set of Min et al. 2022 as the Hub has them, and the examples that the paper makes of them."""

import pytest

datasets = pytest.importorskip("datasets", reason="optional extra hub")

TEXT, NUMBER = datasets.Value("string"), datasets.Value("int32")
TEXTS = datasets.List(TEXT)
CHOICES = {"text": TEXTS, "label": TEXTS}


def classes(*names: str):
    return datasets.ClassLabel(names=list(names))


def choices(*texts: str, labels: str = "ABCDEFGH") -> dict:
    return {"text": list(texts), "label": list(labels[: len(texts)])}


NLI = {"sentence1": TEXT, "sentence2": TEXT, "idx": NUMBER}
TWEET = {"text": TEXT}
ETHOS = {"text": TEXT} | {
    dimension: classes("false", "true")
    for dimension in ("gender", "race", "national_origin", "disability", "religion", "sexual_orientation")
}
QUESTION = {"id": TEXT, "question": TEXT, "choices": CHOICES, "answerKey": TEXT}
QUARTZ = QUESTION | {"para": TEXT, "para_id": TEXT}

# For each set: the features of the Hub's set; two rows (columns not named are empty); the two examples they make, as
# input and label, in multiple choice with the options.
SAMPLES: dict[str, tuple[dict, list[dict], list[tuple]]] = {
    "financial_phrasebank": (
        {"sentence": TEXT, "label": classes("negative", "neutral", "positive")},
        [{"sentence": "Profit rose to EUR 13.1 mn .", "label": 2}, {"sentence": "Sales fell .", "label": 0}],
        [("Profit rose to EUR 13.1 mn .", "positive"), ("Sales fell .", "negative")],
    ),
    "poem_sentiment": (
        {"id": NUMBER, "verse_text": TEXT, "label": classes("negative", "positive", "no_impact", "mixed")},
        [{"verse_text": "willis sneered:", "label": 0}, {"verse_text": "the old man said:", "label": 2}],
        [("willis sneered:", "negative"), ("the old man said:", "no_impact")],
    ),
    "medical_questions_pairs": (
        {"dr_id": NUMBER, "question_1": TEXT, "question_2": TEXT, "label": classes("0", "1")},
        [
            {"question_1": "May I drink?", "question_2": "Is a beer all right?", "label": 1},
            {"question_1": "May I drink?", "question_2": "Is a pill a drug?", "label": 0},
        ],
        [
            ("question 1: May I drink? [SEP] question 2: Is a beer all right?", "Similar"),
            ("question 1: May I drink? [SEP] question 2: Is a pill a drug?", "Dissimilar"),
        ],
    ),
    "glue-mrpc": (
        NLI | {"label": classes("not_equivalent", "equivalent")},
        [
            {"sentence1": "He ran .", "sentence2": "He did run .", "label": 1},
            {"sentence1": "He ran .", "sentence2": "She ran .", "label": 0},
        ],
        [
            ("sentence 1: He ran . [SEP] sentence 2: He did run .", "equivalent"),
            ("sentence 1: He ran . [SEP] sentence 2: She ran .", "not_equivalent"),
        ],
    ),
    "glue-wnli": (
        NLI | {"label": classes("not_entailment", "entailment")},
        [
            {"sentence1": "It fits.", "sentence2": "The box fits.", "label": 1},
            {"sentence1": "It fits.", "sentence2": "The bag fits.", "label": 0},
        ],
        [
            ("sentence 1: It fits. [SEP] sentence 2: The box fits.", "entailment"),
            ("sentence 1: It fits. [SEP] sentence 2: The bag fits.", "not_entailment"),
        ],
    ),
    "climate_fever": (
        {
            "claim_id": TEXT,
            "claim": TEXT,
            "claim_label": classes("SUPPORTS", "REFUTES", "NOT_ENOUGH_INFO", "DISPUTED"),
        },
        [{"claim": "Ice melts.", "claim_label": 0}, {"claim": "Ice is\nhot.", "claim_label": 2}],
        [("Ice melts.", "Supports"), ("Ice is hot.", "Not enough info")],
    ),
    "glue-rte": (
        NLI | {"label": classes("entailment", "not_entailment")},
        [
            {"sentence1": "A girl sang.", "sentence2": "Someone sang.", "label": 0},
            {"sentence1": "A girl sang.", "sentence2": "A boy sang.", "label": 1},
        ],
        [
            ("sentence 1: A girl sang. [SEP] sentence 2: Someone sang.", "entailment"),
            ("sentence 1: A girl sang. [SEP] sentence 2: A boy sang.", "not_entailment"),
        ],
    ),
    "superglue-cb": (
        {
            "premise": TEXT,
            "hypothesis": TEXT,
            "idx": NUMBER,
            "label": classes("entailment", "contradiction", "neutral"),
        },
        [
            {"premise": "I know he left.", "hypothesis": "he left", "label": 0},
            {"premise": "Did he leave?", "hypothesis": "he left", "label": 2},
        ],
        [
            ("premise: I know he left. [SEP] hypothesis: he left", "entailment"),
            ("premise: Did he leave? [SEP] hypothesis: he left", "neutral"),
        ],
    ),
    "sick": (
        {
            "id": TEXT,
            "sentence_A": TEXT,
            "sentence_B": TEXT,
            "label": classes("entailment", "neutral", "contradiction"),
        },
        [
            {"sentence_A": "A man is screaming", "sentence_B": "A man is scared", "label": 2},
            {"sentence_A": "A dog runs", "sentence_B": "A dog eats", "label": 1},
        ],
        [
            ("sentence 1: A man is screaming [SEP] sentence 2: A man is scared", "contradiction"),
            ("sentence 1: A dog runs [SEP] sentence 2: A dog eats", "neutral"),
        ],
    ),
    "hate_speech18": (
        {"text": TEXT, "user_id": NUMBER, "label": classes("noHate", "hate", "idk/skip", "relation")},
        [{"text": "Good morning .", "label": 0}, {"text": "Go away .", "label": 1}],
        [("Good morning .", "noHate"), ("Go away .", "hate")],
    ),
    "ethos-national_origin": (
        ETHOS,
        [{"text": " one \n", "national_origin": 1}, {"text": "two", "national_origin": 0}],
        [("one", "true"), ("two", "false")],
    ),
    "ethos-race": (
        ETHOS,
        [{"text": "one", "race": 0}, {"text": "two", "race": 1}],
        [("one", "false"), ("two", "true")],
    ),
    "ethos-religion": (
        ETHOS,
        [{"text": "one", "religion": 0}, {"text": "two", "religion": 1}],
        [("one", "false"), ("two", "true")],
    ),
    "tweet_eval-hate": (
        TWEET | {"label": classes("non-hate", "hate")},
        [{"text": "The truth about\n#Immigration", "label": 1}, {"text": "@user hello", "label": 0}],
        [("The truth about #Immigration", "hate"), ("@user hello", "non-hate")],
    ),
    "tweet_eval-stance_atheism": (
        TWEET | {"label": classes("none", "against", "favor")},
        [{"text": "amen", "label": 1}, {"text": "so what", "label": 0}],
        [("amen", "against"), ("so what", "none")],
    ),
    "tweet_eval-stance_feminist": (
        TWEET | {"label": classes("none", "against", "favor")},
        [{"text": "equal pay", "label": 2}, {"text": "never mind", "label": 0}],
        [("equal pay", "favor"), ("never mind", "none")],
    ),
    "quarel": (
        {"id": TEXT, "answer_index": NUMBER, "logical_forms": TEXTS, "question": TEXT},
        [
            {"question": "Which is rougher to walk on, the (A) carpet or (B) floor?", "answer_index": 0},
            {"question": "A ball was thrown. It was faster on (A)the road. (B) the grass.", "answer_index": 1},
        ],
        [
            ("Which is rougher to walk on, the", "carpet", ("carpet", "floor?")),
            ("A ball was thrown. It was faster on", "the grass", ("the road", "the grass")),
        ],
    ),
    "openbookqa": (
        {"id": TEXT, "question_stem": TEXT, "choices": CHOICES, "answerKey": TEXT},
        [
            {
                "question_stem": "What creates a valley?",
                "choices": choices("feet", "rock", "water", "sand"),
                "answerKey": "C",
            },
            {
                "question_stem": "The sun is",
                "choices": choices("a star", "a planet", "a moon", "a lamp"),
                "answerKey": "A",
            },
        ],
        [
            ("What creates a valley?", "water", ("feet", "rock", "water", "sand")),
            ("The sun is", "a star", ("a star", "a planet", "a moon", "a lamp")),
        ],
    ),
    "qasc": (
        QUESTION | {"fact1": TEXT, "fact2": TEXT},
        [
            {"question": "What is hot?", "choices": choices(*"abcdefg", "fire"), "answerKey": "H"},
            {"question": "What is cold?", "choices": choices("ice", *"abcdefg"), "answerKey": "A"},
        ],
        [
            ("What is hot?", "fire", (*"abcdefg", "fire")),
            ("What is cold?", "ice", ("ice", *"abcdefg")),
        ],
    ),
    "commonsense_qa": (
        QUESTION | {"question_concept": TEXT},
        [
            {
                "question": "What blocks\tsunshine?",
                "choices": choices("summer", "park", "desktop", "sea", "moon"),
                "answerKey": "E",
            },
            {"question": "Where is ink?", "choices": choices("pen", "sky", "sea", "sand", "sun"), "answerKey": "A"},
        ],
        [
            ("What blocks sunshine?", "moon", ("summer", "park", "desktop", "sea", "moon")),
            ("Where is ink?", "pen", ("pen", "sky", "sea", "sand", "sun")),
        ],
    ),
    "ai2_arc": (
        QUESTION,
        [
            {"question": "Which biome?", "choices": choices("desert", "forest", "ice", "tundra"), "answerKey": "B"},
            {
                "question": "Which planet?",
                "choices": choices("Mars", "Venus", "Earth", "Pluto", labels="1234"),
                "answerKey": "3",
            },
        ],
        [
            ("Which biome?", "forest", ("desert", "forest", "ice", "tundra")),
            ("Which planet?", "Earth", ("Mars", "Venus", "Earth", "Pluto")),
        ],
    ),
    "codah": (
        {
            "id": NUMBER,
            "question_category": classes("Idioms", "Reference"),
            "question_propmt": TEXT,
            "candidate_answers": TEXTS,
            "correct_answer_idx": NUMBER,
        },
        [
            {
                "question_propmt": "A man on his first date",
                "candidate_answers": ["sleeps.", "smiles.", "flies.", "melts."],
                "correct_answer_idx": 1,
            },
            {
                "question_propmt": "It rains",
                "candidate_answers": ["up.", "in.", "on.", "down."],
                "correct_answer_idx": 3,
            },
        ],
        [
            ("A man on his first date", "smiles.", ("sleeps.", "smiles.", "flies.", "melts.")),
            ("It rains", "down.", ("up.", "in.", "on.", "down.")),
        ],
    ),
    "superglue-copa": (
        {
            "premise": TEXT,
            "choice1": TEXT,
            "choice2": TEXT,
            "question": TEXT,
            "idx": NUMBER,
            "label": classes("choice1", "choice2"),
        },
        [
            {
                "premise": "I coughed.",
                "choice1": "I inhaled smoke.",
                "choice2": "I lowered my voice.",
                "question": "cause",
                "label": 0,
            },
            {
                "premise": "The tap was opened.",
                "choice1": "It was silent.",
                "choice2": "Water flowed.",
                "question": "effect",
                "label": 1,
            },
        ],
        [
            (
                "Effect: I coughed.",
                "Cause: I inhaled smoke.",
                ("Cause: I inhaled smoke.", "Cause: I lowered my voice."),
            ),
            (
                "Cause: The tap was opened.",
                "Effect: Water flowed.",
                ("Effect: It was silent.", "Effect: Water flowed."),
            ),
        ],
    ),
    "dream": (
        {"id": NUMBER, "dialogue_id": TEXT, "dialogue": TEXTS, "question": TEXT, "choice": TEXTS, "answer": TEXT},
        [
            {
                "dialogue": ["M: Tea?", "W: Milk, please."],
                "question": "What will she drink?",
                "choice": ["Tea.", "Milk.", "Water."],
                "answer": "Milk.",
            },
            {"dialogue": ["M: Hi."], "question": "Who spoke?", "choice": ["She.", "They.", "He."], "answer": "He."},
        ],
        [
            ("What will she drink? [SEP] M: Tea? W: Milk, please. [SEP]", "Milk.", ("Tea.", "Milk.", "Water.")),
            ("Who spoke? [SEP] M: Hi. [SEP]", "He.", ("She.", "They.", "He.")),
        ],
    ),
    "quartz-with_knowledge": (
        QUARTZ,
        [
            {"question": "Is it hot?", "para": "The sun is.", "choices": choices("yes", "no"), "answerKey": "A"},
            {"question": "Is it cold?", "para": "Ice is.", "choices": choices("more", "less"), "answerKey": "B"},
        ],
        [("Is it hot?The sun is.", "yes", ("yes", "no")), ("Is it cold?Ice is.", "less", ("more", "less"))],
    ),
    "quartz-no_knowledge": (
        QUARTZ,
        [
            {"question": "Is it hot?", "para": "The sun is.", "choices": choices("yes", "no"), "answerKey": "A"},
            {"question": "Is it cold?", "para": "Ice is.", "choices": choices("more", "less"), "answerKey": "B"},
        ],
        [("Is it hot?", "yes", ("yes", "no")), ("Is it cold?", "less", ("more", "less"))],
    ),
}

MANUAL: dict[str, list[tuple]] = {
    "financial_phrasebank": [("Profit rose to EUR 13.1 mn .", "positive"), ("Sales fell .", "negative")],
    "poem_sentiment": [("willis sneered:", "negative"), ("the old man said:", "no_impact")],
    "glue-mrpc": [
        ("He ran .\nThe question is: He did run . True or False?", "True"),
        ("He ran .\nThe question is: She ran . True or False?", "False"),
    ],
    "glue-rte": [
        ("A girl sang.\nThe question is: Someone sang. True or False?", "True"),
        ("A girl sang.\nThe question is: A boy sang. True or False?", "False"),
    ],
    "sick": [
        ("A man is screaming.\nThe question is: A man is scared. True or False?", "False"),
        ("A dog runs.\nThe question is: A dog eats. True or False?", "Not sure"),
    ],
    "tweet_eval-hate": [("The truth about #Immigration", "against"), ("@user hello", "favor")],
    "openbookqa": SAMPLES["openbookqa"][2],
    "commonsense_qa": SAMPLES["commonsense_qa"][2],
    "ai2_arc": SAMPLES["ai2_arc"][2],
    "codah": SAMPLES["codah"][2],
    "superglue-copa": [
        ("I coughed because", "I inhaled smoke.", ("I inhaled smoke.", "I lowered my voice.")),
        ("The tap was opened so", "water flowed.", ("it was silent.", "water flowed.")),
    ],
}
