"""Exact classical forms of a circuit layer, made at export: Fourier coefficients, fused unitaries, or gate by gate (docs/surrogates.md)."""
