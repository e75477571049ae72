"""Options and arguments of commands, declared once: types for single ones, frozen dataclasses for groups.

A command takes a group as one parameter; `flat` shows Typer the options of the group instead.
"""

import inspect
import json
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass, fields, is_dataclass
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, get_type_hints

import typer

from foundational.cli.output import stdout_for_the_result
from foundational.errors import InputError

if TYPE_CHECKING:
    from foundational.science.crystals import Structure
    from foundational.specs.materials import PropertyName

Root = Annotated[Path | None, typer.Option("--root", help="Project folder; default: the nearest one with dvc.yaml.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object on stdout.")]
Force = Annotated[bool, typer.Option("--force", help="Replace a dataset that exists already.")]
Workers = Annotated[int, typer.Option("--workers", min=1, help="Number of processes; changes no result.")]
Executor = Annotated[
    str,
    typer.Option("--executor", help="local, parsl[:<module>:<factory>] or dask[:<address>]; changes no result."),
]
Name = Annotated[str, typer.Argument(help="Dataset, such as ni or local/nb.")]
NameOrPath = Annotated[str, typer.Argument(help="Dataset, such as ni, ni@1.0.0 or local/nb, a path or an address.")]
Where = Annotated[
    str | None,
    typer.Option(
        "--where",
        metavar="CONDITION",
        help="Only configurations such as 'elements has Ni and pressure > 5 GPa'; see docs/scale.md.",
    ),
]
Device = Annotated[str, typer.Option("--device", help="cpu (compiled kernels) or a device of torch, such as cuda.")]
Networks = Annotated[int | None, typer.Option("--seeds", min=1, help="Networks to train; default: from params.yaml.")]


def finite(param: typer.CallbackParam, value: float | list[float] | None) -> Any:
    """Refuse NaN and infinities as soon as an option is read."""
    for number in [value] if isinstance(value, float) else value or []:
        if not isfinite(number):
            raise InputError(f"{param.opts[0]}: expected a finite number, got {number}")
    return value


def positive(param: typer.CallbackParam, value: float | list[float] | None) -> Any:
    """Refuse what is no positive, finite number as soon as an option is read."""
    for number in [value] if isinstance(value, float) else value or []:
        if not isfinite(number) or number <= 0:
            raise InputError(f"{param.opts[0]}: expected a positive number, got {number:g}")
    return value


def picture_file(value: Path | None) -> Path | None:
    """Refuse what no picture can be, before any work."""
    if value is not None:
        from foundational.pictures.style import require_format

        require_format(value)
    return value


Plot = Annotated[
    Path | None,
    typer.Option("--plot", metavar="FILE", callback=picture_file, help="Also draw a picture: .svg, .png or .pdf."),
]


@dataclass(frozen=True)
class Validation:
    """What a validation tests."""

    seeds: Networks = None
    holdout: Annotated[
        str | None, typer.Option("--holdout", help="Dataset to test on; default: that of params.yaml.")
    ] = None
    quick: Annotated[bool, typer.Option("--quick", help="Compute no properties of crystals.")] = False
    properties: Annotated[
        str | None,
        typer.Option("--properties", help="Properties, such as elastic,vacancy; default: those of params.yaml."),
    ] = None
    write: Annotated[bool, typer.Option("--write", help="Also write metrics/validate/NAME.json, as DVC does.")] = False

    @property
    def named(self) -> "tuple[PropertyName, ...] | None":
        """The properties that are asked for; None where params.yaml decides."""
        from foundational.specs.materials import properties_named

        if self.quick:
            return ()
        return None if self.properties is None else properties_named(self.properties.split(","))


@dataclass(frozen=True)
class Draw:
    """Which configurations of a dataset are trained on, the seed, and where training starts."""

    frames: Annotated[
        int | None, typer.Option("--frames", min=1, help="Train on the first configurations that were chosen.")
    ] = None
    random: Annotated[bool, typer.Option("--random", help="Draw the --frames at random.")] = False
    seed: Annotated[int, typer.Option("--seed", min=0, help="Seed of that draw and of the weights.")] = 0
    where: Where = None
    start_from: Annotated[
        Path | None,
        typer.Option("--start-from", help="Model file whose weights are the first ones, trained on other labels."),
    ] = None


@dataclass(frozen=True)
class LabellerChoice:
    """A labeller by its name, with the keyword arguments of an ASE factory."""

    labeller: Annotated[
        str | None,
        typer.Option("--labeller", help="lammps:<potential id>, sevennet, chgnet, diep or ase:<module>:<factory>."),
    ] = None
    labeller_args: Annotated[
        str | None, typer.Option("--labeller-args", help="Keyword arguments of an ASE factory: one JSON object.")
    ] = None
    labeller_arg: Annotated[
        list[str] | None, typer.Option("--labeller-arg", help="One keyword argument, key=value (repeatable).")
    ] = None

    @property
    def arguments(self) -> dict[str, Any]:
        """Keyword arguments from ``--labeller-args`` and ``--labeller-arg``; a value is JSON, else plain text."""
        text = self.labeller_args
        try:
            arguments = {} if text is None else json.loads(text)
        except json.JSONDecodeError as error:
            raise InputError(f"--labeller-args: expected a JSON object, got {text!r} ({error})") from None
        if not isinstance(arguments, dict):
            raise InputError(f"--labeller-args: expected a JSON object, got {text!r}")
        for pair in self.labeller_arg or []:
            key, equals, value = pair.partition("=")
            if not equals or not key.isidentifier():
                raise InputError(f"--labeller-arg: expected key=value, got {pair!r}")
            try:
                arguments[key] = json.loads(value)
            except json.JSONDecodeError:
                arguments[key] = value
        return arguments


