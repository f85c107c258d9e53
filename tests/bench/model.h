/* model.h - a model by a word: the demo, a released size with drawn weights, or a package. */
#pragma once
#include "models/model.h"

typedef struct {
  EmBackend *be;
  EmModel *model;
  EmWeights *weights;
  struct Draw *draw; /* NULL: the weights are a file's, or another model's */
  bool owned;        /* the weights */
} BenchModel;

/* `word`: "demo", "nano", "tiny", "small", "base_plus", "large" or a file; drawn ones are SAM 2.1
 * with a fuser, to which no object is absent. image_size 0: the model's own, of drawn ones 1024
 * (nano: 256). `other`, which may be NULL, is the same model on another backend: its weights serve
 * both, and it is closed last. False with *err; close in either case. */
bool bench_model_open (BenchModel *m, const char *word, const char *backend, int image_size,
                       const BenchModel *other, EmError *err);
void bench_model_close (BenchModel *m);
