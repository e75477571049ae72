"""A trained ensemble as a person meets it: an ASE calculator that prints what it is and can be saved."""

from os import PathLike
from pathlib import Path

from ase.data import chemical_symbols

from foundational.engines.ani.ensemble import Ensemble
from foundational.engines.ani.model_file import load_model, save_model
from foundational.engines.ase.calculator import LabellerCalculator


class Model(LabellerCalculator):
    """An ensemble of ANI networks; ``atoms.calc = model`` gives the mean of its networks.

    Attributes
    ----------
    ensemble
        The networks; ``ensemble.predict`` gives what each of them says.
    """

    def __init__(self, ensemble: Ensemble) -> None:
        super().__init__(ensemble)
        self.ensemble = ensemble

    @classmethod
    def load(cls, path: str | PathLike[str]) -> "Model":
        """The model in a file that `save` or ``foundational train`` wrote.

        Raises
        ------
        NotFoundError
            There is no such file.
        InputError
            It is no model file.
        """
        return cls(load_model(Path(path)))

    def save(self, path: str | PathLike[str]) -> None:
        """Write one file, whole or not at all; it holds numbers and no code."""
        save_model(self.ensemble, Path(path))

    @property
    def elements(self) -> tuple[str, ...]:
        """Chemical symbols, by atomic number."""
        return tuple(chemical_symbols[z] for z in self.ensemble.elements)

    def __repr__(self) -> str:
        """How many networks, for which elements, trained on what."""
        known = self.ensemble.metadata
        trained = (
            f", trained on {int(known['frames']):,} configurations of {known['dataset']}" if "frames" in known else ""
        )
        networks = f"{self.ensemble.members} ANI networks" if self.ensemble.members > 1 else "one ANI network"
        return f"{networks} for {', '.join(self.elements)}{trained}"
