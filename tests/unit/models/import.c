/* import.c - the released sizes are recognised by names and shapes alone.
 *
 * No test has room for their weights: the files written here have every tensor's name and shape,
 * and a hole instead of its numbers. */
#include "models/import.h"
#include <fcntl.h>
#include <unistd.h>
#include "check.h"
#include "models/family.h"
#include "models/model.h"
#include "vocab.h"

static const struct {
  const char *name;
  int c, heads, stages[4], globals[3], windows[4], bkg;
  int keys; /* of 2.1; 2.0 has three less */
  long long elements;
} sizes[] = {
  { "tiny", 96, 1, { 1, 2, 7, 2 }, { 5, 7, 9 }, { 8, 4, 14, 7 }, 7, 471, 38962754 },
  { "small", 96, 1, { 1, 2, 11, 2 }, { 7, 10, 13 }, { 8, 4, 14, 7 }, 7, 519, 46060610 },
  { "base_plus", 112, 2, { 2, 3, 16, 3 }, { 12, 16, 20 }, { 8, 4, 14, 7 }, 14, 615, 80850434 },
  { "large", 144, 2, { 2, 6, 36, 4 }, { 23, 33, 43 }, { 8, 4, 16, 8 }, 7, 903, 224446898 },
};

static EmModelConfig config, back;

/* The header of a safetensors file, growing as tensors are told of. */
typedef struct {
  const char *layout; /* "sam2", "fuser" (VGGish in it) or "full": whose names it has */
  char text[1 << 18];
  size_t length;
  long long bytes, elements;
  int n;
} Header;
static Header header;

/* The name in a file of the layout; false if it is not in there. */
static bool
foreign_name (const char *layout, const char *name, char *out, size_t bytes)
{
  static const struct {
    const char *layout, *prefix, *foreign;
  } rows[] = {
    { "sam2", "sam2.", "" },
    { "fuser", "fuser.", "" },
    { "fuser", "vgg.", "vgg." },
    { "full", "sam2.", "v_model." },
    { "full", "vgg.", "aural_fuser.vgg." },
    { "full", "fuser.", "aural_fuser." },
    { "full", "text.", "t_model." },
  };

  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    size_t n = strlen (rows[i].prefix);

    if (strcmp (layout, rows[i].layout) != 0 || strncmp (name, rows[i].prefix, n) != 0)
      continue;
    snprintf (out, bytes, "%s%s", rows[i].foreign, name + n);
    return true;
  }
  return false;
}

static void
tell (void *self, const char *name, int ndim, const int64_t *shape, EmBindNeed need)
{
  Header *h = self;
  EmTensor t = em_tensor_of (EM_F32, NULL, ndim, shape);
  char dims[128], foreign[256];
  long long end = h->bytes + 4 * em_numel (&t);

  if (need == EM_BIND_BYTES || !foreign_name (h->layout, name, foreign, sizeof foreign))
    return;
  h->length += (size_t) snprintf (
      h->text + h->length, sizeof h->text - h->length,
      "%s\"%s\":{\"dtype\":\"F32\",\"shape\":%s,\"data_offsets\":[%lld,%lld]}", h->n++ ? "," : "{",
      foreign, em_shape_text (&t, dims, sizeof dims), h->bytes, end);
  h->bytes = end;
  h->elements += em_numel (&t);
}

/* A file of zeros that takes no room; its path is in `path`. */
static void
write_hollow (char *path, const Header *h)
{
  int fd = mkstemp (path);
  uint8_t length[8];

  for (int i = 0; i < 8; i++)
    length[i] = (uint8_t) ((h->length + 1) >> (8 * i));
  CHECK (fd >= 0 && write (fd, length, 8) == 8
         && write (fd, h->text, h->length) == (ssize_t) h->length && write (fd, "}", 1) == 1
         && ftruncate (fd, (off_t) (8 + h->length + 1) + h->bytes) == 0);
  close (fd);
}

static void
describe (int size, bool v21)
{
  EmSam2Config *s = &config.sam2;

  config = (EmModelConfig){ 0 };
  *s = (EmSam2Config){ .v21 = v21,
                       .image_size = 1024,
                       .d_model = 256,
                       .tracks = true,
                       .mem_dim = 64,
                       .num_maskmem = 7,
                       .max_obj_ptrs_in_encoder = 16,
                       .add_tpos_enc_to_obj_ptrs = v21,
                       .proj_tpos_enc_in_obj_ptrs = v21,
                       .no_obj_embed_spatial = v21 };
  s->trunk.embed_dim = sizes[size].c;
  s->trunk.num_heads = sizes[size].heads;
  memcpy (s->trunk.stages, sizes[size].stages, sizeof s->trunk.stages);
  s->trunk.n_global = 3;
  memcpy (s->trunk.global_att_blocks, sizes[size].globals, sizeof sizes[size].globals);
  memcpy (s->trunk.window_spec, sizes[size].windows, sizeof s->trunk.window_spec);
  s->trunk.bkg[0] = s->trunk.bkg[1] = sizes[size].bkg;
  s->mask_decoder.depth = 2;
  s->mask_decoder.num_heads = 8;
  s->mask_decoder.mlp_dim = 2048;
  s->mask_decoder.iou_head_depth = 3;
  s->mask_decoder.iou_head_hidden_dim = 256;
  s->memory_attention.num_layers = 4;
  s->memory_attention.dim_feedforward = 2048;
  s->memory_encoder.fuser_layers = 2;
}

