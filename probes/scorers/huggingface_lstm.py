"""A stacked LSTM that Transformers loads, runs and saves like any other causal language model."""

from torch import Tensor, nn
from transformers import AutoConfig, AutoModelForCausalLM, PreTrainedConfig, PreTrainedModel
from transformers.generation import GenerationMixin
from transformers.modeling_outputs import CausalLMOutputWithPast

__all__ = ["LstmConfig", "LstmForCausalLM", "LstmState", "register_lstm"]


class LstmConfig(PreTrainedConfig):
    """Sizes of an `LstmForCausalLM`."""

    model_type = "ginc-lstm"

    def __init__(
        self,
        vocab_size: int = 51,
        hidden_size: int = 128,
        num_hidden_layers: int = 2,
        max_position_embeddings: int = 768,
        **options,
    ):
        self.vocab_size = vocab_size
        self.hidden_size = hidden_size
        self.num_hidden_layers = num_hidden_layers
        self.max_position_embeddings = max_position_embeddings
        super().__init__(**options)


class LstmState:
    """What an LSTM remembers of a prefix, as a cache: it can be copied and repeated along the batch."""

    def __init__(self, hidden: Tensor, cell: Tensor):
        self.hidden, self.cell = hidden, cell

    def batch_repeat_interleave(self, repeats: int) -> None:
        """Repeat each sequence of the batch in place."""
        self.hidden = self.hidden.repeat_interleave(repeats, dim=1)
        self.cell = self.cell.repeat_interleave(repeats, dim=1)


class LstmForCausalLM(PreTrainedModel, GenerationMixin):
    """Embedding, LSTM layers, and an output layer. Padding on the right needs no mask: nothing is read after it."""

    config_class = LstmConfig
    base_model_prefix = "lstm"

    def __init__(self, config: LstmConfig):
        super().__init__(config)
        self.embedding = nn.Embedding(config.vocab_size, config.hidden_size)
        self.lstm = nn.LSTM(config.hidden_size, config.hidden_size, config.num_hidden_layers, batch_first=True)
        self.lm_head = nn.Linear(config.hidden_size, config.vocab_size, bias=False)
        self.post_init()

    def _init_weights(self, module: nn.Module) -> None:
        """Keep PyTorch's own initialisation; forget gates start open, so that the first steps remember."""
        if isinstance(module, nn.LSTM):
            size = module.hidden_size
            for name, parameter in module.named_parameters():
                if name.startswith("bias_ih"):
                    nn.init.zeros_(parameter)
                    nn.init.ones_(parameter[size : 2 * size])
                elif name.startswith("bias_hh"):
                    nn.init.zeros_(parameter)
                else:
                    nn.init.uniform_(parameter, -(size**-0.5), size**-0.5)
        elif isinstance(module, nn.Embedding):
            nn.init.normal_(module.weight, std=0.5)
        elif isinstance(module, nn.Linear):
            nn.init.normal_(module.weight, std=0.02)

    def get_input_embeddings(self) -> nn.Embedding:
        """Return the embedding of the tokens."""
        return self.embedding

    def forward(
        self,
        input_ids: Tensor,
        past_key_values: LstmState | None = None,
        use_cache: bool = False,
        logits_to_keep: int | Tensor = 0,
        attention_mask: Tensor | None = None,
        labels: Tensor | None = None,
        **ignored,
    ) -> CausalLMOutputWithPast:
        """Return logits (batch, positions kept, vocab) and, where asked, the state behind the last token.

        Raises
        ------
        ValueError
            If labels are given, or the mask hides a token before one that it shows: the LSTM would read both.
        """
        if labels is not None:
            raise ValueError("LstmForCausalLM computes no loss, but got labels; compute it from the logits.")
        if attention_mask is not None and (attention_mask[:, 1:] > attention_mask[:, :-1]).any():
            raise ValueError("LstmForCausalLM reads every token, but got padding before others; pad on the right.")
        past = None if past_key_values is None else (past_key_values.hidden, past_key_values.cell)
        outputs, (hidden, cell) = self.lstm(self.embedding(input_ids), past)
        kept = slice(-logits_to_keep, None) if isinstance(logits_to_keep, int) else logits_to_keep
        state = LstmState(hidden, cell) if use_cache else None
        return CausalLMOutputWithPast(logits=self.lm_head(outputs[:, kept]), past_key_values=state)  # type: ignore[arg-type]


def register_lstm() -> None:
    """Let Transformers' auto classes know the LSTM."""
    AutoConfig.register(LstmConfig.model_type, LstmConfig, exist_ok=True)
    AutoModelForCausalLM.register(LstmConfig, LstmForCausalLM, exist_ok=True)
