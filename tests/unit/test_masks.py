"""In which spellings a secret is taken out of what is told."""

from __future__ import annotations

import json
from base64 import b64encode
from urllib.parse import quote

import pytest

from data_factory.model.variables import Mask

LINE = "wörd/of the supplier"
SECRET = f"-- begin --\n{LINE}\n-- end --"


@pytest.mark.parametrize("text", [SECRET, LINE])
def test_a_secret_and_each_of_its_lines_are_hidden_however_they_are_spelled(text: str) -> None:
    mask = Mask([SECRET])
    spelled = [text, json.dumps(text), json.dumps(text, ensure_ascii=False), quote(text), quote(text, safe="")]
    assert {mask.text(told).strip('"') for told in (*spelled, b64encode(text.encode()).decode())} == {"***"}
