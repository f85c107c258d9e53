/* part.c - one part of a model with formula weights. */
#include "part.h"
#include <stdio.h>
#include <string.h>
#include "engine/backend.h"

bool
golden_part_open (GoldenPart *part, Golden *g, void (*bind) (EmBinder *b, void *self), void *self,
                  EmError *err)
{
  GoldenList *list = golden_list_new (g);
  EmBinder *b = em_binder_new_list (golden_list_add, list);
  EmWeights *weights;

  memset (part, 0, sizeof *part);
  part->tap.golden = g;
  bind (b, self);
  if (!em_binder_finish (b, NULL, err) || !(weights = golden_list_draw (list, NULL, err))
      || !(part->be = em_backend_open (golden_backend (g), err))
      || !(part->ctx = em_ctx_new (part->be, err)))
    return false;
  b = em_binder_new_load (weights, part->be);
  bind (b, self);
  part->tap.ctx = part->ctx;
  return em_binder_finish (b, &part->bound, err);
}

void
golden_part_listen (GoldenPart *part, const char *prefix)
{
  snprintf (part->tap.prefix, sizeof part->tap.prefix, "%s", prefix);
  part->ctx->tap = golden_tap;
  part->ctx->tap_self = &part->tap;
}

void
golden_part_close (GoldenPart *part)
{
  em_ctx_free (part->ctx);
  em_bound_free (part->bound);
  em_backend_close (part->be);
}
