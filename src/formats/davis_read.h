/* davis_read.h - DAVIS 2017 label pictures read back. */
#pragma once
#include "base/tracks.h"

/* `path` holds Annotations/Full-Resolution or, where that is missing, Annotations/480p. As
 * EmFormat's read. */
bool em_davis_read (const char *path, EmTracks ***clips, int *n, EmError *err);
