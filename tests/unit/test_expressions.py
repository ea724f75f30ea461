"""`${…}` expressions: every rule once by example, then what holds for all of them."""

from __future__ import annotations

import json
import tracemalloc
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from hypothesis import assume, example, given, reject
from hypothesis import strategies as st

from data_factory.engine.expressions import ExpressionErrors, Mention, Template, ValueTooLarge, compile_template
from data_factory.model.errors import FieldError, Invalid

SCOPE: dict[str, Any] = {
    "workflow": {
        "input": {
            "power": 10,
            "name": "Ada",
            "none": None,
            "yes": True,
            "ratio": 0.5,
            "big": 2**100,
            "list": [1, {"é": "ü"}, None],
            "object": {"a": 1, "b": [True]},
            "key": "rows",
            "dotted": "rows[1].x",
            "odd": 'it\'s "odd"\\\n',
            "task": "first",
            "injected": "${workflow.input.power} $${x}",
            "blank": " ",
        },
        "variable": {"city": "Lyon"},
    },
    "first": {
        "input": {"x": 1},
        "output": {
            "rows": [{"x": 1, "tag": "a"}, {"x": 2, "tag": 'it\'s "odd"\\\n'}],
            'it\'s "odd"\\\n': "found",
            "}": "brace",
        },
        "status": "COMPLETED",
    },
    "second": {"output": {"x": 2}},
}


def resolve(value: Any, scope: Mapping[str, Any] = SCOPE) -> Any:
    return compile_template(value).resolve(scope)


# One expression and nothing else gives the value


@pytest.mark.parametrize("key", ["power", "name", "none", "yes", "ratio", "big", "list", "object", "injected"])
def test_one_expression_gives_the_typed_value(key):
    value = resolve(f"${{workflow.input.{key}}}")
    assert value == SCOPE["workflow"]["input"][key]
    assert type(value) is type(SCOPE["workflow"]["input"][key])


def test_spaces_in_the_braces_do_not_matter():
    assert resolve("${ workflow.input.power }") == 10


def test_indefinite_path_gives_a_list():
    assert resolve("${first.output.rows[*].x}") == [1, 2]
    assert resolve("${first.output.rows[?(@.x>1)].x}") == [2]


# Beside other text, values are inserted as text


@pytest.mark.parametrize(
    ("key", "text"),
    [
        ("power", "10"),
        ("name", "Ada"),
        ("none", "null"),
        ("yes", "true"),
        ("ratio", "0.5"),
        ("big", "1267650600228229401496703205376"),
        ("list", '[1,{"é":"ü"},null]'),
        ("object", '{"a":1,"b":[true]}'),
        ("missing", "null"),
    ],
)
def test_value_as_text(key, text):
    assert resolve(f"<${{workflow.input.{key}}}>") == f"<{text}>"
    assert resolve(f"${{workflow.input.{key}}}${{}}") == text
    assert resolve(f" ${{workflow.input.{key}}}") == f" {text}"


def test_list_of_matches_as_text():
    assert resolve("tags: ${first.output.rows[*].x}") == "tags: [1,2]"


def test_missing_variable_is_empty():
    assert resolve("${workflow.variable.town}") == ""
    assert resolve("in ${workflow.variable.town}!") == "in !"
    assert resolve("in ${workflow.variable.city}!") == "in Lyon!"
    assert resolve("${workflow.variable.${workflow.input.name}}") == ""


# Empty, escaped, unclosed


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("${}", ""),
        ("${   }", ""),
        ("a${}b", "ab"),
        ("${ ${workflow.input.blank} }", ""),
        ("$${x}", "${x}"),
        ("$${workflow.input.power}", "${workflow.input.power}"),
        ("$$${x}", "$${x}"),
        ("$${a ${workflow.input.power}}", "${a 10}"),
        ("costs 5$ {or} $5}", "costs 5$ {or} $5}"),
        ("$ {x}", "$ {x}"),
        ("${abc", "${abc"),
        ("${abc ${workflow.input.power}", "${abc 10"),
        ("${workflow.input.power} ${", "10 ${"),
        ("${it's", "${it's"),
        ("it's ${workflow.input.power} o'clock", "it's 10 o'clock"),
        ("C:\\${workflow.input.name}\\'${workflow.input.name}'", "C:\\Ada\\'Ada'"),
        ("${" * 50_000, "${" * 50_000),
        ("'" * 50_000 + "${", "'" * 50_000 + "${"),
    ],
)
def test_empty_escaped_and_unclosed(text, value):
    assert resolve(text) == value


