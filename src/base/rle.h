/* rle.h - a mask as runs.
 *
 * The runs are COCO's: column by column, alternately of 0 and 1, beginning with zeros; only the
 * first may be 0; their sum is width * height. An EmRle owns its counts; the zero value is "no
 * mask" (width 0) and may be cleared and copied like any other. Functions that make one return it
 * by value and never fail but for memory, which aborts. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/error.h"

typedef struct {
  int width, height;
  int n;
  uint32_t *counts;
} EmRle;

typedef struct {
  int x, y, width, height; /* all 0 for an empty mask */
} EmBox;

EmRle em_rle_new (int width, int height);                            /* an empty mask */
EmRle em_rle_encode (const uint8_t *pixels, int width, int height);  /* row-major, non-zero is in */
EmRle em_rle_threshold (const float *logits, int width, int height); /* row-major, in where > 0 */
/* Columns of (height + 31) / 32 words: pixel (x, y) is bit y % 32 of word y / 32 of column x. Bits
 * behind the last pixel do not matter. */
EmRle em_rle_of_bits (const uint32_t *bits, int width, int height);
EmRle em_rle_copy (const EmRle *a);
void em_rle_clear (EmRle *a); /* back to the zero value */
void em_rle_decode (const EmRle *a, uint8_t *pixels,
                    uint8_t value); /* writes 0 or value, row-major */

/* The COCO compressed string. Reading checks everything: *err says what is wrong and where. */
char *em_rle_to_string (const EmRle *a); /* caller frees */
bool em_rle_from_string (EmRle *out, const char *text, size_t bytes, int width, int height,
                         EmError *err);

int64_t em_rle_area (const EmRle *a);
EmBox em_rle_box (const EmRle *a);
bool em_rle_equal (const EmRle *a, const EmRle *b);
double em_rle_iou (const EmRle *a, const EmRle *b); /* both empty: 1 */

typedef enum { EM_RLE_AND, EM_RLE_OR, EM_RLE_MINUS } EmRleOp;
EmRle em_rle_combine (const EmRle *a, const EmRle *b, EmRleOp op); /* same size */

/* The 8-connected parts, largest first; *n of them. Caller clears each and frees the array. */
EmRle *em_rle_parts (const EmRle *a, int *n);
/* The pixel of the mask farthest from its outside (the border counts as outside), ties to the
 * upper, then the left; false if the mask is empty. */
bool em_rle_deepest (const EmRle *a, int *x, int *y);
