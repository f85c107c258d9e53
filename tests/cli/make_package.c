/* make_package.c - writes a small model package of random weights, sound or spoilt.
 *
 * usage: make-package FILE [KIND]; KIND is "old" for a SAM 2.0, "hearing" for one with VGGish and
 * fuser, "finding" for one that hears and takes whatever it sees for an object, "reading" for a
 * finding one that has a text model too, or one of the spoilers below. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "../unit/vocab.h"
#include "models/model.h"

static const char config_json[]
    = "{\"format\":\"earmark-model-1\",\"name\":\"tiny test model\",\"sam2\":{\"version\":\"2.1\","
      "\"image_size\":64,\"trunk\":{\"embed_dim\":4,\"num_heads\":1,\"stages\":[1,1,1,1],"
      "\"global_att_blocks\":[2],\"window_spec\":[4,2,2,2],"
      "\"window_pos_embed_bkg_spatial_size\":[3,3]},\"d_model\":8,\"mem_dim\":4,"
      "\"mask_decoder\":{\"depth\":1,\"num_heads\":2,\"mlp_dim\":8,\"iou_head_depth\":3,"
      "\"iou_head_hidden_dim\":8},\"memory_attention\":{\"num_layers\":1,\"dim_feedforward\":8},"
      "\"memory_encoder\":{\"fuser_layers\":1},\"num_maskmem\":7,\"max_obj_ptrs_in_encoder\":16,"
      "\"add_tpos_enc_to_obj_ptrs\":true,\"proj_tpos_enc_in_obj_ptrs\":true,"
      "\"no_obj_embed_spatial\":true},\"labels\":[],\"provenance\":\"random\"}";

/* Goes before the labels: the same with ears. */
static const char hearing_json[]
    = "\"vgg\":{\"channels\":[2,2,2,2],\"fc\":4,\"embedding\":4},\"fuser\":{\"dim\":8,\"inner\":4,"
      "\"num_heads\":2,\"mlp_ratio\":2,\"sr_ratio\":2,\"f_depths\":[1,1,1],"
      "\"a_depths\":[1,1,1],\"T\":2,\"cond_frame\":\"first\"},";

/* ... and with a text model. */
static const char reading_json[]
    = "\"text\":{\"layers\":1,\"hidden\":8,\"heads\":2,\"ffn\":8,\"vocab\":266,\"positions\":32,"
      "\"rows\":25},";
static const char *const merges[] = { "t h", "th e", "d o", "do g", "c a", "ca t", NULL };

typedef struct {
  int n;
  char *names[1024];
  EmTensor tensors[1024];
} List;

static void
add (void *self, const char *name, int ndim, const int64_t *shape, EmBindNeed need)
{
  List *list = self;
  EmTensor t = em_tensor_of (EM_F32, NULL, ndim, shape);
  char *files[2];

  if (need == EM_BIND_BYTES) {
    int which = strstr (name, "merges") != NULL;

    vocab_make (merges, &files[0], &files[1]);
    free (files[!which]);
    t = em_tensor_of (EM_U8, files[which], 1, (int64_t[]){ (int64_t) strlen (files[which]) });
    list->names[list->n] = strdup (name);
    list->tensors[list->n++] = t;
    return;
  }

  float *values = malloc (em_numel (&t) * sizeof *values);
  static uint32_t state = 1;

  for (int64_t i = 0; i < em_numel (&t); i++) {
    state = state * 1664525 + 1013904223;
    values[i] = (float) (state >> 8) / (1 << 24) - (strstr (name, "running_var") ? 0 : 0.5f);
  }
  t.data = values;
  list->names[list->n] = strdup (name);
  list->tensors[list->n++] = t;
}

static int
find (const List *list, const char *name)
{
  for (int i = 0; i < list->n; i++)
    if (strcmp (list->names[i], name) == 0)
      return i;
  abort ();
}

/* Random words say next to nothing: these are heard above the rest. */
static void
speak_up (List *list)
{
  for (int k = 0; k < 2; k++) {
    EmTensor *t
        = &list->tensors[find (list, k ? "fuser.text_proj.2.weight" : "fuser.text_proj.0.weight")];

    for (int64_t i = 0; i < em_numel (t); i++)
      em_f32 (t)[i] *= 5;
  }
}

