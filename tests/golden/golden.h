/* golden.h - one golden file, checked.
 *
 * A runner reads what it needs to know from the file's metadata, draws weights and inputs by the
 * formula, runs a part of the engine and hands over what came out, key by key, directly or through
 * taps. A Golden belongs to main.c and to one thread; a runner frees only what it was given to
 * keep. */
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include "base/error.h"
#include "engine/ctx.h"
#include "weights/bind.h"
#include "weights/weights.h"

typedef struct Golden Golden;

/* EM_E_INPUT or EM_E_WEIGHTS with a line for people. */
Golden *golden_open (const char *path, EmError *err);
void golden_close (Golden *g); /* NULL is fine */
/* Of relative differences; 1e-4 without it. */
void golden_set_tolerance (Golden *g, double tolerance);
/* What computes, as em_backend_open takes it; "cpu" unless set. */
void golden_set_backend (Golden *g, const char *name);
const char *golden_backend (const Golden *g);
const char *golden_name (const Golden *g); /* file name without folder and extension */

/* What the metadata says; NULL, or `otherwise`, if it is silent. */
const char *golden_meta (const Golden *g, const char *key);
int64_t golden_meta_int (const Golden *g, const char *key, int64_t otherwise);
uint64_t golden_seed (const Golden *g);

/* The keys, without ".probe". */
int golden_count (const Golden *g);
const char *golden_key (const Golden *g, int i);
/* Is `key` here, whole or as a probe? */
bool golden_has (const Golden *g, const char *key);
/* All of a whole tensor, *n elements; NULL if it is not here or only as a probe. */
const float *golden_whole (const Golden *g, const char *key, int64_t *n);
/* The shape that the tensor has at the reference; the number of axes, -1 if it is not here. */
int golden_shape (const Golden *g, const char *key, int64_t shape[EM_MAX_DIMS]);

/* Compares. Keys that the file has not are passed over, keys that come twice count the last time.
 * `got` is in the golden's own layout, n elements; a number of elements that differs is a miss. */
void golden_compare (Golden *g, const char *key, const float *got, int64_t n);
void golden_compare_number (Golden *g, const char *key, double got);
/* The same with a tolerance of the runner's: relative L2, or the largest absolute difference. */
void golden_compare_within (Golden *g, const char *key, const float *got, int64_t n,
                            double tolerance, bool absolute);
/* A tensor of the engine, whose maps are channels-last where the reference's are channels-first: it
 * is turned round if the shapes say so. Where they cannot (a cube), it is turned unless `as_is`. */
void golden_compare_tensor (Golden *g, EmCtx *ctx, const char *key, const EmTensor *x, bool as_is);
/* `keys` (a pattern with * for anything) is not compared, and why: said in the report. */
void golden_skip (Golden *g, const char *keys, const char *why);

/* Taps: a listener that compares every value it hears as PREFIX plus the tap's name. */
typedef struct {
  Golden *golden;
  EmCtx *ctx;                      /* whose values these are */
  char prefix[64];                 /* "A.obj1.", may change between passes */
  bool (*as_is) (const char *key); /* channels-last at the reference too; NULL: none */
} GoldenTap;
void golden_tap (void *self, const char *name, const EmTensor *value); /* an EmTapFn */

/* Weights drawn by the formula: list them (golden_list_add is an EmListFn), then draw them all.
 * Names are the package's ("sam2.", "fuser.", "vgg." ...) and lose their prefix in the formula;
 * metadata `override` is obeyed. Dead and optional tensors are drawn as well. `config` becomes the
 * package's "earmark.config". The result lives as long as `g`, the list ends here. */
typedef struct GoldenList GoldenList;
GoldenList *golden_list_new (Golden *g);
void golden_list_add (void *list, const char *name, int ndim, const int64_t *shape,
                      EmBindNeed need);
EmWeights *golden_list_draw (GoldenList *list, const char *config, EmError *err);

/* One line per key, the skipped ones and a summary. `strict`: keys that were neither compared nor
 * skipped are misses. False if anything missed, or nothing but inputs ran. */
bool golden_report (const Golden *g, bool quiet, bool strict);