def test_brace_between_quotes_does_not_end_the_expression():
    assert resolve("${first.output['}']}") == "brace"
    assert resolve('<${first.output["}"]}>') == "<brace>"
    assert resolve("${first.output['$${']}") is None


# Nested expressions


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("${first.output.${workflow.input.key}[0].x}", 1),
        ("${first.output.${workflow.input.dotted}}", 2),
        ("<${first.output.${workflow.input.dotted}}>", "<2>"),
        ("${first.output.rows[${first.input.x}].x}", 2),
        ("${${workflow.input.task}.output.rows[0].tag}", "a"),
        ("${first.output.${workflow.input.${workflow.input.none}}}", None),
        ("${workflow.input.${workflow.input.${first.input.x}}}", None),
        ("${first.output.${workflow.input.missing}}", None),
        ("${first.output.rows[${workflow.input.name}]}", None),
        ("${first.output${workflow.input.blank}.rows[0].x}", 1),
        ("${first.output.rows[?@.x == $.${workflow.input.task}.input.x].tag}", ["a"]),
    ],
)
def test_nested_expressions_are_resolved_inside_out(text, value):
    assert resolve(text) == value


@pytest.mark.parametrize("quote", ["'", '"'])
def test_nested_value_between_quotes_is_that_string_whatever_it_holds(quote):
    assert resolve(f"${{first.output[{quote}${{workflow.input.odd}}{quote}]}}") == "found"
    assert resolve(f"${{first.output.rows[?@.tag == {quote}${{workflow.input.odd}}{quote}].x}}") == [2]
    assert resolve(f"${{first.output.rows[?@.x == 1 || @.tag == {quote}${{first.input.x}}{quote}].x}}") == [1]


def test_nested_value_cannot_leave_the_task_that_is_named():
    scope = {
        "workflow": {"input": {"k": "x[?@ == $.b.output.y]"}},
        "a": {"output": {"x": [1]}},
        "b": {"output": {"y": 1}},
    }
    template = compile_template("${a.output.${workflow.input.k}}")
    assert template.reads == {"a"}
    assert not template.reads_all
    assert template.resolve(scope) is None


# Values with expressions in them


def test_objects_and_lists_are_walked_and_keys_untouched():
    value = {"${workflow.input.power}": 1, "b": [{"c": "${workflow.input.power}"}, "x", 2.5, None, ["${}"]], "a": True}
    resolved = resolve(value)
    assert resolved == {"${workflow.input.power}": 1, "b": [{"c": 10}, "x", 2.5, None, [""]], "a": True}
    assert list(resolved) == list(value)


@pytest.mark.parametrize("value", [None, True, 0, 2**70, 1.5, "", "text", [], {}])
def test_what_has_no_expression_is_itself(value):
    assert resolve(value) == value


def test_each_evaluation_has_its_own_containers():
    template = compile_template({"power": "${workflow.input.power}"})
    template.resolve(SCOPE)["more"] = "added"
    assert template.resolve(SCOPE) == {"power": 10}


def test_what_was_inserted_is_never_read_again():
    assert resolve("${workflow.input.injected}") == "${workflow.input.power} $${x}"
    assert resolve("<${workflow.input.injected}>") == "<${workflow.input.power} $${x}>"
    assert resolve("${first.output['${workflow.input.injected}']}") is None
    assert resolve("$${workflow.input.${workflow.input.key}}") == "${workflow.input.rows}"
    assert resolve("$$${workflow.input.key}") == "$${workflow.input.key}"
    assert resolve("${}${workflow.input.injected}") == "${workflow.input.power} $${x}"


# What is read


