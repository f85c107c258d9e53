/* canvas.h - what the canvas paints: one picture and the layers over it.
 *
 * Two painters share this description: the GL one (canvas_gl.h), which mixes in a fragment shader,
 * and a plain one here, the fallback where GL cannot be had and the twin the shader is tested
 * against. Pixels are immutable GBytes, so they may come from any thread. */
#pragma once
#include <glib.h>
#include "app/viewport.h"

/* The canvas surround, neutral in light and dark. */
#define EM_CANVAS_SURROUND 0x2b

typedef struct {
  GBytes *pixels; /* width x height x 4, RGBA, rows of `stride` bytes */
  int width, height, stride;
} EmPicture;

typedef enum { EM_PATTERN_PLAIN, EM_PATTERN_DIAGONAL, EM_PATTERN_DOTS, EM_N_PATTERNS } EmPattern;

typedef struct {
  GBytes *mask;  /* picture width x height, row-major, 0 or 255 */
  EmBox box;     /* of the mask */
  guint32 color; /* 0xRRGGBB */
  EmPattern pattern;
  float fill;      /* opacity of the area, 0..1 */
  float line;      /* half the outline's width in view pixels; 0: none */
  gboolean dashed; /* a suggestion, not yet a mask */
} EmLayer;

EmLayer *em_layer_new (const EmRle *mask, guint32 color, EmPattern pattern);
EmLayer *em_layer_copy (const EmLayer *layer); /* shares the pixels */
void em_layer_free (EmLayer *layer);           /* NULL is fine */

/* Paints the view, width x height RGBA with rows of width * 4 bytes, at one device pixel per view
 * pixel. `picture` may hold no pixels: then only the surround is painted. */
void em_canvas_paint (const EmViewport *v, const EmPicture *picture, const GPtrArray *layers,
                      guint8 *rgba, int width, int height);
