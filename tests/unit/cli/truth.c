/* Truth trees: written, found, read, and refused where they make no sense. */
#include <glib.h>
#include <glib/gstdio.h>
#include "base/png.h"
#include "check.h"
#include "cli/truth.h"

#define W 8
#define H 6

static char *root;

static void
put (const char *path, const char *text)
{
  g_autofree char *full = g_build_filename (root, path, NULL);
  g_autofree char *folder = g_path_get_dirname (full);

  g_mkdir_with_parents (folder, 0777);
  g_file_set_contents (full, text, -1, NULL);
}

/* A mask of `n` pixels. */
static void
put_mask (const char *path, int n)
{
  g_autofree char *full = g_build_filename (root, path, NULL);
  g_autofree char *folder = g_path_get_dirname (full);
  uint8_t pixels[W * H] = { 0 };
  EmError err = EM_ERROR_INIT;

  memset (pixels, 255, (size_t) n);
  g_mkdir_with_parents (folder, 0777);
  CHECK (em_png_write (full, EM_PNG_GRAY, pixels, W, H, &err));
}

/* Three frames; object 3 is labelled on two of them and not there on the second. */
static void
put_clip (const char *name)
{
  const struct {
    const char *file, *text;
  } files[]
      = { { "frames.csv", "frame,pts_ns\n0,0\n1,500000000\n2,1000000000\n" },
          { "objects.csv", "object,name,class,color\n3,\"drum \"\"b\"\", 3\",\"drum\",#ff0000\n" },
          { "sounding.csv", "object,start_ns,end_ns\n3,500000000,1400000000\n" } };

  for (size_t i = 0; i < G_N_ELEMENTS (files); i++) {
    g_autofree char *path = g_build_filename (name, files[i].file, NULL);

    put (path, files[i].text);
  }
  for (int f = 0; f < 2; f++) {
    g_autofree char *path = g_strdup_printf ("%s/003/%05d.png", name, f);

    put_mask (path, f ? 0 : 5);
  }
}

static void
trees (void)
{
  EmError err = EM_ERROR_INIT;
  GPtrArray *clips;
  const EmTruthClip *c;
  EmTracks *t;

  put_clip ("twins/b");
  put_clip ("standard/a");
  put ("standard/a.webm", "not looked into here");
  put ("readme/nothing.txt", "no clip");
  clips = em_truth_find (root, root, &err);
  CHECK (clips && clips->len == 2);
  c = g_ptr_array_index (clips, 0);
  CHECK_TEXT (c->name, "standard/a");
  CHECK_TEXT (c->slice, "standard");
  CHECK (c->media && g_str_has_suffix (c->media, "/standard/a.webm"));
  CHECK (!((EmTruthClip *) g_ptr_array_index (clips, 1))->media);

  t = em_truth_read (c, &err);
  CHECK (t && t->width == W && t->height == H && t->n_frames == 3 && t->n_objects == 1);
  CHECK_INT (t->duration_ns, 1500000000);
  CHECK_TEXT (t->objects[0].class_name, "drum");
  CHECK_TEXT (t->objects[0].name, "drum \"b\", 3");
  CHECK_INT (em_rle_area (em_truth_mask (t, &t->objects[0], 0)), 5);
  CHECK_INT (em_rle_area (em_truth_mask (t, &t->objects[0], 1)), 0);
  CHECK (!em_truth_mask (t, &t->objects[0], 2)); /* no file: not labelled */
  CHECK (em_truth_sounds (t, 3, 0));             /* half of the second is enough */
  CHECK (!em_truth_sounds (t, 3, 1));            /* 0.4 s is not */
  em_tracks_free (t);
  g_ptr_array_unref (clips);
}

/* Without the table of sounds all of them sound all the time. */
static void
no_sounding (void)
{
  g_autofree char *path = g_build_filename (root, "standard/a/sounding.csv", NULL);
  EmError err = EM_ERROR_INIT;
  GPtrArray *clips;
  EmTracks *t;

  g_unlink (path);
  clips = em_truth_find (root, root, &err);
  t = em_truth_read (g_ptr_array_index (clips, 0), &err);
  CHECK (t && em_truth_sounds (t, 3, 0));
  em_tracks_free (t);
  g_ptr_array_unref (clips);
}

static void
refused (void)
{
  static const struct {
    const char *file, *text, *says;
  } cases[] = {
    { "frames.csv", "frame,pts\n0,0\n", "expected \"frame,pts_ns\"" },
    { "frames.csv", "frame,pts_ns\n0,0\n2,5\n", "frame 1 is out of order" },
    { "frames.csv", "frame,pts_ns\n0,7\n1,7\n", "frame 1 is out of order" },
    { "frames.csv", "frame,pts_ns\n0\n", "line 2: expected 2 fields" },
    { "frames.csv", "frame,pts_ns\n0,x\n", "\"x\" is not a number" },
    { "frames.csv", "frame,pts_ns\n", "no frames" },
    { "frames.csv", "", "expected \"frame,pts_ns\"" },
    { "objects.csv", "object,name,class,color\n3,a,b,c\n3,a,b,c\n", "object 3 twice" },
    { "objects.csv", "object,name,class,color\n9,a,b,c\n", "has no masks" },
    { "sounding.csv", "object,start_ns,end_ns\n4,0,1\n", "names object 4" },
    { "sounding.csv", "object,start_ns,end_ns\n3,9,9\n", "\"9\" is not a number" },
  };

  for (size_t i = 0; i < G_N_ELEMENTS (cases); i++) {
    g_autofree char *path = g_build_filename ("standard/a", cases[i].file, NULL);
    EmError err = EM_ERROR_INIT;
    GPtrArray *clips;

    put_clip ("standard/a");
    put (path, cases[i].text);
    clips = em_truth_find (root, root, &err);
    CHECK (!em_truth_read (g_ptr_array_index (clips, 0), &err));
    CHECK_INT (err.code, EM_E_INPUT);
    if (!strstr (err.text, cases[i].says)) {
      fprintf (stderr, "case %zu says \"%s\", expected \"%s\"\n", i, err.text, cases[i].says);
      check_failures++;
    }
    g_ptr_array_unref (clips);
  }
}

static void
nothing_there (void)
{
  EmError err = EM_ERROR_INIT;

  CHECK (!em_truth_find ("/nowhere/at/all", root, &err));
  CHECK_INT (err.code, EM_E_INPUT);
}

static void
in_a_folder_of_its_own (void)
{
  root = g_dir_make_tmp ("truth-XXXXXX", NULL);
  trees ();
  no_sounding ();
  refused ();
  nothing_there ();
  g_autofree char *command = g_strdup_printf ("rm -r '%s'", root);
  CHECK_INT (system (command), 0);
  g_free (root);
}

CHECK_MAIN (in_a_folder_of_its_own)