@pytest.mark.parametrize(
    ("value", "reads", "reads_all", "reads_workflow"),
    [
        ("text", set(), False, False),
        ("${workflow.input.x}", set(), False, True),
        ({"a": ["${a.output}", "${b-1.output} ${workflow.input.x}"]}, {"a", "b-1"}, False, True),
        ("${a.output[?@.x == $.b.output.y]}", {"a", "b"}, False, False),
        ("${a.output[?@.x == $.workflow.input.y]}", {"a"}, False, True),
        ("${a.output.${b.output.k}}", {"a", "b"}, False, False),
        ("${$.a.output['${b.output.k}']}", {"a", "b"}, False, False),
        ("${workflow.input.${b.output.k}}", {"b"}, False, True),
        ("${a${b.output.k}.output}", {"b"}, True, True),
        ("${${b.output.k}}", {"b"}, True, True),
        ("${a.output[?@.x == $.${b.output.k}.y]}", {"a", "b"}, True, True),
        ("$${a.output}", set(), False, False),
        ("${}", set(), False, False),
    ],
)
def test_reads(value, reads, reads_all, reads_workflow):
    template = compile_template(value)
    assert template.reads == reads
    assert (template.reads_all, template.reads_workflow) == (reads_all, reads_workflow)


def test_mentions_say_where_each_task_is_named():
    value = {
        "a": {"b": ["x", "${first.output.x} and ${second.output.y}"]},
        "my-key": "${workflow.input.x}",
        "é": "${first.output.${third.output.k}}",
        "c": "${${workflow.input.task}.output}",
    }
    assert compile_template(value, "tasks[0].input").mentions == (
        Mention("tasks[0].input.a.b[1]", "first", "${first.output.x}", "output"),
        Mention("tasks[0].input.a.b[1]", "second", "${second.output.y}", "output"),
        Mention('tasks[0].input["my-key"]', "workflow", "${workflow.input.x}", "input"),
        Mention('tasks[0].input["é"]', "first", "${first.output.${third.output.k}}", "output"),
        Mention('tasks[0].input["é"]', "third", "${third.output.k}", "output"),
        Mention("tasks[0].input.c", None, "${${workflow.input.task}.output}"),
        Mention("tasks[0].input.c", "workflow", "${workflow.input.task}", "input"),
    )
    assert compile_template({"a": ["${first.status}"]}).mentions[0].path == "a[0]"


@pytest.mark.parametrize(
    ("text", "members"),
    [
        ("${a}", {("a", None)}),
        ("${a['output'].x}", {("a", "output")}),
        ("${a['output','status']}", {("a", None)}),
        ("${a..output}", {("a", None)}),
        ("${a[0]}", {("a", "[0]")}),
        ("${a[-1].x}", {("a", "[-1]")}),
        ("${a[1:3]}", {("a", "[1:3:1]")}),
        ("${a[0, 1]}", {("a", None)}),
        ("${a.output[?@.x == $.b.status]}", {("a", "output"), ("b", "status")}),
        ("${a.outputs[${b.output.n}]}", {("a", "outputs"), ("b", "output")}),
        ("${a.out${b.output.n}.x}", {("a", None), ("b", "output")}),
        ("${a.${b.output.n}}", {("a", None), ("b", "output")}),
    ],
)
def test_a_mention_says_which_member_is_read_where_that_is_written(text, members):
    assert {(mention.reference, mention.member) for mention in compile_template(text).mentions} == members


# Errors


def test_all_syntax_errors_are_told_at_once():
    value = {"a": {"b": [1, 2, "${x[}"]}, "c": "ok ${first.output} ${$.} ${a b}", "d-e": "${a.${b[}}"}
    with pytest.raises(ExpressionErrors) as caught:
        compile_template(value, "tasks[0].input")
    assert isinstance(caught.value, Invalid)
    assert caught.value.code == "invalid"
    assert caught.value.errors == (
        FieldError("tasks[0].input.a.b[2]", "${x[} is not a valid expression: unexpected end of query"),
        FieldError("tasks[0].input.c", "${$.} is not a valid expression: expected a shorthand selector"),
        FieldError("tasks[0].input.c", "${a b} is not a valid expression: unexpected token 'b' at character 3"),
        FieldError('tasks[0].input["d-e"]', "${b[} is not a valid expression: unexpected end of query"),
    )


@pytest.mark.parametrize(
    "text",
    ["${first.output['x]}", '<${first.output["x]}>', "${a.$${b}}", "${a{b}c}", "${.}", "${'}", "${x y}", "${@.x}"],
)
def test_malformed_expression_is_refused(text):
    with pytest.raises(ExpressionErrors, match="is not a valid expression"):
        compile_template(text)


