"""The effect of added frames of the target metal: translated sets are tested with different numbers of such frames.

    python benchmarks/refinement.py --metals Nb W --counts 0 25 100 --json > refinement.json

The frames come from a short MOMT run of each metal, the pool `local-<element>-short`, which is sampled if it is absent.
They are the frames on which networks trained on the translated set are most uncertain. Progress is one line per metal
and count on stderr.
"""

import argparse
import json
import sys
from pathlib import Path

from foundational.specs.params import read_params
from foundational.stages.survey.command import survey_metal, survey_spec
from foundational.stages.survey.stage import MetalReport
from foundational.stages.translate.command import Transfer

ROOT = Path(__file__).resolve().parents[1]


def line(report: MetalReport) -> str:
    errors = {name: report.errors[name].energy_meV_per_atom for name in ("fcc", "bcc", "hcp")}
    crystals = " ".join(
        f"{name} " + ("–" if None in values else f"{max((e for e in values if e is not None), key=abs):+.1f}")
        for name, values in errors.items()
    )
    return (
        f"{report.frames} frames  rank {report.rank_ok_members}/{report.members}  "
        f"MAE {report.mae_solid_meV_per_atom:.2f} solid {report.mae_liquid_meV_per_atom:.2f} liquid  "
        f"forces {report.force_mae_meV_per_A:.1f} meV/Å  worst network {crystals} meV/atom"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="print one JSON object, with every report")
    parser.add_argument("--root", type=Path, default=ROOT)
    parser.add_argument("--metals", nargs="+")
    parser.add_argument("--counts", nargs="+", type=int, default=[0, 25, 100, 400])
    chosen = parser.parse_args()
    metals = chosen.metals or list(survey_spec(read_params(chosen.root / "params.yaml")).potentials)
    found: dict[str, dict[int, object]] = {}
    for element in metals:
        found[element] = {}
        for count in chosen.counts:
            report = survey_metal(chosen.root, element, variation=Transfer(refine_by=count))
            found[element][count] = report.model_dump(mode="json")
            print(f"{element:<3}+{count:<4} {line(report)}", file=sys.stderr, flush=True)
    if chosen.json:
        json.dump(found, sys.stdout)
        print()


if __name__ == "__main__":
    main()
