/* accept.h - what was heard in a clip, taken as truth without a person. */
#pragma once
#include "cli/cli_project.h"

/* Turns the clip's undecided suggestions of `source` into keyframes of object 1 (made if it is not
 * there) and into its sounding intervals, as one step. Protected masks stay. *n: keyframes. */
bool em_cli_accept (EmCliProject *p, int64_t clip, const char *source, double threshold, int *n,
                    EmError *err);
