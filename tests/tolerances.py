"""Named tolerances, by network precision, each with its reason."""

from typing import NamedTuple


class ModelTolerance(NamedTuple):
    """Two ways to the same number."""

    energy: float  #: relative, per-atom energies against their largest
    forces: float  #: eV/Å, absolute
    stress: float  #: eV/Å^3, absolute


#: float64: a few hundred roundings of sums done in another order; float32: rounding of activations of order one through a dozen maps
PARITY = {"float64": ModelTolerance(1e-12, 1e-10, 1e-12), "float32": ModelTolerance(5e-6, 5e-5, 5e-6)}

#: Central differences of step 1e-4 Å in float64: error of order step^2 times a third derivative of about 1e3 eV/Å^3
FINITE_DIFFERENCE_STEP = 1e-4
FINITE_DIFFERENCE_FORCES = 2e-5

#: Sum of all forces: one rounding for each of some 1e3 edges
NET_FORCE = {"float64": 1e-11, "float32": 1e-4}

#: The calculator next to the model code: energies in eV an atom. float64: order of sums; float32: the network's rounding in another order
CALCULATOR = {"float64": ModelTolerance(1e-11, 1e-10, 1e-12), "float32": ModelTolerance(5e-6, 5e-5, 5e-6)}

#: Central differences of strain 1e-4: as for forces, over the volume of a cell of 30 Å^3 or more, whose atoms move several Å a unit strain
FINITE_DIFFERENCE_STRESS = 2e-6

#: eV an atom and ps, slope of the total energy over a run; without drift there is the slope of an oscillation, amplitude over length
NVE_DRIFT = 5e-4

#: The training layer next to PennyLane's state vector, relative to the largest value (at least 1). float64: some 1e3 roundings of order-one
#: amplitudes through fused products; float32: as many roundings of the last block, whose unitaries are exact to float64
CIRCUIT = {"float64": 1e-12, "float32": 1e-5}

#: Rows of a circuit layer alone and in a batch, float64: the same sums, split in other ways by the matrix product
CIRCUIT_ROWS = 1e-14

#: Forces in eV/Å of a hybrid potential with PennyLane in the loop: an error of 1e-12 of the circuit times slopes of order ten
PENNYLANE_FORCES = 1e-10

#: Amplitudes, gradients and information matrices of a circuit of some 50 gates, computed in two ways in float64
CIRCUIT_ANALYSIS = 1e-11

#: PennyLane's classical Fisher information divides by probabilities, which magnifies rounding by the inverse of the smallest
PENNYLANE_FISHER = 1e-8

#: Standard errors that a sampled mean may be off by: 5 sigma, some 1e-6 a number, and seeds are fixed
SAMPLED_SIGMAS = 5.0

#: Relative error of a standard deviation that is estimated from 1000 samples: 2 per cent is one sigma
SAMPLED_SPREAD = 0.12

#: Outputs of a circuit's classical form: hundreds of roundings of terms of order one, which partly cancel
SURROGATE_ROUNDING = {"float64": 2e-14, "float32": 1e-5}

#: Entries of order one of 3j tensors and what follows from them, float64: some ten roundings here, as many more in e3nn's floating sums
NATIVE_TABLES = 1e-13

#: Forces in eV/Å of a pair potential in LAMMPS next to its formula: a dozen terms of order one, written in full precision
PAIR_FORMULA = 1e-12

#: Error of one float32 evaluation in units of another's whose roundings come in another order: both are samples of the same size
ROUNDING_SHARE = 5.0

#: Relative change of distances that does to a radial function what its table's error of 3e-7 may do, where slopes are of order one
TABLE_STRETCH = 1e-6

#: Relative, of times that are differences of one clock and are added up in another order: a dozen roundings
SUM_OF_TIMES = 1e-9

#: Relative error of non-negative least squares over columns of one size: rounding times a condition number of some 1e4
NNLS_EXACT = 1e-5

#: The same where earlier values pull with a weight of 1e-3, squared, against measurements that tell constants apart by some per cent
NNLS_WITH_PRIOR = 0.02

#: weight gradients of the native training step against torch's double backward, of the largest entry of each weight: rounding of sums over
#: hundreds of edges, in another order and with folded matrices
WEIGHT_GRADIENTS = {"float64": 1e-10, "float32": 2e-3}

#: energies, forces and virials of the native training step against torch, of the largest number
TRAINING_ENERGIES = {"float64": 1e-11, "float32": 2e-5}

#: central differences of a loss, step 1e-5: its third derivative and rounding
FINITE_DIFFERENCE_LOSS = 1e-5

#: losses and weights of twenty steps of two engines in float64: rounding, amplified by AdamW where a gradient is nearly zero
TRAINING_COURSE = 1e-6

#: eV an atom, range of the total energy over 10 fs in steps of 0.1 fs: velocity Verlet errs by the square of the step; C-H bonds are stiff
STORED_MODEL_ENERGY = 1e-4