/* What the file written from `config` is taken for. */
static void
read_back (char *const *paths, int n)
{
  EmImport *im = em_import_new ();
  EmImportReport report = { 0 };
  EmError err = EM_ERROR_INIT;
  EmWeights *w = NULL;
  bool ok = true;

  for (int i = 0; ok && i < n; i++)
    ok = em_import_add (im, paths[i], &err);
  w = ok ? em_import_join (im, &back, &report, &err) : NULL;
  CHECK_TEXT (err.text, "");
  CHECK (w && em_package_is_complete (&report.package));
  CHECK_INT (report.unexpected.n, 0);
  for (int i = 0; i < report.package.missing.n; i++)
    fprintf (stderr, "missing: %s\n", report.package.missing.names[i]);
  for (int i = 0; i < report.package.wrong.n; i++)
    fprintf (stderr, "wrong: %s\n", report.package.wrong.names[i]);
  em_import_report_clear (&report);
  em_import_free (im);
  for (int i = 0; i < n; i++)
    unlink (paths[i]);
}

static void
knows_the_released_sizes (void)
{
  for (int size = 0; size < 4; size++)
    for (int v21 = 0; v21 < 2; v21++) {
      char path[] = "/tmp/earmark-import-XXXXXX", *paths[] = { path };

      describe (size, v21);
      header = (Header){ .layout = "sam2" };
      em_model_list_tensors (&config, tell, &header);
      CHECK_INT (header.n, sizes[size].keys - (v21 ? 0 : 3));
      CHECK_INT (header.elements, sizes[size].elements - (v21 ? 0 : 16512));
      write_hollow (path, &header);
      read_back (paths, 1);
      CHECK (memcmp (&back.sam2, &config.sam2, sizeof back.sam2) == 0);
      CHECK_TEXT (em_family_name (&back.sam2), sizes[size].name);
      CHECK (!back.has_fuser && !back.has_text);
    }
}

static void
describe_hearing (void)
{
  describe (3, false);
  config.has_vgg = config.has_fuser = true;
  config.vgg = (EmVggConfig){ { 64, 128, 256, 512 }, 4096, 128 };
  config.fuser = (EmFuserConfig){ .dim = 256,
                                  .inner = 128,
                                  .num_heads = 4,
                                  .mlp_ratio = 4,
                                  .sr_ratio = 4,
                                  .f_depths = { 3, 6, 12 },
                                  .a_depths = { 3, 3, 3 },
                                  .window = 5 };
}

/* AVSBench: SAM 2 and what was trained, each in its file. */
static void
knows_what_hears (void)
{
  char sam2[] = "/tmp/earmark-import-XXXXXX", fuser[] = "/tmp/earmark-import-XXXXXX";
  char *paths[] = { fuser, sam2 };

  describe_hearing ();
  header = (Header){ .layout = "sam2" };
  em_model_list_tensors (&config, tell, &header);
  write_hollow (sam2, &header);
  header = (Header){ .layout = "fuser" };
  em_model_list_tensors (&config, tell, &header);
  CHECK_INT (header.n, 754 - 18); /* without the heads of training */
  /* with the counters and the statistics of six batch norms */
  CHECK_INT (header.elements, 58279424 - 99328 + 72141184 + 6 + 6 * 512);
  write_hollow (fuser, &header);
  read_back (paths, 2);
  CHECK (memcmp (&back.fuser, &config.fuser, sizeof back.fuser) == 0);
  CHECK (memcmp (&back.vgg, &config.vgg, sizeof back.vgg) == 0);
  CHECK (!back.has_text);
}

/* Ref-AVS: all in one file, but the vocabulary. */
static void
knows_what_reads (void)
{
  char all[] = "/tmp/earmark-import-XXXXXX", vocab[] = "/tmp/earmark-vocab-XXXXXX";
  char merges[] = "/tmp/earmark-merges-XXXXXX", *paths[] = { merges, all, vocab };
  char *files[2];
  int fd = mkstemp (vocab);

  vocab_make ((const char *const[]){ "a b", NULL }, &files[0], &files[1]);
  CHECK (write (fd, files[0], strlen (files[0])) == (ssize_t) strlen (files[0]));
  close (fd);
  fd = mkstemp (merges);
  CHECK (write (fd, files[1], strlen (files[1])) == (ssize_t) strlen (files[1]));
  close (fd);
  free (files[0]);
  free (files[1]);
  describe_hearing ();
  config.fuser.window = 10;
  config.fuser.cond_middle = true;
  config.fuser.text_width = 768;
  config.has_text = true;
  config.text = (EmTextConfig){ 6, 768, 12, 3072, 50265, 514, 25 };
  header = (Header){ .layout = "full" };
  em_model_list_tensors (&config, tell, &header);
  CHECK_INT (header.n, 900 + 752 - 12 + 103);
  write_hollow (all, &header);
  read_back (paths, 3);
  CHECK (memcmp (&back.fuser, &config.fuser, sizeof back.fuser) == 0);
  CHECK (memcmp (&back.text, &config.text, sizeof back.text) == 0);
}

CHECK_MAIN (knows_the_released_sizes, knows_what_hears, knows_what_reads)
