/* hiera.h - the image trunk: a hierarchical vision transformer with windows.
 *
 * Four stages; the side halves and the width doubles from one to the next. Read-only after loading;
 * a forward pass belongs to the thread of its context. */
#pragma once
#include "engine/ops.h"
#include "models/config.h"
#include "weights/bind.h"

typedef struct {
  EmPair norm1, qkv, attn_proj, norm2, fc1, fc2;
  EmPair proj; /* of the shortcut; NULLs unless pool */
  int c_in, c_out, n_heads;
  int window;    /* 0: global */
  bool pool;     /* first of stages 2, 3, 4: the map halves */
  int stage_end; /* 0..3 in the last block of a stage, else -1 */
} EmHieraBlock;

typedef struct {
  int n_blocks;
  EmPair patch_embed;
  EmTensor *pos_embed, *pos_embed_window; /* [1, c, bh, bw], [1, c, 8, 8] */
  EmTensor *pos; /* both on the grid of the image: [S/4, S/4, c]; made by em_model_open */
  EmHieraBlock blocks[EM_MAX_BLOCKS];
} EmHiera;

void em_hiera_bind (EmBinder *b, EmHiera *t, const EmTrunkConfig *config);

/* frames [n, S, S, 3], normalised -> stages [n, S/4, S/4, c], [n, S/8, S/8, 2c], [n, S/16, S/16,
 * 4c], [n, S/32, S/32, 8c]. Taps trunk.patch_embed, trunk.pos_added, trunk.blockN, trunk.stageN
 * (1..4). */
void em_hiera_forward (EmCtx *ctx, const EmHiera *t, EmTensor *frames,
                       EmTensor *stages[EM_N_STAGES]);

/* The position table on the host: `out` [side, side, c] from the two embeddings in f32. */
void em_hiera_positions (float *out, int side, int c, const float *pos_embed, int bh, int bw,
                         const float *pos_embed_window, int window);
