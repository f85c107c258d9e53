/* features.c - encode once, copy out of scratch, find again. */
#include "predict/features.h"
#include <stdlib.h>
#include "engine/ops.h"

struct EmFeatureStore {
  EmCtx *ctx;
  const EmModel *model;
  const EmClipSource *source;
  uint8_t *rgb;                /* the frame as read, */
  EmTensor columns, rows;      /* and what em_picture stretches it with, on the backend; */
  float *planes, *pixels;      /* or normalised, channels first and last */
  EmSlots *features, *patches; /* patches NULL: the model does not hear */
  int room, patch_room;        /* frames that each may keep */
  EmShare share;
  void *share_memory;
  int64_t n_encoded;
};

/* Tensors one after the other over a slot, in the type the backend computes in. */
static EmTensor
next_over (const EmModel *m, char **at, int64_t h, int64_t w, int64_t c)
{
  EmTensor t = em_tensor_of (m->be->compute, *at, 4, (int64_t[]){ 1, h, w, c });

  *at += (size_t) em_numel (&t) * em_dtype_bytes (t.dtype);
  return t;
}

static EmFeatures
features_over (const EmModel *m, char *slot)
{
  int64_t d = m->config.sam2.d_model, g = m->side;
  EmFeatures f;

  f.fpn2 = next_over (m, &slot, g, g, d);
  f.s0 = next_over (m, &slot, 4 * g, 4 * g, d / 8);
  f.s1 = next_over (m, &slot, 2 * g, 2 * g, d / 4);
  f.share = NULL;
  return f;
}

static size_t
share_bytes (const EmModel *m)
{
  return em_dtype_bytes (m->be->compute) * 2 * m->n_tokens * m->config.sam2.d_model;
}

static EmShare
share_over (const EmModel *m, char *memory)
{
  int64_t d = m->config.sam2.d_model, g = m->side;
  EmShare share = { .frame = -1, .begun = next_over (m, &memory, g, g, d) };

  share.projected = next_over (m, &memory, g, g, d);
  return share;
}

static EmPatches
patches_over (const EmModel *m, char *slot)
{
  int64_t g = m->side, d = m->config.fuser.dim;
  EmPatches p;

  for (int k = 0; k < EM_N_FUSION; k++)
    p.patch[k] = next_over (m, &slot, g, g, d);
  return p;
}

static void *
need (size_t bytes)
{
  void *p = malloc (bytes);

  EM_BUG_UNLESS (p);
  return p;
}

/* Frames that a single answer needs at once. */
static int
least_features (void)
{
  return 2;
}

static int
least_patches (const EmFeatureStore *s)
{
  return s->model->config.fuser.window + 1;
}

static int
larger (int a, int b)
{
  return a > b ? a : b;
}

static size_t
table_bytes (const EmTensor *t)
{
  return (size_t) em_numel (t) * sizeof (int32_t);
}

static bool
no_memory (const EmBackend *be, size_t bytes, EmError *err)
{
  return em_fail (err, EM_E_MEMORY, "%s: out of memory, %zu MB more needed", be->name,
                  (bytes + (1 << 20) - 1) >> 20);
}

/* From `n` pixels to the model's. */
static bool
make_table (EmFeatureStore *s, EmTensor *t, int n, EmError *err)
{
  EmBackend *be = s->model->be;
  int side = s->model->config.sam2.image_size, taps;
  int32_t *table = em_stretch_table (n, side, &taps);
  bool ok;

  *t = em_tensor_of (EM_I32, NULL, 2, (int64_t[]){ side, 1 + taps });
  t->data = be->alloc (be, table_bytes (t));
  ok = (t->data || no_memory (be, table_bytes (t), err))
       && (be->upload (be, t->data, table, table_bytes (t))
           || em_fail (err, EM_E_DEVICE, "%s: copying to the device failed", be->name));
  free (table);
  return ok;
}

static bool
make_share (EmFeatureStore *s, EmError *err)
{
  EmBackend *be = s->model->be;

  s->share_memory = be->alloc (be, share_bytes (s->model));
  if (!s->share_memory)
    return no_memory (be, share_bytes (s->model), err);
  s->share = share_over (s->model, s->share_memory);
  return true;
}

EmFeatureStore *
em_feature_store_new (EmCtx *ctx, const EmModel *model, const EmClipSource *source, size_t bytes,
                      int max_frames, EmError *err)
{
  EmFeatureStore *s = need (sizeof *s);
  const EmModelConfig *config = &model->config;
  int64_t n = model->n_tokens, side = config->sam2.image_size;
  size_t each = em_dtype_bytes (model->be->compute);
  size_t feature_bytes = each * 4 * n * config->sam2.d_model;
  size_t patch_bytes = config->has_fuser ? each * EM_N_FUSION * n * config->fuser.dim : 0;
  size_t room = bytes / (feature_bytes + patch_bytes);
  bool ok = true;

  *s = (EmFeatureStore){ .ctx = ctx, .model = model, .source = source };
  max_frames = max_frames ? max_frames : 1 << 20;
  room = room > (size_t) max_frames ? (size_t) max_frames : room;
  s->room = larger ((int) room, least_features ());
  s->features = em_slots_new (model->be, feature_bytes, s->room);
  if (config->has_fuser) {
    s->patch_room = larger ((int) room, least_patches (s));
    s->patches = em_slots_new (model->be, patch_bytes, s->patch_room);
  }
  if (source->read_normalised) {
    s->planes = need (sizeof (float) * side * side * 3);
    s->pixels = need (sizeof (float) * side * side * 3);
  } else {
    s->rgb = need ((size_t) source->width * source->height * 3);
    ok = make_table (s, &s->columns, source->width, err)
         && make_table (s, &s->rows, source->height, err);
  }
  if (!ok || !make_share (s, err)) {
    em_feature_store_free (s);
    return NULL;
  }
  return s;
}