/* Changes the list before it is written; false if `kind` is not of this sort. */
static bool
spoil_list (List *list, const char *kind, const char **config)
{
  static char changed[sizeof config_json + 32];
  EmTensor *t;

  if (strcmp (kind, "missing") == 0) {
    int i = find (list, "sam2.no_mem_embed");

    list->n--;
    free (list->names[i]);
    free (list->tensors[i].data);
    list->names[i] = list->names[list->n];
    list->tensors[i] = list->tensors[list->n];
  } else if (strcmp (kind, "shape") == 0) {
    t = &list->tensors[find (list, "sam2.image_encoder.neck.convs.0.conv.weight")];
    t->shape[0] *= 2;
    t->shape[1] /= 2;
  } else if (strcmp (kind, "large") == 0) {
    t = &list->tensors[find (list, "sam2.no_mem_embed")];
    em_f32 (t)[1] = 1e6f;
  } else if (strcmp (kind, "config") == 0) { /* another model's */
    const char *at = strstr (config_json, "\"d_model\":8");

    snprintf (changed, sizeof changed, "%.*s\"d_model\":16%s", (int) (at - config_json),
              config_json, at + strlen ("\"d_model\":8"));
    *config = changed;
  } else if (strcmp (kind, "noconfig") == 0) {
    *config = NULL;
  } else if (strcmp (kind, "wordless") == 0) {
    t = &list->tensors[find (list, "text.vocab_json")];
    *(char *) strstr (t->data, "<pad>") = '[';
  } else if (strcmp (kind, "finding") == 0) {
    t = &list->tensors[find (list, "sam2.sam_mask_decoder.pred_obj_score_head.layers.2.bias")];
    em_f32 (t)[0] = 5;
  } else {
    return strcmp (kind, "sound") == 0;
  }
  return true;
}

/* Changes the bytes of the file that was written. */
static bool
spoil_file (const char *path, const char *kind)
{
  static const struct {
    const char *kind;
    const char *from, *to; /* in the header, of the same length */
  } edits[] = {
    { "offset", "\"data_offsets\":[0,", "\"data_offsets\":[9," },
    { "negative", "\"shape\":[", "\"shape\":-" },
    { "dtype", "\"dtype\":\"F32\"", "\"dtype\":\"Q32\"" },
  };
  FILE *f = fopen (path, "r+b");
  static char bytes[1 << 22];
  size_t n = fread (bytes, 1, sizeof bytes, f);
  bool known = false;

  if (strcmp (kind, "length") == 0) {
    memset (bytes, 0xff, 7);
    known = true;
  } else if (strcmp (kind, "cut") == 0) {
    n /= 2;
    known = true;
  } else if (strcmp (kind, "changed") == 0) { /* one bit of one weight */
    bytes[n - 1] ^= 1;
    known = true;
  }
  for (size_t i = 0; i < sizeof edits / sizeof *edits; i++)
    if (strcmp (kind, edits[i].kind) == 0) {
      char *at = memmem (bytes, n, edits[i].from, strlen (edits[i].from));

      memcpy (at, edits[i].to, strlen (edits[i].to));
      known = true;
    }
  fclose (f);
  f = fopen (path, "wb");
  known = known && fwrite (bytes, 1, n, f) == n;
  return fclose (f) == 0 && known;
}

int
main (int argc, char **argv)
{
  static EmModelConfig config;
  static List list;
  static char changed[sizeof config_json + sizeof hearing_json + sizeof reading_json];
  EmError err = EM_ERROR_INIT;
  const char *kind = argc > 2 ? argv[2] : "sound", *json = config_json;
  bool reads = strcmp (kind, "reading") == 0 || strcmp (kind, "wordless") == 0;

  if (reads || strcmp (kind, "hearing") == 0 || strcmp (kind, "finding") == 0) {
    int before = (int) (strstr (config_json, "\"labels\"") - config_json);

    snprintf (changed, sizeof changed, "%.*s%s%s%s", before, config_json, hearing_json,
              reads ? reading_json : "", config_json + before);
    json = changed;
    kind = strcmp (kind, "reading") == 0   ? "finding"
           : strcmp (kind, "hearing") == 0 ? "sound"
                                           : kind;
  } else if (strcmp (kind, "old") == 0) { /* 2.1 as 2.0, its options off */
    const char *flags = strstr (config_json, "\"add_tpos"), *labels = strstr (flags, "\"labels");
    const char *version = strstr (config_json, "2.1");

    snprintf (changed, sizeof changed,
              "%.*s2.0%.*s\"add_tpos_enc_to_obj_ptrs\":false,\"proj_tpos_enc_in_obj_ptrs\":false,"
              "\"no_obj_embed_spatial\":false},%s",
              (int) (version - config_json), config_json, (int) (flags - version - 3), version + 3,
              labels);
    json = changed;
    kind = "sound";
  }
  if (argc < 2 || !em_model_config_parse (&config, json, "built in", &err)) {
    fprintf (stderr, "usage: make-package FILE [KIND]; %s\n", err.text);
    return 2;
  }
  em_model_list_tensors (&config, add, &list);
  if (reads)
    speak_up (&list);

  bool in_list = spoil_list (&list, kind, &json);
  const char *metadata[] = { "earmark.config", json };
  if (!em_weights_save (argv[1], list.n, (const char *const *) list.names, list.tensors, metadata,
                        json ? 1 : 0, &err)) {
    fprintf (stderr, "%s\n", err.text);
    return 1;
  }
  return in_list || spoil_file (argv[1], kind) ? 0 : 2;
}
