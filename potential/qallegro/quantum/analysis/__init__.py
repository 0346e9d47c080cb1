"""What a circuit can do: structure, light cones, ZX diagrams, Fisher information, Fourier coefficients, barren plateaus."""
