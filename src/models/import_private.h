/* import_private.h - the inside of an EmImport, for the files that know one publisher each. */
#pragma once
#include <jansson.h>
#include "models/import.h"

typedef struct {
  char *path;
  const char *label; /* its end, short enough for a message */
  EmWeights *weights;
} EmImportSource;

/* A tensor on its way into the package. */
typedef struct {
  char *name; /* in the package */
  EmTensor tensor;
  int source;
} EmImportTensor;

struct EmImport {
  int n_sources;
  EmImportSource *sources;
  int n;
  EmImportTensor *tensors;
  EmNames unexpected;
  json_t *config;  /* of packages and configuration files, part by part; never NULL */
  json_t *hf_sam2; /* config.json of Hugging Face, NULL if none came */
  char hf_sam2_label[200];
  EmWeights *joined;
  EmWeights *package;
};

/* The tensor goes into the package as `name`; false if memory is out. */
void em_import_take (EmImport *im, int source, const char *name, const EmTensor *tensor);

/* A row of a table of names: '#' stands for a number, a '*' at the end for the rest. */
typedef struct {
  const char *from, *to;
} EmRename;
/* `name` by the first row that fits, after `prefix`; false if none does or it gets too long. */
bool em_import_rename (const EmRename *table, const char *prefix, const char *name, char *out,
                       size_t bytes);

/* How many of PREFIX0.SUFFIX, PREFIX1.SUFFIX ... are there, at most `limit`. */
int em_import_count (const EmWeights *w, const char *prefix, const char *suffix, int limit);
/* A dimension of a tensor; 0 if there is no such tensor, or no such dimension. */
int em_import_dim (const EmWeights *w, const char *name, int axis);

/* import_sam2.c: is it one, all its tensors taken, the "sam2" of a configuration from their shapes
 * (NULL with *err if they make none). */
bool em_import_is_sam2 (const EmWeights *w);
void em_import_take_sam2 (EmImport *im, int source);
json_t *em_import_infer_sam2 (const EmImport *im, const EmWeights *w, EmError *err);

/* import_hf.c: the same of Hugging Face's names, and what its config.json adds to `sam2`. */
bool em_import_is_hf_sam2 (const EmWeights *w);
bool em_import_take_hf_sam2 (EmImport *im, int source, EmError *err);
bool em_import_apply_hf_sam2 (const EmImport *im, json_t *sam2, EmError *err);
