/* import_private.h - the inside of an EmImport, for the files that know one publisher each
 * (import_sam2.c, import_fuser.c, import_text.c, import_hf.c) and for import_join.c. */
#pragma once
#include <jansson.h>
#include "models/import.h"

typedef struct {
  char *path;
  const char *label;  /* its end, short enough for a message */
  EmWeights *weights; /* NULL for a file that is kept as bytes */
  void *bytes;
} EmImportSource;

/* Where the positions of points come from, and those of the grid where that is another matrix. */
#define EM_POINT_PE "sam_prompt_encoder.pe_layer.positional_encoding_gaussian_matrix"
#define EM_IMAGE_PE "sam_prompt_encoder.image_pe_layer.positional_encoding_gaussian_matrix"

/* A tensor on its way into the package. */
typedef struct {
  char *name; /* in the package */
  EmTensor tensor;
  int source;
  bool yields; /* to another file's of this name: VGGish as published, before it was trained on */
} EmImportTensor;

/* What Hugging Face says in a config.json. */
typedef struct {
  json_t *json; /* NULL if none came */
  char label[160];
} EmHfConfig;

struct EmImport {
  int n_sources;
  EmImportSource *sources;
  int n;
  EmImportTensor *tensors;
  EmPackageNames unexpected;
  json_t *config; /* of packages and configuration files, part by part; never NULL */
  bool is_named;  /* by a configuration file; a package's name is that of the package alone */
  EmHfConfig hf_sam2, hf_text;
  EmWeights *joined;
  EmWeights *package;
};

/* A name of a publisher -> of a package, with its part ("sam2.", ...); false if it is no such name.
 */
typedef bool (*EmNameFn) (const char *name, char *out, size_t bytes);

/* A row of a table of names: '#' stands for a number, a '*' at the end for the rest. */
typedef struct {
  const char *from, *to;
} EmRename;
/* `name` by the first row that fits, after `prefix`; false if none does or it gets too long. */
bool em_import_rename (const EmRename *table, const char *prefix, const char *name, char *out,
                       size_t bytes);

/* How many of PREFIX0SUFFIX, PREFIX1SUFFIX ... are there, at most `limit`. */
int em_import_count (const EmWeights *w, const char *prefix, const char *suffix, int limit);
/* A dimension of a tensor; 0 if there is no such tensor, or no such dimension. */
int em_import_dim (const EmWeights *w, const char *name, int axis);
json_t *em_import_row (const int *values, int n);

/* import_sam2.c: names of the authors; what the shapes of a package's tensors say of the sizes, as
 * the "sam2" of a configuration (NULL with *err if they make none). */
bool em_import_sam2_name (const char *name, char *out, size_t bytes);
json_t *em_import_infer_sam2 (const EmImport *im, const EmWeights *w, EmError *err);

/* import_fuser.c: names of AuralFuser, now and formerly, of the whole AuralSAM2, and of VGGish; the
 * "fuser" and the "vgg" of a configuration. */
bool em_import_fuser_name (const char *name, char *out, size_t bytes);
bool em_import_aural_name (const char *name, char *out, size_t bytes);
bool em_import_vgg_name (const char *name, char *out, size_t bytes);
json_t *em_import_infer_fuser (const EmWeights *w);
json_t *em_import_infer_vgg (const EmWeights *w);

/* import_text.c: names of RoBERTa, and the "text" of a configuration. */
bool em_import_text_name (const char *name, char *out, size_t bytes);
json_t *em_import_infer_text (const EmImport *im, const EmWeights *w, EmError *err);

/* import_hf.c: names of Hugging Face's SAM 2, and what its config.json adds to `sam2`. The four
 * points are one tensor there: its name is EM_IMPORT_POINTS until it is cut. */
#define EM_IMPORT_POINTS "sam2.sam_prompt_encoder.point_embeddings"
bool em_import_hf_sam2_name (const char *name, char *out, size_t bytes);
bool em_import_apply_hf_sam2 (const EmImport *im, json_t *sam2, EmError *err);

/* An option that exists in one setting here. A list has to hold it throughout. */
typedef struct {
  const char *path; /* "a.b.c" */
  double number;
  const char *word; /* NULL: the number counts */
} EmHfFixed;
/* False with a sentence on the first of `fixed` (which ends with a NULL path) that is otherwise. */
bool em_import_check_fixed (const EmHfConfig *hf, const EmHfFixed *fixed, EmError *err);
/* The value at "a.b.c"; NULL if any of it is missing. */
const json_t *em_import_value (const json_t *object, const char *path);
