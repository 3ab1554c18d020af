"""Every public name has an example, and the examples are so."""

import doctest
import importlib
import inspect

import pytest

import icl
import probes

PUBLIC = [(package, name) for package in (icl, probes) for name in package.__all__]


def functions() -> list:
    found = []
    for package, name in PUBLIC:
        thing = getattr(package, name)
        found += [getattr(thing, one) for one in thing.__all__] if inspect.ismodule(thing) else [thing]
    return found


@pytest.mark.parametrize("function", functions(), ids=lambda one: f"{one.__module__}.{one.__name__}")
def test_examples_are_so(function, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    module = importlib.import_module(function.__module__)
    (test,) = doctest.DocTestFinder(recurse=False).find(function, globs=vars(module).copy())
    assert test.examples, f"{function.__name__} has no example"
    told: list[str] = []
    result = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS).run(test, out=told.append)
    assert result.failed == 0, "".join(told)


def test_unknown_names_are_said():
    for package in (icl, probes):
        with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
            getattr(package, "nothing")  # noqa: B009 — as a statement it would look useless
        assert set(package.__all__) <= set(dir(package))
