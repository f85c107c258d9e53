/* demo.h - the model inside the program.
 *
 * A small package trained on Earmark's own drawn world, linked in as bytes, so that a fresh machine
 * shows masks without a download. Its weights come straight from the program's pages. */
#pragma once
#include <stdbool.h>
#include "weights/weights.h"

/* False if this build has none (the file was not there when it was configured). */
bool em_demo_is_built_in (void);
/* EM_E_WEIGHTS without one. Close with em_weights_close. */
EmWeights *em_demo_weights (EmError *err);
