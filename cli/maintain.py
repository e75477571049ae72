"""Commands about the project itself: init, potentials, doctor, schemas, quick."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from foundational.cli.options import Json, Root
from foundational.cli.output import emit, say
from foundational.errors import GateError

if TYPE_CHECKING:
    from foundational.maintenance.quick import Row


def init(
    folder: Annotated[Path, typer.Argument(metavar="[DIR]", help="New or empty folder, or a git repository.")] = Path(),
    as_json: Json = False,
) -> None:
    """Start a project of your own in a folder.

    It writes settings, stages, a registry of potentials, and a DVC remote in that folder. No existing file is
    overwritten; .gitignore gets further lines.
    """
    from foundational.maintenance.new_project import init_project

    made = init_project(folder)
    document = {
        "root": str(made.root),
        "written": list(made.written),
        "appended": list(made.appended),
        "new_repository": made.new_repository,
    }
    lines = [f"{made.root} is a project now"]
    lines += ["  git init: it was in no git repository"] if made.new_repository else []
    lines += [f"  new: {', '.join(made.written)}"]
    lines += [f"  lines appended: {', '.join(made.appended)}"] if made.appended else []
    lines += [f"next: {made.readme} says the next three commands"]
    emit(document, as_json, lambda: lines)


POTENTIALS_HELP = """List the reference potentials, or add one.

