/* weights_private.h - the inside of an EmWeights, for the readers of file formats. */
#pragma once
#include "base/sha256.h"
#include "weights/weights.h"

typedef struct {
  char *name;
  EmTensor tensor;
} EmNamedTensor;

struct EmWeights {
  char *path;        /* or the name given for messages */
  const char *label; /* its end, short enough for a message */
  int n;
  EmNamedTensor *entries; /* in name order once sealed */
  int n_metadata;
  char **metadata; /* pairs */
  void *mapping;   /* NULL unless ours */
  size_t n_mapping;
  void *copies; /* tensors that did not lie aligned in their file */
  char digest[EM_SHA256_HEX];
};

EmWeights *em_weights_new (const char *path);
/* False with EM_E_WEIGHTS if there are too many or memory is out. */
bool em_weights_add (EmWeights *w, const char *name, const EmTensor *tensor, EmError *err);
bool em_weights_add_metadata (EmWeights *w, const char *key, const char *value, EmError *err);
/* Sorts; EM_E_WEIGHTS if a name comes twice. Nothing is found before. */
bool em_weights_seal (EmWeights *w, EmError *err);

/* Fills `w` from `n` bytes that stay where they are. */
bool em_safetensors_read (EmWeights *w, const void *bytes, size_t n, EmError *err);
