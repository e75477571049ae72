"""Sections of a card about what networks trained on a set can do: validation, errors, distillation."""

from collections.abc import Iterator, Sequence
from html import escape

from foundational.card.drawing.alloys import alloy_section
from foundational.card.drawing.figures import Axis, Series, lines, scatter
from foundational.card.drawing.markup import Number, Verdict, definitions, figure, plain, table
from foundational.card.record import CardRecord, Distillation, PoolTest
from foundational.evaluation.materials.report import PropertyReport
from foundational.evaluation.validation_report import MemberReport, StructureReport, ValidationReport

_KINDS = {"passed": "good", "failed": "bad"}
_ORDERS = {
    True: Verdict("as the reference", "good"),
    False: Verdict("another than the reference", "bad"),
    None: Verdict("not tested", "open"),
}
_GROUND_STATES = {
    True: Verdict("found", "good"),
    False: Verdict("another", "bad"),
    None: Verdict("not tested", "open"),
}


def validation_section(report: ValidationReport) -> str:
    """Verdict, gates, errors on the holdout, crystals and properties."""
    networks = f"{len(report.members)} networks"
    verdict = Verdict("passed", "good") if report.passed else Verdict("failed", "bad")
    parts = [
        f"<p>{networks} were trained on {report.training_configurations:,} configurations of the set. Validation: "
        f'<strong class="{verdict.kind}">{verdict.text}</strong>.</p>',
        table(
            "Gates: what a release must pass",
            ("gate", "result", "found"),
            [(gate.name.replace("_", " "), _word(gate.ok), gate.message) for gate in report.gates],
        ),
    ]
    if report.mae_meV_per_atom is not None:
        parts.append(f"<h3>Errors on {_escaped(report.holdout)}</h3>{definitions(_errors(report))}")
    if any(member.structures for member in report.members):
        parts.append(_crystals(report.members))
        parts.append(f'<div class="figures">{figure(_crystal_figure(report.members), _CRYSTAL_CAPTION)}</div>')
    if report.alloy is not None:
        parts.append(alloy_section(report.alloy))
    if report.materials is not None:
        rows = [_property(number) for number in report.materials.numbers]
        head = (
            "property",
            "number",
            "result",
            "reference",
            "networks: mean ± spread",
            "largest error that passes",
            "unit",
        )
        parts.append(table("Properties of crystals by the networks, beside the reference method", head, rows))
    return "".join(parts)


_CRYSTAL_CAPTION = (
    "Energies of relaxed crystals, network minus reference, one point a network. "
    "Zero is the method that labelled the set."
)


def _escaped(text: str | None) -> str:
    return escape(text or "the holdout")


def _word(ok: bool | None) -> Verdict:
    return (
        Verdict("not tested", "open") if ok is None else Verdict("passed", "good") if ok else Verdict("failed", "bad")
    )


def _errors(report: ValidationReport) -> Iterator[tuple[str, str]]:
    """Errors that are known, with units."""
    for title, value, unit in (
        ("Energy, mean absolute error", report.mae_meV_per_atom, "meV/atom"),
        ("Energy, without the mean error", report.mae_shifted_meV_per_atom, "meV/atom"),
        ("Energy, root mean square", report.rmse_meV_per_atom, "meV/atom"),
        ("Energy, 99th percentile", report.p99_meV_per_atom, "meV/atom"),
        ("Energy, largest", report.max_meV_per_atom, "meV/atom"),
        ("Forces, mean absolute error", report.force_mae_meV_per_A, "meV/Å"),
        ("Forces, root mean square", report.force_rmse_meV_per_A, "meV/Å"),
    ):
        if value is not None:
            yield title, f"{plain(value)} {unit}, mean of the networks"


def _crystals(members: Sequence[MemberReport]) -> str:
    """The order of the crystals by each network in words, then their numbers."""
    orders: list[tuple[str | Number | Verdict, ...]] = [
        (
            str(member.member),
            _ORDERS[member.rank_ok],
            _GROUND_STATES[member.ground_state_ok],
            Number("–" if member.kendall_tau is None else plain(member.kendall_tau)),
            Number("–" if member.mae_meV_per_atom is None else plain(member.mae_meV_per_atom)),
        )
        for member in members
    ]
    head = ("network", "order of the crystals", "ground state", "Kendall's τ", "energy error on the holdout, meV/atom")
    rows: list[tuple[str | Number, ...]] = [
        (f"{member.member}, {name.upper()}", *_numbers(crystal))
        for member in members
        for name, crystal in member.structures.items()
    ]
    head_numbers = (
        "network, crystal", "energy, eV/atom", "reference, eV/atom", "error, meV/atom",
        "nearest neighbours, Å", "reference, Å",
    )  # fmt: skip
    numbers = table("Relaxed crystals of each network beside the reference", head_numbers, rows)
    return table("Each network beside the reference", head, orders) + numbers


def _numbers(crystal: StructureReport) -> tuple[Number, ...]:
    energy, bond = crystal.energy_per_atom, crystal.nearest_neighbour_distance
    return (
        Number("no minimum" if energy is None else plain(energy, 6)),
        Number(plain(crystal.reference_energy_per_atom, 6)),
        Number("–" if crystal.error_meV is None else plain(crystal.error_meV)),
        Number("–" if bond is None else f"{bond:.3f}"),
        Number(f"{crystal.reference_nearest_neighbour_distance:.3f}"),
    )


