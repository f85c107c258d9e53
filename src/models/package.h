/* package.h - a package as a file: does it hold what its configuration says, and writing one. */
#pragma once
#include "models/config.h"
#include "weights/weights.h"

/* Tensor names, owned. */
typedef struct {
  int n;
  char **names;
} EmPackageNames;
void em_package_names_add (EmPackageNames *list, const char *name);
void em_package_names_clear (EmPackageNames *list);

/* The tensors of `w` against the configuration it carries. */
typedef struct {
  EmPackageNames missing; /* required and not there */
  EmPackageNames wrong;   /* "NAME is [..], expected [..]", or what is wrong with a tokenizer */
  EmPackageNames unused;  /* there, but no part of this version reads them; they are kept */
} EmPackageReport;

/* False with EM_E_WEIGHTS if there is no usable configuration; else true, whatever the report says.
 * Clear the report in either case. */
bool em_package_check (const EmWeights *w, EmModelConfig *config, EmPackageReport *report,
                       EmError *err);
bool em_package_is_complete (const EmPackageReport *report);
void em_package_report_clear (EmPackageReport *report);

/* The tensors in `dtype` and their `digest` then, both as em_weights_digest_as has them, with the
 * configuration of `w`, which now names the digest. Replaces what is there. */
bool em_package_save (const EmWeights *w, int dtype, const char *digest, const char *path,
                      EmError *err);
