"""The report on compounds and alloys, as a validation and the survey of pairs store it."""

from collections.abc import Iterator

import numpy as np

from foundational.evaluation.report import CrystalErrors, Report


class CompoundReport(Report):
    """One compound relaxed by the reference, and by each network from the reference's crystal; meV/atom."""

    formula: str
    prototype: str
    """Strukturbericht."""
    gated: bool
    """Whether the error of its formation energy counts for the gate."""
    formation_meV: float  # noqa: N815 - the unit's own spelling
    """By the reference, from the ground states of the elements."""
    hull_meV: float | None  # noqa: N815
    """Energy above the hull of all others, negative at a vertex; null where others cannot be mixed to the formula."""
    volume_A3: float  # noqa: N815
    """Per atom, by the reference."""
    formation_error_meV: tuple[float | None, ...]  # noqa: N815
    """Of each network; null where it has no minimum near the reference's crystal."""
    volume_error: tuple[float | None, ...]
    """Of each network, as a share."""
    collapsed: tuple[bool, ...]
    """Of each network, whether it does not hold the compound; then its energy is that of the reference's crystal with
    the volume relaxed."""

    @property
    def title(self) -> str:
        """Formula and prototype."""
        return f"{self.formula} {self.prototype}"

    @property
    def worst(self) -> float | None:
        """The largest error of its formation energy, meV/atom; None where a network has no minimum."""
        return _worst(self.formation_error_meV)


class MixingReport(Report):
    """A random alloy of about 108 atoms, relaxed; eV and atoms as meV/atom."""

    formula: str
    atoms: int
    lattice: str
    """From which it was relaxed."""
    mixing_meV: float  # noqa: N815
    """Enthalpy of mixing by the reference."""
    error_meV: tuple[float | None, ...]  # noqa: N815
    """Of each network."""


class FramesReport(Report):
    """Test frames of one phase at one composition; mean over networks."""

    formula: str
    phase: str
    """``ordered`` and ``random`` are solids; ``liquid``."""
    frames: int
    temperature_K: float | None  # noqa: N815
    mae_meV_per_atom: float  # noqa: N815
    force_mae_meV_per_A: float  # noqa: N815


