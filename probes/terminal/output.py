"""What is printed where the output is no Unicode: signs become plain ones, and nothing dies of a letter."""

import codecs
import sys

__all__ = ["encodable", "prepare_output"]

_PLAIN = {
    "→": "->",
    "←": "<-",
    "–": "-",
    "—": "-",
    "―": "-",
    "‐": "-",
    "‑": "-",
    "−": "-",
    "…": "...",
    "±": "+/-",
    "×": "x",
    "·": ".",
    "÷": "/",
    "≤": "<=",
    "≥": ">=",
    "≈": "~",
    "≠": "!=",
    "∝": "~",
    "∞": "inf",
    "√": "sqrt",
    "²": "^2",
    "½": "1/2",
    "‖": "||",
    "“": '"',
    "”": '"',
    "„": '"',
    "«": '"',
    "»": '"',
    "‘": "'",
    "’": "'",
    "′": "'",
    "█": "#",
    "░": ".",
    "⏎": "\\n",
    "§": "section ",
    "\N{NO-BREAK SPACE}": " ",
} | {chr(ord("₀") + digit): str(digit) for digit in range(10)}

_SYMBOLS = {
    "α": "alpha",
    "β": "beta",
    "γ": "gamma",
    "δ": "delta",
    "Δ": "Delta",
    "ε": "epsilon",
    "η": "eta",
    "θ": "theta",
    "κ": "kappa",
    "λ": "lambda",
    "μ": "mu",
    "ν": "nu",
    "π": "pi",
    "ρ": "rho",
    "σ": "sigma",
    "Σ": "Sigma",
    "τ": "tau",
    "φ": "phi",
    "χ": "chi",
    "ω": "omega",
    "ℓ": "l",
}
"""Letters that stand alone as symbols; in words of a language they are escaped like any other letter."""

_SPELT, _AS_JSON = "probe-spelt", "probe-json"
"""Names of the error handlers."""


def prepare_output(*, as_json: bool = False) -> None:
    """Let standard output and error spell what their encoding lacks; JSON stays valid, with its own escapes.

    Called again, it changes how; streams that are no text files of Python's own are left alone.
    """
    _configure(sys.stdout, _AS_JSON if as_json else _SPELT)
    _configure(sys.stderr, _SPELT)


def encodable(text: str, encoding: str | None) -> str:
    """Write a text in what `encoding` has; None is UTF-8."""
    encoding = encoding or "utf-8"
    return text.encode(encoding, errors=_SPELT).decode(encoding)


def _configure(stream: object, errors: str) -> None:
    reconfigure = getattr(stream, "reconfigure", None)
    if reconfigure is not None:
        reconfigure(errors=errors)


def _spelt(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    letters = error.object[error.start : error.end]
    alone = _SYMBOLS.get(letters)
    return alone or "".join(_PLAIN.get(letter) or _escaped(letter) for letter in letters), error.end


def _as_json(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    units = error.object[error.start : error.end].encode("utf-16-be", errors="surrogatepass")
    return "".join(f"\\u{units[at]:02x}{units[at + 1]:02x}" for at in range(0, len(units), 2)), error.end


def _escaped(letter: str) -> str:
    return letter.encode("ascii", errors="backslashreplace").decode("ascii")


codecs.register_error(_SPELT, _spelt)
codecs.register_error(_AS_JSON, _as_json)
