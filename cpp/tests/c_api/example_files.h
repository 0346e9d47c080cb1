/* Files for the tests, for C and C++: each path is valid until the program ends, and so is the file. */
#pragma once

#ifdef __cplusplus
extern "C" {
#endif

/* An exported file with the types Cu and Li, whose cutoffs are 4.0 3.5 / 3.2 3.8 Å. */
const char *example_file(void);

/* The same, with a flipped bit in its weights. */
const char *damaged_file(void);

#ifdef __cplusplus
}
#endif
