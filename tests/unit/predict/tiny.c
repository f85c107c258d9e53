/* tiny.c - see tiny.h. */
#include "tiny.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/tracks.h"
#include "vocab.h"

static const char config[]
    = "{\"format\":\"earmark-model-1\",\"name\":\"tiny\",\"sam2\":{\"version\":\"%s\","
      "\"image_size\":%d,\"trunk\":{\"embed_dim\":8,\"num_heads\":1,\"stages\":[1,1,1,1],"
      "\"global_att_blocks\":[2],\"window_spec\":[8,4,4,2],"
      "\"window_pos_embed_bkg_spatial_size\":[4,4]},\"d_model\":32,\"mem_dim\":8,"
      "\"mask_decoder\":{\"depth\":2,\"num_heads\":4,\"mlp_dim\":48,\"iou_head_depth\":3,"
      "\"iou_head_hidden_dim\":32},%s\"num_maskmem\":7,"
      "\"max_obj_ptrs_in_encoder\":16,\"add_tpos_enc_to_obj_ptrs\":%s,"
      "\"proj_tpos_enc_in_obj_ptrs\":%s,\"no_obj_embed_spatial\":%s}%s}";
static const char memory[] = "\"memory_attention\":{\"num_layers\":1,\"dim_feedforward\":48},"
                             "\"memory_encoder\":{\"fuser_layers\":1},";
static const char hearing[]
    = ",\"vgg\":{\"channels\":[4,6,8,8],\"fc\":24,\"embedding\":16},\"fuser\":{\"dim\":32,"
      "\"inner\":16,\"num_heads\":4,\"mlp_ratio\":2,\"sr_ratio\":4,\"f_depths\":[1,1,1],"
      "\"a_depths\":[1,1,1],\"T\":3,\"cond_frame\":\"%s\"}";

static const char reading[]
    = ",\"text\":{\"layers\":2,\"hidden\":16,\"heads\":2,\"ffn\":24,\"vocab\":%d,"
      "\"positions\":14,\"rows\":12}";
static const char *const merges[] = { "t h", "th e", "d o", "do g", "c a", "ca t", NULL };

/* -1..1 from a name and an index. */
static float
draw (uint64_t seed, uint64_t i)
{
  uint64_t z = seed + (i + 1) * 0x9e3779b97f4a7c15u;

  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  return (float) ((double) ((z ^ (z >> 31)) >> 40) / 8388608 - 1);
}

static uint64_t
hash (const char *text)
{
  uint64_t h = 0xcbf29ce484222325u;

  for (; *text; text++)
    h = (h ^ (uint8_t) *text) * 0x100000001b3u;
  return h;
}

static bool
ends (const char *text, const char *end)
{
  size_t n = strlen (text), k = strlen (end);

  return n >= k && !strcmp (text + n - k, end);
}

/* Takes its data. */
static void
add (Tiny *t, const char *name, EmTensor x)
{
  t->names = realloc (t->names, (size_t) (t->n + 1) * sizeof *t->names);
  t->tensors = realloc (t->tensors, (size_t) (t->n + 1) * sizeof *t->tensors);
  t->names[t->n] = strdup (name);
  t->tensors[t->n++] = x;
}

static void
add_tensor (void *self, const char *name, int ndim, const int64_t *shape, EmBindNeed need)
{
  Tiny *t = self;
  EmTensor x = em_tensor_of (EM_F32, NULL, ndim, shape);
  int64_t n = em_numel (&x);
  float fan = ndim > 1 ? (float) (n / shape[0]) : 1, scale = ndim > 1 ? sqrtf (3 / fan) : 0.1f;
  float offset = ndim == 1 && (ends (name, ".weight") || ends (name, ".running_var")) ? 1 : 0;

  if (need == EM_BIND_BYTES) {
    char *texts[2], *mine;
    int which = strstr (name, "merges") != NULL;

    vocab_make (merges, &texts[0], &texts[1]);
    mine = texts[which];
    free (texts[!which]);
    add (t, name, em_tensor_of (EM_U8, mine, 1, (int64_t[]){ (int64_t) strlen (mine) }));
  }
  if (need != EM_BIND_REQUIRED)
    return;
  if (ends (name, "gamma") || ends (name, "gaussian_matrix") || strstr (name, "embeddings"))
    scale = 1;
  if (ends (name, "cross_attn_image.out_proj.weight")) /* a memory that one can see */
    scale *= 3;
  x.data = malloc ((size_t) n * sizeof (float));
  for (int64_t i = 0; i < n; i++)
    em_f32 (&x)[i] = offset + scale * draw (hash (name), (uint64_t) i);
  add (t, name, x);
}

static void
set_score_bias (Tiny *t, float bias)
{
  for (int i = 0; i < t->n; i++)
    if (ends (t->names[i], "pred_obj_score_head.layers.2.bias"))
      *em_f32 (&t->tensors[i]) = bias;
}

