/* canvas_gl.c - one quad for the picture, one quad per layer.
 *
 * The picture is an RGBA texture, each mask a single-channel one; a layer's quad covers only the
 * box of its mask. Mixing follows canvas.c step by step, which tests compare. */
#include "app/canvas_gl.h"
#include <epoxy/gl.h>
#include <gio/gio.h>

typedef struct {
  GLuint name;
  int width, height;
  GBytes *bytes; /* what it holds; the reference keeps the pointer from being reused */
} Texture;

struct EmCanvasGl {
  GLuint picture_program, layer_program;
  GLuint vao, vbo;
  Texture picture;
  GArray *masks; /* Texture, one per layer in order */
};

static const char *const vertex_source
    = "in vec2 corner;\n"
      "uniform vec4 part;\n"  /* x, y, width, height in picture pixels */
      "uniform vec4 place;\n" /* picture to clip coordinates: scale x, y, offset x, y */
      "out vec2 at;\n"
      "void main () {\n"
      "  at = part.xy + corner * part.zw;\n"
      "  gl_Position = vec4 (at * place.xy + place.zw, 0.0, 1.0);\n"
      "}\n";

static const char *const picture_source
    = "in vec2 at;\n"
      "uniform sampler2D pixels;\n"
      "uniform vec2 size;\n"
      "out vec4 color;\n"
      "void main () { color = vec4 (texture (pixels, at / size).rgb, 1.0); }\n";

static const char *const layer_source
    = "in vec2 at;\n"
      "uniform sampler2D mask;\n"
      "uniform vec4 box;\n"
      "uniform vec3 tint;\n"
      "uniform float fill, reach, height, factor;\n"
      "uniform int pattern, dashed, lined;\n"
      "out vec4 color;\n"
      "bool is_in (vec2 p) {\n"
      "  vec2 q = p - box.xy;\n"
      "  if (q.x < 0.0 || q.y < 0.0 || q.x >= box.z || q.y >= box.w) return false;\n"
      "  return texture (mask, q / box.zw).r > 0.5;\n"
      "}\n"
      "void main () {\n"
      "  bool here = is_in (at), edge = false;\n"
      "  vec2 view = floor (vec2 (gl_FragCoord.x, height - gl_FragCoord.y) / factor);\n"
      "  if (lined == 1) {\n"
      "    float r = reach, d = 0.707 * reach;\n"
      "    edge = is_in (at + vec2 (r, 0.0)) != here || is_in (at - vec2 (r, 0.0)) != here\n"
      "        || is_in (at + vec2 (0.0, r)) != here || is_in (at - vec2 (0.0, r)) != here\n"
      "        || is_in (at + vec2 (d, d)) != here || is_in (at - vec2 (d, d)) != here\n"
      "        || is_in (at + vec2 (d, -d)) != here || is_in (at - vec2 (d, -d)) != here;\n"
      "  }\n"
      "  float a = 0.0;\n"
      "  vec3 c = tint;\n"
      "  if (edge) {\n"
      "    if (!(dashed == 1 && mod (view.x + view.y, 12.0) >= 7.0)) {\n"
      "      c = here ? tint * 0.6 + 0.4 : vec3 (0.0);\n"
      "      a = here ? 1.0 : 0.6;\n"
      "    }\n"
      "  } else if (here) {\n"
      "    a = fill;\n"
      "    if (pattern == 1 && mod (view.x + view.y, 12.0) < 4.0) a = min (1.0, a * 1.8);\n"
      "    if (pattern == 2 && length (mod (view, 10.0) - 4.5) < 2.5) a = min (1.0, a * 1.8);\n"
      "  }\n"
      "  color = vec4 (c * a, a);\n"
      "}\n";

static GLuint
compile (GLenum kind, gboolean es, const char *body, GError **error)
{
  const char *head = es ? "#version 300 es\nprecision highp float;\nprecision highp int;\n"
                        : "#version 150 core\n";
  const char *parts[] = { head, body };
  GLuint shader = glCreateShader (kind);
  GLint done = 0;
  char log[1024] = "";

  glShaderSource (shader, 2, parts, NULL);
  glCompileShader (shader);
  glGetShaderiv (shader, GL_COMPILE_STATUS, &done);
  if (done)
    return shader;
  glGetShaderInfoLog (shader, sizeof log, NULL, log);
  g_set_error (error, G_IO_ERROR, G_IO_ERROR_FAILED, "The canvas shader did not compile: %s", log);
  glDeleteShader (shader);
  return 0;
}

