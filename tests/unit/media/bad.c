/* bad.c - what is no clip says so in one line and soon. */
#include "check.h"
#include "clips.h"
#include <glib/gstdio.h>

static void
refuse (const char *path, const char *what)
{
  g_autoptr (GError) error = NULL;
  int64_t start = g_get_monotonic_time ();
  g_autoptr (EmFrameIndex) index = em_frame_index_open (path, NULL, &error);
  double seconds = (double) (g_get_monotonic_time () - start) / 1e6;

  CHECK (!index);
  CHECK (g_error_matches (error, EM_ERROR, EM_E_INPUT));
  CHECK (error && error->message[0] && !strchr (error->message, '\n'));
  CHECK (seconds < 5);
  fprintf (stderr, "%s: %s (%.2f s)\n", what, error ? error->message : "opened", seconds);
}

static char *
write_file (const char *name, const char *bytes, gsize n)
{
  char *path = clips_path (name);

  MUST (g_file_set_contents (path, bytes, (gssize) n, &error));
  return path;
}

static void
check_no_media (void)
{
  g_autofree char *text = write_file ("text.mp4", "This is not a film.\n", 20);
  g_autofree char *empty = write_file ("empty.mp4", "", 0);
  g_autofree char *noise = g_malloc (100000), *noisy = NULL;
  g_autofree char *missing = clips_path ("missing.mp4"), *folder = clips_path ("folder");
  uint64_t seed = 1;

  for (int i = 0; i < 100000; i++)
    noise[i] = (char) check_random (&seed);
  noisy = write_file ("noise.mp4", noise, 100000);
  g_mkdir (folder, 0700);
  refuse (text, "text");
  refuse (empty, "empty");
  refuse (noisy, "noise");
  refuse (missing, "missing");
  refuse (folder, "folder without media");
  refuse ("/dev/null", "a device");
}

static void
check_cut (void)
{
  const char *path = clip ("mp4");
  g_autofree char *bytes = NULL, *cut = NULL, *head = NULL;
  gsize n;

  if (!path)
    return;
  MUST (g_file_get_contents (path, &bytes, &n, &error));
  cut = write_file ("cut.mp4", bytes, n * 6 / 10); /* its table of contents is at the end */
  refuse (cut, "truncated mp4");
  head = write_file ("head.mp4", bytes, 40);
  refuse (head, "the first bytes of an mp4");
}

static void
check_unknown_codec (void)
{
  const char *path = clip ("mute");
  g_autofree char *bytes = NULL, *strange = NULL;
  gsize n;

  if (!path)
    return;
  MUST (g_file_get_contents (path, &bytes, &n, &error));
  for (gsize i = 0; i + 4 < n; i++)
    if (memcmp (bytes + i, "avc1", 4) == 0 && i > n / 2)
      memcpy (bytes + i, "zzzz", 4);
  strange = write_file ("strange.mp4", bytes, n);
  refuse (strange, "unknown codec");
}

static void
check_sound_alone (void)
{
  const char *path = clip ("frames-png");
  g_autofree char *sound = path ? g_build_filename (path, "audio.wav", NULL) : NULL;

  if (path)
    refuse (sound, "sound alone");
}

/* Bytes changed at random: whatever comes out, nothing hangs or crashes, and what opens decodes or
 * says which frame does not. */
static void
check_damage (void)
{
  static const char *const kinds[] = { "mp4", "mkv", "webm", "ts" };
  uint64_t seed = 11;

  for (int k = 0; k < 12; k++) {
    const char *path = clip (kinds[k % 4]);
    g_autofree char *bytes = NULL, *damaged = NULL;
    g_autoptr (EmFrameIndex) index = NULL;
    g_autoptr (EmDecoder) decoder = NULL;
    g_autoptr (EmAudio) audio = NULL;
    g_autoptr (GError) error = NULL;
    int64_t start = g_get_monotonic_time ();
    gsize n;

    if (!path)
      continue;
    MUST (g_file_get_contents (path, &bytes, &n, &error));
    for (int i = 0; i < 1 + k * 4; i++)
      bytes[check_random (&seed) % n] = (char) check_random (&seed);
    damaged = write_file ("damaged", bytes, n);
    index = em_frame_index_open (damaged, NULL, &error);
    CHECK (index || g_error_matches (error, EM_ERROR, EM_E_INPUT));
    if (!index)
      continue;
    decoder = em_decoder_open (index, damaged, NULL, &error);
    CHECK (decoder || g_error_matches (error, EM_ERROR, EM_E_INPUT));
    for (int i = 0; decoder && i < em_frame_index_n_frames (index); i += 7) {
      g_autoptr (GError) fault = NULL;
      g_autoptr (GBytes) picture = em_decoder_read (decoder, i, NULL, &fault);
      CHECK (picture || g_error_matches (fault, EM_ERROR, EM_E_INPUT));
    }
    g_clear_error (&error);
    audio = em_audio_load (index, damaged, 0, NULL, &error);
    CHECK (audio || g_error_matches (error, EM_ERROR, EM_E_INPUT));
    CHECK (g_get_monotonic_time () - start < 30 * G_USEC_PER_SEC);
  }
}

int
main (void)
{
  clips_open ();
  check_no_media ();
  check_cut ();
  check_unknown_codec ();
  check_sound_alone ();
  check_damage ();
  clips_close ();
  return clips_result ();
}
