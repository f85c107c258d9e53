/* draw.h - weights drawn by the formula, as a package in memory.
 *
 * List the tensors first, then draw them all: em_model_list_tensors (config, draw_add, d). Names
 * are the package's ("sam2.", "fuser.", "vgg." ...) and lose their prefix in the formula. Dead and
 * optional tensors are drawn as well. */
#pragma once
#include "weights/bind.h"
#include "weights/weights.h"

typedef struct Draw Draw;

/* `override` is "NAME: scale S offset O", which replaces the range of the tensor it names, and
 * outlives the result; NULL: none. */
Draw *draw_new (uint64_t seed, const char *override);
void draw_free (Draw *d); /* NULL is fine; the package goes with it */

void draw_add (void *d, const char *name, int ndim, const int64_t *shape,
               EmBindNeed need); /* an EmListFn */
/* Once. `config` becomes "earmark.config"; NULL: there is none. */
EmWeights *draw_weights (Draw *d, const char *config, EmError *err);
