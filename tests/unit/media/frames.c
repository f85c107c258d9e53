/* frames.c - frame i is frame i: the index and the decoder against a full decode. */
#include "check.h"
#include "clips.h"
#include <glib/gstdio.h>

static const char *const KINDS[]
    = { "mp4",  "open-gop", "vfr",      "rotated-90", "rotated-180", "rotated-270", "late-picture",
        "mute", "webm",     "webm-vp8", "ts",         "mkv",         "fragmented",  "mjpeg",
        "avi",  "hevc",     "av1",      "ogg",        "long-gop" };

static void
check_against_reference (const char *kind)
{
  const char *path = clip (kind);
  g_autoptr (EmFrameIndex) index = NULL;
  g_autoptr (EmDecoder) decoder = NULL;
  g_autoptr (GError) error = NULL;
  Reference want;
  uint64_t seed = 7;
  int n, n_before = check_failures;

  if (!path)
    return;
  index = open_index (path);
  decoder = open_decoder (index, path);
  want = reference_decode (path);
  n = em_frame_index_n_frames (index);
  CHECK_INT (n, want.n);
  CHECK (em_frame_index_check (index, path, NULL, &error));
  em_decoder_set_ring_bytes (decoder, 1);
  for (int i = 0; i < MIN (n, want.n); i++) {
    g_autofree char *hash = picture_hash (decoder, i);
    CHECK_INT (em_frame_index_pts (index, i), want.pts_ns[i]);
    CHECK_TEXT (hash, want.hashes[i]);
    CHECK (i == 0 || strcmp (want.hashes[i], want.hashes[i - 1]) != 0); /* the test can see */
  }
  for (int k = 0; k < 40; k++) {
    int i = (int) (check_random (&seed) % (uint32_t) n);
    g_autofree char *hash = picture_hash (decoder, i);
    CHECK_TEXT (hash, want.hashes[MIN (i, want.n - 1)]);
  }
  em_decoder_set_ring_bytes (decoder, 64 << 20);
  for (int i = n - 1; i >= 0; i--) { /* backward, through the ring */
    g_autofree char *hash = picture_hash (decoder, i);
    CHECK_TEXT (hash, want.hashes[MIN (i, want.n - 1)]);
  }
  if (check_failures != n_before)
    fprintf (stderr, "the clip was %s\n", kind);
  reference_clear (&want);
}

static void
check_reference (void)
{
  for (gsize i = 0; i < G_N_ELEMENTS (KINDS); i++)
    check_against_reference (KINDS[i]);
}

static void
check_size (const char *kind, int width, int height)
{
  const char *path = clip (kind);
  g_autoptr (EmFrameIndex) index = path ? open_index (path) : NULL;
  g_autoptr (EmDecoder) decoder = path ? open_decoder (index, path) : NULL;
  g_autoptr (GBytes) picture = path ? em_decoder_read (decoder, 3, NULL, NULL) : NULL;
  g_autofree uint8_t *rgb = g_malloc ((gsize) width * height * 3);
  const uint8_t *rgba;

  if (!path)
    return;
  CHECK_INT (em_frame_index_width (index), width);
  CHECK_INT (em_frame_index_height (index), height);
  CHECK_INT (g_bytes_get_size (picture), width * height * 4);
  MUST (em_decoder_read_rgb (decoder, 3, rgb, NULL, &error));
  rgba = g_bytes_get_data (picture, NULL);
  for (int i = 0; i < width * height; i++) {
    CHECK_INT (rgba[4 * i + 3], 255);
    if (memcmp (rgba + 4 * i, rgb + 3 * i, 3) != 0) {
      CHECK (!"RGB and RGBA differ");
      break;
    }
  }
}

static void
check_sizes (void)
{
  check_size ("mp4", 192, 144);
  check_size ("rotated-90", 144, 192);
  check_size ("rotated-180", 192, 144);
  check_size ("anamorphic", 256, 144);
  check_size ("frames-png", 192, 144);
}

