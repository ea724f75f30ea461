"""The examples in docstrings are tests."""

from __future__ import annotations

import doctest
import importlib
import pkgutil

import pytest

from data_factory import engine, model, service, store

ROOMS = (model, engine, service, store)
MODULES = [found.name for room in ROOMS for found in pkgutil.walk_packages(room.__path__, f"{room.__name__}.")]


@pytest.mark.parametrize("name", MODULES)
def test_the_examples_of_a_module_give_what_they_say(name: str) -> None:
    assert doctest.testmod(importlib.import_module(name)).failed == 0
