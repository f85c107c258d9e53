/* coco_read.h - COCO instances with runs, ours and others', read back. */
#pragma once
#include <stddef.h>
#include "base/tracks.h"

/* `path` is the JSON file or a folder of our export. As EmFormat's read. */
bool em_coco_read (const char *path, EmTracks ***clips, int *n, EmError *err);
/* The same of a text; `what` names it in messages. */
bool em_coco_parse (const char *text, size_t bytes, const char *what, EmTracks ***clips, int *n,
                    EmError *err);