static void
check_table (void)
{
  const char *path = clip ("vfr");
  g_autoptr (EmFrameIndex) index = path ? open_index (path) : NULL;
  g_autoptr (GBytes) bytes = NULL;
  int n;

  if (!path)
    return;
  n = em_frame_index_n_frames (index);
  for (int64_t t = -50000000; t < em_frame_index_duration (index) + 50000000; t += 7654321) {
    int want = 0; /* the dumb twin */
    for (int i = 0; i < n; i++)
      if (em_frame_index_pts (index, i) <= t)
        want = i;
    CHECK_INT (em_frame_index_at (index, t), want);
  }
  for (int i = 0; i + 1 < n; i++)
    CHECK_INT (em_frame_index_frames (index)[i].duration_ns,
               em_frame_index_pts (index, i + 1) - em_frame_index_pts (index, i));
  CHECK_INT (em_frame_index_duration (index),
             em_frame_index_pts (index, n - 1) + em_frame_index_frames (index)[n - 1].duration_ns);
}

static void
check_bytes (void)
{
  const char *path = clip ("two-tracks");
  g_autoptr (EmFrameIndex) index = path ? open_index (path) : NULL, again = NULL;
  g_autoptr (EmDecoder) decoder = NULL;
  g_autoptr (GBytes) bytes = path ? em_frame_index_to_bytes (index) : NULL, twice = NULL;
  g_autofree uint8_t *copy = NULL;
  uint64_t seed = 3;
  gsize n;

  if (!path)
    return;
  MUST (again = em_frame_index_from_bytes (bytes, &error));
  twice = em_frame_index_to_bytes (again);
  CHECK (g_bytes_equal (bytes, twice));
  CHECK_INT (em_frame_index_n_audio (again), 2);
  CHECK_INT (em_frame_index_audio (again, 1)->rate, 44100);
  decoder = open_decoder (again, path); /* an index from the project opens the clip */

  /* Whatever is done to the bytes, reading them answers; a decoder refuses what does not fit. */
  copy = g_memdup2 (g_bytes_get_data (bytes, NULL), n = g_bytes_get_size (bytes));
  for (int k = 0; k < 300; k++) {
    gsize at = check_random (&seed) % n, length = k % 3 ? n : check_random (&seed) % n;
    uint8_t old = copy[at];
    g_autoptr (GBytes) bad = NULL;
    g_autoptr (EmFrameIndex) read = NULL;
    g_autoptr (GError) error = NULL;

    copy[at] = (uint8_t) check_random (&seed);
    bad = g_bytes_new (copy, length);
    read = em_frame_index_from_bytes (bad, &error);
    CHECK (read || g_error_matches (error, EM_ERROR, EM_E_INPUT));
    copy[at] = old;
  }
  /* The table of frames is at the end; every byte of its last rows in turn. */
  for (gsize at = n - 100; at < n; at++) {
    uint8_t old = copy[at];
    g_autoptr (GBytes) bad = NULL;
    g_autoptr (EmFrameIndex) read = NULL;
    g_autoptr (GError) error = NULL;

    copy[at] ^= 0x80; /* of a number's last byte: negative */
    bad = g_bytes_new (copy, n);
    read = em_frame_index_from_bytes (bad, &error);
    if (read) {
      g_autoptr (EmDecoder) d = em_decoder_open (read, path, NULL, &error);
      CHECK (d || g_error_matches (error, EM_ERROR, EM_E_INPUT));
    }
    copy[at] = old;
  }
}

/* Another clip under the old name is refused, even one with the same times; a damaged cache file is
 * made anew. */
static void
check_changed (void)
{
  const char *path = clip ("mp4"), *other = clip ("rotated-180");
  g_autofree char *moved = clips_path ("moved"), *cache = NULL, *bytes = NULL, *hash = NULL,
                  *again = NULL;
  g_autoptr (EmFrameIndex) index = path ? open_index (path) : NULL;
  g_autoptr (EmDecoder) first = path ? open_decoder (index, path) : NULL, second = NULL;
  g_autoptr (GError) error = NULL;
  gsize n;

  if (!path || !other)
    return;
  hash = picture_hash (first, 33);
  MUST (g_file_get_contents (path, &bytes, &n, &error));
  MUST (g_file_set_contents (moved, bytes, (gssize) n, &error));
  second = open_decoder (index, moved);
  g_clear_object (&second);
  g_clear_pointer (&bytes, g_free);
  MUST (g_file_get_contents (other, &bytes, &n, &error));
  MUST (g_file_set_contents (moved, bytes, (gssize) n, &error));
  CHECK (!em_decoder_open (index, moved, NULL, &error));
  CHECK (g_error_matches (error, EM_ERROR, EM_E_INPUT));

  cache = g_build_filename (g_get_user_cache_dir (), "earmark", "units",
                            em_frame_index_fingerprint (index), NULL);
  if (g_getenv ("EARMARK_TEST_NO_CACHE"))
    return;
  CHECK (g_file_test (cache, G_FILE_TEST_EXISTS));
  g_clear_object (&first);
  MUST (g_file_set_contents (cache, "EMUNIT1 but no more", -1, &error));
  second = open_decoder (index, path);
  again = picture_hash (second, 33);
  CHECK_TEXT (again, hash);
}

