/* import.h - files that others publish, joined to one package.
 *
 * What a file is shows in its names: SAM 2 as its authors or as Hugging Face call its tensors,
 * RoBERTa, an Earmark package. Names become those of a package; widths and depths are read off the
 * shapes, and what shapes do not tell (heads, windows, the image size) comes from a config.json
 * beside the file or given with it, else from the table of released sizes. Source files stay mapped
 * until em_import_free; nothing is copied. One thread. */
#pragma once
#include "models/package.h"

typedef struct EmImport EmImport;

EmImport *em_import_new (void);
void em_import_free (EmImport *im); /* NULL is fine */

/* Takes a file: weights, or a configuration that goes with them (a Hugging Face config.json, or
 * what a package has as "earmark.config"). A folder stands for the model.safetensors or the
 * pytorch_model.bin in it. EM_E_INPUT if it cannot be read, EM_E_WEIGHTS if it is none of these. */
bool em_import_add (EmImport *im, const char *path, EmError *err);

typedef struct {
  EmPackageReport package;
  EmPackageNames unexpected; /* in a file, but not of the model; left out of the package */
} EmImportReport;

/* What was added, as a package: with "earmark.config", owned by `im`, alive until em_import_free.
 * Once. NULL with EM_E_WEIGHTS if the parts make no model or do not fit together; the report is
 * filled as far as it got. */
EmWeights *em_import_join (EmImport *im, EmModelConfig *config, EmImportReport *report,
                           EmError *err);
void em_import_report_clear (EmImportReport *report);
