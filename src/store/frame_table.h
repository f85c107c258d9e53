/* frame_table.h - a clip's frame times as bytes: what the column clip.frames holds.
 *
 * A version byte, then per frame the difference of its PTS from the one before, its duration's
 * difference from that (nearly always 0 after the first) and the key flag, as variable-length
 * numbers, all deflated: 18,000 frames of constant rate take about 200 bytes. Inside src/store. */
#pragma once
#include "store/db_clip.h"

GBytes *em_frame_table_pack (const EmDbFrame *frames, int n);
/* NULL unless the bytes hold exactly `n` frames with rising times. */
GArray *em_frame_table_unpack (const void *bytes, size_t size, int n);

/* zlib streams, for this and for logits. NULL when they do not hold exactly `n` bytes. */
GBytes *em_deflate (const void *bytes, size_t n);
uint8_t *em_inflate (const void *bytes, size_t size, size_t n);
