"""SAMO-COBRA, a sampler for few expensive evaluations with several objectives and constraints."""

from qallegro.tuning.samo_cobra.sampler import SamoCobraSampler

__all__ = ["SamoCobraSampler"]
