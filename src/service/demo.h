/* demo.h - the model inside the program.
 *
 * A small package trained on Earmark's own drawn world, linked in as bytes, so that a fresh machine
 * shows masks without a download. Its weights come straight from the program's pages. */
#pragma once
#include "weights/weights.h"

/* Close with em_weights_close. */
EmWeights *em_demo_weights (EmError *err);
