"""`qallegro demo`: the whole main job on reference data made on the spot."""