static GLuint
link_program (gboolean es, const char *fragment, GError **error)
{
  GLuint v = compile (GL_VERTEX_SHADER, es, vertex_source, error);
  GLuint f = v ? compile (GL_FRAGMENT_SHADER, es, fragment, error) : 0;
  GLuint program = 0;
  GLint done = 0;

  if (f) {
    program = glCreateProgram ();
    glAttachShader (program, v);
    glAttachShader (program, f);
    glBindAttribLocation (program, 0, "corner");
    glLinkProgram (program);
    glGetProgramiv (program, GL_LINK_STATUS, &done);
    if (!done) {
      g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_FAILED, "The canvas shader did not link");
      glDeleteProgram (program);
      program = 0;
    }
  }
  glDeleteShader (f);
  glDeleteShader (v);
  return program;
}

EmCanvasGl *
em_canvas_gl_open (gboolean es, GError **error)
{
  static const float corners[] = { 0, 0, 1, 0, 0, 1, 1, 1 };
  EmCanvasGl *c = g_new0 (EmCanvasGl, 1);

  c->masks = g_array_new (FALSE, TRUE, sizeof (Texture));
  c->picture_program = link_program (es, picture_source, error);
  c->layer_program = c->picture_program ? link_program (es, layer_source, error) : 0;
  if (c->layer_program == 0) {
    em_canvas_gl_close (c);
    return NULL;
  }
  glGenVertexArrays (1, &c->vao);
  glBindVertexArray (c->vao);
  glGenBuffers (1, &c->vbo);
  glBindBuffer (GL_ARRAY_BUFFER, c->vbo);
  glBufferData (GL_ARRAY_BUFFER, sizeof corners, corners, GL_STATIC_DRAW);
  glEnableVertexAttribArray (0);
  glVertexAttribPointer (0, 2, GL_FLOAT, GL_FALSE, 0, NULL);
  glBindVertexArray (0);
  return c;
}

static void
texture_clear (Texture *t)
{
  if (t->name)
    glDeleteTextures (1, &t->name);
  g_clear_pointer (&t->bytes, g_bytes_unref);
  t->name = 0;
  t->width = t->height = 0;
}

void
em_canvas_gl_close (EmCanvasGl *c)
{
  if (c == NULL)
    return;
  texture_clear (&c->picture);
  for (guint i = 0; i < c->masks->len; i++)
    texture_clear (&g_array_index (c->masks, Texture, i));
  g_array_unref (c->masks);
  if (c->vbo)
    glDeleteBuffers (1, &c->vbo);
  if (c->vao)
    glDeleteVertexArrays (1, &c->vao);
  if (c->picture_program)
    glDeleteProgram (c->picture_program);
  if (c->layer_program)
    glDeleteProgram (c->layer_program);
  g_free (c);
}

/* Binds the texture to unit 0 and uploads the bytes unless it holds them already. */
static void
texture_bind (Texture *t, GBytes *bytes, int width, int height, int row_pixels, gboolean rgba,
              GLint filter)
{
  if (t->name == 0)
    glGenTextures (1, &t->name);
  glActiveTexture (GL_TEXTURE0);
  glBindTexture (GL_TEXTURE_2D, t->name);
  glTexParameteri (GL_TEXTURE_2D, GL_TEXTURE_WRAP_S, GL_CLAMP_TO_EDGE);
  glTexParameteri (GL_TEXTURE_2D, GL_TEXTURE_WRAP_T, GL_CLAMP_TO_EDGE);
  glTexParameteri (GL_TEXTURE_2D, GL_TEXTURE_MIN_FILTER, filter);
  glTexParameteri (GL_TEXTURE_2D, GL_TEXTURE_MAG_FILTER, filter);
  if (t->bytes == bytes)
    return;
  glPixelStorei (GL_UNPACK_ALIGNMENT, 1);
  glPixelStorei (GL_UNPACK_ROW_LENGTH, row_pixels);
  if (t->width != width || t->height != height)
    glTexImage2D (GL_TEXTURE_2D, 0, rgba ? GL_RGBA8 : GL_R8, width, height, 0,
                  rgba ? GL_RGBA : GL_RED, GL_UNSIGNED_BYTE, g_bytes_get_data (bytes, NULL));
  else
    glTexSubImage2D (GL_TEXTURE_2D, 0, 0, 0, width, height, rgba ? GL_RGBA : GL_RED,
                     GL_UNSIGNED_BYTE, g_bytes_get_data (bytes, NULL));
  t->width = width;
  t->height = height;
  glPixelStorei (GL_UNPACK_ROW_LENGTH, 0);
  g_clear_pointer (&t->bytes, g_bytes_unref);
  t->bytes = g_bytes_ref (bytes);
}