@dataclass(frozen=True)
class Labelling(LabellerChoice):
    """How configurations are labelled, and what computes the labels."""

    isolated_energy: Annotated[
        float | None,
        typer.Option(
            "--isolated-energy",
            callback=finite,
            help="Energy of the isolated atom with an ASE labeller, eV; default: unknown.",
        ),
    ] = None
    executor: Executor = "local"
    workers: Workers = 2


CrystalNames = Annotated[
    str | None,
    typer.Option(
        "--crystals",
        help="Also add transformed copies (Bain strain, close-packed shear): any of fcc,bcc,hcp, or none.",
    ),
]


def crystals_named(text: str | None) -> "list[Structure] | None":
    """Crystals from ``--crystals``, separated by commas; an empty list for ``none``."""
    if text is None:
        return None
    from foundational.science.crystals import STRUCTURES

    names = [] if text == "none" else text.split(",")
    chosen = [s for s in STRUCTURES if s in names]
    if len(chosen) != len(names):
        raise InputError(f"--crystals: expected some of {', '.join(STRUCTURES)}, each once, or none; got {text!r}")
    return chosen


@dataclass(frozen=True)
class Transfer:
    """How configurations are brought to another metal: length scale, transformed copies, target configurations."""

    rule: Annotated[
        str | None,
        typer.Option("--rule", help="Length match: lattice, nearest-neighbour, volume or virial."),
    ] = None
    crystals: CrystalNames = None
    refine: Annotated[
        int,
        typer.Option(
            "--refine",
            min=0,
            help="Add up to this many target configurations on which the ensemble is most uncertain.",
        ),
    ] = 0
    refine_from: Annotated[
        str | None, typer.Option("--refine-from", help="Pool to take them from; default: sample a short one.")
    ] = None


@dataclass(frozen=True)
class AlloyTransfer(Transfer):
    """How configurations are brought to another metal, and what a translation to several elements makes."""

    rule: Annotated[
        str | None,
        typer.Option(
            "--rule", help="Length match: lattice, nearest-neighbour, volume or virial; of an alloy virial or vegard."
        ),
    ] = None

    recipe: Annotated[
        list[str] | None, typer.Option("--recipe", help="Add built target configurations, such as strained=40.")
    ] = None
    composition: Annotated[
        list[str] | None,
        typer.Option("--composition", help="Such as Ni3Al or Ni0.75Al0.25 (repeatable); default: all compositions."),
    ] = None
    decorations: Annotated[
        int | None, typer.Option("--decorations", min=1, help="Decorations of each configuration.")
    ] = None
    order: Annotated[
        str | None,
        typer.Option(
            "--order",
            help="Kinds with weights: random, short-range, L1_2, L1_0, L1_1, D0_22, B2, D0_3, B32; random=1,L1_2=2.",
        ),
    ] = None
    labels: Annotated[
        int | None, typer.Option("--labels", min=2, help="Choose this many decorations and label no others.")
    ] = None
    select: Annotated[
        str | None, typer.Option("--select", help="How they are chosen: informative, motifs or random.")
    ] = None
    most: Annotated[
        int | None, typer.Option("--most", min=2, help="Largest number of elements in one configuration.")
    ] = None
    compounds: Annotated[
        int | None,
        typer.Option("--compounds", min=0, help="Add displaced cells of other prototypes, such as Laves phases."),
    ] = None

    @property
    def stated(self) -> list[str]:
        """The options that are given."""
        common = {"recipe", *(field.name for field in fields(Transfer))}
        own = [field.name for field in fields(self) if field.name not in common]
        return [f"--{name}" for name in own if getattr(self, name) is not None]

    @property
    def weights(self) -> dict[str, float]:
        """Kinds of decoration and their weights from ``--order``."""
        weights: dict[str, float] = {}
        for part in self.order.split(",") if self.order else []:
            name, equals, number = part.strip().partition("=")
            try:
                weights[name] = float(number) if equals else 1.0
            except ValueError:
                raise InputError(f"--order: expected kinds such as random=1,L1_2=2, got {part!r}") from None
        return weights


@dataclass(frozen=True)
class Overwrite:
    """What a command may replace or use although it would refuse by default."""

    force: Force = False
    force_parent: Annotated[
        bool, typer.Option("--force-parent", help="Allow a parent that failed its own validation.")
    ] = False


def flat(command: Callable[..., None]) -> Callable[..., None]:
    """``command`` for Typer: each parameter that is a group of options is replaced by the options of the group."""
    groups: dict[str, Any] = {}
    parameters = []
    for parameter in inspect.signature(command, eval_str=True).parameters.values():
        kind = parameter.annotation
        if is_dataclass(kind):
            groups[parameter.name] = kind
            hints = get_type_hints(kind, include_extras=True)
            parameters += [
                inspect.Parameter(
                    field.name, inspect.Parameter.KEYWORD_ONLY, default=field.default, annotation=hints[field.name]
                )
                for field in fields(kind)
            ]
        else:
            parameters.append(parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY))

    def call(**given: Any) -> None:
        values = {
            name: group(**{field.name: given.pop(field.name) for field in fields(group)})
            for name, group in groups.items()
        }
        with stdout_for_the_result() if given.get("as_json") else nullcontext():
            command(**given, **values)

    call.__name__, call.__doc__ = command.__name__, command.__doc__
    call.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    call.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    return call