void
tiny_open (Tiny *t, TinyKind kind)
{
  EmModelConfig *c = malloc (sizeof *c);
  EmError err = EM_ERROR_INIT;
  const char *flag = kind.v20 ? "false" : "true";
  char ear[768] = "", json[2560];

  memset (t, 0, sizeof *t);
  if (!kind.deaf && !kind.still)
    snprintf (ear, sizeof ear, hearing, kind.cond_middle ? "middle" : "first");
  if (kind.reads)
    snprintf (ear + strlen (ear), sizeof ear - strlen (ear), reading,
              VOCAB_BYTES + 256 + (int) (sizeof merges / sizeof *merges) - 1);
  snprintf (json, sizeof json, config, kind.v20 ? "2.0" : "2.1", kind.size ? kind.size : 64,
            kind.still ? "" : memory, flag, flag, flag, ear);
  if (em_model_config_parse (c, json, "tiny", &err)) {
    em_model_list_tensors (c, add_tensor, t);
    set_score_bias (t, kind.score_bias);
    t->weights
        = em_weights_open_tensors (t->n, (const char *const *) t->names, t->tensors, json, &err);
    t->be = em_backend_open ("cpu", &err);
    t->model = em_model_open (t->weights, t->be, kind.seen_at, &err);
  }
  free (c);
  if (!t->model) {
    fprintf (stderr, "the tiny model does not open: %s\n", err.text);
    abort ();
  }
}

void
tiny_close (Tiny *t)
{
  em_model_close (t->model);
  em_backend_close (t->be);
  em_weights_close (t->weights);
  for (int i = 0; i < t->n; i++) {
    free (t->names[i]);
    free (t->tensors[i].data);
  }
  free (t->names);
  free (t->tensors);
}

static bool
read_frame (void *self, int frame, uint8_t *rgb, EmError *err)
{
  TinyClip *c = self;
  int left = 4 + frame % 20, top = 6 + frame / 3 % 10;

  c->n_reads++;
  if (frame == c->fails_at)
    return em_fail (err, EM_E_INPUT, "frame %d is damaged", frame);
  for (int y = 0; y < TINY_HEIGHT; y++)
    for (int x = 0; x < TINY_WIDTH; x++)
      for (int k = 0; k < 3; k++) {
        int v = 100 + (int) (40 * draw ((uint64_t) frame, (uint64_t) (y * TINY_WIDTH + x) * 3 + k));

        if (x >= left && x < left + 12 && y >= top && y < top + 12)
          v += k == 0 ? 110 : -60;
        *rgb++ = (uint8_t) v;
      }
  return true;
}

void
tiny_clip_open (TinyClip *c, int n_frames, int fps)
{
  int seconds = (n_frames + fps - 1) / fps;
  int64_t n = (int64_t) seconds * 16000;

  memset (c, 0, sizeof *c);
  c->fails_at = -1;
  c->grid = malloc ((size_t) seconds * sizeof *c->grid);
  c->pts = malloc ((size_t) n_frames * sizeof *c->pts);
  c->sound = malloc ((size_t) n * 2 * sizeof *c->sound);
  for (int i = 0; i < n_frames; i++)
    c->pts[i] = (int64_t) i * 1000000000 / fps;
  for (int64_t i = 0; i < n; i++)
    for (int ear = 0; ear < 2; ear++) {
      double t = (double) i / 16000, tone = sin (t * (2000 + 400 * (int) t + 900 * ear));

      c->sound[2 * i + ear]
          = (float) (((int) t % 2 ? 0.4 : 0.1) * tone + 0.01 * draw (7, 2 * (uint64_t) i + ear));
    }
  c->source = (EmClipSource){ .self = c,
                              .n_frames = n_frames,
                              .width = TINY_WIDTH,
                              .height = TINY_HEIGHT,
                              .read = read_frame,
                              .sound = c->sound,
                              .n_samples = n,
                              .grid = c->grid,
                              .pts_ns = c->pts };
  c->source.n_grid = em_grid_frames (c->pts, n_frames, (int64_t) n_frames * 1000000000 / fps, 0.5,
                                     c->grid, seconds);
}

void
tiny_clip_close (TinyClip *c)
{
  free (c->grid);
  free (c->pts);
  free (c->sound);
}

EmPrompt
tiny_point (float x, float y, bool positive)
{
  return (EmPrompt){ positive ? EM_PROMPT_POSITIVE : EM_PROMPT_NEGATIVE, x, y };
}

EmRle
tiny_mask (void)
{
  uint8_t pixels[TINY_WIDTH * TINY_HEIGHT] = { 0 };

  for (int y = 5; y < 19; y++)
    memset (pixels + y * TINY_WIDTH + 4, 1, 13);
  return em_rle_encode (pixels, TINY_WIDTH, TINY_HEIGHT);
}
