"""The devices on which an ensemble may be trained and evaluated."""

from foundational.errors import InputError


def check_device(device: str) -> None:
    """Refuse a device that is not here; ``cpu`` always is.

    Raises
    ------
    InputError
        where torch does not know ``device``, or cannot reach it; the message says which it can.
    """
    if device == "cpu":
        return
    import torch  # noqa: PLC0415 - slow to import, and the compiled kernels do without

    here = ["cpu", *(f"cuda:{i}" for i in range(torch.cuda.device_count()))]
    if torch.backends.mps.is_available():
        here.append("mps")
    try:
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError):  # an AssertionError is how torch says that it was built without CUDA
        raise InputError(f"expected a device that torch reaches ({', '.join(here)}), got {device!r}") from None
