"""Commands about the project itself: potentials, doctor, schemas, quick."""

import json
from typing import Annotated, Any

import typer

from foundational.cli.types import Json, Root
from foundational.errors import GateError


def register(app: typer.Typer) -> None:
    """Add this module's commands to ``app``."""
    app.command()(potentials)
    app.command()(doctor)
    app.command()(schemas)
    app.command()(quick)


def potentials(
    element: Annotated[str | None, typer.Option("--element", help="Only potentials with this element.")] = None,
    crystals: Annotated[bool, typer.Option("--crystals", help="Relax FCC, BCC and HCP with each.")] = False,
    as_json: Json = False,
    root: Root = None,
) -> None:
    """List the reference potentials of the registry, with what they give where asked."""
    from foundational.engines.crystals.references import reference_crystals
    from foundational.engines.lammps.potentials import resolve_potential
    from foundational.project import find_root
    from foundational.science.crystals import lattice_constant
    from foundational.specs.potentials import PotentialRegistry

    place = find_root(root)
    registry = PotentialRegistry.read(place)
    chosen = registry.for_element(element) if element else registry.potentials
    listed: list[dict[str, Any]] = []
    for spec in chosen:
        entry = spec.model_dump(mode="json")
        entry["default_for"] = [e for e, name in registry.defaults.items() if name == spec.id]
        if crystals:
            resolved = resolve_potential(spec.id, place)
            entry["crystals"] = {
                symbol: {
                    structure: {
                        "energy_per_atom": crystal.energy_per_atom,
                        "bond": crystal.bond,
                        "volume_per_atom": crystal.volume_per_atom,
                        "lattice_constant": lattice_constant(structure, crystal.volume_per_atom),
                    }
                    for structure, crystal in reference_crystals(resolved, symbol).isotropic.items()
                }
                for symbol in ([element] if element else spec.elements)
            }
        listed.append(entry)
    if as_json:
        typer.echo(json.dumps({"potentials": listed}, indent=2, ensure_ascii=False))
        return
    for entry in listed:
        default = f"  default for {', '.join(entry['default_for'])}" if entry["default_for"] else ""
        typer.echo(
            f"{entry['id']:<12} {'-'.join(entry['elements']):<8} {entry['pair_style']:<10} "
            f"cutoff {entry['cutoff']:.2f} Å{default}"
        )
        typer.echo(
            f"{'':<12} {entry['citation'] or 'no citation known'}" + (f", doi {entry['doi']}" if entry["doi"] else "")
        )
        for symbol, found in entry.get("crystals", {}).items():
            for structure, crystal in found.items():
                typer.echo(
                    f"{'':<12} {symbol} {structure.upper()}  {crystal['energy_per_atom']:.4f} eV/atom  "
                    f"bond {crystal['bond']:.3f} Å  a {crystal['lattice_constant']:.4f} Å"
                )


def doctor(as_json: Json = False, root: Root = None) -> None:
    """Say what is installed, what is missing and how to mend it; status 1 where something needed is missing."""
    from foundational.maintenance.doctor import examine

    findings = examine(root)
    if as_json:
        typer.echo(json.dumps({"findings": [vars(f) for f in findings]}, indent=2, ensure_ascii=False))
    else:
        for finding in findings:
            typer.echo(f"{'ok  ' if finding.ok else 'FAIL'}  {finding.name:<12} {finding.message}")
    if not all(finding.ok for finding in findings):
        raise typer.Exit(1)


def schemas(
    check: Annotated[bool, typer.Option("--check", help="Compare with schemas/ and write nothing.")] = False,
    root: Root = None,
) -> None:
    """Write the JSON Schemas of params.yaml, provenance.json and the other records into schemas/."""
    from foundational.errors import ConflictError
    from foundational.maintenance.schemas import stale_schemas, write_schemas
    from foundational.project import find_root

    folder = find_root(root) / "schemas"
    if check:
        stale = stale_schemas(folder)
        if stale:
            raise ConflictError(f"out of step with the models: {', '.join(stale)}; run foundational schemas")
        typer.echo("schemas/ is in step with the models")
        return
    for path in write_schemas(folder):
        typer.echo(f"schemas/{path.name}")


def quick(root: Root = None) -> None:
    """Run the whole pipeline at quick scale in build/quick and print its table of relaxed crystals."""
    from foundational.cli.tables import crystal_table
    from foundational.maintenance.quick import run
    from foundational.project import find_root

    place = find_root(root)
    made = run(place)
    typer.echo(crystal_table(made.rows))
    where = made.root.relative_to(place)
    typer.echo(f"\nData: {where}/datasets/{{ni,al,nb}}/data.zarr (open with foundational.open_dataset)")
    typer.echo(f"Table: {where}/summary.json   Metrics: {where}/metrics/validate/*.json")
    if not made.passed:
        raise GateError("a gate of validation failed; it is named above")