class AlloyReport(Report):
    """Compounds, random alloys and test frames of one set of several elements."""

    elements: tuple[str, ...]
    compounds: tuple[CompoundReport, ...]
    without_minimum: tuple[str, ...]
    """Compounds that the reference itself does not hold."""
    vertices: tuple[str, ...]
    """Of the reference's hull, without the elements, those more stable than a tie."""
    missing: tuple[tuple[str, ...], ...]
    """Of each network, vertices that it lacks."""
    additional: tuple[tuple[str, ...], ...]
    """Of each network, vertices that the reference does not have."""
    order_ok: tuple[bool, ...]
    """Of each network, whether it ranks the compounds at every composition as the reference does."""
    crystals: dict[str, dict[str, CrystalErrors]]
    """FCC, BCC and HCP of each element, volume relaxed."""
    rank_ok: dict[str, tuple[bool, ...]]
    """Of each element and network, whether those crystals are ranked as by the reference."""
    ground_state_ok: dict[str, tuple[bool, ...]]
    """Of each element and network, whether it finds the reference's ground state."""
    mixing: tuple[MixingReport, ...]
    frames: tuple[FramesReport, ...] = ()

    @property
    def hull_ok(self) -> tuple[bool, ...]:
        """Of each network, whether it has all vertices and no others."""
        return tuple(not a and not b for a, b in zip(self.missing, self.additional, strict=True))

    @property
    def formation_error(self) -> float | None:
        """Largest error of a gated formation energy by any network, meV/atom; None where one is unknown."""
        errors = [c.worst for c in self.compounds if c.gated]
        known = [error for error in errors if error is not None]
        return max(known, default=0.0) if len(known) == len(errors) else None

    @property
    def crystal_error(self) -> float | None:
        """Largest error of a pure crystal by any network, meV/atom; None where one has no minimum."""
        errors = [
            _worst(c.energy_meV_per_atom)
            for crystals in self.crystals.values()
            for name, c in crystals.items()
            if name in ("fcc", "bcc", "hcp")
        ]
        known = [error for error in errors if error is not None]
        return max(known) if len(known) == len(errors) else None

    def mae(self, *phases: str) -> float | None:
        """Mean absolute error of the energy over the test frames of ``phases``, meV/atom; None without any."""
        chosen = [f for f in self.frames if f.phase in phases]
        if not chosen:
            return None
        return float(np.average([f.mae_meV_per_atom for f in chosen], weights=[f.frames for f in chosen]))

    @property
    def solid_mae(self) -> float | None:
        """Of ordered and random solids, meV/atom."""
        return self.mae("ordered", "random")

    @property
    def liquid_mae(self) -> float | None:
        """Of liquids, meV/atom."""
        return self.mae("liquid")

    @property
    def ratio(self) -> float | None:
        """Error of frames with all elements over that of frames with two; None for a pair."""
        if len(self.elements) < 3:
            return None
        counts = [sum(c.isupper() for c in f.formula) for f in self.frames]
        whole, pairs = (
            [f.mae_meV_per_atom for f, n in zip(self.frames, counts, strict=True) if n == wanted]
            for wanted in (len(self.elements), 2)
        )
        return float(np.mean(whole) / np.mean(pairs)) if whole and pairs else None

    def lines(self) -> Iterator[str]:
        """Tables of compounds, random alloys and test frames."""
        networks = len(self.order_ok)
        yield f"{'compound':<16}{'E_f meV/atom':>13}{'above hull':>12}{'Å³/atom':>9}   error of E_f, each network"
        for c in self.compounds:
            hull = "" if c.hull_meV is None else f"{c.hull_meV:+.1f}"
            mark = "*" if c.gated else " "
            errors = " ".join(
                _number(error) + ("↓" if lost else "")
                for error, lost in zip(c.formation_error_meV, c.collapsed, strict=True)
            )
            yield f"{c.title:<15}{mark}{c.formation_meV:>13.1f}{hull:>12}{c.volume_A3:>9.2f}   {errors}"
        yield "* compared with the gate of formation energies"
        if any(any(c.collapsed) for c in self.compounds):
            yield "↓ the network does not hold the compound; only its volume was relaxed"
        if self.without_minimum:
            yield f"no such crystal by the reference: {', '.join(self.without_minimum)}"
        yield (
            f"vertices of the hull: {', '.join(self.vertices) or 'none'}; "
            f"right in {sum(self.hull_ok)} of {networks} networks"
        )
        for network, (missing, additional) in enumerate(zip(self.missing, self.additional, strict=True)):
            if missing or additional:
                yield f"  network {network}: {_listed('lacks', missing)}{_listed(' adds', additional)}"
        yield f"compounds ranked as by the reference in {sum(self.order_ok)} of {networks} networks"
        for element, crystals in self.crystals.items():
            worst = ", ".join(f"{s.upper()} {_number(_worst(c.energy_meV_per_atom))}" for s, c in crystals.items())
            yield f"{element}: largest error of relaxed crystals, meV/atom: {worst}"
        for mix in self.mixing:
            errors = " ".join(_number(error) for error in mix.error_meV)
            yield (
                f"random {mix.formula} ({mix.atoms} atoms, {mix.lattice}): mixing {mix.mixing_meV:.1f} meV/atom; "
                f"errors {errors}"
            )
        for f in self.frames:
            at = "" if f.temperature_K is None else f" at {f.temperature_K:.0f} K"
            yield (
                f"{f.phase} {f.formula}{at}: MAE {f.mae_meV_per_atom:.2f} meV/atom, "
                f"forces {f.force_mae_meV_per_A:.1f} meV/Å ({f.frames} frames)"
            )
        if self.ratio is not None:
            yield f"error with all {len(self.elements)} elements over that with two: {self.ratio:.2f}"


def _worst(errors: tuple[float | None, ...]) -> float | None:
    known = [abs(error) for error in errors if error is not None]
    return max(known) if len(known) == len(errors) else None


def _number(value: float | None) -> str:
    return "none" if value is None else f"{value:+.1f}"


def _listed(verb: str, titles: tuple[str, ...]) -> str:
    return f"{verb} {', '.join(titles)}" if titles else ""
