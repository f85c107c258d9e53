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

/* Tensors in another float type, with the digest that they have then. */
typedef struct EmPackage EmPackage;
/* `dtype` is a float type, or -1 to keep every tensor as it is; other types are never changed.
 * EM_E_WEIGHTS if a value is too large for f16. `w` must outlive the result. */
EmPackage *em_package_convert (const EmWeights *w, int dtype, EmError *err);
void em_package_free (EmPackage *p); /* NULL is fine */
const char *em_package_digest (const EmPackage *p);
/* With the configuration of `w`, which now names the digest. Replaces what is there. */
bool em_package_save (const EmPackage *p, const char *path, EmError *err);
