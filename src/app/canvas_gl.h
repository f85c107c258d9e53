/* canvas_gl.h - the canvas painted by the GPU.
 *
 * Belongs to one GL context: open, paint and close with that context current, on its thread. Pixels
 * are uploaded once and kept while the same GBytes come again. */
#pragma once
#include "app/canvas.h"

typedef struct EmCanvasGl EmCanvasGl;

/* `es`: the context speaks OpenGL ES 3 instead of desktop OpenGL 3.2. */
EmCanvasGl *em_canvas_gl_open (gboolean es, GError **error);
void em_canvas_gl_close (EmCanvasGl *c); /* NULL is fine */

/* Fills the bound framebuffer of view * `factor` device pixels. */
void em_canvas_gl_paint (EmCanvasGl *c, const EmViewport *v, int factor, const EmPicture *picture,
                         const GPtrArray *layers);