def test_long_expression_is_cut_in_its_message():
    with pytest.raises(ExpressionErrors) as caught:
        compile_template("${" + "x" * 5_000 + "}")
    assert len(caught.value.message) < 300


def test_depth_of_templates_is_bounded():
    value: Any = "${workflow.input.power}"
    for _ in range(100):
        value = [value]
    assert json.dumps(resolve(value)) == "[" * 100 + "10" + "]" * 100
    for _ in range(100_000):
        value = [value]
    with pytest.raises(ExpressionErrors, match="nested more than 100 deep"):
        compile_template(value)


def test_nesting_of_expressions_is_bounded():
    nested = "${a." * 10 + "x" + "}" * 10
    assert resolve(nested) is None
    with pytest.raises(ExpressionErrors, match="nested more than 10 deep"):
        compile_template({"x": "${a." * 50_000 + "x" + "}" * 50_000})


def test_value_too_deep_for_json_does_not_break_evaluation():
    deep: Any = 1
    for _ in range(100_000):
        deep = [deep]
    scope = {"a": {"output": deep}}
    assert resolve("${a.output}", scope) is deep
    assert resolve("<${a.output}>", scope) == "<null>"
    assert resolve("${a.output..x}", scope) is None


def test_half_a_surrogate_pair_does_not_break_evaluation():
    scope = {"a": {"output": ["\ud800"], "\ud800": 1}}
    assert resolve("<${a.output}>", scope) == "<null>"
    assert resolve("<${a.output[0]}>", scope) == "<\ud800>"
    assert resolve("${a['${a.output[0]}']}", scope) == 1


# What holds for all


KEYS = st.sampled_from(["a", "b", "x", "my-key", "é"])
TEXTS = st.lists(
    st.sampled_from(
        ["$", "{", "}", "${", "$${", "'", '"', "\\", ".", "x", " ", "a.output.x", "[", "]", "é", "workflow"]
    ),
    max_size=8,
).map("".join)
EXACT = st.none() | st.booleans() | st.integers() | st.text() | TEXTS
FLOATS = st.floats(allow_nan=False, allow_infinity=False)


def json_of(scalars: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.recursive(
        scalars,
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS | st.text(max_size=4), inner, max_size=4),
        max_leaves=12,
    )


JSON = json_of(EXACT | FLOATS)
REFERENCES = ["a", "b", "c-1"]
SCOPES = st.fixed_dictionaries({}, optional=dict.fromkeys(["workflow", *REFERENCES], JSON))
STEPS = st.sampled_from(
    [".output", ".x", ".my-key", "['é']", "[0]", "[-1]", "[*]", "..x", "[1:]", "[?@.x == $.b.x]", ".input"]
)


@st.composite
def expressions(draw: st.DrawFn, nesting: int = 2) -> str:
    start = draw(st.sampled_from(["workflow", "$.a", *REFERENCES]))
    steps = draw(st.lists(STEPS, max_size=3))
    if nesting:
        form = draw(st.sampled_from(["", ".{}", "['{}']", "[?@.x == '{}']", "[{}]"]))
        steps.append(form.format(draw(expressions(nesting - 1))))
        if draw(st.booleans()):
            start = draw(expressions(0))
    return "${" + start + "".join(steps) + "}"


TEMPLATES = st.recursive(
    expressions() | st.lists(expressions() | TEXTS, max_size=4).map("".join),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=4,
)


class Recording(Mapping[str, Any]):
    """A scope that remembers which of its members were looked at."""

    def __init__(self, members: dict[str, Any]) -> None:
        self.members = members
        self.touched: set[str] = set()

    def __getitem__(self, key: str) -> Any:
        self.touched.add(key)
        return self.members[key]

    def __iter__(self) -> Iterator[str]:
        self.touched.add("everything")
        return iter(self.members)

    def __len__(self) -> int:
        return len(self.members)


def compiled(value: Any) -> Template:
    try:
        return compile_template(value)
    except ExpressionErrors:
        reject()


