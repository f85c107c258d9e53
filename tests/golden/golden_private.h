/* golden_private.h - what golden.c and weights.c share. */
#pragma once
#include "golden.h"

/* The head of the chain of lists that `g` owns. */
GoldenList **golden_lists (Golden *g);
void golden_lists_free (GoldenList *newest);
