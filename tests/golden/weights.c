/* weights.c - a model's weights drawn by the formula, as a package in memory. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "formula.h"
#include "golden_private.h"

struct GoldenList {
  GoldenList *next;
  Golden *golden;
  int n, room;
  char **names;
  EmTensor *tensors;
  EmWeights *weights;
};

GoldenList *
golden_list_new (Golden *g)
{
  GoldenList *list = calloc (1, sizeof *list), **head = golden_lists (g);

  list->golden = g;
  list->next = *head;
  *head = list;
  return list;
}

void
golden_list_add (void *self, const char *name, int ndim, const int64_t *shape, EmBindNeed need)
{
  GoldenList *list = self;

  if (list->n == list->room) {
    list->room = list->room ? 2 * list->room : 256;
    list->names = realloc (list->names, sizeof *list->names * list->room);
    list->tensors = realloc (list->tensors, sizeof *list->tensors * list->room);
  }
  list->names[list->n] = strdup (name);
  list->tensors[list->n++] = em_tensor_of (EM_F32, NULL, ndim, shape);
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

/* "NAME: scale S offset O" replaces the range of the tensor it names. */
static FormulaRange
range_of (const Golden *g, const char *name, const EmTensor *t)
{
  const char *override = golden_meta (g, "override");
  size_t n = strlen (name);
  FormulaRange range;

  if (override && !strncmp (override, name, n)
      && sscanf (override + n, " : scale %lf offset %lf", &range.scale, &range.offset) == 2)
    return range;
  return formula_weight_range (name, t->ndim, t->shape);
}

EmWeights *
golden_list_draw (GoldenList *list, const char *config, EmError *err)
{
  for (int i = 0; i < list->n; i++) {
    const char *name = official_name (list->names[i]);
    EmTensor *t = &list->tensors[i];
    int64_t n = em_numel (t);

    t->data = malloc (sizeof (float) * (n ? n : 1));
    formula_fill (t->data, name, golden_seed (list->golden), n, range_of (list->golden, name, t));
  }
  list->weights = em_weights_open_tensors (list->n, (const char *const *) list->names,
                                           list->tensors, config, err);
  return list->weights;
}

void
golden_lists_free (GoldenList *list)
{
  while (list) {
    GoldenList *next = list->next;

    em_weights_close (list->weights);
    for (int i = 0; i < list->n; i++) {
      free (list->names[i]);
      free (list->tensors[i].data);
    }
    free (list->names);
    free (list->tensors);
    free (list);
    list = next;
  }
}
