/* part.h - one part of a model with formula weights, ready to run on the CPU. */
#pragma once
#include "golden.h"

typedef struct {
  EmBackend *be;
  EmCtx *ctx;
  EmBound *bound;
  GoldenTap tap;
} GoldenPart;

/* `bind` names the weights of `self`: it is walked twice, to draw them and to load them. False with
 * *err; close in either case. */
bool golden_part_open (GoldenPart *part, Golden *g, void (*bind) (EmBinder *b, void *self),
                       void *self, EmError *err);
void golden_part_close (GoldenPart *part);
/* From here on taps are compared as PREFIX plus their name. */
void golden_part_listen (GoldenPart *part, const char *prefix);
