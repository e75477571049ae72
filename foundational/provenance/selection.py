"""The record of some configurations of a dataset."""

from typing import TYPE_CHECKING

from foundational.data.fingerprint import fingerprint
from foundational.provenance.record import DatasetRecord, ProvenanceRecord, software_versions

if TYPE_CHECKING:
    import xarray as xr


def selection_record(whole: ProvenanceRecord, selected: "xr.Dataset", where: str | None = None) -> ProvenanceRecord:
    """The record of ``selected``, configurations that somebody picked from the dataset that ``whole`` records.

    The ids of the configurations say which they are, so the record holds no list. It states the condition ``where``,
    if one selected them.
    """
    count = int(selected.sizes["configuration"])
    return ProvenanceRecord(
        stage="select",
        output=DatasetRecord(
            name=f"{whole.output.name}[{count}]",
            version=None,
            fingerprint=fingerprint(selected),
            n_configurations=count,
            n_atoms=int(selected.sizes["atom"]),
        ),
        inputs=(whole.output,),
        element=whole.element,
        labeller=whole.labeller,
        spec={} if where is None else {"where": where},
        seed=whole.seed,
        software=software_versions("select"),
        parents=(whole,),
    )
