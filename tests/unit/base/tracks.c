/* Tracks, the grid, PNG and JSON. */
#include "base/json.h"
#include "base/png.h"
#include "base/tracks.h"
#include "check.h"
#include <unistd.h>

static const int64_t second = 1000000000;

static void
masks_stay_sorted (void)
{
  int64_t pts[50];
  uint64_t noise = 3;
  EmTracks *t;
  EmTrackObject *o;

  for (int i = 0; i < 50; i++)
    pts[i] = i * second / 10;
  t = em_tracks_new ("clip", 4, 3, 50, pts, 5 * second);
  o = em_tracks_add_object (t, 9, "Violin", NULL, 0, 0xE69F00);
  for (int i = 0; i < 300; i++)
    em_track_object_set (o, (int) (check_random (&noise) % 50), EM_STATE_PROPAGATED,
                         em_rle_new (4, 3));
  for (int i = 1; i < o->n_masks; i++)
    CHECK (o->masks[i - 1].frame < o->masks[i].frame);
  CHECK (em_track_object_at (o, o->masks[0].frame) == &o->masks[0]);
  CHECK (!em_track_object_at (o, 50));
  em_tracks_add_interval (t, 9, second, 2 * second);
  em_tracks_add_interval (t, 9, 3 * second, 4 * second);
  CHECK_INT (em_tracks_sounding (t, 9, second / 2, 7 * second / 2), 3 * second / 2);
  CHECK_INT (em_tracks_sounding (t, 8, 0, 5 * second), 0);
  em_tracks_free (t);
}

static void
expressions_are_copied (void)
{
  int64_t pts[1] = { 0 }, objects[2] = { 4, 7 };
  char text[] = "both violins";
  EmTracks *t = em_tracks_new ("clip", 4, 3, 1, pts, second);

  for (int i = 0; i < 20; i++)
    em_tracks_add_expression (t, i + 1, text, "en", NULL, i == 3, objects, i == 3 ? 0 : 2);
  text[0] = '\0';
  objects[1] = 0;
  CHECK_INT (t->n_expressions, 20);
  CHECK_TEXT (t->expressions[19].text, "both violins");
  CHECK_TEXT (t->expressions[19].split, "");
  CHECK_INT (t->expressions[0].objects[1], 7);
  CHECK (t->expressions[3].is_null && t->expressions[3].n_objects == 0);
  em_tracks_free (t);
}

static void
the_grid (void)
{
  /* 24 frames a second, 10.2 s: ten whole seconds, the rest is under a half. */
  int64_t pts[300];
  int frames[32], n;

  for (int i = 0; i < 300; i++)
    pts[i] = i * second / 24;
  n = em_grid_frames (pts, 245, 245 * second / 24, 0.5, frames, 32);
  CHECK_INT (n, 10);
  CHECK_INT (frames[0], 12);
  CHECK_INT (frames[9], 228);
  n = em_grid_frames (pts, 252, 252 * second / 24, 15.0 / 16, frames, 32); /* 10.5 s: an eleventh */
  CHECK_INT (n, 11);
  CHECK_INT (frames[0], 22);
  CHECK_INT (frames[10], 251); /* 10.9375 s lies beyond: the last frame */
  CHECK_INT (em_grid_frames (pts, 2, second / 12, 0.5, frames, 32), 1);
  CHECK_INT (em_frame_at (pts, 300, -5), 0);
  CHECK_INT (em_frame_at (pts, 300, second - 1), 23);
  CHECK_INT (em_frame_at (pts, 300, 99 * second), 299);
}

static void
states (void)
{
  EmState s;

  for (int i = 0; i < EM_N_STATES; i++)
    CHECK (em_state_from_name (em_state_name ((EmState) i), &s) && s == (EmState) i);
  CHECK (!em_state_from_name ("done", &s));
  CHECK (em_state_is_protected (EM_STATE_ABSENT) && !em_state_is_protected (EM_STATE_IMPORTED));
}

static void
pictures (void)
{
  char path[] = "/tmp/earmark-png-XXXXXX";
  const uint8_t labels[24]
      = { 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 0, 0, 0, 2, 2, 9, 0, 0, 0, 0, 0, 0, 0, 255 };
  uint8_t rgb[768], broken[100] = { 0x89, 'P', 'N', 'G', 13, 10, 26, 10 };
  EmError err = EM_ERROR_INIT;
  EmPng png;
  int fd = mkstemp (path);

  CHECK (fd >= 0);
  close (fd);
  em_png_voc_palette (rgb);
  CHECK (rgb[3 * 70] == 32 && rgb[3 * 70 + 1] == 128 && rgb[3 * 70 + 2] == 128);
  CHECK (rgb[765] == 224 && rgb[766] == 224 && rgb[767] == 192);
  for (int kind = EM_PNG_GRAY; kind <= EM_PNG_RGB; kind++) {
    int w = kind == EM_PNG_RGB ? 2 : 6;

    CHECK (em_png_write (path, (EmPngKind) kind, labels, w, 4, &err));
    CHECK (em_png_read (path, &png, &err));
    CHECK (png.kind == (EmPngKind) kind && png.width == w && png.height == 4);
    CHECK (memcmp (png.pixels, labels, 24) == 0);
    free (png.pixels);
  }
  CHECK_INT (err.code, EM_OK);
  CHECK (!em_png_read_bytes (broken, sizeof broken, "broken.png", &png, &err));
  CHECK_INT (err.code, EM_E_INPUT);
  err = (EmError) EM_ERROR_INIT;
  CHECK (!em_png_write ("/nowhere/at/all.png", EM_PNG_GRAY, labels, 6, 4, &err));
  CHECK_INT (err.code, EM_E_INPUT);
  unlink (path);
}

static void
sentences (void)
{
  EmError err = EM_ERROR_INIT;
  const char *text = "{\"a\": 1, \"b\": \"x\", \"c\": 1.5}";
  json_t *v = em_json_parse (text, strlen (text), "t", EM_E_INPUT, &err);
  long long i;
  double d;
  const char *s;

  CHECK (v && em_json_int (v, "a", 0, 5, &i, EM_E_INPUT, &err) && i == 1);
  CHECK (em_json_number (v, "c", &d, EM_E_INPUT, &err) && d == 1.5);
  CHECK (em_json_string (v, "b", &s, EM_E_INPUT, &err) && strcmp (s, "x") == 0);
  CHECK_INT (err.code, EM_OK);
  CHECK (!em_json_int (v, "a", 2, 5, &i, EM_E_INPUT, &err));
  CHECK_TEXT (err.text, "\"a\" is 1, expected 2 to 5");
  json_decref (v);
  err = (EmError) EM_ERROR_INIT;
  CHECK (!em_json_parse ("{\"a\": }", 7, "prompts.json", EM_E_USAGE, &err));
  CHECK (strncmp (err.text, "prompts.json is not valid JSON: line 1", 38) == 0);
  CHECK_INT (em_exit_code (err.code), 2);
}

CHECK_MAIN (masks_stay_sorted, expressions_are_copied, the_grid, states, pictures, sentences)
