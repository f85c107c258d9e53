/* runners.h - the parts of the engine that answer for goldens. */
#pragma once
#include "golden.h"

bool golden_run_image (Golden *g, EmError *err);
bool golden_run_modules (Golden *g, EmError *err);
bool golden_run_metrics (Golden *g, EmError *err);
