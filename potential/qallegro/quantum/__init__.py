"""The quantum depth-infused layer: a circuit described as data, a state vector in training, an exact classical form in exported files."""