def _crystal_figure(members: Sequence[MemberReport]) -> str:
    names = list(members[0].structures)
    series = []
    for place, name in enumerate(names):
        errors = [
            (member.member, crystal.error_meV)
            for member in members
            for key, crystal in member.structures.items()
            if key == name and crystal.error_meV is not None
        ]
        if errors:
            x = tuple(place + 0.12 * (m - (len(members) - 1) / 2) for m, _ in errors)
            series.append(Series(name.upper(), x, tuple(e for _, e in errors)))
    values = [value for one in series for value in one.y]
    y = Axis.of("error, meV/atom", [*values, 0.0], margin=0.1)
    text = "Errors of relaxed crystals: " + "; ".join(
        f"{one.name} from {min(one.y):.2g} to {max(one.y):.2g} meV/atom" for one in series
    )
    crystals = Axis("crystal", -0.6, len(names) - 0.4, names=tuple(name.upper() for name in names))
    return scatter(f"{text}.", crystals, y, series)


def _property(found: PropertyReport) -> tuple[str | Number | Verdict, ...]:
    networks = [value for value in found.networks if value is not None]
    mean = sum(networks) / len(networks) if networks else None
    spread = "" if found.spread is None else f" ± {plain(found.spread)}"
    missing = len(found.networks) - len(networks)
    value = "–" if mean is None else plain(mean, 4) + spread + (f" ({missing} without)" if missing else "")
    return (
        found.kind.replace("-", " "),
        found.name,
        Verdict(found.verdict, _KINDS.get(found.verdict, "open")),
        Number("–" if found.reference is None else plain(found.reference, 4)),
        Number(value),
        Number("–" if found.allowed is None else plain(found.allowed)),
        found.unit,
    )


def pool_section(test: PoolTest) -> str:
    """Errors on a whole pool: parity of some frames, and the mean error by energy."""
    facts = [
        (title, f"{plain(sum(values) / len(values))} meV/atom, mean of {len(values)} networks")
        for title, values in (
            ("Mean absolute error", test.mae),
            ("99th percentile", test.p99),
            ("Largest error", test.largest),
        )
    ]
    axis = Axis.of("reference energy, eV/atom", [*test.reference, *test.predicted])
    parity = scatter(
        f"Predicted against reference energies of {len(test.reference):,} frames of {test.pool}.",
        axis,
        Axis("network's energy, eV/atom", axis.low, axis.high),
        [Series("frames", test.reference, test.predicted)],
        diagonal=True,
    )
    errors = tuple((p - r) * 1000 for r, p in zip(test.reference, test.predicted, strict=True))
    error = scatter(
        f"Errors of the same frames, from {min(errors):.3g} to {max(errors):.3g} meV/atom.",
        axis,
        Axis.of("error, meV/atom", errors),
        [Series("frames", test.reference, errors)],
    )
    middles = tuple((part.lowest + part.highest) / 2 for part in test.parts)
    series = [Series(f"network {i}", middles, tuple(part.mae[i] for part in test.parts)) for i in range(len(test.mae))]
    by_energy = lines(
        "Mean absolute error by energy, one line a network.",
        Axis.of("reference energy, eV/atom", middles),
        Axis.of("mean absolute error, meV/atom", [0.0, *(v for s in series for v in s.y)]),
        series,
    )
    some = "" if len(test.reference) == test.frames else f" Figures of energies show {len(test.reference):,} of them."
    return (
        f"<p>The networks were tested on {test.frames:,} frames of {_escaped(test.pool)} that they were not trained on."
        f"{some}</p>{definitions(facts)}"
        f'<div class="figures">{figure(parity, "Energy of the first network against the reference.")}'
        f"{figure(error, 'The difference of both.')}{figure(by_energy, 'Mean absolute error by energy.')}</div>"
    )


def distillation_section(card: CardRecord, found: Distillation) -> str:
    """The error on held-out configurations while the set grew."""
    known = [(one.frames, one.heldout_mae) for one in found.rounds if one.heldout_mae is not None]
    where = "" if found.of == card.name else f" This is how {_escaped(found.of)} was selected, from which it was made."
    pool = f" from {_escaped(found.pool)}" if found.pool else ""
    parts = [f"<p>Configurations were selected{pool} in {len(found.rounds)} rounds.{where}</p>"]
    uncertain = [(r.frames, r.largest_uncertainty) for r in found.rounds if r.largest_uncertainty is not None]
    median = [(r.frames, r.median_uncertainty) for r in found.rounds if r.median_uncertainty is not None]
    series = [
        Series(name, tuple(float(f) for f, _ in rows), tuple(v for _, v in rows))
        for name, rows in (
            ("mean absolute error on held-out configurations, meV/atom", known),
            ("median uncertainty of candidates, meV", median),
            ("largest uncertainty of candidates, meV", uncertain),
        )
        if len(rows) > 1
    ]
    if series:
        x = Axis.of("configurations selected", [v for s in series for v in s.x], logarithmic=True)
        y = Axis.of("meV", [v for s in series for v in s.y], logarithmic=True)
        first, last = series[0].y[0], series[0].y[-1]
        text = f"{series[0].name.capitalize()} goes from {first:.3g} to {last:.3g} as the set grows."
        drawn = figure(lines(text, x, y, series), "Errors and uncertainties by size of the set.")
        parts.append(f'<div class="figures">{drawn}</div>')
    rows = [
        (
            Number(str(one.round)),
            Number(f"{one.frames:,}"),
            *(
                Number("–" if value is None else plain(value))
                for value in (one.heldout_mae, one.median_uncertainty, one.largest_uncertainty)
            ),
        )
        for one in found.rounds
    ]
    head = (
        "round",
        "configurations",
        "held-out error, meV/atom",
        "median uncertainty, meV",
        "largest uncertainty, meV",
    )
    parts.append(
        f"<details><summary>Numbers of each round</summary>{table('Rounds of the selection', head, rows)}</details>"
    )
    return "".join(parts)
