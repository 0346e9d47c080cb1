"""Training in C++: energies, forces and weight gradients of a potential by the kernels that run dynamics (docs/architecture.md)."""
