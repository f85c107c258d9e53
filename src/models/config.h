/* config.h - every width, depth, window and flag of a model, as data.
 *
 * Parsed from the "earmark.config" of a package and checked: whoever holds an EmModelConfig may
 * rely on the ranges below and on every division that the architecture needs being exact. A plain
 * value. */
#pragma once
#include "base/error.h"

#define EM_N_STAGES        4  /* of the trunk; the neck has as many laterals */
#define EM_MAX_BLOCKS      64 /* of the trunk; the largest released one has 48 */
#define EM_MAX_LAYERS      8  /* decoder, memory attention, memory fuser */
#define EM_N_FUSION        3  /* stages of the fuser */
#define EM_MAX_DEPTH       16 /* blocks of one stage of the fuser */
#define EM_N_VGG_STAGES    4
#define EM_MAX_MASKMEM     16
#define EM_MAX_LABELS      256
#define EM_MAX_TEXT_LAYERS 24 /* of the text model; the one that is used has 6 */
#define EM_MAX_TEXT_ROWS   128

typedef struct {
  int embed_dim; /* of stage 1; doubles at every stage */
  int num_heads; /* of stage 1; doubles at every stage */
  int stages[EM_N_STAGES];
  int n_global;
  int global_att_blocks[EM_MAX_BLOCKS];
  int window_spec[EM_N_STAGES];
  int bkg[2]; /* window_pos_embed_bkg_spatial_size: grid of the background position embedding */
} EmTrunkConfig;

typedef struct {
  bool v21;       /* SAM 2.1; else 2.0 */
  int image_size; /* S, a multiple of 32 */
  EmTrunkConfig trunk;
  int d_model; /* d, a multiple of 8 */
  bool tracks; /* false: for single pictures, without memory encoder and attention */
  int mem_dim; /* m, divides d */
  struct {
    int depth, num_heads, mlp_dim;
    int iou_head_depth; /* 3 */
    int iou_head_hidden_dim;
  } mask_decoder;
  struct {
    int num_layers, dim_feedforward;
  } memory_attention;
  struct {
    int fuser_layers;
  } memory_encoder;
  int num_maskmem;
  int max_obj_ptrs_in_encoder;
  bool add_tpos_enc_to_obj_ptrs;
  bool proj_tpos_enc_in_obj_ptrs; /* the package has obj_ptr_tpos_proj */
  bool no_obj_embed_spatial;      /* the package has no_obj_embed_spatial */
  bool image_pe_layer;            /* the grid's positions have a matrix of their own */
} EmSam2Config;

typedef struct {
  int channels[EM_N_VGG_STAGES]; /* stages 3 and 4 have two convolutions */
  int fc;                        /* width of the two hidden layers */
  int embedding;                 /* per ear; two ears make fuser.dim */
} EmVggConfig;

typedef struct {
  int dim;   /* = d_model */
  int inner; /* width of the fusion products; official: dim / 2 */
  int num_heads, mlp_ratio, sr_ratio;
  int f_depths[EM_N_FUSION]; /* visual blocks per stage */
  int a_depths[EM_N_FUSION]; /* token blocks per stage */
  int window;                /* T: grid points heard at once */
  bool cond_middle;          /* conditioning frame T / 2, else 0 */
  int text_width;            /* of the rows that text_proj takes; 0: it cannot read */
} EmFuserConfig;

typedef struct {
  int layers, hidden, heads, ffn;
  int vocab,
      positions; /* rows of the two tables; 514 positions: the first two are never a word's */
  int rows;      /* what a sentence is cut or padded to, its two ends included; 25 */
} EmTextConfig;

typedef struct {
  char name[128];
  EmSam2Config sam2;
  bool has_vgg, has_fuser; /* both or neither; false: a stock SAM 2 without hearing */
  EmVggConfig vgg;
  EmFuserConfig fuser;
  bool has_text; /* reads expressions; only with a fuser */
  EmTextConfig text;
  int n_labels;
  char labels[EM_MAX_LABELS][64];
  char provenance[2048];
} EmModelConfig;

/* `source` names the package in messages. EM_E_WEIGHTS with a sentence if a value is missing, of
 * the wrong kind, out of range, or does not fit the others. */
bool em_model_config_parse (EmModelConfig *config, const char *json, const char *source,
                            EmError *err);
/* Another image size than the package's, 0 for that one: a multiple of 32, and of what the fuser
 * shrinks its grid by, from 128 to 2048. EM_E_USAGE otherwise. */
bool em_model_config_resize (EmModelConfig *config, int image_size, EmError *err);
