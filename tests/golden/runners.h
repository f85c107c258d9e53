/* runners.h - the parts of the engine that answer for goldens.
 *
 * Each runs its part with what the file's metadata asks for and compares. False with *err set when
 * it could not run; a value that differs is not its business. */
#pragma once
#include "golden.h"

bool golden_run_image (Golden *g, EmError *err);
bool golden_run_modules (Golden *g, EmError *err);
bool golden_run_video (Golden *g, EmError *err);
bool golden_run_metrics (Golden *g, EmError *err);
bool golden_run_resample (Golden *g, EmError *err);
bool golden_run_vggish (Golden *g, EmError *err);
bool golden_run_fuser (Golden *g, EmError *err);
bool golden_run_text (Golden *g, EmError *err);
bool golden_run_e2e (Golden *g, EmError *err);
