"""The trained ensemble, under the name by which stages import it."""

from foundational.engines.ani.ensemble import Ensemble

__all__ = ["Ensemble"]
