/* config.c - the configuration of a package: whatever is accepted can be listed, and a model of it
 * without weights says so. */
#include <string.h>
#include "fuzz.h"
#include "models/model.h"

static const char seed[]
    = "{\"format\":\"earmark-model-1\",\"name\":\"n\",\"sam2\":{\"version\":\"2.1\","
      "\"image_size\":256,\"trunk\":{\"embed_dim\":24,\"num_heads\":1,\"stages\":[1,2,4,1],"
      "\"global_att_blocks\":[5],\"window_spec\":[8,4,8,4],"
      "\"window_pos_embed_bkg_spatial_size\":[7,7]},\"d_model\":64,\"mem_dim\":16,"
      "\"mask_decoder\":{\"depth\":2,\"num_heads\":4,\"mlp_dim\":256,\"iou_head_depth\":3,"
      "\"iou_head_hidden_dim\":64},\"memory_attention\":{\"num_layers\":2,"
      "\"dim_feedforward\":256},\"memory_encoder\":{\"fuser_layers\":2},\"num_maskmem\":7,"
      "\"max_obj_ptrs_in_encoder\":16,\"add_tpos_enc_to_obj_ptrs\":true,"
      "\"proj_tpos_enc_in_obj_ptrs\":true,\"no_obj_embed_spatial\":true},"
      "\"vgg\":{\"channels\":[16,32,64,64],\"fc\":256,\"embedding\":32},"
      "\"fuser\":{\"dim\":64,\"inner\":32,\"num_heads\":4,\"mlp_ratio\":4,\"sr_ratio\":4,"
      "\"f_depths\":[1,1,2],\"a_depths\":[1,1,1],\"T\":5,\"cond_frame\":\"middle\"},"
      "\"text\":{\"layers\":6,\"hidden\":96,\"heads\":12,\"ffn\":384,\"vocab\":50265,"
      "\"positions\":27,\"rows\":25},"
      "\"labels\":[\"bell\",\"drum\"],\"provenance\":\"drawn\"}";

unsigned long fuzz_n_accepted;

size_t
fuzz_seed (int i, uint8_t out[FUZZ_ROOM])
{
  if (i > 0)
    return 0;
  memcpy (out, seed, sizeof seed - 1);
  return sizeof seed - 1;
}

void
fuzz_repair (uint8_t *bytes, size_t n)
{
}

static void
check_listed (void *self, const char *name, int ndim, const int64_t *shape, EmBindNeed need)
{
  int *n = self;
  int64_t elements = 1;

  for (int i = 0; i < ndim; i++) {
    FUZZ_DEMAND (shape[i] > 0 || need == EM_BIND_BYTES);
    elements *= shape[i];
  }
  FUZZ_DEMAND (elements < (int64_t) 1 << 40 && name[0]);
  ++*n;
}

int
LLVMFuzzerTestOneInput (const uint8_t *bytes, size_t n)
{
  EmModelConfig *config = malloc (sizeof *config);
  char *json = malloc (n + 1);
  EmError err = EM_ERROR_INIT;
  int n_listed = 0;

  memcpy (json, bytes, n);
  json[n] = 0;
  if (em_model_config_parse (config, json, "input", &err)) {
    EmWeights *w = em_weights_open_tensors (0, NULL, NULL, json, &err);
    EmBackend *be = em_backend_open ("cpu", &err);

    fuzz_n_accepted++;
    em_model_list_tensors (config, check_listed, &n_listed);
    FUZZ_DEMAND (n_listed > 100 && err.code == EM_OK);
    FUZZ_DEMAND (!em_model_open (w, be, 0, &err) && err.code == EM_E_WEIGHTS);
    em_backend_close (be);
    em_weights_close (w);
  } else {
    FUZZ_DEMAND (err.code == EM_E_WEIGHTS && err.text[0]);
  }
  free (json);
  free (config);
  return 0;
}
