"""The constants of the cost model and where each comes from. Seconds and bytes."""

from dataclasses import dataclass, field, fields, replace


@dataclass(frozen=True)
class Constants:
    """Costs on one rank; a default is an assumption, `origins` names those that have been measured.

    Assumed costs of LAMMPS itself and of memory were read off reports of 108 to 16,384 Cu atoms, engine native, on a core of an AMD EPYC.
    """

    step: float = field(default=1e-5, metadata={"unit": "s", "of": "a step, whatever its size"})
    center: float = field(default=0.0, metadata={"unit": "s", "of": "a local atom and step: network, integration"})
    edge: float = field(default=0.0, metadata={"unit": "s", "of": "an edge within the cutoff and step: network"})
    ghost: float = field(default=0.0, metadata={"unit": "s", "of": "a ghost atom and step: its force"})
    ghost_copy: float = field(default=2e-8, metadata={"unit": "s", "of": "a ghost atom and step: packing and unpacking its messages"})
    pair_check: float = field(default=8e-9, metadata={"unit": "s", "of": "a pair of the neighbor list and step: is it an edge?"})
    pair: float = field(default=4e-8, metadata={"unit": "s", "of": "a pair within cutoff and skin and build of the neighbor list"})
    latency: float = field(default=2e-6, metadata={"unit": "s", "of": "a message between ranks"})
    bandwidth: float = field(default=1e10, metadata={"unit": "B/s", "of": "what a rank sends"})
    memory_base: float = field(default=4.1e7, metadata={"unit": "B", "of": "a rank without atoms"})
    memory_atom: float = field(default=200.0, metadata={"unit": "B", "of": "an atom, local or ghost"})
    memory_edge: float = field(default=140.0, metadata={"unit": "B", "of": "an edge, with what the neighbor list holds for it"})
    origins: dict[str, str] = field(default_factory=dict)

    @classmethod
    def names(cls) -> list[str]:
        """Of the constants, in order."""
        return [f.name for f in fields(cls) if f.name != "origins"]

    def updated(self, origin: str, **values: float) -> "Constants":
        """The same with some constants replaced, whose origin is noted."""
        return replace(self, **values, origins=self.origins | dict.fromkeys(values, origin))

    def as_record(self) -> dict[str, dict[str, object]]:
        """name -> value, unit, of what, origin: for JSON."""
        described = {f.name: f.metadata for f in fields(self) if f.name != "origins"}
        return {
            name: {"value": getattr(self, name), **metadata, "origin": self.origins.get(name, "assumed")}
            for name, metadata in described.items()
        }
