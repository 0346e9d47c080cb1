"""What the constants of a form mean, for the record: enough to run the form without this program."""

from torch import nn

#: last part of a buffer's name -> meaning; rows first
_LAYOUT = {
    "half_frequencies": "(features of the group x frequencies, all features): half_frequencies @ x = k x / 2, feature by feature",
    "functions": "rows of the table of functions that are used; feature by feature 1, sin^2 of each k x/2, sin cos of each",
    "one": "ones, the constant function",
    "products": "rows that are used of the products of the first `multiplied_features` features' functions, first fastest",
    "coefficients": "(functions of the other features, first slowest, then outputs; products)",
    "order": "row of the concatenated groups, then zeros, that holds each output",
    "first_half_phases": "(D - 1, features): half phases b . x / 2 of the first encoding, basis states 1 .. D - 1",
    "first_squares": "(2 D, D - 1): delta = first_squares @ sin^2 + first_products @ (sin cos); real parts first",
    "first_products": "(2 D, D - 1)",
    "half_phases": "(encodings, D, features): half phases of all basis states; of form U, of the later encodings",
    "unitaries": "(encodings - 1, 2 D, 2 D): block after each later encoding, on amplitudes [re; im]",
    "twice_references": "(.., 2 D, 1): 2 psi(0) before each encoding (of form U, each later one) and at the end, [re; im]",
    "signs": "(outputs, 2 D): outputs = signs @ (delta (delta + twice_references[-1]))",
    "matrix": "(2 G, 2 G): on [re; im] of the leading qubits' G states, which then become the trailing ones",
    "source": "(2 D): row r of the result is row source[r]",
    "sign": "(2 D, 1): factor of each row after that",
}


def describe_members(module: nn.Module) -> dict[str, dict]:
    """Shape and meaning of every buffer, by its name in the form."""
    return {
        name: {"shape": list(buffer.shape), "dtype": str(buffer.dtype).removeprefix("torch."), "layout": _LAYOUT[name.rsplit(".", 1)[-1]]}
        for name, buffer in module.named_buffers()
    }