static GLint
uniform (GLuint program, const char *name)
{
  return glGetUniformLocation (program, name);
}

static void
use_program (GLuint program, const EmViewport *v, const EmPicture *p, double x, double y, double w,
             double h)
{
  double vx, vy, s = em_viewport_scale (v);

  em_viewport_to_view (v, 0, 0, &vx, &vy);
  glUseProgram (program);
  glUniform2f (uniform (program, "size"), p->width, p->height);
  glUniform4f (uniform (program, "part"), (float) x, (float) y, (float) w, (float) h);
  glUniform4f (uniform (program, "place"), (float) (2 * s / v->view_w),
               (float) (-2 * s / v->view_h), (float) (2 * vx / v->view_w - 1),
               (float) (1 - 2 * vy / v->view_h));
}

static void
paint_layer (EmCanvasGl *c, const EmViewport *v, int factor, const EmPicture *p, const EmLayer *l,
             Texture *texture)
{
  GLuint program = c->layer_program;
  double reach = l->line / em_viewport_scale (v);
  double x0 = MAX (l->box.x - reach - 1, 0), y0 = MAX (l->box.y - reach - 1, 0);
  double x1 = MIN (l->box.x + l->box.width + reach + 1, p->width);
  double y1 = MIN (l->box.y + l->box.height + reach + 1, p->height);

  if (l->box.width < 1)
    return;
  texture_bind (texture, l->mask, l->box.width, l->box.height, 0, FALSE, GL_NEAREST);
  use_program (program, v, p, x0, y0, x1 - x0, y1 - y0);
  glUniform4f (uniform (program, "box"), l->box.x, l->box.y, l->box.width, l->box.height);
  glUniform3f (uniform (program, "tint"), (l->color >> 16 & 255) / 255.0f,
               (l->color >> 8 & 255) / 255.0f, (l->color & 255) / 255.0f);
  glUniform1f (uniform (program, "fill"), l->fill);
  glUniform1f (uniform (program, "reach"), (float) reach);
  glUniform1f (uniform (program, "height"), (float) (v->view_h * factor));
  glUniform1f (uniform (program, "factor"), factor);
  glUniform1i (uniform (program, "pattern"), l->pattern);
  glUniform1i (uniform (program, "dashed"), l->dashed);
  glUniform1i (uniform (program, "lined"), l->line > 0);
  glDrawArrays (GL_TRIANGLE_STRIP, 0, 4);
}

void
em_canvas_gl_paint (EmCanvasGl *c, const EmViewport *v, int factor, const EmPicture *picture,
                    const GPtrArray *layers)
{
  float grey = EM_CANVAS_SURROUND / 255.0f;
  guint n_layers = layers ? layers->len : 0;

  glClearColor (grey, grey, grey, 1);
  glClear (GL_COLOR_BUFFER_BIT);
  if (picture->pixels == NULL)
    return;
  glBindVertexArray (c->vao);
  glDisable (GL_DEPTH_TEST);
  glDisable (GL_BLEND);
  texture_bind (&c->picture, picture->pixels, picture->width, picture->height, picture->stride / 4,
                TRUE, em_viewport_is_nearest (v) ? GL_NEAREST : GL_LINEAR);
  use_program (c->picture_program, v, picture, 0, 0, picture->width, picture->height);
  glDrawArrays (GL_TRIANGLE_STRIP, 0, 4);

  glEnable (GL_BLEND);
  glBlendFunc (GL_ONE, GL_ONE_MINUS_SRC_ALPHA); /* the shader multiplies by alpha */
  if (c->masks->len < n_layers)
    g_array_set_size (c->masks, n_layers);
  for (guint i = 0; i < n_layers; i++)
    paint_layer (c, v, factor, picture, layers->pdata[i], &g_array_index (c->masks, Texture, i));
  glDisable (GL_BLEND);
  glBindVertexArray (0);
  glUseProgram (0);
}
