"""The part of a card's validation about a set of several elements: compounds, the hull, random alloys, test frames."""

from collections.abc import Sequence

from foundational.card.drawing.figures import Axis, Series, scatter
from foundational.card.drawing.markup import Number, Verdict, bullets, figure, plain, table
from foundational.evaluation.alloys.report import AlloyReport, CompoundReport, FramesReport


def alloy_section(report: AlloyReport) -> str:
    """Everything that is known of the alloy, each with its result in words."""
    networks = len(report.order_ok)
    right = sum(report.hull_ok)
    facts = [
        f"Vertices of the hull by the reference: {', '.join(report.vertices) or 'none'}. "
        f"{right} of {networks} networks have these and no others.",
        f"{sum(report.order_ok)} of {networks} networks rank the compounds at every composition as the reference does.",
        *(
            f"Network {place}: " + "; ".join([*_listed("lacks", missing), *_listed("adds", additional)])
            for place, (missing, additional) in enumerate(zip(report.missing, report.additional, strict=True))
            if missing or additional
        ),
    ]
    if report.without_minimum:
        facts.append(f"The reference does not hold: {', '.join(report.without_minimum)}.")
    parts = [f"<h3>Compounds of {'-'.join(report.elements)}</h3>{bullets(facts)}"]
    if report.compounds:
        head = (
            "compound", "formation energy, meV/atom", "above the hull, meV/atom", "volume, Å³/atom",
            "largest error, meV/atom", "held by", "counts for the gate",
        )  # fmt: skip
        rows = [_compound(compound) for compound in report.compounds]
        parts.append(table("Compounds by the reference, and the error of the networks", head, rows))
        parts.append(f'<div class="figures">{_formation(report.compounds)}</div>')
    if report.mixing:
        mixed = [
            (
                mix.formula,
                mix.lattice,
                Number(f"{mix.atoms:,}"),
                Number(plain(mix.mixing_meV)),
                Number(_largest(mix.error_meV)),
            )
            for mix in report.mixing
        ]
        head_mixed = ("alloy", "lattice", "atoms", "enthalpy of mixing, meV/atom", "largest error, meV/atom")
        parts.append(table("Random alloys", head_mixed, mixed))
    if report.frames:
        head_frames = (
            "composition",
            "phase",
            "frames",
            "temperature, K",
            "energy error, meV/atom",
            "force error, meV/Å",
        )
        parts.append(table("Test frames, mean over networks", head_frames, [_frames(f) for f in report.frames]))
    return "".join(parts)


def _compound(found: CompoundReport) -> tuple[str | Number | Verdict, ...]:
    networks = len(found.collapsed)
    held = networks - sum(found.collapsed)
    return (
        found.title,
        Number(plain(found.formation_meV, 4)),
        Number("–" if found.hull_meV is None else plain(found.hull_meV)),
        Number(plain(found.volume_A3, 4)),
        Number(_largest(found.formation_error_meV)),
        Verdict(f"{held} of {networks} networks", "good" if held == networks else "bad"),
        "yes" if found.gated else "no",
    )


def _formation(compounds: Sequence[CompoundReport]) -> str:
    """Formation energies of the networks against the reference."""
    pairs = [
        (compound.formation_meV, compound.formation_meV + error)
        for compound in compounds
        for error in compound.formation_error_meV
        if error is not None
    ]
    if not pairs:
        return ""
    axis = Axis.of("reference, meV/atom", [value for pair in pairs for value in pair])
    points = Series("compounds", tuple(p[0] for p in pairs), tuple(p[1] for p in pairs))
    text = f"Formation energies of {len(compounds)} compounds by the networks against the reference."
    svg = scatter(text, axis, Axis("networks, meV/atom", axis.low, axis.high), [points], diagonal=True)
    return figure(svg, "Formation energies, one point a compound and network; on the line both are equal.")


def _frames(found: FramesReport) -> tuple[str | Number, ...]:
    temperature = "–" if found.temperature_K is None else f"{found.temperature_K:,.0f}"
    return (
        found.formula,
        found.phase,
        Number(f"{found.frames:,}"),
        Number(temperature),
        Number(plain(found.mae_meV_per_atom)),
        Number(plain(found.force_mae_meV_per_A)),
    )


def _largest(errors: Sequence[float | None]) -> str:
    """The largest error of any network; said where a network has none."""
    if any(error is None for error in errors) or not errors:
        return "a network has no minimum"
    return plain(max(abs(error) for error in errors if error is not None))


def _listed(verb: str, titles: tuple[str, ...]) -> list[str]:
    return [f"{verb} {', '.join(titles)}"] if titles else []
