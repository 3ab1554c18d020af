"""A GINC checkpoint on disk: weights (safetensors), tokenizer, and the family that the model was trained on."""

from pathlib import Path

from transformers import PreTrainedModel, PreTrainedTokenizerFast
from transformers import logging as transformers_logging

from icl.ginc.family import GincFamily
from icl.ginc.task import token_words
from probes import disk
from probes.pretrain.unfinished import remove_unfinished
from probes.scorers.huggingface_source import FAMILY_FILE

__all__ = ["RECORD_FILE", "ginc_tokenizer", "save_checkpoint"]

RECORD_FILE = "training.json"
_START_OF_DOCUMENT = "<document>"


def ginc_tokenizer(family: GincFamily, max_length: int) -> PreTrainedTokenizerFast:
    """Build the tokenizer of GINC text: one word a token; a start-of-document token goes before every text."""
    from tokenizers import Tokenizer, models, pre_tokenizers, processors

    vocabulary = {word: token for token, word in enumerate(token_words(family))}
    vocabulary[_START_OF_DOCUMENT] = family.vocab_size
    tokenizer = Tokenizer(models.WordLevel(vocabulary))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{_START_OF_DOCUMENT} $A", special_tokens=[(_START_OF_DOCUMENT, family.vocab_size)]
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        bos_token=_START_OF_DOCUMENT,
        eos_token=_START_OF_DOCUMENT,
        pad_token=_START_OF_DOCUMENT,
        model_max_length=max_length,
    )


def save_checkpoint(folder: Path, model: PreTrainedModel, family: GincFamily, record: dict) -> None:
    """Write model, tokenizer, family and the training record into `folder`; drop the state of its training."""
    transformers_logging.disable_progress_bar()
    with disk.whole_folder(folder) as draft:
        model.save_pretrained(draft, safe_serialization=True)
        ginc_tokenizer(family, model.config.max_position_embeddings).save_pretrained(draft)
    disk.write_whole(folder / FAMILY_FILE, family.npz())
    disk.write_json(folder / RECORD_FILE, record)
    remove_unfinished(folder)
