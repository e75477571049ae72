import pytest

from foundational.errors import InputError, NotFoundError
from foundational.specs.base import Length, Spec, Temperature, Time
from foundational.specs.parsing import merge, parse, parse_yaml, read_yaml


class Inner(Spec):
    temperature: Temperature
    timestep: Time


class Outer(Spec):
    sampling: Inner
    runs: dict[str, Inner]
    cutoff: Length | None = None


GOOD = {"temperature": 300.0, "timestep": 2.0}


def test_numbers_carry_their_unit():
    spec = parse(Inner, {"temperature": "2000 K", "timestep": "0.002 ps"}, "x.yaml")
    assert spec.temperature == 2000.0
    assert spec.timestep == pytest.approx(2.0)


def test_a_wrong_unit_is_refused_with_the_right_ones():
    with pytest.raises(InputError, match=r"x\.yaml: temperature: expected a number in K .*got '1 eV'"):
        parse(Inner, {"temperature": "1 eV", "timestep": 2.0}, "x.yaml")


def test_a_negative_temperature_is_refused():
    with pytest.raises(InputError, match=r"temperature: .*greater than 0, got -5"):
        parse(Inner, {"temperature": -5, "timestep": 2.0}, "x.yaml")


@pytest.mark.parametrize("place", ["sampling", "runs.a"])
def test_an_unknown_key_is_refused_and_the_closest_offered(place):
    content = {"sampling": dict(GOOD), "runs": {"a": dict(GOOD)}}
    target = content["sampling"] if place == "sampling" else content["runs"]["a"]
    target["temprature"] = 1.0
    with pytest.raises(InputError, match=rf"{place}\.temprature: unknown key, did you mean 'temperature'\?"):
        parse(Outer, content, "params.yaml")


def test_every_violation_is_in_one_message():
    with pytest.raises(InputError) as caught:
        parse(Inner, {"temperature": -1, "extra": 0}, "x.yaml")
    assert {"temperature", "timestep", "extra"} <= set(str(caught.value).replace(":", " ").split())


def test_merge_replaces_leaves_and_leaves_the_base_alone():
    base = {"a": {"x": 1, "y": [1, 2]}, "b": 1}
    assert merge(base, {"a": {"y": [3]}, "c": 4}) == {"a": {"x": 1, "y": [3]}, "b": 1, "c": 4}
    assert base == {"a": {"x": 1, "y": [1, 2]}, "b": 1}


_ALIASES = "\n".join(["a0: &a0 [x]", *(f"a{k}: &a{k} [{', '.join([f'*a{k - 1}'] * 9)}]" for k in range(1, 12))])


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (_ALIASES, "at most 1,000,000 values"),
        ("a: &a [*a]", "within what it names"),
        ("a: " + "[" * 3000, "at most 50 brackets"),
        ("a: " + "- " * 3000, "not readable as YAML"),
        ("a: 2024-13-45", "not readable as YAML"),
        ("a: !!int foo", "not readable as YAML"),
        ("a: !!bool maybe", "not readable as YAML"),
        ('a: "\\U00110000"', "not readable as YAML"),
        ("a: !!python/object/apply:os.system [x]", "not readable as YAML"),
        ("x" * 17_000_000, "at most 16,000,000 bytes"),
    ],
)
def test_text_that_is_no_plain_yaml_is_refused_at_once_in_one_short_line(text, said):
    with pytest.raises(InputError, match=said) as caught:
        parse_yaml(text.encode(), "x.yaml")
    assert len(str(caught.value)) < 1000


def test_a_message_shows_the_beginning_of_what_came():
    with pytest.raises(InputError) as caught:
        parse(
            Inner,
            {"temperature": [["x" * 10_000] * 1000] * 1000, "timestep": 2.0, **{f"x{k}": 1 for k in range(999)}},
            "x",
        )
    assert len(str(caught.value)) < 3000


def test_yaml_is_read_as_yaml_1_2(tmp_path):
    path = tmp_path / "p.yaml"
    path.write_text("rate: 1e-3\nelement: No\n")
    assert read_yaml(path) == {"rate": 0.001, "element": "No"}


@pytest.mark.parametrize(
    "text", ["a: [1", "- 1\n- 2", "!!python/object/apply:os.system ['true']", "a: !!python/name:os.system"]
)
def test_what_is_not_plain_yaml_is_refused_in_one_line(tmp_path, text):
    path = tmp_path / "p.yaml"
    path.write_text(text)
    with pytest.raises(InputError) as caught:
        read_yaml(path)
    assert "\n" not in str(caught.value)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(NotFoundError, match=r"absent\.yaml: no such file"):
        read_yaml(tmp_path / "absent.yaml")