static void
check_folder (void)
{
  static const char *const kinds[] = { "frames-png", "frames-jpeg" };

  for (int k = 0; k < 2; k++) {
    const char *path = clip (kinds[k]);
    g_autoptr (EmFrameIndex) index = path ? open_index (path) : NULL;
    g_autoptr (EmDecoder) decoder = path ? open_decoder (index, path) : NULL;
    g_autofree char *ninth = NULL, *tenth = NULL, *file = NULL, *after = NULL;
    g_autofree char *name = g_strdup_printf ("5.%s", kinds[k] + strlen ("frames-"));
    g_autoptr (GError) error = NULL;

    if (!path)
      continue;
    CHECK_INT (em_frame_index_n_frames (index), 10);
    CHECK_INT (em_frame_index_pts (index, 9), 9 * (int64_t) 1000000000); /* spread over its sound */
    CHECK_INT (em_frame_index_n_audio (index), 1);
    ninth = picture_hash (decoder, 8);
    tenth = picture_hash (decoder, 9);
    CHECK (strcmp (ninth, tenth) != 0);

    /* One broken picture is one broken frame. */
    file = g_build_filename (path, name, NULL);
    MUST (g_file_set_contents (file, "not a picture", -1, &error));
    g_clear_object (&decoder);
    decoder = open_decoder (index, path);
    CHECK (!em_decoder_read (decoder, 4, NULL, &error));
    CHECK (g_error_matches (error, EM_ERROR, EM_E_INPUT));
    CHECK (error && strstr (error->message, "frame 4"));
    after = picture_hash (decoder, 8);
    CHECK_TEXT (after, ninth);
  }
}

static gpointer
cancel_soon (gpointer cancellable)
{
  g_usleep (2000);
  g_cancellable_cancel (cancellable);
  return NULL;
}

static void
check_cancel (void)
{
  const char *path = clip ("long-gop");
  g_autoptr (EmFrameIndex) index = path ? open_index (path) : NULL;
  g_autoptr (EmDecoder) decoder = path ? open_decoder (index, path) : NULL;
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  g_autoptr (GError) error = NULL;
  g_autoptr (GBytes) picture = NULL;
  g_autofree char *hash = NULL;

  if (!path)
    return;
  g_cancellable_cancel (cancellable);
  CHECK (!em_frame_index_open (path, cancellable, &error));
  CHECK (g_error_matches (error, EM_ERROR, EM_E_CANCELLED));
  g_clear_error (&error);
  CHECK (!em_audio_load (index, path, 0, cancellable, &error));
  CHECK (g_error_matches (error, EM_ERROR, EM_E_CANCELLED));
  g_clear_error (&error);
  g_cancellable_reset (cancellable);
  GThread *thread = g_thread_new ("cancel", cancel_soon, cancellable);
  picture = em_decoder_read (decoder, 240, cancellable, &error);
  g_thread_join (thread);
  CHECK (picture || g_error_matches (error, EM_ERROR, EM_E_CANCELLED));
  hash = picture_hash (decoder, 240); /* the decoder goes on to serve */
  CHECK (hash[0]);
}

int
main (void)
{
  clips_open ();
  if (!g_getenv ("EARMARK_TEST_NO_CACHE")) {
    check_reference ();
    check_sizes ();
    check_table ();
    check_bytes ();
    check_folder ();
    check_cancel ();
  } else {
    check_against_reference ("mp4");
  }
  check_changed ();
  clips_close ();
  return clips_result ();
}
