/* draw.c - weights drawn by the formula, as a package in memory. */
#include "draw.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "formula.h"

struct Draw {
  uint64_t seed;
  const char *override;
  int n, room;
  char **names;
  EmTensor *tensors;
  EmWeights *weights;
};

static void *
need_memory (void *p)
{
  EM_BUG_UNLESS (p);
  return p;
}

Draw *
draw_new (uint64_t seed, const char *override)
{
  Draw *d = need_memory (calloc (1, sizeof *d));

  d->seed = seed;
  d->override = override;
  return d;
}

void
draw_free (Draw *d)
{
  if (!d)
    return;
  em_weights_close (d->weights);
  for (int i = 0; i < d->n; i++) {
    free (d->names[i]);
    free (d->tensors[i].data);
  }
  free (d->names);
  free (d->tensors);
  free (d);
}

void
draw_add (void *self, const char *name, int ndim, const int64_t *shape, EmBindNeed need)
{
  Draw *d = self;

  if (d->n == d->room) {
    d->room = d->room ? 2 * d->room : 256;
    d->names = need_memory (realloc (d->names, sizeof *d->names * (size_t) d->room));
    d->tensors = need_memory (realloc (d->tensors, sizeof *d->tensors * (size_t) d->room));
  }
  d->names[d->n] = need_memory (strdup (name));
  d->tensors[d->n++] = em_tensor_of (EM_F32, NULL, ndim, shape);
}

/* The official names carry no package prefix, but VGGish's begin with "vgg." everywhere. */
static const char *
official_name (const char *name)
{
  static const char *const prefixes[] = { "sam2.", "fuser.", "text.", "love." };

  for (size_t i = 0; i < sizeof prefixes / sizeof *prefixes; i++)
    if (!strncmp (name, prefixes[i], strlen (prefixes[i])))
      return name + strlen (prefixes[i]);
  return name;
}

static FormulaRange
range_of (const Draw *d, const char *name, const EmTensor *t)
{
  size_t n = strlen (name);
  FormulaRange range;

  if (d->override && !strncmp (d->override, name, n)
      && sscanf (d->override + n, " : scale %lf offset %lf", &range.scale, &range.offset) == 2)
    return range;
  return formula_weight_range (name, t->ndim, t->shape);
}

EmWeights *
draw_weights (Draw *d, const char *config, EmError *err)
{
  EM_BUG_UNLESS (!d->weights);
  for (int i = 0; i < d->n; i++) {
    const char *name = official_name (d->names[i]);
    EmTensor *t = &d->tensors[i];
    int64_t n = em_numel (t);

    t->data = need_memory (malloc (sizeof (float) * (size_t) (n ? n : 1)));
    formula_fill (t->data, name, d->seed, n, range_of (d, name, t));
  }
  d->weights
      = em_weights_open_tensors (d->n, (const char *const *) d->names, d->tensors, config, err);
  return d->weights;
}