void
em_feature_store_shrink (EmFeatureStore *s, bool least)
{
  em_slots_shrink (s->features, 0);
  em_slots_shrink (s->patches, 0);
  s->room = least ? least_features () : s->room;
  em_slots_shrink (s->features, s->room);
  if (s->patches) {
    s->patch_room = least ? least_patches (s) : s->patch_room;
    em_slots_shrink (s->patches, s->patch_room);
  }
}

void
em_feature_store_free (EmFeatureStore *s)
{
  EmBackend *be;

  if (!s)
    return;
  be = s->model->be;
  if (s->share_memory)
    be->free (be, s->share_memory, share_bytes (s->model));
  if (s->columns.data)
    be->free (be, s->columns.data, table_bytes (&s->columns));
  if (s->rows.data)
    be->free (be, s->rows.data, table_bytes (&s->rows));
  em_slots_free (s->features);
  em_slots_free (s->patches);
  free (s->rgb);
  free (s->planes);
  free (s->pixels);
  free (s);
}

static bool
read_frame (EmFeatureStore *s, int frame, EmError *err)
{
  const EmClipSource *source = s->source;

  return (s->planes ? source->read_normalised (source->self, frame, s->planes, err)
                    : source->read (source->self, frame, s->rgb, err))
         || em_fail (err, EM_E_INPUT, "frame %d cannot be read", frame);
}

/* What was read, as the model takes it: [1, S, S, 3]. */
static EmTensor *
input_of (EmFeatureStore *s)
{
  const EmClipSource *source = s->source;
  int64_t side = s->model->config.sam2.image_size;

  if (s->planes) {
    em_planes_to_pixels (s->planes, side * side, s->pixels);
    return em_upload (s->ctx, s->pixels, 4, (int64_t[]){ 1, side, side, 3 });
  }
  return em_picture (
      s->ctx, em_upload_bytes (s->ctx, s->rgb, 3, (int64_t[]){ source->height, source->width, 3 }),
      &s->columns, &s->rows);
}

/* One image pass. What is wanted goes into slots of its own; a pass that fails keeps neither. */
static bool
encode (EmFeatureStore *s, int frame, bool with_patches, EmError *err)
{
  EmCtx *ctx = s->ctx;
  const EmModel *m = s->model;
  void *slot, *patch_slot = NULL;

  if (!em_ok (ctx) || !read_frame (s, frame, err)) {
    em_ctx_end_pass (ctx, err);
    return false;
  }
  slot = em_slots_take (s->features, err);
  if (slot && with_patches)
    patch_slot = em_slots_take (s->patches, err);
  if (!slot || (with_patches && !patch_slot)) {
    em_slots_give (s->features, slot);
    return false;
  }

  EmImageFeatures image = em_model_encode (ctx, m, input_of (s), with_patches);
  EmFeatures f = features_over (m, slot);

  em_store (ctx, &f.fpn2, image.fpn[2]);
  em_store (ctx, &f.s0, image.s0);
  em_store (ctx, &f.s1, image.s1);
  if (with_patches) {
    EmPatches p = patches_over (m, patch_slot);

    for (int k = 0; k < EM_N_FUSION; k++)
      em_store (ctx, &p.patch[k], em_fuser_patch (ctx, &m->fuser, k, image.fpn[k]));
  }
  if (!em_ctx_end_pass (ctx, err)) {
    em_slots_give (s->features, slot);
    em_slots_give (s->patches, patch_slot);
    return false;
  }
  em_slots_keep (s->features, slot, frame);
  if (with_patches)
    em_slots_keep (s->patches, patch_slot, frame);
  s->n_encoded++;
  return true;
}

bool
em_feature_store_get (EmFeatureStore *s, int frame, EmFeatures *features, EmPatches *patches,
                      EmError *err)
{
  EM_BUG_UNLESS (!patches || s->patches);
  if (!em_slots_find (s->features, frame) || (patches && !em_slots_find (s->patches, frame)))
    if (!encode (s, frame, patches != NULL, err))
      return false;
  *features = features_over (s->model, em_slots_find (s->features, frame));
  if (s->share.frame != frame)
    s->share.has_begun = s->share.has_projected = false;
  s->share.frame = frame;
  features->share = &s->share;
  if (patches)
    *patches = patches_over (s->model, em_slots_find (s->patches, frame));
  return true;
}

/* The cache holds a window and one more, and asking moves a frame to the front: none of these can
 * push out another. */
bool
em_feature_store_patches (EmFeatureStore *s, const int *frames, int n, EmPatches *patches,
                          EmError *err)
{
  EM_BUG_UNLESS (s->patches && n <= s->model->config.fuser.window);
  for (int i = 0; i < n; i++)
    if (!em_slots_find (s->patches, frames[i]) && !encode (s, frames[i], true, err))
      return false;
  for (int i = 0; i < n; i++)
    patches[i] = patches_over (s->model, em_slots_find (s->patches, frames[i]));
  return true;
}

int64_t
em_feature_store_encoded (const EmFeatureStore *s)
{
  return s->n_encoded;
}

int
em_feature_store_kept (const EmFeatureStore *s)
{
  return em_slots_in_use (s->features);
}

size_t
em_feature_store_bytes (const EmFeatureStore *s)
{
  return em_slots_bytes (s->features) + em_slots_bytes (s->patches);
}
