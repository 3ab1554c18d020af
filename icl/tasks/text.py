"""Text from bytes: UTF-8, or a sentence that says where it is not; and characters that no model can be given."""

import re
import unicodedata

from icl.errors import UserError

__all__ = ["decode", "lines_of", "odd_characters", "printable", "unreadable", "visible"]

LINE_END = re.compile(r"\r\n|\r|\n")
"""Ends of lines; U+2028 and its like are not among them, since they occur inside texts."""

_COMPRESSED = {b"\x1f\x8b": "gzip", b"BZh": "bzip2", b"\xfd7zXZ": "xz", b"\x28\xb5\x2f\xfd": "zstd"}
"""How files begin that a program compressed."""

_SIGNATURES = {
    b"PK\x03\x04": "a zip archive (as an Excel workbook is)",
    b"PAR1": "a Parquet file",
    b"ARROW1": "an Arrow file",
    b"SQLite format 3": "an SQLite database",
    b"%PDF": "a PDF document",
}
"""How other files begin that are no text, whatever their ending says."""

_UTF_MARKS = {
    b"\xff\xfe\0\0": "UTF-32",
    b"\0\0\xfe\xff": "UTF-32",
    b"\xff\xfe": "UTF-16",
    b"\xfe\xff": "UTF-16",
}
"""Byte order marks, the longer ones first."""

_UNREADABLE = re.compile("[\0\ud800-\udfff]")

_UNSEEN = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\ufe00-\ufe0f\uffa0\U000e0000-\U000e0fff]"
)
"""Characters that show nothing though they are no format characters: fillers, joiners, blanks, and those that choose
between the forms of the one before them, such as an emoji's."""

_ODD = re.compile("[\x01-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ufeff\ufffd\ufffe\uffff]")
"""Control characters, byte order marks and signs of a failed conversion: seldom meant, never seen."""


def decode(name: str, content: bytes) -> str:
    """Read bytes as UTF-8 text, with or without a byte order mark.

    Parameters
    ----------
    name
        How messages call the file.
    content
        Its bytes.

    Raises
    ------
    UserError
        If they are no UTF-8 text; says what they are, or the line and the byte.
    """
    for mark, program in _COMPRESSED.items():
        if content.startswith(mark):
            raise UserError(f"'{name}' is compressed by {program}, not text; decompress it first.")
    for mark, what in _SIGNATURES.items():
        if content.startswith(mark):
            raise UserError(f"'{name}' is {what}, not text; correct its ending or save it as text.")
    if wide := _wide_encoding(content):
        raise UserError(f"'{name}' is {wide} text, not UTF-8; save it as UTF-8 (in Excel as 'CSV UTF-8').")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise _not_utf8(name, content, error) from None
    if "\0" in text:
        line = _line_at(content, content.index(b"\0"))
        raise UserError(
            f"line {line} of '{name}' holds a NUL byte, so the file is binary or damaged; save it as UTF-8 text or "
            "correct its ending."
        )
    return text


def lines_of(text: str) -> list[str]:
    """Split text at the ends of its lines, be they those of Unix, Windows or old Macs."""
    return LINE_END.split(text)


def unreadable(text: str) -> str | None:
    r"""Name the first character of a text that no model can be given; None if there is none.

    These are half a character (a surrogate without its other half, such as a JSON ``\ud83d`` leaves), which no
    encoding of Unicode can write, and NUL, which ends a text for many programs.
    """
    if text.isascii() and "\0" not in text:
        return None
    found = _UNREADABLE.search(text)
    if found is None:
        return None
    if found[0] == "\0":
        return "a NUL character (U+0000)"
    return f"half a character (an unpaired surrogate, U+{ord(found[0]):04X})"


def visible(text: str) -> str:
    """Leave out the characters that nobody sees, such as zero-width spaces and soft hyphens; plain spaces stay."""
    if text.isascii():
        return text
    return "".join(one for one in _UNSEEN.sub("", text) if unicodedata.category(one) not in ("Cf", "Cs"))


def printable(name: str) -> str:
    """Write a name of a file so that any file can hold it: a byte that is no UTF-8 becomes an escape, ``\\xe9``."""
    try:
        return name.encode("utf-8", errors="surrogateescape").decode("utf-8", errors="backslashreplace")
    except UnicodeEncodeError:  # a surrogate that stands for no byte
        return name.encode("utf-8", errors="backslashreplace").decode("utf-8")


def odd_characters(text: str) -> list[str]:
    """List the code points of characters that are seldom meant: control characters, marks of failed conversions."""
    return [f"U+{ord(one):04X}" for one in sorted(set(_ODD.findall(text)))]


def _wide_encoding(content: bytes) -> str | None:
    """Tell UTF-16 and UTF-32, by their mark or by the NUL bytes that they write beside plain letters."""
    for mark, encoding in _UTF_MARKS.items():
        if content.startswith(mark):
            return encoding
    start = content[:1000]
    even, odd = start[0::2], start[1::2]
    for some, others in ((even, odd), (odd, even)):
        if others and some.count(0) > 0.8 * len(some) and others.count(0) < 0.1 * len(others):
            return "UTF-16"
    return None


def _not_utf8(name: str, content: bytes, error: UnicodeDecodeError) -> UserError:
    """Say where bytes are no UTF-8, and what a common encoding would read there."""
    start = error.start + (3 if content.startswith(b"\xef\xbb\xbf") else 0)  # the codec counts behind the mark
    before = content[:start]
    in_line = start - max(before.rfind(b"\n"), before.rfind(b"\r"))
    byte = content[start]
    if error.reason == "unexpected end of data":
        return UserError(f"'{name}' ends in the middle of a character, so it is cut off; copy it again.")
    try:
        guess = f", {bytes([byte]).decode('cp1252')!r} in Windows-1252" if content.decode("cp1252") else ""
    except UnicodeDecodeError:
        guess = ""
    return UserError(
        f"line {_line_at(content, start)} of '{name}' is not UTF-8 text: byte {in_line} of the line (byte {start + 1} "
        f"of the file) is 0x{byte:02x}{guess}; save the file as UTF-8."
    )


def _line_at(content: bytes, place: int) -> int:
    return 1 + len(re.findall(rb"\r\n|\r|\n", content[:place]))
