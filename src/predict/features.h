/* features.h - pictures as the model sees them, kept as long as there is room.
 *
 * What the image pass makes of a frame: the image feature and the decoder's two skips, and for the
 * fuser its three patch maps. Both kinds have a cache of their own. Keeping changes no result: a
 * frame is always encoded by itself and always the same way. A pass must not be under way when
 * features are asked for, since encoding is a pass. One thread. */
#pragma once
#include "predict/frame.h"
#include "predict/predictor.h"
#include "predict/slots.h"

/* What all objects of a frame have in common beyond its features, made when first asked for. */
typedef struct {
  int frame;
  bool has_begun, has_projected;
  EmTensor begun;     /* [1, G, G, d]: em_memory_attention_begin */
  EmTensor projected; /* [1, G, G, d]: em_memory_project */
} EmShare;

typedef struct {
  EmTensor fpn2;   /* [1, G, G, d] */
  EmTensor s0, s1; /* [1, S/4, S/4, d/8], [1, S/8, S/8, d/4] */
  EmShare *share;  /* of the frame asked for last */
} EmFeatures;

typedef struct {
  EmTensor patch[EM_N_FUSION]; /* [1, G, G, dim]: em_fuser_patch of fpn0, fpn1, fpn2 */
} EmPatches;

typedef struct EmFeatureStore EmFeatureStore;

/* All that is passed must outlive the store. `bytes` bounds both caches together and max_frames (0:
 * no limit) each; each keeps what a single answer needs however small that is. NULL with
 * EM_E_MEMORY.
 */
EmFeatureStore *em_feature_store_new (EmCtx *ctx, const EmModel *model, const EmClipSource *source,
                                      size_t bytes, int max_frames, EmError *err);
void em_feature_store_free (EmFeatureStore *s); /* NULL is fine */

/* Valid until the next call on the store. `patches` NULL: not wanted. */
bool em_feature_store_get (EmFeatureStore *s, int frame, EmFeatures *features, EmPatches *patches,
                           EmError *err);
/* The patches of n frames, at most the fuser's window, all valid at once. */
bool em_feature_store_patches (EmFeatureStore *s, const int *frames, int n, EmPatches *patches,
                               EmError *err);
/* Forgets what is kept; `least`: and keeps no more than a single answer needs from now on. */
void em_feature_store_shrink (EmFeatureStore *s, bool least);
/* Frames encoded so far, and those whose features are kept now. */
int64_t em_feature_store_encoded (const EmFeatureStore *s);
int em_feature_store_kept (const EmFeatureStore *s);
size_t em_feature_store_bytes (const EmFeatureStore *s); /* reserved for them */
