"""Physics of a potential: any calculator of ASE on one side, numbers and pictures for a paper on the other."""