@given(JSON)
def test_without_expressions_a_template_is_itself(value):
    assume("${" not in json.dumps(value))
    template = compile_template(value)
    assert template.resolve({}) == value
    assert (len(template.reads), template.reads_all, template.reads_workflow, template.mentions) == (
        0,
        False,
        False,
        (),
    )


@given(st.text() | TEXTS)
@example("$${x} ${y} '${")
def test_escaping_any_text_gives_that_text(text):
    assert resolve(text.replace("${", "$${")) == text


@given(
    st.lists(
        st.text(min_size=1).filter(lambda text: "$" not in text) | st.tuples(st.sampled_from(REFERENCES), KEYS),
        max_size=6,
    ),
    st.dictionaries(st.sampled_from(REFERENCES), st.dictionaries(KEYS, json_of(EXACT))),
)
def test_a_string_is_what_a_plain_reading_says(parts, scope):
    values = [part if isinstance(part, str) else scope.get(part[0], {}).get(part[1]) for part in parts]
    template = "".join(part if isinstance(part, str) else f"${{{part[0]}.{part[1]}}}" for part in parts)
    if len(parts) == 1:
        assert resolve(template, scope) == values[0]
    else:
        assert resolve(template, scope) == "".join(
            value if isinstance(value, str) else dumps(value) for value in values
        )


def dumps(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


@given(FLOATS)
def test_a_number_as_text_is_that_number(number):
    assert json.loads(resolve("${a}${}", {"a": number})) == number


@given(TEMPLATES, SCOPES)
def test_evaluation_never_raises_and_reads_what_it_announced(value, scope):
    template = compiled(value)
    recording = Recording(scope)
    json.dumps(template.resolve(recording))
    announced = set(template.reads)
    if template.reads_all:
        announced |= set(scope) | recording.touched - {"workflow", "everything"}
    if template.reads_workflow:
        announced.add("workflow")
    assert recording.touched <= announced


SECRET = "S3CR3T"
HOSTILE = st.lists(
    st.sampled_from(
        ["${workflow.input.secret}", "$${", "${", "}", "$.workflow.input.secret", "'", '"', "]", "\\", "||", " "]
    ),
    max_size=5,
).map("".join)


READERS = [
    "${workflow.input.given}",
    "${a.output.${workflow.input.given}}",
    "${a.output['${workflow.input.given}']}",
    '${a.output[?@.x == "${workflow.input.given}"]}',
    "${a.output[${workflow.input.given}]}",
    "$",
    " ",
    "{",
]


@given(st.lists(st.sampled_from(READERS)).map("".join), HOSTILE)
def test_a_value_never_acts_as_an_expression(text, value):
    scope = {"workflow": {"input": {"given": value, "secret": SECRET}}, "a": {"output": {"x": [{"x": 1}]}}}
    assert SECRET not in json.dumps(compiled(text).resolve(scope))


@given(st.text() | TEXTS | st.lists(TEXTS | expressions()).map("".join))
def test_any_text_compiles_or_says_what_is_wrong(text):
    try:
        texts = [mention.text for mention in compile_template({"key": text}, "input").mentions]
    except ExpressionErrors as error:
        texts = [wrong.message.partition(" is not")[0] for wrong in error.errors if wrong.path == "input.key"]
        texts = texts or pytest.fail("no error names the place")
    assert all(each in text for each in texts)


def test_a_value_is_given_up_before_it_fills_the_memory() -> None:
    scope = {"workflow": {"input": {"b": "x" * 1_000_000}}}
    whole = compile_template({str(number): "${workflow.input.b}" for number in range(1_000)})
    texts = compile_template({str(number): "- ${workflow.input.b}" for number in range(1_000)})
    queries = compile_template({"all": "${workflow.input[" + ",".join(["'b'"] * 100) + "]}"})
    tracemalloc.start()
    for template in (whole, texts, queries):
        with pytest.raises(ValueTooLarge):
            template.resolve(scope, size=10_000_000)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 30_000_000


@given(
    st.recursive(
        st.none() | st.integers() | st.text(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)
    )
)
def test_what_fits_is_never_given_up(value: Any) -> None:
    size = len(json.dumps(value, separators=(",", ":"), ensure_ascii=False))
    assert compile_template("${workflow.input}").resolve({"workflow": {"input": value}}, size=size) == value
