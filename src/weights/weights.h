/* weights.h - named tensors over a read-only mapping of a safetensors file, or of a checkpoint of
 * PyTorch (torch.h).
 *
 * A package is one .safetensors file whose __metadata__ carries "earmark.config" (JSON: every
 * width, depth, window, flag, label and the provenance). Header length, offsets, shapes and types
 * are checked before use; the bytes stay mapped until em_weights_close. */
#pragma once
#include "base/error.h"
#include "engine/tensor.h"

typedef struct EmWeights EmWeights;

/* What a file is shows in its first bytes. EM_E_INPUT if it cannot be read, EM_E_WEIGHTS if it is
 * neither a sound safetensors file nor a sound checkpoint. */
EmWeights *em_weights_open (const char *path, EmError *err);
/* The same over bytes that outlive the result. `name` is for messages. */
EmWeights *em_weights_open_bytes (const void *bytes, size_t n, const char *name, EmError *err);
/* The same over tensors that lie in memory and outlive the result. `config` is what the metadata
 * would say under "earmark.config"; NULL for none. */
EmWeights *em_weights_open_tensors (int n, const char *const *names, const EmTensor *tensors,
                                    const char *config, EmError *err);
void em_weights_close (EmWeights *w); /* NULL is fine */

int em_weights_count (const EmWeights *w);
const char *em_weights_name (const EmWeights *w, int i); /* in name order */
/* NULL if not there. Owned by `w`. */
const EmTensor *em_weights_find (const EmWeights *w, const char *name);
/* A string of __metadata__, or NULL. */
const char *em_weights_metadata (const EmWeights *w, const char *key);
const char *em_weights_path (const EmWeights *w);
/* SHA-256 in hex over the tensors in name order (name, dtype, shape, bytes); computed once. */
const char *em_weights_digest (EmWeights *w);
/* The same of the tensors in another float type: `dtype`, or -1 to keep each as it is; other types
 * never change. EM_E_WEIGHTS if a value is too large for f16. */
bool em_weights_digest_as (const EmWeights *w, int dtype, char digest[65], EmError *err);

/* Writes a package: `n` tensors, `metadata` as n_metadata pairs of strings. Written beside `path`
 * and renamed. */
bool em_weights_save (const char *path, int n, const char *const *names, const EmTensor *tensors,
                      const char *const *metadata, int n_metadata, EmError *err);
/* The tensors of `w` in `dtype`, as em_weights_digest_as takes it, converted piece by piece. */
bool em_weights_save_as (const EmWeights *w, int dtype, const char *path,
                         const char *const *metadata, int n_metadata, EmError *err);
