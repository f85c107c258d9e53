/* png.h - label and picture files.
 *
 * Written 8 bits a sample, not interlaced, without gamma or profile, which is what dataset readers
 * expect; labels never pass through a colour conversion. Without libpng at build time both
 * directions fail with a sentence. */
#pragma once
#include <stddef.h>
#include <stdint.h>
#include "base/error.h"

typedef enum { EM_PNG_GRAY, EM_PNG_PALETTE, EM_PNG_RGB } EmPngKind;

typedef struct {
  EmPngKind kind;
  int width, height;
  uint8_t *pixels; /* row-major, 1 byte a pixel, RGB 3; malloc, the caller frees */
} EmPng;

/* The colours of palette index 0..255 as the VOC and DAVIS sets use them, 768 bytes. */
void em_png_voc_palette (uint8_t rgb[768]);

/* EM_E_INPUT with the path if it cannot be written. PALETTE writes indices with the VOC palette. */
bool em_png_write (const char *path, EmPngKind kind, const uint8_t *pixels, int width, int height,
                   EmError *err);
/* Reads 1, 2, 4, 8-bit gray and palette and 8-bit RGB(A): for gray the value is the label, for a
 * palette the index. Sizes above 32768 a side are refused. */
bool em_png_read (const char *path, EmPng *out, EmError *err);
bool em_png_read_bytes (const void *bytes, size_t n, const char *what, EmPng *out, EmError *err);
