/* weights.c - what was drawn for a golden, kept as long as it. */
#include <stdlib.h>
#include "draw.h"
#include "golden_private.h"

struct GoldenList {
  GoldenList *next;
  Draw *draw;
};

GoldenList *
golden_list_new (Golden *g)
{
  GoldenList *list = calloc (1, sizeof *list), **head = golden_lists (g);

  EM_BUG_UNLESS (list);
  list->draw = draw_new (golden_seed (g), golden_meta (g, "override"));
  list->next = *head;
  *head = list;
  return list;
}

void
golden_list_add (void *self, const char *name, int ndim, const int64_t *shape, EmBindNeed need)
{
  GoldenList *list = self;

  draw_add (list->draw, name, ndim, shape, need);
}

EmWeights *
golden_list_draw (GoldenList *list, const char *config, EmError *err)
{
  return draw_weights (list->draw, config, err);
}

void
golden_lists_free (GoldenList *list)
{
  while (list) {
    GoldenList *next = list->next;

    draw_free (list->draw);
    free (list);
    list = next;
  }
}