Those of the package are there in every project. With --all, the EAM and MEAM potentials that LAMMPS ships are listed
too; each can be named with --potential as it is."""


def potentials(
    context: typer.Context,
    *,
    element: Annotated[
        str | None, typer.Option("--element", help="Only potentials with this element, or with all of Ni-Al.")
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="Also those that LAMMPS ships.")] = False,
    crystals: Annotated[bool, typer.Option("--crystals", help="Relax FCC, BCC and HCP with each.")] = False,
    as_json: Json = False,
    root: Root = None,
) -> None:
    """List the reference potentials of the registry."""
    if context.invoked_subcommand is not None:
        return
    from foundational.errors import NotFoundError
    from foundational.inspection.potentials import list_potentials
    from foundational.project import find_root

    document: dict[str, Any] = {}
    if everything:
        from foundational.maintenance.potentials import available

        document["available"] = [
            entry for entry in available() if element is None or set(element.split("-")) <= set(entry["elements"])
        ]
    try:
        document = {"potentials": list_potentials(find_root(root), element, crystals=crystals)} | document
    except NotFoundError:
        if not document.get("available"):
            raise
        document = {"potentials": []} | document
    emit(document, as_json, lambda: [*_potentials(document["potentials"]), *_available(document.get("available", []))])


def _available(listed: list[dict[str, Any]]) -> Iterator[str]:
    if listed:
        yield "shipped with LAMMPS, to be named with --potential:"
    for entry in listed:
        yield (
            f"{entry['file']:<22} {'-'.join(entry['elements']):<8} {entry['pair_style']:<10} "
            f"cutoff {entry['cutoff']:.2f} Å  {entry['citation'] or 'citation: none known'}"
        )


def add_potential(
    file: Annotated[str, typer.Argument(help="EAM (funcfl, setfl, fs, adp), MEAM or SNAP file; or an EAM of LAMMPS.")],
    *,
    elements: Annotated[
        str | None, typer.Option("--elements", help="Elements to use, such as Ni,Al or Ni=Ni4; default: all.")
    ] = None,
    parameters: Annotated[
        Path | None, typer.Option("--parameters", help="Second file of MEAM, or of SNAP where it has another name.")
    ] = None,
    potential_id: Annotated[str | None, typer.Option("--id", help="Its name; default: that of the file.")] = None,
    citation: Annotated[
        str | None, typer.Option("--citation", help="The paper; default: what the file's header says.")
    ] = None,
    doi: Annotated[str | None, typer.Option("--doi", help="DOI of the paper.")] = None,
    as_json: Json = False,
    root: Root = None,
) -> None:
    """Register a potential's file.

    Elements, cutoff and checksum are read from the file. LAMMPS computes an isolated atom and dimers as a proof.
    """
    from dataclasses import asdict

    from foundational.maintenance.potentials import add_potential as add
    from foundational.project import find_root

    done = add(
        find_root(root),
        file,
        parameters=parameters,
        elements=elements.split(",") if elements else None,
        potential_id=potential_id,
        stated={"citation": citation, "doi": doi},
    )
    document = {
        "potential": done.spec.model_dump(mode="json"),
        "files": list(done.files),
        "default_for": list(done.default_for),
        "isolated_atom_eV": done.isolated,
        "dimers": [asdict(dimer) for dimer in done.dimers],
    }
    emit(document, as_json, lambda: _added(document))


def _added(document: dict[str, Any]) -> Iterator[str]:
    yield from _potentials([document["potential"] | {"default_for": document["default_for"]}])
    for element, energy in document["isolated_atom_eV"].items():
        yield f"{'':<12} {element} alone {energy:.4f} eV"
    for dimer in document["dimers"]:
        pair = "-".join(dimer["elements"])
        if dimer["distance"] is None:
            yield f"{'':<12} {pair} atoms only repel each other"
        else:
            yield f"{'':<12} {pair} bound by {-dimer['energy']:.4f} eV at {dimer['distance']:.2f} Å"
    yield f"next: git add {' '.join(document['files'])}"


def _potentials(listed: list[dict[str, Any]]) -> Iterator[str]:
    for entry in listed:
        default = f"  default for {', '.join(entry['default_for'])}" if entry["default_for"] else ""
        yield (
            f"{entry['id']:<12} {'-'.join(entry['elements']):<8} {entry['pair_style']:<10} "
            f"cutoff {entry['cutoff']:.2f} Å{default}"
        )
        yield f"{'':<12} {entry['citation'] or 'citation unknown'}" + (f", doi {entry['doi']}" if entry["doi"] else "")
        for symbol, structures in entry.get("crystals", {}).items():
            for structure, crystal in structures.items():
                yield (
                    f"{'':<12} {symbol} {structure.upper()}  {crystal['energy_per_atom']:.4f} eV/atom  "
                    f"bond {crystal['bond']:.3f} Å  a {crystal['lattice_constant']:.4f} Å"
                )


def doctor(as_json: Json = False, root: Root = None) -> None:
    """Check the installation and say how to repair it.

    Outside a project only what opening and reading datasets needs is required. The exit status is 1 where something
    that is required is missing. The last lines are the disk use and how to free it.
    """
    from foundational.maintenance.doctor import examine

    findings = examine(root)
    emit(
        {"findings": [vars(finding) for finding in findings]},
        as_json,
        lambda: [f"{'ok  ' if f.ok else 'FAIL' if f.needed else '–   '}  {f.name:<12} {f.message}" for f in findings],
    )
    if not all(finding.ok or not finding.needed for finding in findings):
        raise typer.Exit(1)


def schemas(
    check: Annotated[bool, typer.Option("--check", help="Compare with schemas/ and write nothing.")] = False,
    root: Root = None,
) -> None:
    """Write the JSON Schemas of the project's records.

    They describe params.yaml, provenance.json and the other files, and lie in schemas/.
    """
    from foundational.errors import ConflictError
    from foundational.maintenance.schemas import stale_schemas, write_schemas
    from foundational.project import find_root

    folder = find_root(root) / "schemas"
    if check:
        stale = stale_schemas(folder)
        if stale:
            raise ConflictError(f"schemas differ from the models: {', '.join(stale)}; run foundational schemas")
        say("schemas/ agrees with the models")
        return
    for path in write_schemas(folder):
        say(f"schemas/{path.name}")


def quick(root: Root = None) -> None:
    """Run the whole pipeline at small scale.

    It runs in build/quick and prints a table of relaxed crystals; nothing outside that folder changes.
    """
    from foundational.maintenance.quick import run
    from foundational.project import find_root

    project = find_root(root)
    finished = run(project)
    for line in crystal_table(finished.rows):
        say(line)
    folder = finished.root.relative_to(project)
    say(f"\nData: {folder}/datasets/{{ni,al,nb}}/data.zarr (open with foundational.open_dataset)")
    say(f"Table: {folder}/summary.json   Metrics: {folder}/metrics/validate/*.json")
    if not finished.passed:
        raise GateError("a gate of validation failed; its message is above")


def crystal_table(rows: "Sequence[Row]") -> Iterator[str]:
    """Relaxed crystals beside the reference; the ranking is tested over all networks."""
    head = f"{'dataset':<10}{'structure':<11}{'atoms':>5}   {'d(NN) Å (ref)':<16}{'E eV/atom (ref)':<20}"
    yield head + f"{'ΔE meV':>7}   rank"
    for row in rows:
        start = f"{row.dataset:<10}{row.structure.upper():<11}{row.atoms:>5}   "
        if row.nearest_neighbour_distance is None or row.energy_per_atom is None or row.error_meV is None:
            yield start + "no energy minimum found"
            continue
        distance = f"{row.nearest_neighbour_distance:.3f} ({row.reference_nearest_neighbour_distance:.3f})"
        energy = f"{row.energy_per_atom:.4f} ({row.reference_energy_per_atom:.4f})"
        yield start + f"{distance:<16}{energy:<20}{row.error_meV:>+7.1f}   {row.rank} {'✓' if row.rank_ok else '✗'}"
